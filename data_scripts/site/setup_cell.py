"""Writes the setup cell, `book/_setup_cell.py`, into every notebook, so that it is the same everywhere."""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode

from ..commands import parser_for
from . import myst
from .notebooks import BOOK, find

SOURCE = BOOK / "_setup_cell.py"


def text() -> str:
    """The cell's text."""
    return SOURCE.read_text(encoding="utf-8").rstrip("\n")


def setup_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells tagged "setup"; a notebook of the book has one."""
    return [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", [])]


def write(notebooks: list[Path] | None = None) -> list[Path]:
    """Bring the setup cell of each notebook up to date; those that changed."""
    changed = []
    for path in find() if notebooks is None else notebooks:
        notebook = myst.read(path)
        cells = [cell for cell in setup_cells(notebook) if cell.source != text()]
        for cell in cells:
            cell.source = text()
        if cells:
            myst.write(notebook, path)
            changed.append(path)
    return changed


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser_for("setup_cell", __doc__).parse_args(argv)
    for path in write():
        print(path.relative_to(BOOK))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
