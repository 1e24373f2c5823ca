"""Rules that every stored notebook keeps, so that it can be read, compared, and opened alone in Colab."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from itertools import chain, pairwise

import nbformat
import pytest
from packaging.requirements import Requirement

from data_scripts.site import book, myst, notebooks, readme, setup_cell

NOTEBOOKS = list(map(notebooks.name_of, notebooks.find()))


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    return notebooks.read(request.param)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def without_code_and_math(text):
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\{\w+(:\w+)?\}`[^`]*`", " ", text, flags=re.DOTALL)
    return re.sub(r"`[^`]*`|\$[^$]*\$", " ", text)


def test_there_are_notebooks_and_each_is_in_the_contents():
    assert NOTEBOOKS
    assert set(NOTEBOOKS) <= book.pages()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_as_jupytext_writes_it(name):
    text = (notebooks.BOOK / f"{name}.md").read_text(encoding="utf-8")
    assert myst.writes(myst.reads(text)) == text


def test_the_code_of_the_chapters_is_clean(tmp_path):
    assert myst.main([str(tmp_path)]) == 0
    settings = ["--config", str(notebooks.ROOT / "pyproject.toml"), "--no-cache", str(tmp_path)]
    words = ["check", "--select", "E9,F"]
    ruff = subprocess.run([sys.executable, "-m", "ruff", *words, *settings], capture_output=True, text=True)
    assert ruff.returncode == 0, ruff.stdout


def test_metadata_is_the_same_everywhere(notebook):
    assert notebook.metadata == {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)


def test_cell_names_are_unique_and_lasting(notebook):
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    # A random name is eight hexadecimal digits, and new after each save of a tool that renumbers.
    assert [name for name in ids if re.fullmatch(r"[0-9a-f]{8}|\d+", name)] == []


def test_cells_are_short_enough_to_be_read(notebook):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(notebook)}
    assert {name: length for name, length in lengths.items() if length > 40} == {}
    assert statistics.median(lengths.values()) <= 8
    wide = [(cell.id, line) for cell in code_cells(notebook) for line in cell.source.splitlines() if len(line) > 72]
    assert wide == []


def test_setup_comes_first_and_is_the_same_everywhere(notebook):
    first = code_cells(notebook)[0]
    assert tagged(notebook, "setup") == [first]
    assert first.source == setup_cell.text(), "run `python -m data_scripts.setup_cell`"
    assert "hide-cell" in first.metadata.tags


def test_the_profile_can_be_chosen(notebook):
    (parameters,) = tagged(notebook, "parameters")
    assert code_cells(notebook)[1] == parameters
    assert parameters.source.splitlines()[0] == 'PROFILE = "quick"'


def test_checks_are_hidden_and_assert_something(notebook):
    checks = tagged(notebook, "check")
    assert checks
    for cell in checks:
        assert "hide-input" in cell.metadata.tags, cell.id
        assert re.search(r"^\s*assert |raises", cell.source, re.MULTILINE), cell.id


def test_a_page_opens_with_its_title_and_time(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "⏱" in first.source


def test_headings_skip_no_level(notebook):
    text = "\n".join(without_code_and_math(c.source) for c in notebook.cells if c.cell_type == "markdown")
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_figures_have_a_caption_and_words_for_those_who_cannot_see_them(notebook):
    for cell in code_cells(notebook):
        details = cell.metadata.get("mystnb", {})
        if "figure" in details:
            assert details["figure"]["caption"].strip(), cell.id
            assert details["figure"]["name"].startswith("fig-"), cell.id
        if "image" in details:
            assert details["image"]["alt"].strip(), cell.id


def test_labels_are_unique_in_the_book():
    labels = []
    for name in NOTEBOOKS:
        for cell in notebooks.read(name).cells:
            labels += [(cell.metadata.get("mystnb", {}).get("figure") or {}).get("name")]
            labels += re.findall(r"^:(?:label|name): *(\S+)|^\((\S+)\)=$|^\$\$ \((\S+)\)$", cell.source, re.MULTILINE)
    labels = ["".join(label) for label in labels if label]
    assert [label for label, count in Counter(labels).items() if count > 1] == []


def test_measured_decibels_are_not_typed(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            # "0.1 dB" is a bound somebody chose; "33.7 dB" and "0.12 dB" were measured.
            typed = re.findall(r"\d+\.\d\d+\s*dB|\d\d\.\d\s*dB", without_code_and_math(cell.source))
            assert typed == [], f"{cell.id}: let a cell compute it, claim() it, and quote it with {{glue:text}}"


PAGES = sorted([notebooks.ROOT / "README.md", *notebooks.BOOK.glob("*.md")])
# Given, not measured: 9,960 iterations over 80 epochs; a rate of 0.1 times 41 x 41 pixels; a luma weight and its typo.
GIVEN = {"124.5", "168.1", "65.738", "64.738"}
# The paper's own numbers stand in one file, which the tests of `runs` read.
PRINTED = set(re.findall(r"\d+\.\d+", (notebooks.ROOT / "vdsr_lib" / "assets" / "paper.json").read_text("utf-8")))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_numbers_of_three_digits_and_a_point_are_not_typed(path):
    if not myst.is_notebook(path):
        text = path.read_text(encoding="utf-8")
        text = re.sub(f"{readme.BEGIN}.*?{readme.END}|<!--.*?-->", " ", text, flags=re.DOTALL)
    else:
        cells = myst.read(path).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    # Versions, names of files and addresses are no measurements; "0.001" is a setting, of one digit that counts.
    text = re.sub(r"(Python|version) \d+(\.\d+)+|\]\([^)]*\)|<https?:[^>]*>", " ", without_code_and_math(text))
    # "×1.25" is a scale that was asked for.
    numbers = re.findall(r"(?<![\w.,/×-])\d+\.\d+(?!\.?\d)", text)
    typed = {number for number in numbers if len(number.replace(".", "").lstrip("0")) >= 3}
    measured = typed - GIVEN - PRINTED
    assert measured == set(), "let a cell compute them, claim() them, and quote them with {glue:text}"


def claim_patterns(source):
    """A regular expression for each name that a page's code claims.

    A name put together in a loop stands for all that it can become; one that a variable holds, for the words in quotes
    of its cells, or of those that call the function that claims it.
    """

    def pattern(name):
        if isinstance(name, ast.Constant):
            return re.escape(name.value) if isinstance(name.value, str) and re.fullmatch(r"\w+", name.value) else None
        parts = [re.escape(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in name.values]
        return "".join(parts) if re.match(r"[a-z]\w*_", parts[0]) else None

    tree = ast.parse(source)
    found = set()
    words = {pattern(node) for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)} - {None}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim":
            name = node.args[0]
            found |= {pattern(name)} if isinstance(name, ast.Constant | ast.JoinedStr) else words
    return found


def unclaimed(quoted, source):
    return {name for name in quoted if not any(re.fullmatch(p, name) for p in claim_patterns(source))}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_quoted_numbers_are_claimed(name):
    notebook = notebooks.read(name)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    quoted = set(re.findall(r"\{glue:\w*\}`(\w+)", text))
    assert unclaimed(quoted, "\n".join(cell.source for cell in code_cells(notebook))) == set()
    # And when it was last run, it claimed each of them by that very name.
    assert quoted <= notebooks.expected_claims(name, "quick").keys()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("claim('gain', 1)", {"gain"}),
        ("for s in (2, 3):\n    claim(f'end_{s}', s)", {"end_2"}),
        ("for key in ('low', 'high'):\n    claim(key, 1)", {"low", "high"}),
    ],
)
def test_a_number_that_nothing_claims_is_seen(source, names):
    assert unclaimed(names, source) == set()
    assert unclaimed({*names, "lost"}, source) == {"lost"}


def test_the_setup_cell_never_touches_torch_or_numpy_and_pins_nothing():
    specs = [Requirement(text) for text in re.findall(r'"([\w-]+>=[\d.]+)"', setup_cell.text())]
    assert {r.name for r in specs} >= {"pooch", "safetensors", "lightning-fabric"}
    assert not {r.name for r in specs} & {"torch", "numpy"}
    assert '"--no-deps"' in setup_cell.text()
    with open(notebooks.ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    bounds = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    assert {r.name: r.specifier for r in specs if r.name in bounds} == {
        r.name: bounds[r.name] for r in specs if r.name in bounds
    }


# What Colab has and the library needs; `python -m pip list` there shows more.
COLABS_OWN = {"torch", "numpy", "scipy", "scikit-image", "matplotlib", "ipywidgets", "ipython", "pillow", "tqdm"}


def test_the_setup_cell_brings_whatever_colab_lacks():
    with open(notebooks.ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]
    needed = {Requirement(text).name for text in listed}
    brought = {Requirement(text).name for text in re.findall(r'"([\w-]+>=[\d.]+)"', setup_cell.text())}
    # lightning-fabric needs lightning-utilities, which --no-deps omits; tyro is the command's, which no notebook runs.
    assert needed - {"tyro"} == COLABS_OWN | (brought - {"lightning-utilities"})
    command = re.compile(r"vdsr_lib\.cli\b|^ *! *vdsr\b", re.MULTILINE)
    assert not [path for path in notebooks.find() if command.search(path.read_text(encoding="utf-8"))]


def test_nothing_a_reader_installs_is_pinned():
    shown = [*notebooks.BOOK.glob("*.md"), *notebooks.ROOT.glob("*.md"), notebooks.ROOT / "Makefile"]
    shown += [setup_cell.SOURCE, *(notebooks.ROOT / ".github").rglob("*.*")]
    pin = re.compile(r"""pip3? install[^\n]*==|["'][\w-]+(\[\w+\])?==\d""")
    assert [path.name for path in shown if pin.search(path.read_text(encoding="utf-8"))] == []


def test_no_exact_pins_but_in_our_own_constraints():
    with open(notebooks.ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    listed = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    pinned = [text for text in listed if any(s.operator in ("==", "===", "~=") for s in Requirement(text).specifier)]
    assert pinned == []
