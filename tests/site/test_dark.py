"""Plots by day and by night: no sheet of another colour under them, ink that can be read, and pictures untouched."""

import io

import numpy as np
import pytest
from PIL import Image
from visiting import Visit

pytestmark = pytest.mark.site

PLOTS = 'article img:is([src$=".svg"], [src^="data:image/svg"])'


def seen(locator):
    locator.scroll_into_view_if_needed()
    locator.evaluate("(img) => { img.loading = 'eager'; return img.decode(); }")
    return np.array(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def ground(page):
    value = page.evaluate("getComputedStyle(document.querySelector('.bd-main')).backgroundColor")
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in (body if value.endswith(", 0)") else value)[4:-1].split(",")]


@pytest.mark.parametrize("name", ["01_task", "06_gradient_clipping", "08_reproduction"])
def test_the_ink_of_plots_follows_the_page(browser, site, name):
    for mode in ("light", "dark"):
        with Visit(browser, site, mode=mode) as visit:
            page = visit.open(f"{name}.html")
            plots = page.locator(PLOTS)
            assert plots.count() > 1
            for plot in plots.all()[:6]:
                pixels = seen(plot)
                assert np.abs(pixels[3, 3] - ground(page)).max() <= 2, (mode, plot.get_attribute("alt"))
                distance = np.abs(pixels - ground(page)).max(axis=-1)
                assert (distance > 150).sum() > 50, f"{mode}: nothing to be seen in {plot.get_attribute('alt')}"


def test_the_ink_changes_with_the_switch_and_is_dark_on_paper(browser, site):
    with Visit(browser, site, mode="light") as visit:
        page = visit.open("01_task.html")
        plot = page.locator(PLOTS).first
        by_day = seen(plot)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        by_night = seen(plot)
        assert by_day[3, 3].min() > 250
        assert by_night[3, 3].max() < 40
        page.emulate_media(media="print")
        assert page.evaluate(f"getComputedStyle(document.querySelector(`{PLOTS}`)).colorScheme") == "light"


def test_pictures_are_the_same_by_day_and_by_night(browser, site):
    found = []
    for mode in ("light", "dark"):
        with Visit(browser, site, mode=mode) as visit:
            page = visit.open("01_task.html")
            found.append(seen(page.locator(".vdsr-gallery img").first))
    by_day, by_night = (pixels[8:-8, 8:-8] for pixels in found)  # its edge may fall between two pixels of the screen
    assert np.array_equal(by_day, by_night)
