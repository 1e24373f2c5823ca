"""The book's tools: what runs again, what is compared, what is refused, and what the pages are made of."""

import base64
import importlib
import io
import json
import re
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from threading import Thread
from urllib.parse import quote

import nbformat
import numpy as np
import pytest
import yaml
from PIL import Image

from data_scripts.site import book, myst, notebooks, paper_map, reference, serve
from data_scripts.site import print as printing
from data_scripts.site.notebooks import NotebookError, Run, differences
from vdsr_lib.errors import InputError

sys.path.insert(0, str(notebooks.BOOK / "_ext"))  # as Sphinx does
ext = importlib.import_module("vdsr_ext")


def claims(**values):
    return {name: {"value": value, "within": within} for name, (value, within) in values.items()}


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """An empty book, and a function that puts a notebook into it."""
    for name, folder in {"BOOK": "book", "BUILD": "build", "EXPECTED": "expected"}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(notebooks, name, tmp_path / folder)
    monkeypatch.setattr(book, "BOOK", tmp_path / "book")

    def write(name, *cells, parameters='PROFILE = "quick"'):
        code = nbformat.v4.new_code_cell
        made = [code(parameters, metadata={"tags": ["parameters"]}), *map(code, cells)]
        path = tmp_path / "book" / f"{name}.md"
        myst.write(nbformat.v4.new_notebook(cells=made, metadata=myst.KERNEL), path)
        return path

    return write


CLAIM = "from vdsr_lib.book.claims import claim\nclaim('answer', 42.0, within=0.5);"


def test_a_notebook_runs_once_until_something_changes(workshop, tmp_path, monkeypatch):
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x');"
    path = workshop("01_a", count, CLAIM, "print(PROFILE)")
    runs = tmp_path / "count"

    first = notebooks.execute(path, "quick")
    assert first.claims == claims(answer=(42.0, 0.5))
    assert notebooks.execute(path, "quick") == first
    assert runs.read_text() == "x"

    assert notebooks.execute(path, "full").page.read_text().count("full") > 1
    assert runs.read_text() == "xx"

    monkeypatch.setattr(notebooks, "_surroundings", lambda: "another library")
    notebooks.execute(path, "quick")
    assert runs.read_text() == "xxx"
    notebooks.execute(path, "quick", force=True)
    assert runs.read_text() == "xxxx"


def test_the_page_says_how_it_was_made_and_nothing_of_papermill(workshop):
    run = notebooks.execute(workshop("01_a", "print(PROFILE)"), "full")
    page = nbformat.read(run.page, as_version=4)
    assert [cell.source for cell in page.cells[:-1]] == ['PROFILE = "full"', "print(PROFILE)"]
    assert page.cells[1].outputs[0].text == "full\n"
    note = page.cells[-1].source
    assert "`full` profile" in note
    assert run.machine in note
    assert "papermill" not in run.page.read_text()


@pytest.mark.parametrize(
    ("cells", "parameters", "message"),
    [
        (["assert 1 + 1 == 3, 'sums are off'"], 'PROFILE = "quick"', r"(?s)failed.*AssertionError: sums are off"),
        (["1"], "N = 3", "no cell tagged .parameters. that sets PROFILE"),
        (["import warnings; warnings.warn('look out')"], 'PROFILE = "quick"', "(?s)cell 2, wrote to stderr.*look out"),
        (
            [f"class Scalar:\n    __repr__ = lambda self: {'np.float64(0.5)'!r}\nScalar()"],  # as of NumPy 2
            'PROFILE = "quick"',
            r"cell 2, ends with a value.*np\.float64\(0\.5\)",
        ),
        (["object()"], 'PROFILE = "quick"', "cell 2, ends with a value.*<object at"),
        (["import ipywidgets; ipywidgets.IntSlider()"], 'PROFILE = "quick"', "ipywidget.*dead"),
    ],
    ids=["failing", "no profile", "warning", "NumPy's repr", "an object's repr", "widget"],
)
def test_what_would_spoil_a_page_is_refused_and_not_kept(workshop, cells, parameters, message):
    path = workshop("01_a", *cells, parameters=parameters)
    with pytest.raises(NotebookError, match=message):
        notebooks.execute(path, "quick")
    assert not list(notebooks.BUILD.glob("cache/01_a/*"))


def test_time_over_budget_fails(workshop, monkeypatch):
    monkeypatch.setattr(notebooks, "PATIENCE", 1000)
    with pytest.raises(NotebookError, match=r"01_a took \d+ s, over its budget of 0.5 s"):
        notebooks.execute(workshop("01_a", "1"), "quick", budget=0.5)


def test_an_endless_notebook_is_stopped(workshop, monkeypatch):
    monkeypatch.setattr(notebooks, "PATIENCE", 2)
    path = workshop("01_a", "import time; time.sleep(600)")
    with pytest.raises(NotebookError, match=r"01_a was stopped after 6 s, its budget is 3 s"):
        notebooks.execute(path, "quick", budget=3)


def test_claims_that_moved_are_told_one_by_one():
    expected = claims(psnr=(33.66, 0.01), count=(5, 0), word=("bicubic", 0), gone=(1, 0), row=([1.0, 2.0], 0.1))
    assert differences(expected, expected) == []
    got = claims(psnr=(33.665, 0.01), count=(5.0, 0), word=("bicubic", 0), gone=(1, 0), row=([1.05, 1.95], 0.1))
    assert differences(expected, got) == []
    got = claims(psnr=(33.7, 0.01), count=(6, 0), word=("lanczos", 0), new=(1, 0), row=([1.0], 0.1))
    assert differences(expected, got) == [
        "count: expected 5 within 0, got 6 (+1)",
        "gone: expected 1, got nothing: the page no longer states it",
        "new: expected nothing, got 1: a new claim",
        "psnr: expected 33.66 within 0.01, got 33.7 (+0.04)",
        "row: expected [1.0, 2.0] within 0.1, got [1.0]",
        "word: expected 'bicubic' within 0, got 'lanczos'",
    ]


def test_a_page_cannot_loosen_its_own_tolerance():
    moved = differences(claims(psnr=(33.66, 0.01)), claims(psnr=(33.9, 1.0)))
    assert moved == ["psnr: expected 33.66 within 0.01, got 33.9 (+0.24)"]
    assert differences(claims(psnr=(33.66, 0.01)), claims(psnr=(33.66, 1.0))) == [
        "psnr: expected a tolerance of 0.01, got 1"
    ]


def test_true_is_not_one():
    assert differences(claims(flag=(True, 0)), claims(flag=(1, 0)))


def test_accepted_values_are_expected_from_then_on(workshop):
    run = notebooks.execute(workshop("01_a", CLAIM), "quick")
    assert notebooks.accept(run) == ["answer: expected nothing, got 42.0: a new claim"]
    assert notebooks.expected_claims("01_a", "quick") == run.claims
    assert notebooks.expected_claims("01_a", "full") == {}
    moved = replace(run, claims=claims(answer=(43.0, 0.5)))
    assert notebooks.accept(moved) == ["answer: expected 42.0 within 0.5, got 43.0 (+1)"]
    notebooks.accept(replace(run, claims={}))
    assert not notebooks.expected_file("01_a", "quick").exists()


def test_a_page_that_tells_otherwise_is_named_with_claim_and_values(workshop):
    run = notebooks.execute(workshop("01_a", CLAIM, "claim('more', 'yes');"), "full")
    notebooks.accept(run)
    assert notebooks.report(run) == ""
    # The other profile's results are kept apart.
    assert "more: expected nothing, got 'yes'" in notebooks.report(replace(run, profile="quick"))
    moved = replace(run, claims=run.claims | claims(answer=(43.0, 0.5)))
    assert notebooks.report(moved) == (
        "01_a states other numbers than before, in the full profile:\n"
        "  answer: expected 42.0 within 0.5, got 43.0 (+1)\n"
        "Look at the page. If the new ones are right: python -m data_scripts.book --profile full --accept 01_a"
    )


def test_pages_and_contents_agree(workshop):
    toc = book.BOOK / "_toc.yml"
    toc.write_text("format: jb-book\nroot: intro\nchapters:\n- file: 01_a\n")
    (book.BOOK / "intro.md").write_text("# Hello")
    with pytest.raises(book.BookError, match=r"no such file: 01_a"):
        book.pages()
    workshop("01_a")
    assert book.pages() == {"intro", "01_a"}
    workshop("02_b")
    with pytest.raises(book.BookError, match=r"no reader reaches it: 02_b"):
        book.pages()


def test_built_pages_are_counted(tmp_path):
    for name in ("index", "intro", "search", "genindex", "ch/01_a", "_static/any"):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    book.check_pages(tmp_path, {"intro", "ch/01_a"})
    with pytest.raises(book.BookError, match=r"missing: \['02_b'\]; not asked for: \['ch/01_a'\]"):
        book.check_pages(tmp_path, {"intro", "02_b"})


def test_the_log_is_cut_down_to_what_is_wrong():
    log = "reading\n\x1b[91mintro.md:3: WARNING: no such thing\x1b[0m\nwriting\nintro.md:3: WARNING: no such thing\n"
    assert book.complaints(log) == "intro.md:3: WARNING: no such thing"
    assert book.complaints("it just stopped\n") == "it just stopped"


def test_the_run_record_names_machine_and_commit(tmp_path):
    run = Run("ch/01_a", "quick", 12.3, "a machine", "abc1234", "2026-01-02", {}, tmp_path)
    assert book.run_table([run]).splitlines()[2] == (
        "| {doc}`/ch/01_a` | quick | 12 | a machine | `abc1234` | 2026-01-02 |"
    )


def test_docstrings_become_field_lists():
    text = """Cut *k* pixels | sides.

    Args:
        image, mask: `(H, W)`, any_
            dtype.
        k: 2*3 of them.

    Returns: what is
        left.
    Errors: `InputError`.
    Paper: section 4.1. Chapter: 10.
    """
    lines = [line.removeprefix("    ") for line in text.splitlines()]
    assert ext.docstring_to_rst(lines) == [
        r"Cut *k* pixels \| sides.",
        "",
        "",
        ":Arguments:",
        "",
        r"   - ``image``, ``mask``: ``(H, W)``, any\_",
        "     dtype.",
        "",
        r"   - ``k``: 2\*3 of them.",
        "",
        ":Returns: what is",
        "   left.",
        ":Errors: ``InputError``.",
        ":Paper: section 4.1.",
        ":Chapter: 10",
        "",
    ]
    pages = ["01_task", "01b_score", "10_shipping"]
    assert (
        ext.chapters_linked(":Chapter: 1, 10 and 11", pages) == ":Chapter: :doc:`/01_task`, :doc:`/10_shipping` and 11"
    )
    assert ext.chapters_linked(":Returns: 1", pages) == ":Returns: 1"


def test_a_stopwatch_is_drawn_since_many_fonts_have_none():
    assert ext.mend("<strong>⏱ 40 minutes</strong>") == f"<strong>{ext.CLOCK} 40 minutes</strong>"


def test_a_line_does_not_begin_with_the_mark_behind_a_formula():
    formula = r'<span class="math notranslate nohighlight">\(a\)</span>'
    assert ext.mend(f"<p>({formula}), so</p>") == f'<p>(<span class="with-mark">{formula}),</span> so</p>'
    assert ext.mend(f"<p>{formula} so.</p>") == f"<p>{formula} so.</p>"


def test_a_quoted_number_below_zero_has_a_minus_and_no_hyphen():
    quoted = '<span class="pasted-text">{}</span>'
    assert ext.mend(quoted.format("-3.61")) == quoted.format("−3.61")
    assert ext.mend("<p>Outside it is -7.39 dB (-0.02 dB).</p>") == "<p>Outside it is −7.39 dB (−0.02 dB).</p>"
    for other in ("3e-13", "+0.38", "non-residual", "-"):
        assert ext.mend(quoted.format(other)) == quoted.format(other)


def test_every_module_is_in_the_reference():
    files = [path for path in paper_map.LIBRARY.rglob("*.py") if not path.stem.startswith("__")]
    assert sorted(reference.modules()) == sorted(map(paper_map.module_of, files))


def test_each_module_has_a_page_of_its_own_and_the_library_lists_it():
    text = reference.index((notebooks.BOOK / "library.md").read_text(encoding="utf-8"))
    toc = reference.contents((notebooks.BOOK / "_toc.yml").read_text(encoding="utf-8"))
    (library,) = (c for part in yaml.safe_load(toc)["parts"] for c in part["chapters"] if c["file"] == "library")
    assert [section["file"] for section in library["sections"]] == reference.pages()
    assert len(set(reference.pages())) == len(reference.modules()) > 50
    assert book.site_pages() - book.pages() == set(reference.pages())
    for module in reference.modules():
        page = reference.page(module)
        assert page.startswith(f"# {module}\n")
        assert re.findall(r"automodule:: ([\w.]+)$", page, re.MULTILINE) == [f"vdsr_lib.{module}"]
        assert text.count(f"- {{doc}}`{module} <{reference.page_of(module)}>`: ") == 1
        assert re.search(r"[.:]$", reference.summary(module)), module
    assert "<!-- modules" not in text


def test_a_thing_of_the_library_is_found_on_its_module_s_page():
    assert reference.place_of("vdsr_lib.models.VDSR") == "api_models.html#vdsr_lib.models.VDSR"
    assert reference.place_of("vdsr_lib.training.loop.train") == "api_training_loop.html#vdsr_lib.training.loop.train"
    with pytest.raises(InputError, match=r"no module of the reference has vdsr_lib\.attic\.f"):
        reference.place_of("vdsr_lib.attic.f")
    with pytest.raises(InputError, match="once, got 0"):
        reference.contents("root: intro")
    with pytest.raises(InputError, match="no module attic"):
        reference.summary("attic")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    (tmp_path / "404.html").write_text("no such page")
    (tmp_path / "a.mjs").write_text("export default 1")
    server = serve.serve(0, tmp_path)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_server_isolates_pages_and_knows_modules(site):
    with urllib.request.urlopen(f"{site}/") as answer:
        assert answer.read() == b"hello"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    with urllib.request.urlopen(f"{site}/a.mjs") as answer:
        assert answer.headers["Content-Type"] == "text/javascript"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{site}/nowhere")
    assert error.value.code == 404
    assert error.value.read() == b"no such page"


def test_npm_lock_names_no_registry():
    packages = json.loads((notebooks.ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all(package.get("integrity") for name, package in packages.items() if name)
    for package in packages.values():
        package.pop("funding", None)  # where a project asks for money; npm fetches nothing there
    assert "://" not in json.dumps(packages)


def data_uri(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def test_pictures_inside_a_page_become_files_with_their_size_and_all_but_the_first_wait(tmp_path):
    first, frame = data_uri(np.zeros((4, 6), np.uint8)), data_uri(np.ones((4, 6), np.uint8))
    svg = "data:image/svg+xml," + quote(
        '<svg width="72pt" height="36pt" xmlns="x"><text>é</text></svg>', safe=' =/:"<>'
    )
    svg = svg.replace('"', "%22")
    page = (
        f'<img alt="a" src="{first}"><script type="application/json">{{"frames": [null, "{frame}"]}}</script>'
        f'<img src="{svg}" alt="b"><img width="9" src="{first}" alt="c"><img src="_static/logo.png">'
    )
    made = ext.pictures.lazy(ext.pictures.in_files(page, tmp_path, lambda text: text.replace("é", "e")), tmp_path)
    assert "data:" not in made
    sources = re.findall(r'src="(_images/[^"]+)"', made)
    assert len(sources) == 3
    assert sources[0] == sources[2], "one file for one picture"
    assert "<text>e</text>" in (tmp_path / sources[1]).read_text(encoding="utf-8")
    (named,) = re.findall(r'"frames": \[null, "(_images/[^"]+)"\]', made)
    assert np.array_equal(np.array(Image.open(tmp_path / named)), np.ones((4, 6), np.uint8))
    tags = re.findall(r"<img [^>]*>", made)
    assert [("loading" in tag) for tag in tags] == [False, True, True, False]
    assert 'width="6" height="4"' in tags[0]
    assert 'width="96" height="48"' in tags[1]
    assert tags[2].count("width=") == 1
    assert len(list((tmp_path / "_images").iterdir())) == 3


def test_a_card_is_written_in_letters_that_its_font_has():
    picture = notebooks.BOOK / "_static" / "vdsr.png"
    korean, book_s, other = (ext.public.card(picture, title, "The book") for title in ("화면", "The book", "Chapter"))
    assert korean.size == (1200, 630)
    assert korean.tobytes() == book_s.tobytes() != other.tobytes()


def test_print_puts_the_modules_pages_into_the_library(tmp_path, monkeypatch):
    page = '<article><h1>{0}</h1><section id="part"><h2>Of {0}</h2><a href="{1}.html#part">x</a></section></article>'
    (tmp_path / "library.html").write_text(page.format("The library", "api_models"))
    (tmp_path / "api_models.html").write_text(page.format("models", "library"))
    monkeypatch.setattr(printing, "HTML", tmp_path)
    monkeypatch.setattr(reference, "pages", lambda: ["api_models"])
    whole = printing.joined("library", ["library", "api_models"])
    assert [(h.name, h.get_text()) for h in whole.find_all(re.compile("^h[1-6]$"))] == [
        ("h1", "The library"), ("h2", "Of The library"), ("h2", "models"), ("h3", "Of models"),
    ]  # fmt: skip
    assert [a["href"] for a in whole.find_all("a")] == ["#api_models--part", "#library--part"]
    assert {"library--part", "api_models--part", "api_models"} <= {part["id"] for part in whole.find_all(id=True)}
