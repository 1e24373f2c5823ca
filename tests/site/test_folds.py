"""Code on the pages: what carries an idea is open, the rest is a mark that opens it, and one switch opens all."""

import pytest
from visiting import Visit

from data_scripts.site import book

pytestmark = pytest.mark.site

CHAPTERS = sorted(name for name in book.pages() if name[:2].isdigit())
SHOWN = """() => {
  const seen = (cell) => [...cell.querySelectorAll('.cell_input')].some((code) => code.checkVisibility());
  const cells = [...document.querySelectorAll('.cell_input')];
  return {open: cells.filter((code) => code.checkVisibility()).length, all: cells.length,
          drawn: [...document.querySelectorAll('.cell:has(img, table):not(.tag_idea)')].filter(seen).length};
}"""

ALIKE = """() => [...document.querySelectorAll('.fold + .fold:not(.setup, .more)')]
  .filter((fold) => fold.className === fold.previousElementSibling.className)
  .map((fold) => fold.querySelector('summary').textContent)"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_only_ideas_are_open_and_each_mark_says_what_it_opens(browser, site, name):
    with Visit(browser, site, 390) as visit:
        page = visit.open(f"{name}.html")
        shown = page.evaluate(SHOWN)
        assert 0 < shown["open"] < shown["all"]
        assert shown["drawn"] == 0, "the code of a figure or table stands open"
        marks = page.locator("details.fold > summary")
        assert all(words.strip() for words in marks.all_text_contents())
        # What is folded is behind a mark, and nothing has two marks that look alike.
        assert page.locator(".cell_input").evaluate_all(
            "all => all.filter((code) => !code.checkVisibility() && !code.closest('details'))"
        ) == []  # fmt: skip
        assert page.evaluate(ALIKE) == []
        assert page.locator("details.fold.setup").count() == 1
        # What stood before every chapter in three boxes is one line.
        assert page.locator("details.fold.setup").bounding_box()["height"] < 60
        assert visit.wrong == []


def test_a_check_is_a_tick_at_the_end_of_its_paragraph(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("01_task.html")
        holder = page.locator(".marked:has(.fold.check)").first
        tick = holder.locator(".fold.check > summary")
        last = holder.locator("p").evaluate("p => [...p.getClientRects()].at(-1).toJSON()")
        box = tick.bounding_box()
        assert box["width"] < 40
        assert box["height"] < 30
        assert last["top"] - 5 < box["y"] < last["bottom"] + 25  # on that line, or where no room is left, on the next
        tick.focus()
        page.keyboard.press("Enter")
        assert holder.locator(".fold.check .cell_input").is_visible()
        assert "assert" in holder.locator(".fold.check .cell_input").inner_text()


def test_the_switch_opens_all_code_on_every_page(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("01_task.html")
        page.get_by_role("button", name="all code").click()
        assert page.locator("details.fold:not([open])").count() == 0
        page = visit.open("02_receptive_field.html")
        assert page.locator("details.fold:not([open])").count() == 0
        assert page.get_by_role("button", name="all code").get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="ideas").click()
        assert page.locator("details.fold[open]").count() == 0
        page.reload()
        assert page.locator("details.fold[open]").count() == 0
        assert visit.wrong == []


def test_tables_that_are_folded_have_names_of_their_own(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("08_reproduction.html")
        names = page.locator("details.fold.more > summary").all_text_contents()
        assert len(names) > 4
        assert len(set(names)) == len(names)
