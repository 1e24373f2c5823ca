"""The site in Firefox and in WebKit too: pages, sliders, *Try it* and the playground do what they do in Chromium."""

import time

import engines
import pytest

from data_scripts.site import book

pytestmark = pytest.mark.site


def wait(page, condition, seconds=240):
    end = time.monotonic() + seconds
    while not page.run(f"return Boolean({condition})"):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.3)


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def page(request):
    with getattr(engines, request.param)() as page:
        yield page


def test_a_chapter_is_whole_and_its_switches_work(page, site):
    page.open(f"{site}01_task.html")
    wait(page, "document.querySelector('article mjx-container')")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.run("document.querySelectorAll('img').forEach((img) => { img.loading = 'eager'; })")
    wait(page, "[...document.querySelectorAll('article img')].every((img) => img.complete && img.naturalWidth)")
    # The slider.
    assert page.run("""
      const root = document.querySelector(".vdsr-frames"), slider = root.querySelector("input[type=range]");
      const before = root.querySelector("img").src, words = root.querySelector("output").textContent;
      slider.value = slider.value === slider.max ? slider.min : slider.max;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      return root.querySelector("img").src !== before && root.querySelector("output").textContent !== words;
    """)
    # Folded code.
    assert page.run("""
      const all = document.querySelector(".code-switch [data-code=all]");
      const folds = [...document.querySelectorAll(".fold")];
      const closed = folds.every((fold) => !fold.open);
      all.click();
      const open = folds.every((fold) => fold.open);
      document.querySelector(".code-switch [data-code=ideas]").click();
      return closed && open && folds.every((fold) => !fold.open);
    """)
    assert page.errors == []


def test_try_it_enlarges(page, site):
    page.open(f"{site}try_it.html?device=cpu")
    wait(page, "document.querySelector('#try-it-app[data-ready]')")
    assert page.run("return document.querySelector('[data-part=caption]').textContent").startswith("Bicubic | VDSR")
    page.run("""
      document.querySelector("input[name=network][value=srcnn]").click();
      document.querySelector("[data-part=start]").click();
    """)
    wait(page, "document.querySelector('[data-part=status]').textContent.startsWith('Done: Bicubic, SRCNN')")
    words = page.run("return document.querySelector('[data-part=caption]').textContent")
    assert "thread" in words, "it says on what it computed"
    assert page.run("return document.querySelector('[data-method=srcnn]').textContent").endswith("dB")
    assert not page.run("return document.querySelector('[data-part=problem]').textContent")


def test_the_playground_takes_a_step(page, site):
    if not (book.HTML / "playground.html").exists():
        pytest.skip("this book has no playground")
    page.open(f"{site}playground.html")
    wait(page, "document.querySelector('#playground-app [data-part=status]')?.textContent.startsWith('Ready')")
    page.run("document.querySelector('[data-part=step]').click();")
    wait(page, "Number(document.querySelector('#playground-app').dataset.step) >= 1")
    assert not page.run("return document.querySelector('#playground-app [data-part=problem]').textContent")
