"""The reference: one page per module of the library, and the page *The library*, which lists them by subject.

`book/library.md` names the modules in lines `<!-- modules: a b -->`; the pages are made from docstrings when the book
is built.
"""

from __future__ import annotations

import ast
import re

from vdsr_lib.errors import InputError

from .. import ROOT
from .notebooks import BOOK

MODULES = re.compile(r"^<!-- modules: ([\w. ]+) -->$", re.MULTILINE)
LIBRARY = ROOT / "vdsr_lib"
INDEX = "library"


def modules() -> list[str]:
    """The modules in the order in which `book/library.md` names them: `"training.loop"`."""
    text = (BOOK / f"{INDEX}.md").read_text(encoding="utf-8")
    return [name for match in MODULES.finditer(text) for name in match[1].split()]


def page_of(module: str) -> str:
    """The page of a module: `"api_training_loop"`."""
    return f"api_{module.replace('.', '_')}"


def pages() -> list[str]:
    """The pages of all modules, in order."""
    return [page_of(module) for module in modules()]


def place_of(thing: str) -> str:
    """Where a thing of the library stands: `"api_models.html#vdsr_lib.models.VDSR"`.

    Args:
        thing: by its whole name, such as `"vdsr_lib.models.VDSR"`; or a module.

    Errors: `InputError` when no module of the reference has it.
    """
    parts = thing.removeprefix("vdsr_lib.").split(".")
    known = set(modules())
    for length in range(len(parts), 0, -1):
        if (module := ".".join(parts[:length])) in known:
            return f"{page_of(module)}.html#{thing}"
    raise InputError(f"no module of the reference has {thing}")


def summary(module: str) -> str:
    """The first sentence of a module's docstring.

    Errors: `InputError` when there is no such module, or it has no docstring.
    """
    path = LIBRARY / f"{module.replace('.', '/')}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.exists() else None
    if not text:
        raise InputError(f"vdsr_lib has no module {module} with a docstring")
    first = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", first)[0]


def index(page: str) -> str:
    """The page *The library*, each line `<!-- modules: a b -->` made into a list of links."""

    def links(match: re.Match[str]) -> str:
        return "\n".join(f"- {{doc}}`{m} <{page_of(m)}>`: {summary(m)}" for m in match[1].split())

    return MODULES.sub(links, page)


def page(module: str) -> str:
    """A module's page: what Sphinx reads from its docstrings."""
    return (
        f"# {module}\n\n```{{eval-rst}}\n.. automodule:: vdsr_lib.{module}\n   :members:\n"
        "   :member-order: bysource\n```\n"
    )


def contents(toc: str) -> str:
    """`_toc.yml` with the modules' pages below *The library*.

    Errors: `InputError` when it does not name that page once.
    """
    found = re.findall(rf"^( *)- file: {INDEX}$", toc, flags=re.MULTILINE)
    if len(found) != 1:
        raise InputError(f"_toc.yml must hold the line `- file: {INDEX}` once, got {len(found)}")
    inner = "".join(f"\n{found[0]}      - file: {name}" for name in pages())
    return re.sub(rf"^( *- file: {INDEX})$", lambda m: f"{m[1]}\n{found[0]}  sections:{inner}", toc, flags=re.MULTILINE)
