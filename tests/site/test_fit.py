"""What is wider than a phone: tables, formulas and code are whole there, or show that they go on."""

import pytest
from visiting import Visit

from data_scripts.site import book

pytestmark = pytest.mark.site

PAGES = sorted(book.pages())
# Formulas, tables and code: `[what, room that is missing, whether an edge shows it, whether keys reach it]`.
BOXES = """async () => {
  await window.MathJax?.startup?.promise;
  await new Promise((done) => setTimeout(done, 100));
  const all = 'article mjx-container[display="true"], article .pst-scrollable-table-container, article .highlight pre';
  return [...document.querySelectorAll(all)].filter((box) => box.checkVisibility()).map((box) => [
    box.textContent.trim().slice(0, 40), box.scrollWidth - box.clientWidth, 'more' in box.dataset, box.tabIndex >= 0]);
}"""


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_scrolls_sideways(browser, site, width):
    wide = []
    with Visit(browser, site, width) as visit:
        for name in sorted(book.site_pages() | book.EXTRA_PAGES):
            page = visit.open(f"{name}.html")
            if (found := page.evaluate("document.documentElement.scrollWidth")) > width:
                wide.append(f"{name}: {found}")
    assert wide == []


@pytest.mark.parametrize("name", PAGES)
def test_what_goes_on_shows_it_and_is_reached_by_keys(browser, site, name):
    for width in (390, 1280):
        with Visit(browser, site, width) as visit:
            page = visit.open(f"{name}.html")
            for what, missing, shown, reached in page.evaluate(BOXES):
                assert shown == (missing > 1), f"{width} px: {what}"
                assert reached or missing <= 1, f"{width} px: {what}"
            # Keys stop at a formula only where there is something to scroll.
            assert page.locator("mjx-container[tabindex]:not([data-more])").count() == 0


@pytest.mark.parametrize("name", [name for name in PAGES if name[:2].isdigit()])
def test_formulas_are_whole_on_a_phone_and_their_number_stands_below(browser, site, name):
    with Visit(browser, site, 390) as visit:
        page = visit.open(f"{name}.html")
        page.evaluate(BOXES)
        cut = page.locator('article mjx-container[display="true"]').evaluate_all(
            """all => all.filter((box) => box.scrollWidth > box.clientWidth + 1
              || box.querySelector('mjx-math').getBoundingClientRect().right > innerWidth)
              .map((box) => box.parentElement.id || box.textContent)"""
        )
        assert cut == []
        apart = page.locator("article div.math:has(.eqno)").evaluate_all(
            """all => all.filter((box) => box.querySelector('.eqno').getBoundingClientRect().top
              < box.querySelector('mjx-math').getBoundingClientRect().bottom - 12).map((box) => box.id)"""
        )
        assert apart == []


def test_the_results_are_whole_on_a_phone(browser, site):
    with Visit(browser, site, 390) as visit:
        page = visit.open("intro.html")
        for tab in ("PSNR, dB", "SSIM"):
            page.locator(".sd-tab-label", has_text=tab).click()
            table = page.locator("article .sd-tab-content table:visible")
            assert table.count() == 1
            assert table.locator("th").last.inner_text() == "our weights"
            box = table.locator("th").last.bounding_box()
            assert box["x"] + box["width"] <= 390
            # A score is not broken.
            assert max(table.locator("tbody td").evaluate_all("all => all.map((e) => e.clientHeight)")) < 45


def test_a_table_of_words_is_a_card_a_row_and_still_a_table(browser, site):
    with Visit(browser, site, 390) as visit:
        page = visit.open("paper_map.html")
        table = page.locator("table.wordy").first
        row = table.get_by_role("row").nth(1)
        assert row.get_by_role("cell").count() >= 2
        widths = row.get_by_role("cell").evaluate_all("all => all.map((e) => e.clientWidth)")
        assert min(widths) > 280


def test_a_card_says_what_its_number_is_and_names_no_column_without_words(browser, site):
    with Visit(browser, site, 390) as visit:
        page = visit.open("instructors.html")
        first = page.locator("table.wordy td.number").first
        assert first.evaluate("e => getComputedStyle(e, '::before').content") == '"week "'
        assert page.locator("table.wordy tbody :is(td, th):visible").evaluate_all(
            "all => all.filter((cell) => !cell.textContent.trim()).length"
        ) == 0  # fmt: skip


def test_the_index_takes_the_width_of_a_phone(browser, site):
    with Visit(browser, site, 390) as visit:
        page = visit.open("genindex.html")
        widths = page.locator("article .indextable td").evaluate_all("all => all.map((e) => e.clientWidth)")
        assert widths
        assert min(widths) > 280
