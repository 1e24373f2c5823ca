"""What is drawn can be dragged: by mouse, by finger and by keys, on a page without a kernel."""

import re

import pytest
from visiting import Visit

from vdsr_lib.book import figures
from vdsr_lib.book.display import Frames

pytestmark = pytest.mark.site

# Figures of the chapters: the page, the slider that dragging sets, and which way it goes.
DRAGGED = {
    "matrix": ("01_task", "row", "y"),
    "shapes of the clip": ("06_gradient_clipping", "bound", "x"),
    "bound of the clip": ("06_gradient_clipping", "θ", "x"),
}


# A finger's moves arrive with the next frame, which a busy machine draws late.
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
# Value, picture and words at one moment.
NOW = """(root, name) => {
  const label = [...root.querySelectorAll("label.slider")].find((one) => one.innerText.startsWith(name));
  const [slider, img, words] = [label.querySelector("input"), root.querySelector("img"), root.querySelector("output")];
  return [slider.value, img.src, words.textContent];
}"""


def root_of(page, name):
    return page.locator(".vdsr-frames", has=page.locator(".grips")).filter(
        has=page.locator("label.slider > span", has_text=re.compile(f"^{name}$"))
    )


def shown(root):
    slider = root.locator("img").get_attribute("src"), root.locator("output").inner_text()
    assert root.locator("img").get_attribute("alt") == slider[1]
    return slider


@pytest.mark.parametrize("touch", [False, True], ids=["mouse and keys", "touch"])
@pytest.mark.parametrize("key", DRAGGED)
def test_a_figure_is_dragged(browser, site, key, touch):
    name, slider_name, along = DRAGGED[key]
    with Visit(browser, site, 390 if touch else 1280, has_touch=touch) as visit:
        page = visit.open(f"{name}.html")
        root = root_of(page, slider_name)
        slider = root.locator("label.slider", has_text=slider_name).locator("input")
        surface = root.locator(".grips > div").first
        surface.scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")  # pictures that come into sight are there, and nothing moves any more
        page.evaluate(FRAMES)
        box = surface.bounding_box()
        place = {"x": 0.5, "y": 0.5}

        def at(share):
            place[along] = share
            return {"x": box["x"] + place["x"] * box["width"], "y": box["y"] + place["y"] * box["height"]}

        send = page.context.new_cdp_session(page).send if touch else None

        def act(kind, share):
            if touch:
                names = {"down": "touchStart", "move": "touchMove", "up": "touchEnd"}
                points = [] if kind == "up" else [at(share)]
                send("Input.dispatchTouchEvent", {"type": names[kind], "touchPoints": points})
            elif kind == "move":
                page.mouse.move(**at(share))
            else:
                page.mouse.move(**at(share))
                getattr(page.mouse, kind)()

        scrolled = page.evaluate("scrollY")
        act("down", 0.52)

        def now():
            page.evaluate(FRAMES)
            return root.evaluate(NOW, slider_name)

        seen = [now()]
        for share in (0.6, 0.7, 0.8, 0.9, 0.99):
            act("move", share)
            seen.append(now())
        act("up", 0.99)
        page.evaluate(FRAMES)
        values = [int(value) for value, *_ in seen]
        assert values == sorted(values)
        assert values[-1] - values[0] >= 1
        assert len({tuple(one) for one in seen}) == len(set(values)), "one picture for each value"
        assert page.evaluate("scrollY") == scrolled, "the page does not scroll along"
        # The knob is where the finger was, as nearly as there are values.
        knob = surface.locator("i").bounding_box()
        middle = {"x": knob["x"] + knob["width"] / 2, "y": knob["y"] + knob["height"] / 2}[along]
        assert abs(middle - at(0.99)[along]) < {"x": box["width"], "y": box["height"]}[along] / 5
        if touch:
            page.touchscreen.tap(**at(0.55))
            page.evaluate(FRAMES)
        else:
            before = slider.input_value(), shown(root)
            page.mouse.move(**at(0.55))
            assert (slider.input_value(), shown(root)) == before, "let go"
            slider.focus()
            page.keyboard.press("ArrowLeft")
        assert int(slider.input_value()) < values[-1]
        assert not page.locator("dialog[open]").count(), "a drag opens nothing"
        assert visit.wrong == []


def test_rows_are_as_many_as_the_scale_gives_and_keep_their_place(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("01_task.html")
        root = root_of(page, "row")
        scale, row = root.locator("input[type=range]").all()
        row.focus()
        page.keyboard.press("End")
        for key, many, last in (("End", 64, 63), ("Home", 4, 3)):
            scale.focus()
            page.keyboard.press(key)
            assert root.locator("output").inner_text().startswith(f"16 pixels become {many}. Output pixel {last} ")
        assert row.get_attribute("max") == "3"
        assert visit.wrong == []


def test_two_runs_are_picked_and_compared(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("08_reproduction.html")
        root = page.locator(".vdsr-frames", has=page.locator("legend", has_text="second"))
        pictures = {shown(root)}
        groups = root.locator("fieldset").all()
        for group, name in ((groups[0], "plain 0.001"), (groups[1], "plain 0.01"), (groups[1], "plain 0.001")):
            group.get_by_role("radio", name=name, exact=True).check(force=True)
            pictures.add(shown(root))
        assert len(pictures) == 4
        words = root.locator("output").inner_text()
        assert "plain 0.001 ends at" in words
        assert "second" not in words, "a run is not compared with itself"
        assert visit.wrong == []


def test_the_page_makes_every_frame_that_python_made(browser):
    """From the lines that differ, in the browser's own string handling; no site is needed."""
    scales = {"1/3": 1 / 3, "1": 1, "3/2": 1.5}
    frames = Frames(figures.bicubic_weights, {"scale": scales, "row": figures.bicubic_rows}, {"scale": 1, "row": 3})
    context = browser.new_context()
    page = context.new_page()
    page.set_content(frames._repr_html_())
    found = page.evaluate("""() => {
      const root = document.querySelector(".vdsr-frames"), [scale, row] = root.querySelectorAll("input[type=range]");
      const found = [];
      const put = (slider, value) => {
        slider.value = value;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
      };
      for (let i = 0; i <= scale.max; i++) {
        put(scale, i);
        for (let k = 0; k <= row.max; k++) {
          put(row, k);
          found.push([root.querySelector("img").getAttribute("src"), root.querySelector("output").textContent]);
        }
      }
      return found;
    }""")
    context.close()
    assert found == [[frame, alt] for frame, alt in zip(frames.frames, frames.alts, strict=True)]
