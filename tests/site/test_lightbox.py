"""Pictures enlarged in a dialog: whole-number zoom, the pictures of a gallery at one place, by keys and by touch."""

import pytest
from visiting import Visit

pytestmark = pytest.mark.site

# The page's first gallery has pictures of one scene to compare.
PAGE = "01_task.html"
STATE = """async () => {
  await new Promise((done) => setTimeout(done, 50));
  const dialog = document.querySelector("dialog.lightbox"), img = dialog.querySelector("img");
  const area = dialog.querySelector(".area");
  return {open: dialog.open, alt: img.alt, width: img.getBoundingClientRect().width, pixels: img.naturalWidth,
          place: [area.scrollLeft, area.scrollTop], focused: dialog.contains(document.activeElement)};
}"""


@pytest.mark.parametrize("touch", [False, True], ids=["keys and mouse", "touch"])
def test_pictures_are_enlarged_by_whole_numbers_and_compared_at_one_place(browser, site, touch):
    with Visit(browser, site, 390 if touch else 1280, has_touch=touch) as visit:
        page = visit.open(PAGE)
        gallery = page.locator(".vdsr-gallery").first
        pictures = gallery.locator("img").evaluate_all("all => all.map((img) => img.alt)")
        first = gallery.locator("img").first
        if touch:
            first.tap()
        else:
            button = gallery.get_by_role("button", name="Enlarge the picture").first
            button.focus()
            page.keyboard.press("Enter")
        state = page.evaluate(STATE)
        assert state["open"]
        assert state["focused"]
        assert state["alt"] == pictures[0]
        zoom = state["width"] / state["pixels"]
        assert zoom == round(zoom) >= 1

        def press(part, key):
            page.locator(f"dialog [data-part={part}]").tap() if touch else page.keyboard.press(key)

        for _ in range(4):
            press("in", "+")
        state = page.evaluate(STATE)
        assert state["width"] / state["pixels"] == min(16, zoom + 4)
        page.locator("dialog .area").evaluate("area => area.scrollTo(20, 30)")
        before = page.evaluate(STATE)
        if touch:
            page.locator("dialog [data-part=others] button").nth(1).tap()
        else:
            page.keyboard.press("2")
        after = page.evaluate(STATE)
        assert after["alt"] == pictures[1]
        if after["pixels"] == before["pixels"]:
            assert after["place"] == before["place"]
        press("close", "Escape")
        assert not page.evaluate(STATE)["open"]
        if not touch:
            assert page.evaluate("document.activeElement.className") == "open-picture"
        assert visit.wrong == []


def test_every_picture_can_be_enlarged(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open(PAGE)
        assert page.locator("article img").count() > 3
        assert page.locator("article img:not(.can-open)").count() == 0
        assert page.locator("article .open-picture").count() == page.locator("article img").count()
