"""The paper ↔ code map: every docstring that names the paper is on it, and what it names is there."""

import re

import pytest

from data_scripts.site import book, notebooks, paper_map
from data_scripts.site.paper_map import ITEMS, Item, Thing, chapter_numbers, paper_parts, read_docstring
from vdsr_lib.errors import InputError

ON_THE_MAP = {thing.name for item in ITEMS for thing in paper_map.code_of(item)}


def chapter_pages():
    return {path.stem for path in notebooks.find()}


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("section 3.2, the loss ½‖r − f(x)‖²", ("section 3.2",)),
        ("sections 3.1 and 5.2, table 1", ("section 3.1", "section 5.2", "table 1")),
        ("table 3, figures 6, 7", ("table 3", "figure 6", "figure 7")),
        ("section 5.3; the authors' release, `Demo_SR_Conv.m`", ("section 5.3",)),
        ("sections 3.1, 3.2, and 4.1.", ("section 3.1", "section 3.2", "section 4.1")),
        ("the loss", ()),
    ],
)  # fmt: skip
def test_a_paper_line_is_taken_apart(line, parts):
    assert paper_parts(line) == parts


def test_a_docstring_is_taken_apart():
    text = "Do it.\n\n    Source: He, section 2.2.\n    Paper: section 3.1,\n        table 1. Chapters: 3 to 5, 10.\n"
    assert read_docstring(text) == (("section 3.1", "table 1"), (3, 4, 5, 10))
    assert read_docstring("Do it.\n\nSource: Luo, section 3. Chapter: 2.") == ((), (2,))
    assert read_docstring("γ at a step. Paper: table 1.") == (("table 1",), ())
    assert chapter_numbers("6") == (6,)


def test_every_docstring_that_names_the_paper_is_on_the_map():
    text = "\n".join(path.read_text(encoding="utf-8") for path in paper_map.LIBRARY.rglob("*.py"))
    named = [thing for thing in paper_map.things().values() if thing.paper]
    assert len(named) == len(re.findall(r"\bPaper: ", text)), "a Paper line names no section, table or figure"
    assert {thing.name for thing in named} <= ON_THE_MAP
    page = paper_map.markdown(chapter_pages())
    for thing in named:
        assert f"{{py:{thing.role}}}`~vdsr_lib.{thing.name}`" in page


def test_every_function_on_the_map_is_used_by_a_test():
    things = paper_map.things()
    assert [name for name in sorted(ON_THE_MAP) if not paper_map.tests_of(things[name])] == []
    for names in paper_map.BY_ANOTHER_NAME.values():
        assert set(names) <= set(paper_map.tests())
    assert set(paper_map.BY_ANOTHER_NAME) <= set(things)


def test_every_section_with_code_is_held_by_a_test():
    assert [
        i.key for i in ITEMS if i.kind in ("section", "formula", "table") and paper_map.code_of(i) and not i.tests
    ] == []


def test_every_part_of_the_paper_leads_somewhere():
    keys = [item.key for item in ITEMS]
    assert len(set(keys)) == len(keys)
    assert {item.kind for item in ITEMS} == set(paper_map.KINDS)
    assert [item.key for item in ITEMS if not paper_map.chapters_of(item)] == []
    numbers = {int(page[:2]) for page in chapter_pages() if page[:2].isdigit()}
    on_the_map = {number for item in ITEMS for number in paper_map.chapters_of(item)}
    assert numbers <= on_the_map, "a chapter that no part of the paper leads to"


def test_every_link_has_its_target():
    page = paper_map.markdown(chapter_pages())
    for target in re.findall(r"\{doc\}`[^<`]*</(\w+)>`", page):
        assert target in book.pages()
    for target in set(re.findall(r"blob/main/(tests/[\w/]+\.py)\)", page)):
        assert (notebooks.ROOT / target).is_file()
    text = "\n".join(path.read_text(encoding="utf-8") for path in notebooks.find())
    for label in {label for item in ITEMS for label in item.labels}:
        assert re.search(rf"name: {label}$|\({label}\)$", text, re.MULTILINE), f"no chapter has {label}"


def test_a_chapter_that_is_not_there_yet_is_named_and_not_linked():
    assert paper_map.chapter_link(6, ["06_gradient_clipping", "intro"]) == "{doc}`Chapter 6 </06_gradient_clipping>`"
    assert paper_map.chapter_link(6, ["intro"]) == "Chapter 6"


def test_what_is_not_there_is_refused(monkeypatch):
    with pytest.raises(InputError, match=r"section 9: vdsr_lib has no models\.EDSR"):
        paper_map.code_of(Item("section 9", "Nothing", code=("models.EDSR",)))
    with pytest.raises(InputError, match="no test clipping::test_that_nobody_wrote"):
        paper_map.test_link("clipping::test_that_nobody_wrote")
    lost = paper_map.things() | {"models.EDSR": Thing("models.EDSR", "class", ("section 9",))}
    monkeypatch.setattr(paper_map, "things", lambda: lost)
    with pytest.raises(InputError, match=r"models\.EDSR names section 9 of the paper"):
        paper_map.markdown([])


def test_the_page_has_one_place_for_the_map():
    assert (notebooks.BOOK / "paper_map.md").read_text(encoding="utf-8").count(book.PAPER_MAP) == 1
