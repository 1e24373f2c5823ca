"""Reads and writes the chapters: notebooks as MyST text, by jupytext, each cell with its name in its metadata.

JupyterLab opens such a file as a notebook where jupytext is installed. `python -m data_scripts.myst FOLDER` writes the
chapters as `.ipynb`, all cells as they are.
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from ..commands import parser_for

FORMAT = "md:myst"
KERNEL = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}


def is_notebook(path: Path) -> bool:
    """Whether a Markdown file is a notebook: its head names a kernel."""
    with path.open(encoding="utf-8") as file:
        if next(file, "") != "---\n":
            return False
        return any(line.startswith("kernelspec:") for line in iter(lambda: next(file, "---\n"), "---\n"))


def reads(text: str) -> NotebookNode:
    """A notebook from its text; the name of a cell, its metadata's `id`, becomes the cell's own."""
    notebook = jupytext.reads(text, fmt=FORMAT)
    for cell in notebook.cells:
        if "id" in cell.metadata:
            cell.id = cell.metadata.pop("id")
    kept = {name: value for name, value in notebook.metadata.items() if name != "jupytext"}
    return nbformat.from_dict({"metadata": kept, "nbformat": 4, "nbformat_minor": 5, "cells": notebook.cells})


def writes(notebook: NotebookNode) -> str:
    """The text of a notebook; outputs are left out."""
    copy = nbformat.v4.new_notebook(metadata=notebook.metadata)
    for cell in notebook.cells:
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        copy.cells.append(make(cell.source, metadata={"id": cell.id, **cell.metadata}))
    text = jupytext.writes(copy, fmt=FORMAT)
    # Which versions wrote the file would change with each of its editors.
    return re.sub(r"^ +(jupytext|format)_version: .*\n", "", text, flags=re.MULTILINE)


def read(path: Path) -> NotebookNode:
    """A chapter as a notebook."""
    return reads(path.read_text(encoding="utf-8"))


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook as a chapter's text."""
    path.write_text(writes(notebook), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    from .notebooks import BOOK, find

    parser = parser_for("myst", __doc__)
    parser.add_argument("folder", type=Path, help="where the .ipynb are put")
    folder = parser.parse_args(argv).folder
    for path in find():
        target = (folder / path.relative_to(BOOK)).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        notebook = read(path)
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
