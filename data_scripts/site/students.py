"""Student notebooks: each chapter as a plain notebook, with its solutions taken out.

What stands between `# BEGIN SOLUTION` and `# END SOLUTION` in a cell tagged `solution` becomes a blank; text cells
with that tag go (see `data_scripts.plain_notebooks`). `python -m data_scripts.students` writes them into
`_build/students`; the book offers them on its pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from vdsr_lib.errors import InputError
from vdsr_lib.files import write_text

from ..commands import parser_for
from . import notebooks
from .notebooks import BUILD
from .plain_notebooks import is_solution, solved, text_of

OUT = BUILD / "students"


def write(folder: Path = OUT) -> list[Path]:
    """Write the student notebook of every chapter that has exercises; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in map(notebooks.name_of, notebooks.find()):
        notebook = notebooks.read(name)
        if any(map(is_solution, notebook.cells)):
            target = folder / f"{name}.ipynb"
            write_text(target, text_of(name, student=True))
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


def show_solutions(page: NotebookNode) -> None:
    """Take the marks around solutions, and the blank before them, off a page: a reader wants the code alone.

    Args:
        page: changed in place.
    """
    for cell in page.cells:
        if cell.cell_type == "code" and is_solution(cell):
            cell.source = solved(cell.source)


# A technical page at an easy pace; a formula, a figure and fifteen lines of open code cost what a paragraph does.
WORDS_PER_MINUTE, LINES_PER_MINUTE, MINUTES_PER_FORMULA, MINUTES_PER_FIGURE = 180, 15, 0.7, 0.6
ASIDE = {"hide-input", "hide-cell", "solution"}


def reading_minutes(notebook: NotebookNode) -> int:
    """How long a chapter takes to read, exercises apart, in steps of five minutes: counted, not guessed."""
    text = "\n".join(
        cell.source for cell in notebook.cells
        if cell.cell_type == "markdown" and not is_solution(cell) and "{exercise}" not in cell.source
    )  # fmt: skip
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    figures = sum("figure" in cell.metadata.get("mystnb", {}) for cell in code)
    lines = sum(len(cell.source.splitlines()) for cell in code if not ASIDE & set(cell.metadata.get("tags", [])))
    formulas = re.findall(r"\$\$.*?\$\$", text, re.DOTALL)
    words = len(re.findall(r"\w+", re.sub(r"\$\$.*?\$\$|\{[\w:]+\}`[^`]*`", " x ", text, flags=re.DOTALL)))
    minutes = words / WORDS_PER_MINUTE + lines / LINES_PER_MINUTE
    minutes += MINUTES_PER_FORMULA * len(formulas) + MINUTES_PER_FIGURE * figures
    return max(5, 5 * round(minutes / 5))


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
    parser = parser_for("students", __doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="folder (default: _build/students)")
    for path in write(parser.parse_args(argv).out):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
