"""Student notebooks: solutions are right, blanks are told so by the checks, and nothing of a solution is left."""

import ast
import copy
import re

import nbformat
import pytest

from data_scripts.site import book, notebooks, plain_notebooks, students
from data_scripts.site.notebooks import Run
from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.errors import InputError

CHAPTERS = {
    name: notebook
    for name in map(notebooks.name_of, notebooks.find())
    if any(map(students.is_solution, (notebook := notebooks.read(name)).cells))
}
ANSWERS = [
    (name, cell.id)
    for name, notebook in CHAPTERS.items()
    for cell in notebook.cells
    if cell.cell_type == "code" and students.is_solution(cell)
]


def defined(source):
    """The names that a cell sets, outside of functions."""
    tops = ast.parse(source).body
    stored = {n.id for top in tops for n in ast.walk(top) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {top.name for top in tops if isinstance(top, ast.FunctionDef | ast.ClassDef)}


def run(notebook, source, space):
    """Run a cell's source in a namespace; where a name is missing, first the cell of the chapter that makes it."""
    while True:
        try:
            exec(source, space)
            return
        except NameError as error:
            makers = (c for c in notebook.cells if c.cell_type == "code" and error.name in defined(c.source))
            maker = next((c for c in makers if not students.is_solution(c)), None)
            if maker is None or maker.source == source:
                raise
        run(notebook, maker.source, space)


def surroundings(notebook):
    """A namespace with the chapter's imports."""
    space = {"PROFILE": "quick"}
    exec(next(cell.source for cell in notebook.cells if cell.id == "imports"), space)
    return space


@pytest.fixture(autouse=True)
def threads_as_before():
    """Chapters set the number of threads, and here they run in this process."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("name", "cell_id"), ANSWERS)
def test_solutions_pass_and_blanks_fail_with_a_hint(name, cell_id, capsys):
    notebook = CHAPTERS[name]
    source = next(cell.source for cell in notebook.cells if cell.id == cell_id)
    (check,) = re.findall(r"exercises\.(check_\w+)\(", source)

    run(notebook, source, surroundings(notebook))
    assert "✓" in capsys.readouterr().out

    with pytest.raises(WrongAnswer, match=check.removeprefix("check_").replace("_", " ") + ": "):
        run(notebook, plain_notebooks.blank(source), surroundings(notebook))


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_exercise_has_a_check_and_a_solution(name):
    text = "\n".join(cell.source for cell in CHAPTERS[name].cells)
    labels = re.findall(r"^:label: ex-(\w+)$", text, re.MULTILINE)
    assert len(labels) >= 3
    checks = re.findall(r"exercises\.(check_\w+)\(", text)
    assert [exercises.PLACES[check] for check in checks] == [(name, f"ex-{label}") for label in labels]
    assert re.findall(r"^:::\{solution-start\} ex-(\w+)$", text, re.MULTILINE) == labels


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_of_a_solution_is_left_and_the_rest_is(name):
    chapter = CHAPTERS[name]
    made = plain_notebooks.make(name, student=True)
    nbformat.validate(made)
    text = "\n".join(cell.source for cell in made.cells)
    assert "SOLUTION" not in text
    for cell in chapter.cells:
        if students.is_solution(cell) and cell.cell_type == "code":
            inside = re.findall(rf"{plain_notebooks.BEGIN}\n(.*?)\n *{plain_notebooks.END}", cell.source, re.DOTALL)
            assert inside
            assert [part for part in inside if part in text] == []
    solutions = {cell.id for cell in chapter.cells if students.is_solution(cell)}
    whole = {cell.id: cell.source for cell in plain_notebooks.make(name).cells}
    for cell in made.cells:
        if cell.id not in solutions and cell.cell_type == "code":
            assert cell.source == whole[cell.id]
    gone = {cell.id for cell in chapter.cells if students.is_solution(cell) and cell.cell_type == "markdown"}
    gone |= {cell.id for cell in chapter.cells if plain_notebooks.is_worked(cell)}
    assert {cell.id for cell in made.cells} == set(whole) - gone
    assert "Student notebook" in made.cells[1].source


def test_a_blank_keeps_a_function_a_function():
    source = "def f(x):\n    # BEGIN SOLUTION\n    y = x\n    return y\n    # END SOLUTION\n\ncheck(f)"
    assert plain_notebooks.blank(source) == "def f(x):\n    # Your code here.\n    ...\n\ncheck(f)"
    source = "answer = ...\n# BEGIN SOLUTION\nanswer = 3\n# END SOLUTION\ncheck(answer)"
    assert plain_notebooks.blank(source) == "answer = ...\n# Your code here.\ncheck(answer)"


@pytest.mark.parametrize(
    "source",
    [
        "answer = 3",
        "# BEGIN SOLUTION\nanswer = 3",
        "# END SOLUTION",
        "# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION",
    ],
)
def test_a_solution_that_is_not_marked_is_refused(source):
    with pytest.raises(InputError, match=r"SOLUTION"):
        plain_notebooks.blank(source)


def test_pages_offer_what_is_written(tmp_path):
    assert [path.stem for path in students.write(tmp_path)] == sorted(CHAPTERS)
    for name, chapter in CHAPTERS.items():
        page = nbformat.from_dict(copy.deepcopy(chapter))
        students.offer(page, f"students/{name}.ipynb")
        text = "\n".join(cell.source for cell in page.cells)
        assert text.count(f"{{download}}`{name}.ipynb </students/{name}.ipynb>`") == 1
        assert len(page.cells) == len(chapter.cells)
    page.cells = [nbformat.v4.new_markdown_cell("## What next")]
    with pytest.raises(InputError, match="no heading ## Exercises"):
        students.offer(page, "students/01_task.ipynb")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_shows_solutions_without_scaffolding(name):
    page = nbformat.from_dict(copy.deepcopy(CHAPTERS[name]))
    students.show_solutions(page)
    for before, after in zip(CHAPTERS[name].cells, page.cells, strict=True):
        if before.cell_type == "code" and students.is_solution(before):
            assert "SOLUTION" not in after.source
            assert not re.search(r"^\w+ = \.\.\.$", after.source, re.MULTILINE)
            assert "exercises.check_" in after.source
        else:
            assert before.source == after.source


@pytest.mark.parametrize("name", map(notebooks.name_of, notebooks.find()))
def test_the_reading_time_is_counted(name):
    page = notebooks.read(name)
    stated = int(re.search(r"⏱ (\d+) minutes", page.cells[0].source)[1])
    assert stated == students.reading_minutes(page)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_needs_only_what_comes_before_it(name):
    order = re.findall(r"file: (\w+)", (notebooks.BOOK / "_toc.yml").read_text(encoding="utf-8"))
    (needs,) = re.findall(r"\*\*You need\*\*(.*?)\*\*⏱", CHAPTERS[name].cells[0].source, re.DOTALL)
    named = re.findall(r"\{doc\}`(?:[^`<]*<)?(\w+)>?`", needs)
    assert named or "chapters" in needs or name == "01_task"
    assert all(order.index(page) < order.index(name) for page in named)


def test_more_to_read_takes_longer():
    page = nbformat.from_dict(copy.deepcopy(CHAPTERS["01_task"]))
    before = students.reading_minutes(page)
    page.cells.append(nbformat.v4.new_markdown_cell("word " * 1800))
    assert students.reading_minutes(page) == before + 10
    page.cells.append(nbformat.v4.new_code_cell("pass\n" * 300, metadata={"tags": ["solution"]}))
    assert students.reading_minutes(page) == before + 10


def test_the_course_table_has_minutes_exercises_and_seconds(tmp_path):
    run_of_1 = Run("01_task", "quick", 12.3, "a machine", "abc1234", "2026-01-02", {}, tmp_path)
    minutes = re.search(r"⏱ (\d+)", CHAPTERS["01_task"].cells[0].source)[1]
    assert students.course_table([run_of_1]).splitlines()[2] == f"| {{doc}}`/01_task` | {minutes} | 3 | 12 |"
    assert (notebooks.BOOK / "instructors.md").read_text(encoding="utf-8").count(book.COURSE) == 1


def test_each_rubric_has_100_points():
    text = (notebooks.BOOK / "instructors.md").read_text(encoding="utf-8")
    rubrics = [table for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE) if "| points |" in table]
    assert len(rubrics) == 2
    for table in rubrics:
        assert sum(map(int, re.findall(r"\| (\d+) \|$", table, re.MULTILINE))) == 100
