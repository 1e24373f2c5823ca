"""The page around the text: its buttons by keys and fingers, its weight, and what is left of it on paper."""

import gzip
from urllib.parse import unquote, urlsplit

import pytest
from visiting import Visit

from data_scripts.site import book

pytestmark = pytest.mark.site

CHAPTERS = sorted(name for name in book.pages() if name[:2].isdigit())
BUTTONS = ".bd-header-article :is(.btn, .sidebar-toggle, .theme-switch-button, .search-button):visible"


def test_the_header_s_buttons_are_large_and_show_the_focus(browser, site):
    with Visit(browser, site, 390) as visit:
        page = visit.open("01_task.html")
        buttons = page.locator(BUTTONS)
        assert buttons.count() >= 4
        for box in (button.bounding_box() for button in buttons.all()):
            assert box["width"] >= 44
            assert box["height"] >= 44
    with Visit(browser, site) as visit:
        page = visit.open("01_task.html")
        page.locator("body").click(position={"x": 1, "y": 1})
        seen = 0
        for _ in range(40):
            page.keyboard.press("Tab")
            style = page.evaluate(
                """() => {
                  const e = document.activeElement, s = getComputedStyle(e);
                  return e.closest('.bd-header-article') ? s.outlineStyle + ' ' + parseFloat(s.outlineWidth) : null;
                }"""
            )
            if style:
                assert style == "solid 3"
                seen += 1
        assert seen >= 3


def test_the_first_page_has_its_title_once(browser, site):
    with Visit(browser, site) as visit:
        assert visit.open("intro.html").title() == "VDSR, layer by layer"
        assert visit.open("01_task.html").title().startswith("1. The task")


def test_paper_has_numbers_whole_galleries_and_no_closed_boxes(browser, site):
    with Visit(browser, site, 800) as visit:
        page = visit.open("01_task.html")
        page.emulate_media(media="print")
        titles = page.locator("h1").evaluate_all(
            "all => all.filter((h) => h.checkVisibility()).map((h) => h.textContent)"
        )
        assert [title.rstrip("#") for title in titles] == ["1. The task"]
        assert page.locator("details.fold:visible").count() == 0
        assert page.locator(".code-switch:visible, .gallery-names:visible").count() == 0
        rows = page.locator(".vdsr-gallery").evaluate_all(
            "all => all.map((g) => [...g.querySelectorAll('figure')].map((f) => f.offsetTop))"
        )
        assert rows
        assert all(len(set(tops)) == 1 for tops in rows)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_weighs_less_than_a_megabyte(browser, site, name):
    asked = set()
    with Visit(browser, site, 390) as visit:
        visit.page.set_viewport_size({"width": 390, "height": 844})
        visit.page.on("response", lambda response: asked.add(urlsplit(response.url).path))
        visit.open(f"{name}.html")
        visit.page.wait_for_load_state("networkidle")
    files = [book.HTML / unquote(path).lstrip("/") for path in asked if path.count("/")]
    weights = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in files if path.is_file()}
    assert len(weights) > 10
    assert sum(weights.values()) < 1e6, sorted(weights.items(), key=lambda item: -item[1])[:5]


def test_pictures_and_frames_are_files_that_come_when_they_are_wanted(browser, site):
    asked = []
    with Visit(browser, site, 390) as visit:
        visit.page.on("request", lambda request: asked.append(request.url.removeprefix(site)))
        page = visit.open("07_many_scales.html")
        page.wait_for_load_state("networkidle")
        assert page.locator('article [src^="data:"]').count() == 0
        all_pictures = page.locator("article img").evaluate_all("all => all.map((img) => img.getAttribute('src'))")
        assert len(set(all_pictures) & set(asked)) < len(set(all_pictures)) / 2
        figure = page.locator(".vdsr-frames").first
        script = figure.locator('script[type="application/json"]')
        frames = {path for path in script.evaluate("e => JSON.parse(e.textContent).frames") if path}
        assert frames
        assert not frames & set(asked)
        before = page.evaluate("document.documentElement.scrollHeight")
        figure.locator("input").first.focus()
        page.wait_for_function("document.querySelector('.vdsr-frames').ahead?.every((frame) => frame.complete)")
        assert frames <= set(asked)
        visit.show_pictures()
        after = page.evaluate("document.documentElement.scrollHeight")
        # Sizes are stated in whole pixels, so some thirty heights may be off by a hundredth of one each.
        assert abs(after - before) <= 1, "a picture that came moved the text"
        shapes = page.locator("article figure img").evaluate_all(
            """all => all.filter((e) => e.clientWidth)
              .map((e) => (e.clientHeight / e.clientWidth) * (e.naturalWidth / e.naturalHeight))"""
        )
        assert all(0.97 < shape < 1.03 for shape in shapes), "a picture is stretched, or stands in an empty box"
        assert visit.wrong == []
