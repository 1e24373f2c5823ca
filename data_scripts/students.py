"""Student notebooks: each chapter with its solutions taken out, in Markdown that Jupyter and Colab can show.

What stands between `# BEGIN SOLUTION` and `# END SOLUTION` in a cell tagged `solution` becomes a blank; text cells
with that tag go. `python -m data_scripts.students` writes them into `_build/students`; the book offers them on its
pages.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from vdsr_lib.errors import InputError
from vdsr_lib.images import write_atomically

from . import notebooks
from .address import stored
from .notebooks import BUILD

OUT = BUILD / "students"
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
BLANK = "# Your code here."
NOTE = """**Student notebook.** Some cells of the [exercises]({page}#exercises) have blanks. Put your code where
"{blank}" stands, and an answer in place of three dots. Then run the cell: ✓ says that it is right, ✗ gives a hint.
Run the cells above it first. In Colab choose *File → Upload notebook*; the first cell installs what is missing."""


def is_solution(cell: NotebookNode) -> bool:
    """The cell is tagged `solution`."""
    return "solution" in cell.metadata.get("tags", [])


def blank(source: str) -> str:
    """A cell's source without its solutions: in a function three dots stay, so that it still is one.

    Errors: `InputError` when the marks are missing, or do not come in pairs.
    """
    kept: list[str] = []
    inside = False
    for line in source.splitlines():
        mark, indent = line.strip(), line[: len(line) - len(line.lstrip())]
        if mark == (END if inside else BEGIN):
            if not inside:
                kept.append(indent + BLANK)
                kept += [f"{indent}..."] if indent else []
            inside = not inside
        elif mark in (BEGIN, END):
            raise InputError(f"{mark} where the other mark was wanted, in:\n{source}")
        elif not inside:
            kept.append(line)
    if inside or BLANK not in "\n".join(kept):
        raise InputError(f"wanted {BEGIN} and {END}, in:\n{source}")
    return "\n".join(kept)


def site() -> str:
    """Where the book's pages are."""
    address = stored()
    return f"https://{address.owner.lower()}.github.io/{address.name}/"


def plain(text: str, page: str, claims: dict[str, dict]) -> str:
    """A page's MyST as plain Markdown.

    Args:
        text: of a Markdown cell.
        page: its address, for references to figures.
        claims: the numbers that the text quotes, see `notebooks.expected_claims`.
    """

    def role(match: re.Match[str]) -> str:
        name, content = match.groups()
        words, target = re.fullmatch(r"(?:(.*?) ?<(.*)>|.*)", content, re.DOTALL).groups()  # type: ignore[union-attr]
        target = (target or content).strip("/~")
        if name.startswith("glue"):
            key, _, form = target.partition(":")
            return format(claims[key]["value"], form) if key in claims else "…"
        if name == "eq":
            return f"({target.removeprefix('eq-')})"
        if name == "doc":
            return f"[{words or target}]({site()}{target}.html)"
        if name in ("numref", "ref"):
            return f"[{words or 'the figure'}]({page}#{target})"
        if name.startswith("cite"):
            return f"[{target}]({site()}bibliography.html)"
        return words or (f"`{target}`" if name.startswith("py") else target)

    def directive(match: re.Match[str]) -> str:
        name, title, options, body = match.groups()
        if name == "exercise":
            number = re.search(r"^:label: *ex-(\w+)", options, re.MULTILINE)
            return f"### Exercise {number[1] if number else ''}: {title}\n\n{body.strip()}".replace(" :", ":")
        return f"**{title or name.capitalize()}**\n\n{body.strip()}"

    fence = r"^:::+\{([\w-]+)\} *([^\n]*)\n((?::\w[^\n]*\n)*)(.*?)^:::+$"
    text = re.sub(fence, directive, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\s*\$\$ \(eq-([\w-]+)\)", r" \\tag{\1} $$", text)
    return re.sub(r"\{([\w:]+)\}`([^`]+)`", role, text)


def student_notebook(notebook: NotebookNode, name: str, claims: dict[str, dict] | None = None) -> NotebookNode:
    """A chapter for students: blanks for solutions, and nothing that only the book can show.

    Args:
        notebook: as stored, without outputs.
        name: its path in `book/` without ending, such as `"01_task"`.
        claims: the numbers that its text quotes.

    Errors: `InputError` for a solution that is not marked, see `blank`.
    """
    page = f"{site()}{name}.html"
    cells = []
    for cell in notebook.cells:
        if is_solution(cell) and cell.cell_type != "code":
            continue
        source = blank(cell.source) if is_solution(cell) else cell.source
        if cell.cell_type == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(plain(source, page, claims or {}), id=cell.id))
        else:
            tags: dict[str, Any] = {"tags": ["exercise"]} if is_solution(cell) else {}
            cells.append(nbformat.v4.new_code_cell(source, id=cell.id, metadata=tags))
    cells.insert(1, nbformat.v4.new_markdown_cell(NOTE.format(page=page, blank=BLANK), id="student-note"))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def write(folder: Path = OUT) -> list[Path]:
    """Write the student notebook of every chapter that has exercises; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in map(notebooks.name_of, notebooks.find()):
        notebook = notebooks.read(name)
        if any(map(is_solution, notebook.cells)):
            made = student_notebook(notebook, name, notebooks.expected_claims(name, "quick"))
            text = nbformat.writes(made) + "\n"
            target = folder / f"{name}.ipynb"
            write_atomically(target, lambda temporary, text=text: temporary.write_text(text, encoding="utf-8"))
            written.append(target)
    return written


def offer(page: NotebookNode, file: str) -> None:
    """Put a link to the student notebook under a page's heading of exercises.

    Args:
        page: changed in place.
        file: the notebook, from the root of the book.

    Errors: `InputError` when the page has no such heading.
    """
    words = (
        "## Exercises\n\nTo work on them, take the chapter without solutions: "
        f"{{download}}`{Path(file).name} </{file}>`. In Colab choose *File → Upload notebook*."
    )
    for cell in page.cells:
        if cell.cell_type == "markdown" and re.search("^## Exercises$", cell.source, re.MULTILINE):
            cell.source = re.sub("^## Exercises$", lambda _: words, cell.source, flags=re.MULTILINE)
            return
    raise InputError(f"{Path(file).name} has solutions, but no heading ## Exercises")


def course_table(runs: Iterable[notebooks.Run]) -> str:
    """What each page with code asks of a course: minutes to read, as its head says, exercises, seconds to run."""
    lines = ["| page | to read, minutes | exercises | to run, seconds |", "|---|---|---|---|"]
    for run in runs:
        cells = notebooks.read(run.notebook).cells
        minutes = re.search(r"⏱ (\d+)", cells[0].source)
        count = sum("{exercise}" in cell.source for cell in cells if cell.cell_type == "markdown")
        page = f"{{doc}}`/{run.notebook}`"
        lines.append(f"| {page} | {minutes[1] if minutes else '–'} | {count or '–'} | {run.seconds:.0f} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m data_scripts.students", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: _build/students)")
    for path in write(parser.parse_args(argv).out):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
