"""The chapters as plain notebooks, `book/notebooks/*.ipynb`, which read well in Colab, on GitHub and in JupyterLab.

Numbers stand as numbers, references as words with links, admonitions as quotations, a figure's caption under it. What
the page hides is folded behind a title. The claims, which only the tests of the book need, are gone.
`python -m data_scripts.plain_notebooks` writes them; a test holds them in step with the chapters.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from pybtex.database import parse_file

from vdsr_lib.errors import InputError
from vdsr_lib.files import write_text

from ..commands import parser_for
from . import myst, notebooks, reference
from .address import stored
from .notebooks import BOOK

OUT = BOOK / "notebooks"
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
BLANK = "# Your code here."
WIDTH = 72
NOTE = """*From the book [VDSR, layer by layer]({site}): [this page there]({page}). The first cell of code installs what
is missing. A cell that shows only its title holds what the page hides; a click on the title, or on its dots, opens it.*
"""
STUDENT_NOTE = """**Student notebook.** Some cells of the [exercises]({page}#exercises) have blanks. Put your code where
"{blank}" stands, and an answer in place of three dots. Then run the cell: ✓ says that it is right, ✗ gives a hint.
Run the cells above it first. In Colab choose *File → Upload notebook*."""
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
FENCE = re.compile(r"^(:{3,})\{([\w-]+)\} *([^\n]*)\n((?::\w[\w-]*:[^\n]*\n)*)(.*?)^\1 *$\n?", re.MULTILINE | re.DOTALL)
EQUATION = re.compile(r"\s*\$\$ \(([\w-]+)\)")
QUOTED = {"admonition", "note", "tip", "warning", "important", "hint", "seealso"}


def is_solution(cell: NotebookNode) -> bool:
    """The cell is tagged `solution`."""
    return "solution" in cell.metadata.get("tags", [])


def is_worked(cell: NotebookNode) -> bool:
    """The cell is tagged `worked`: code of a solution in words, which students do not get."""
    return "worked" in cell.metadata.get("tags", [])


def split_solution(source: str) -> Iterator[tuple[bool, str]]:
    """A cell's lines, each with whether it belongs to the solution; the marks themselves are left out.

    Errors: `InputError` when the marks are missing, or do not come in pairs.
    """
    inside, pairs = False, 0
    for line in source.splitlines():
        mark = line.strip()
        if mark == (END if inside else BEGIN):
            if not inside:
                yield True, line[: len(line) - len(line.lstrip())] + BLANK
            pairs += inside
            inside = not inside
        elif mark in (BEGIN, END):
            raise InputError(f"{mark} where the other mark was wanted, in:\n{source}")
        else:
            yield inside, line
    if inside or not pairs:
        raise InputError(f"wanted {BEGIN} and {END}, in:\n{source}")


def blank(source: str) -> str:
    """A cell's source without its solutions: in a function three dots stay, so that it still is one."""
    kept: list[str] = []
    for solution, line in split_solution(source):
        if not solution:
            kept.append(line)
        elif line.strip() == BLANK:
            indent = line.removesuffix(BLANK)
            kept += [line, f"{indent}..."] if indent else [line]
    return "\n".join(kept)


def solved(source: str) -> str:
    """A cell's source with its solution, without the marks around it."""
    kept = [line for _, line in split_solution(source) if line.strip() != BLANK]
    return "\n".join(line for line in kept if not re.fullmatch(r"\w+ = \.\.\.", line))


# What references lead to


def site() -> str:
    """Where the book's pages are."""
    address = stored()
    return f"https://{address.owner.lower()}.github.io/{address.name}/"


def page_of(name: str) -> str:
    """The address of a page."""
    return f"{site()}{name}.html"


@lru_cache(maxsize=1)
def contents() -> dict[str, str]:
    """The pages in their order, each with its number as a chapter; `""` for a page that has none.

    A chapter's further pages, its `sections`, have its number.
    """
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    pages, number = {toc["root"]: ""}, 0
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            number += bool(part.get("numbered"))
            for page in (chapter, *chapter.get("sections", ())):
                pages[page["file"]] = str(number) if part.get("numbered") else ""
    return pages


@lru_cache(maxsize=1)
def titles() -> dict[str, str]:
    """The title of each page."""
    found = {}
    for page in contents():
        text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
        match = re.search(r"^# (.+)$", text, re.MULTILINE)
        assert match, page
        found[page] = match[1]
    return found


LABELS = re.compile(
    r"^:{3,}\{exercise\}[^\n]*\n:label: *(?P<exercise>\S+)"
    r"|^[`:]{3,}\{figure\}[^\n]*\n(?::(?!name)\w+:[^\n]*\n)*:name: *(?P<figure>\S+)"
    r"|\$\$ \((?P<equation>[\w-]+)\)",
    re.MULTILINE,
)
TARGET = re.compile(r"^\((?P<place>[\w-]+)\)=\n+(?:#+ +(?P<title>[^\n]+))?", re.MULTILINE)
WORDS = {"exercise": "Exercise {}", "figure": "Figure {}", "equation": "({})"}
ANCHORS = {"exercise": "{}", "figure": "{}", "equation": "equation-{}"}


@lru_cache(maxsize=1)
def references() -> dict[str, tuple[str, str]]:
    """`{label: (its words, its address)}` of exercises, figures, equations and headings, numbered as on the pages."""
    found, counts = {}, Counter[tuple[str, str]]()
    for page, chapter in contents().items():
        path = BOOK / f"{page}.md"
        if myst.is_notebook(path):
            cells = myst.read(path).cells
        else:
            cells = [nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))]
        for cell in cells:
            if cell.cell_type == "code":
                name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
                named = [("figure", name)] if name else []
            else:
                named = [(kind, m[kind]) for m in LABELS.finditer(cell.source) if (kind := m.lastgroup)]
                for match in TARGET.finditer(cell.source):
                    found[match["place"]] = match["title"] or "there", f"{page_of(page)}#{match['place']}"
            for kind, label in named:
                counts[kind, chapter] += 1
                number = f"{chapter}.{counts[kind, chapter]}".lstrip(".")
                found[label] = WORDS[kind].format(number), f"{page_of(page)}#{ANCHORS[kind].format(label)}"
    return found


@lru_cache(maxsize=1)
def citations() -> dict[str, tuple[str, str]]:
    """`{key: (names, year)}` of each work in the bibliography."""
    found = {}
    for key, entry in parse_file(str(BOOK / "references.bib")).entries.items():
        people = entry.persons.get("author") or entry.persons["editor"]
        names = [" ".join([*person.prelast_names, *person.last_names]).strip("{}") for person in people]
        if len(names) > 2:
            names = [f"{names[0]} et al."]
        found[key] = " and ".join(names), entry.fields["year"]
    return found


# Text


def quote(value: object, form: str) -> str:
    """A claimed number as the page prints it, with a minus that is no hyphen."""
    return re.sub(r"^-(?=[\d.])", "−", format(value, form))


def plain_text(text: str, claims: dict[str, dict]) -> str:
    """A page's MyST as plain Markdown.

    Args:
        text: of a Markdown cell, or a caption.
        claims: the numbers that the text quotes, see `notebooks.expected_claims`.

    Errors: `InputError` for a role, a directive, a label or a claim that has no plain form.
    """

    def role(match: re.Match[str]) -> str:
        kind, content = match.groups()
        words, target = re.fullmatch(r"(?:(.*?) ?<(.*)>|.*)", content, re.DOTALL).groups()  # type: ignore[union-attr]
        target = (target or content).strip("/")
        try:
            if kind == "glue:text":
                name, _, form = target.partition(":")
                return quote(claims[name]["value"], form)
            if kind == "playground":
                return f"[{words}]({page_of('playground')}?{target})"
            if kind == "doc":
                return f"[{words or titles()[target]}]({page_of(target)})"
            if kind in ("numref", "ref", "eq"):
                found, address = references()[target]
                return f"[{words or found}]({address})"
            if kind in ("cite:p", "cite:t"):
                works = [citations()[key.strip()] for key in target.split(",")]
                if kind == "cite:t":
                    shown = " and ".join(f"{names} ({year})" for names, year in works)
                else:
                    shown = f"({'; '.join(f'{names}, {year}' for names, year in works)})"
                return f"[{shown}]({site()}bibliography.html)"
        except KeyError as error:
            raise InputError(f"{match[0]} leads to nothing: no {error.args[0]!r} is known") from error
        if kind == "py:func":
            return f"[`{target.rpartition('.')[2]}`]({site()}{reference.place_of(target.removeprefix('~'))})"
        raise InputError(f"no plain form is known of the role {match[0]}")

    def directive(match: re.Match[str]) -> str:
        _, kind, title, options, body = match.groups()
        if kind == "exercise":
            label = re.search(r"^:label: *(\S+)", options, re.MULTILINE)
            number = references()[label[1]][0] if label else "Exercise"
            return f"### {number}: {title}\n\n{body.strip()}\n"
        if kind in ("solution-start", "solution-end"):
            return ""
        if kind in QUOTED:
            inner = f"**{title or kind.capitalize()}**\n\n{blocks(body).strip()}"
            return textwrap.indent(inner, "> ", lambda line: True).replace("> \n", ">\n") + "\n"
        raise InputError(f"no plain form is known of the directive {kind}")

    def blocks(text: str) -> str:
        return FENCE.sub(directive, text)

    text = blocks(re.sub(r"^\([\w-]+\)=\n+|(<a id=[^>]*></a>)+\n?", "", text, flags=re.MULTILINE))
    text = re.sub(r"^([^\n:][^\n]*)\n: +", r"- **\1.** ", text, flags=re.MULTILINE)  # a definition list
    text = EQUATION.sub(lambda m: rf" \tag{{{references()[m[1]][0].strip('()')}}} $$", text)
    return ROLE.sub(role, text).strip()


# Code


def _is_claim(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim"


def without_claims(source: str) -> str:
    """A cell's source without its claims: what they were made of stays where it is used or shown.

    A comment right above a claim goes with it.
    """
    lines = source.splitlines()
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line.encode()) + 1)
    edits: list[tuple[int, int, str]] = []  # of the source's bytes, as the syntax tree counts

    def span(node: Any) -> tuple[int, int]:
        return ends[node.lineno - 1] + node.col_offset, ends[node.end_lineno - 1] + node.end_col_offset

    def value(call: Any) -> str:
        text = ast.get_source_segment(source, call.args[1]) or ""
        return f"({text})" if "\n" in text else text

    def statements(body: list[ast.stmt], outer: bool) -> int:
        """Plan the edits; how many statements stay."""
        kept = 0
        for node in body:
            inner = [getattr(node, name) for name in ("body", "orelse") if isinstance(getattr(node, name, None), list)]
            if isinstance(node, ast.Expr) and _is_claim(node.value):
                last = outer and node is body[-1] and not lines[-1].rstrip().endswith(";")
                if last:
                    edits.append((*span(node.value), value(node.value)))
                    kept += 1
                else:
                    drop(node)
            elif inner:
                before = len(edits)
                left = [statements(part, False) if part else 1 for part in inner]
                if not left[0] and len(edits) > before:
                    del edits[before:]
                    if any(inner[1:]):
                        raise InputError(f"a claim is all that one branch does, in:\n{source}")
                    drop(node)
                else:
                    kept += 1
            else:
                kept += 1
                for call in filter(_is_claim, ast.walk(node)):
                    edits.append((*span(call), value(call)))
        return kept

    def drop(node: ast.stmt) -> None:
        first = node.lineno - 1
        while first and re.match(r"\s*#", lines[first - 1]):
            first -= 1
        edits.append((ends[first], ends[node.end_lineno or node.lineno], ""))

    statements(ast.parse(source).body, True)
    content = (source + "\n").encode()
    for start, stop, text in sorted(edits, reverse=True):
        content = content[:start] + text.encode() + content[stop:]
    return re.sub(r"\n{3,}", "\n\n\n", content.decode()).strip("\n")


def _loaded(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _sets(node: ast.stmt) -> set[str] | None:
    """The names that a statement sets and nothing else; None when it may do more."""
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        parts = [leaf for target in node.targets for leaf in getattr(target, "elts", [target])]
        return {part.id for part in parts if isinstance(part, ast.Name)} if _all_names(parts) else None
    return None


def _all_names(parts: Iterable[ast.AST]) -> bool:
    return all(isinstance(part, ast.Name) for part in parts)


def _import_line(node: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    names = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in used]
    if not names:
        return ""
    node.names = names
    line = ast.unparse(node)
    if len(line) <= WIDTH:
        return line
    head, _, tail = line.partition(" import ")
    return f"{head} import (\n    " + ",\n    ".join(tail.split(", ")) + ",\n)"


def without_unused(sources: list[str]) -> list[str]:
    """Cells' sources without what nothing reads any more: names that only claims were made of.

    Only assignments, functions and imports at a cell's top are taken out, and only where no other statement reads a
    name that they set.
    """
    while True:
        trees = [ast.parse(source) for source in sources]
        read = Counter(name for tree in trees for node in tree.body for name in _loaded(node))
        out = []
        for source, tree in zip(sources, trees, strict=True):
            lines = source.splitlines()
            for node in reversed(tree.body):
                names = _sets(node)
                if names is None:
                    continue
                used = {name for name in names if read[name] - (name in _loaded(node)) > 0}
                first, last = node.lineno - 1, node.end_lineno or node.lineno
                if isinstance(node, ast.Import | ast.ImportFrom):
                    if used != names:
                        lines[first:last] = _import_line(node, used).splitlines()
                elif not used:
                    while first and re.match(r"\s*#", lines[first - 1]):
                        first -= 1
                    lines[first:last] = []
            out.append("\n".join(lines).strip("\n"))
        if out == sources:
            return out
        sources = out


def title_of(cell: NotebookNode) -> str | None:
    """The title behind which a cell of code is folded; None for one that is open."""
    tags = cell.metadata.get("tags", [])
    if not {"hide-input", "hide-cell"} & set(tags):
        return None
    words = cell.metadata.get("mystnb", {}).get("code_prompt_show", "Show the code").removeprefix("Show ")
    return words[0].upper() + words[1:]


def _code_cell(cell: NotebookNode, source: str, title: str | None) -> NotebookNode:
    tags = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("hide-")]
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if title:
        metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
        source = f"# @title {title}\n{source}"
    return nbformat.v4.new_code_cell(source, id=cell.id, metadata=metadata)


def make(name: str, *, student: bool = False) -> NotebookNode:
    """A chapter as a plain notebook.

    Args:
        name: its path in `book/` without ending, such as `"01_task"`.
        student: with blanks for solutions, and without their text.

    Errors: `InputError` for what has no plain form.
    """
    chapter = notebooks.read(name)
    claims = notebooks.expected_claims(name, "quick")
    code = [cell for cell in chapter.cells if cell.cell_type == "code"]
    # What solutions need stays, for students too.
    sources = [(solved if is_solution(cell) else without_claims)(cell.source) for cell in code]
    kept = dict(zip((cell.id for cell in code), without_unused(sources), strict=True))
    if student:
        kept |= {cell.id: blank(cell.source) for cell in code if is_solution(cell)}
    cells: list[NotebookNode] = []
    exercise = ""
    for cell in chapter.cells:
        if cell.cell_type == "code":
            if student and is_worked(cell):
                continue
            title = title_of(cell)
            if is_solution(cell) and not student:
                title = f"Solution to exercise {exercise}"
            if not ast.parse(kept[cell.id]).body:  # nothing but comments
                continue
            cells.append(_code_cell(cell, kept[cell.id], title))
            figure = cell.metadata.get("mystnb", {}).get("figure")
            if figure:
                number, address = references()[figure["name"]]
                caption = f"[{number}.]({address}) *{plain_text(figure['caption'], claims)}*"
                cells.append(nbformat.v4.new_markdown_cell(caption, id=f"{cell.id}-caption"))
            continue
        if label := re.search(r"^:{3,}\{exercise\}[^\n]*\n:label: *(\S+)", cell.source, re.MULTILINE):
            exercise = references()[label[1]][0].removeprefix("Exercise ")
        text = plain_text(cell.source, claims)
        if is_solution(cell):
            if student or not text:
                continue
            summary = f"<summary>Solution to exercise {exercise}, in words</summary>"
            text = f"<details>{summary}\n\n{text}\n\n</details>"
        cells.append(nbformat.v4.new_markdown_cell(text, id=cell.id))
    note = NOTE.format(site=site(), page=page_of(name)).strip()
    if student:
        note += "\n\n" + STUDENT_NOTE.format(page=page_of(name), blank=BLANK)
    cells.insert(1, nbformat.v4.new_markdown_cell(note, id="note"))
    metadata = {"kernelspec": {**chapter.metadata.kernelspec, "language": "python"}}
    metadata |= {"language_info": {"name": "python"}, "colab": {"toc_visible": True}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def text_of(name: str, *, student: bool = False) -> str:
    """The file of a plain notebook, or of a student's."""
    return nbformat.writes(make(name, student=student)) + "\n"


def write(folder: Path = OUT) -> list[Path]:
    """Bring the plain notebooks in step with the chapters; those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{name}.ipynb": text_of(name) for name in map(notebooks.name_of, notebooks.find())}
    for path in set(folder.glob("*.ipynb")) - set(wanted):
        path.unlink()
    changed = []
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = parser_for("plain_notebooks", __doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: book/notebooks)")
    for path in write(parser.parse_args(argv).out):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
