"""Writes the repository's public address, and the version, into every file that needs them.

The address stands in one place, `[project.urls] Repository` of `pyproject.toml`; the version in
`vdsr_lib/__init__.py`. `python -m data_scripts.address URL` changes the first and everything that follows from it;
without `URL` it brings the files in step with what stands there.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from vdsr_lib import __version__
from vdsr_lib.errors import InputError

from .. import ROOT
from ..commands import parser_for
from . import setup_cell

# Besides the chapters, whose setup cell follows book/_setup_cell.py, and the plain notebooks, which follow them.
FILES = (
    "pyproject.toml",
    "README.md",
    "_config.yml",
    "CITATION.cff",
    "book/intro.md",
    "book/library.md",
    "book/_setup_cell.py",
)


@dataclass(frozen=True)
class Address:
    """Where the repository is.

    Attributes:
        owner, name: of the repository on GitHub.
    """

    owner: str
    name: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take `https://github.com/OWNER/NAME` apart.

        Errors: `InputError` for another form; Pages, Colab and the badges know only GitHub's.
        """
        match = re.fullmatch(r"https://github\.com/([\w-]+)/([\w.-]+?)(?:\.git|/)?", url)
        if not match:
            raise InputError(f"wanted an address like https://github.com/OWNER/NAME, got {url!r}")
        return cls(*match.groups())

    @property
    def forms(self) -> tuple[str, ...]:
        """The ways in which it is written in files: OWNER/NAME covers GitHub, Colab and the badges; then Pages."""
        return (f"{self.owner}/{self.name}", f"{self.owner.lower()}.github.io/{self.name}")


def stored(root: Path = ROOT) -> Address:
    """The address in `pyproject.toml`."""
    with open(root / "pyproject.toml", "rb") as file:
        return Address.parse(tomllib.load(file)["project"]["urls"]["Repository"])


def rewrite(text: str, old: Address, new: Address) -> str:
    """Every form of the old address becomes the new one's, and every tag of the library the present version."""
    for before, after in zip(old.forms, new.forms, strict=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(before)}(?![\w-])", after.replace("\\", ""), text)
    text = re.sub(rf"(github\.com/{re.escape(new.forms[0])}@v)[\w.]*\w", rf"\g<1>{__version__}", text)
    return re.sub(r"^(version: ).*$", rf"\g<1>{__version__}", text, flags=re.MULTILINE)


def change(new: Address | None = None, root: Path = ROOT) -> list[str]:
    """Write an address, or the stored one, everywhere; the names of the files that changed."""
    old = stored(root)
    changed = []
    for name in FILES:
        path = root / name
        before = path.read_text(encoding="utf-8")
        after = rewrite(before, old, new or old)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(name)
    if root == ROOT:
        from . import plain_notebooks  # which asks here for the address

        changed += [str(path.relative_to(root)) for path in [*setup_cell.write(), *plain_notebooks.write()]]
    return changed


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = parser_for("address", __doc__)
    parser.add_argument("url", nargs="?", help="https://github.com/OWNER/NAME")
    arguments = parser.parse_args(argv)
    try:
        for name in change(Address.parse(arguments.url) if arguments.url else None):
            print(name)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
