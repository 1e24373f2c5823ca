"""The plain notebooks are in step with the chapters, hold no MyST, and run as what the chapters run."""

import ast
import re
from itertools import pairwise

import nbformat
import pytest
from markdown_it import MarkdownIt

from data_scripts.site import book, notebooks, plain_notebooks, reference, setup_cell
from data_scripts.site.plain_notebooks import citations, plain_text, references, without_claims, without_unused
from vdsr_lib.errors import InputError

NOTEBOOKS = list(map(notebooks.name_of, notebooks.find()))
PARSER = MarkdownIt("commonmark").enable("table")


@pytest.fixture(params=NOTEBOOKS)
def name(request):
    return request.param


@pytest.fixture
def made(name):
    return nbformat.read(plain_notebooks.OUT / f"{name}.ipynb", as_version=4)


def test_they_are_in_step_with_the_chapters(name):
    stored = (plain_notebooks.OUT / f"{name}.ipynb").read_text(encoding="utf-8")
    assert stored == plain_notebooks.text_of(name), "run `python -m data_scripts.plain_notebooks`"


def test_there_is_one_for_each_chapter_and_no_other():
    assert sorted(path.stem for path in plain_notebooks.OUT.iterdir()) == sorted(NOTEBOOKS)


def left_over(text):
    """What a plain Markdown parser shows as it stands though MyST means something by it."""
    found = []
    # Formulas are MathJax's, and may hold any sign.
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "x", text, flags=re.DOTALL)
    for token in PARSER.parse(text):
        if token.type == "fence" and token.info.startswith("{"):
            found.append(token.info)
        parts = token.children or []
        found += [
            f"{before.content}`{code.content}`"
            for before, code in pairwise(parts)
            if code.type == "code_inline" and re.search(r"\{[\w:]+\}$", before.content)
        ]
        for before, child in zip([None, *parts[:-1]], parts, strict=bool(parts)):
            opens = before is None or before.type in ("softbreak", "hardbreak")
            mark = r"^:::|^:\w+:|^: |^\([\w-]+\)=$|^\+\+\+|^%" if opens else r"\$\$|\{\{"
            if child.type == "text" and re.search(mark, child.content):
                found.append(child.content)
    return found


def test_a_plain_parser_finds_no_myst(made):
    nbformat.validate(made)
    found = {cell.id: rest for cell in made.cells if cell.cell_type == "markdown" and (rest := left_over(cell.source))}
    assert found == {}
    assert [cell.id for cell in made.cells if set(cell.metadata) - {"tags", "cellView", "jupyter"}] == []


@pytest.mark.parametrize(
    "myst",
    [
        "{glue:text}`psnr:.2f` dB",
        "as {doc}`intro` says",
        ":::{note}\nIt is so.\n:::",
        "```{figure} a.png\n```",
        "(label)=\n## Title",
        "$$ a $$ (eq-a)",
        "word\n: what it means",
    ],
)
def test_the_search_would_find_it(myst):
    # The label of an equation is the one thing that no parser can know from the text in brackets after a formula.
    assert left_over(myst) or re.search(r"\$\$ \(", myst)


def test_formulas_have_numbers_and_no_labels(made):
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert re.findall(r"\$\$ *\([\w-]+\)", text) == []


def test_claims_and_marks_are_gone_and_names_are_not_missed(made):
    code = "\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
    assert re.findall(r"\bclaims?\(|SOLUTION|vdsr_lib\.claims", code) == []
    ast.parse(code)  # that no name is lost, and none left over, ruff sees: F401, F821, F841


def test_checks_are_folded_behind_a_title_and_solutions_too(name, made):
    code = {cell.id: cell for cell in made.cells if cell.cell_type == "code"}
    chapter = [cell for cell in notebooks.read(name).cells if cell.cell_type == "code"]
    checks = [cell for cell in chapter if {"check", "solution"} & set(cell.metadata.get("tags", []))]
    assert checks
    for cell in checks:
        assert code[cell.id].source.startswith("# @title "), cell.id
        assert code[cell.id].metadata.cellView == "form", cell.id
        assert code[cell.id].metadata.jupyter.source_hidden, cell.id
    # What the page shows is open.
    for cell in chapter:
        if not {"hide-input", "hide-cell", "solution"} & set(cell.metadata.get("tags", [])) and cell.id in code:
            assert "cellView" not in code[cell.id].metadata, cell.id


def test_the_first_cell_is_the_same_everywhere(made):
    first = next(cell for cell in made.cells if cell.cell_type == "code")
    assert first.source.split("\n", 1)[1] == setup_cell.text()


def test_every_figure_keeps_its_caption_and_its_number(name, made):
    text = {cell.id: cell.source for cell in made.cells}
    for cell in notebooks.read(name).cells:
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if figure:
            caption = text[f"{cell.id}-caption"]
            assert caption.startswith(f"[{references()[figure['name']][0]}.](")
            first = re.split(r"[{`$]", figure["caption"])[0].strip()
            assert first[:40] in caption.replace("\n", " ")


def test_links_lead_to_pages_of_the_book(made):
    text = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    linked = re.findall(rf"{re.escape(plain_notebooks.site())}(\w+)\.html", text)
    assert linked
    assert set(linked) <= book.site_pages() | set(reference.pages())


def test_myst_becomes_markdown():
    claims = {"gain": {"value": 6.0206, "within": 0}, "loss": {"value": -0.5, "within": 0}}
    text = (
        ":::{exercise} Half the error\n:label: ex-01a\n\nBy {glue:text}`gain:.1f` dB, by {eq}`eq-psnr`?\n:::\n"
        "$$ a\n$$ (eq-psnr)\n\nSee {doc}`notation`, {doc}`the *start* <intro>`, {cite:p}`kim2016vdsr`, "
        "{cite:t}`kim2016vdsr`, {numref}`fig-equal`, {ref}`ex-01b`, {py:func}`~vdsr_lib.models.init_he`, "
        "{glue:text}`loss:+.1f`."
    )
    page = plain_notebooks.page_of("01b_score")
    plain = plain_text(text, claims).replace(page, "P").replace(plain_notebooks.site(), "S/")
    number, label = references()["eq-psnr"][0], references()["fig-equal"][0]
    assert plain == (
        f"### Exercise 1.4: Half the error\n\nBy 6.0 dB, by [{number}](P#equation-eq-psnr)?\n"
        f"$$ a \\tag{{{number.strip('()')}}} $$\n\n"
        "See [Notation and words](S/notation.html), [the *start*](S/intro.html), "
        f"[(Kim et al., 2016)](S/bibliography.html), [Kim et al. (2016)](S/bibliography.html), [{label}](P#fig-equal), "
        "[Exercise 1.5](P#ex-01b), "
        "[`init_he`](S/api_models.html#vdsr_lib.models.init_he), −0.5."
    )
    note = ":::{admonition} Aims\n:class: note\n- one\n:::\nafter"
    assert plain_text(note, {}) == "> **Aims**\n>\n> - one\nafter"
    assert (
        plain_text("met\n: It is met.\nmissed\n: It is not.", {}) == "- **met.** It is met.\n- **missed.** It is not."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{glue:text}`nothing:.1f`", "no 'nothing' is known"),
        ("{numref}`fig-nowhere`", "no 'fig-nowhere' is known"),
        ("{cite:p}`nobody1999`", "no 'nobody1999' is known"),
        ("{kbd}`x`", "no plain form is known of the role {kbd}"),
        (":::{tab-set}\nx\n:::", "no plain form is known of the directive tab-set"),
    ],
)
def test_what_has_no_plain_form_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        plain_text(text, {})


def test_names_of_authors():
    assert citations()["simonyan2015vgg"] == ("Simonyan and Zisserman", "2015")
    assert citations()["kim2016vdsr"] == ("Kim et al.", "2016")


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("a = 1\nclaim('a', a, within=1);", "a = 1"),
        ("a = 1\nclaim('a', a, within=1)", "a = 1\na"),
        ("# What the text says.\nclaim('a',\n      1)\nshow()", "show()"),
        ("for s in x:\n    claim(f'a_{s}', x[s])\nshow()", "show()"),
        ("for s in x:\n    y = 2 * s\n    claim(f'a_{s}', y)", "for s in x:\n    y = 2 * s"),
        ("if shipped:\n    claim('é', 1)\nshow()", "show()"),
        ("round(claim('a', trap, within=1e-3), 3)", "round(trap, 3)"),
        ("'é'; round(claim('a', trap, within=1e-3), 3)", "'é'; round(trap, 3)"),
    ],
)
def test_claims_are_taken_out_and_the_rest_is_kept(source, left):
    assert without_claims(source) == left


def test_a_branch_that_only_claims_is_refused():
    with pytest.raises(InputError, match="a claim is all that one branch does"):
        without_claims("if shipped:\n    claim('a', 1)\nelse:\n    show()")


def test_what_nothing_reads_is_taken_out_and_nothing_else():
    cells = [
        "import numpy as np\nfrom a import b, c, d",
        "x = np.ones(3)\n# The half.\ny = x / 2\nz = y + 1",
        "b()\nd.e = 1\ncounts[0] = 2\ndef lost(n):\n    return lost(n - 1)",
        "print(x)",
    ]
    assert without_unused(cells) == [
        "import numpy as np\nfrom a import b, d",
        "x = np.ones(3)",
        "b()\nd.e = 1\ncounts[0] = 2",
        "print(x)",
    ]


def test_targets_are_places_to_go_to_and_leave_no_trace():
    text = "See {ref}`protocol` and {ref}`the table <slips-table>`.\n\n(matrices)=\n## Two\n\n"
    text += '<a id="old"></a><a id="b"></a>\nGo on.'
    plain = plain_text(text, {}).replace(plain_notebooks.page_of("01b_score"), "P")
    assert plain == "See [The protocol, step by step](P#protocol) and [the table](P#slips-table).\n\n## Two\n\nGo on."


def test_only_numbered_parts_count(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").write_text(
        "root: intro\nparts:\n"
        "- chapters: [{file: before}]\n"
        "- numbered: 1\n  chapters: [{file: one, sections: [{file: more}]}, {file: two}]\n"
        "- chapters: [{file: between}]\n"
        "- numbered: 1\n  chapters: [{file: three}]\n"
    )
    monkeypatch.setattr(plain_notebooks, "BOOK", tmp_path)
    assert plain_notebooks.contents.__wrapped__() == {
        "intro": "", "before": "", "one": "1", "more": "1", "two": "2", "between": "", "three": "3",
    }  # fmt: skip
