"""Pictures to compare: in a row, in two full ones, or by turns at one place; names are buttons."""

import pytest
from visiting import Visit

from data_scripts.site import book

pytestmark = pytest.mark.site

ROWS = """() => [...document.querySelectorAll('.vdsr-gallery')].map((gallery) => {
  const shown = [...gallery.querySelectorAll('figure')].filter((figure) => figure.checkVisibility());
  const rows = {};
  shown.forEach((figure) => { rows[figure.offsetTop] = (rows[figure.offsetTop] ?? 0) + 1; });
  return {rows: Object.values(rows), height: gallery.offsetHeight, width: gallery.scrollWidth - gallery.clientWidth,
          all: gallery.querySelectorAll('figure').length, flip: gallery.classList.contains('flip')};
})"""


def pages_with(words):
    return [n for n in sorted(book.pages()) if words in (book.HTML / f"{n}.html").read_text(encoding="utf-8")]


@pytest.mark.parametrize("width", [390, 1280])
def test_no_picture_of_a_gallery_stands_alone_or_out_of_sight(browser, site, width):
    names = pages_with("vdsr-gallery")
    assert names
    for name in names:
        with Visit(browser, site, width) as visit:
            page = visit.open(f"{name}.html")
            for found in page.evaluate(ROWS):
                assert len(set(found["rows"])) == 1, (name, found)
                assert len(found["rows"]) <= 2, (name, found)
                assert found["height"] < 800, (name, found)
                assert found["width"] <= 4, (name, found)  # a caption may stand out by a letter's edge
                assert sum(found["rows"]) == (1 if found["flip"] else found["all"])
            assert visit.wrong == []


def test_pictures_take_turns_at_one_place(browser, site):
    with Visit(browser, site, 390, has_touch=True) as visit:
        page = visit.open("01_task.html")
        gallery = page.locator(".vdsr-gallery.flip").first
        buttons = gallery.locator("xpath=preceding-sibling::*[1]").get_by_role("button")
        places = []
        for button in buttons.all():
            button.tap()
            assert button.get_attribute("aria-pressed") == "true"
            shown = gallery.locator("figure:visible")
            assert shown.count() == 1
            assert shown.locator("figcaption").text_content() == button.inner_text()
            places.append(shown.locator("img").first.evaluate("e => [e.offsetLeft, e.offsetTop]"))
        assert len(places) > 2
        assert all(place == places[0] for place in places)


def test_names_are_buttons_and_answer(browser, site):
    names = pages_with('<input type="radio" name="vdsr-')
    assert names
    for name in names:
        with Visit(browser, site) as visit:
            page = visit.open(f"{name}.html")
            for group in page.locator(".vdsr-frames fieldset").all():
                root = group.locator("xpath=ancestor::*[contains(@class, 'vdsr-frames')]")
                seen = set()
                for label in group.locator("label").all():
                    label.click()
                    seen.add((root.locator("img").get_attribute("src"), root.locator("output").inner_text()))
                assert len(seen) == group.locator("label").count(), name
                group.locator("input:checked").focus()
                before = root.locator("output").inner_text()
                page.keyboard.press("ArrowLeft")
                assert root.locator("output").inner_text() != before
            assert visit.wrong == []
