"""Galleries, tables and frames: plain HTML that says what it shows."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from vdsr_lib.book import figures
from vdsr_lib.book.display import MAX_FRAMES, Frames, Gallery, Panel, Table, data_uri, make_choices, png_bytes, signed
from vdsr_lib.errors import InputError


class Drawing:
    """Stands for a figure: draws its arguments."""

    def __init__(self, **arguments):
        self.alt = ", ".join(f"{k} is {v}" for k, v in arguments.items())

    def _repr_svg_(self):
        return f'<svg xmlns="http://www.w3.org/2000/svg">\n<text>{self.alt} &amp; "100%" #1</text></svg>'


class Page(HTMLParser):
    """Collects the tags of a page, and refuses what is not well nested."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def image_of(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_png_bytes_keep_every_pixel(shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(image)))), image)


def test_png_bytes_round_half_up_and_clamp():
    assert np.asarray(Image.open(io.BytesIO(png_bytes(np.array([[0.5, 254.5, 300.0, -3.0]]))))).tolist() == [
        [1, 255, 255, 0]
    ]


@pytest.mark.parametrize("bad", [np.zeros((2, 2, 2)), np.zeros(3), np.zeros((0, 4)), np.full((2, 2), np.nan)])
def test_png_bytes_refuse_what_is_no_image(bad):
    with pytest.raises(InputError):
        png_bytes(bad)


def test_data_uri_holds_the_drawing_unchanged():
    uri = data_uri(Drawing(depth=3))
    assert uri.startswith("data:image/svg+xml,")
    # A URL may hold neither quotes nor "#", and a browser takes newlines out of it.
    assert not set('"#<>&\n') & set(uri)
    svg = unquote(uri.split(",", 1)[1])
    assert ElementTree.fromstring(svg)[0].text == 'depth is 3 & "100%" #1'


def test_data_uri_of_a_real_figure_is_the_figure():
    uri = data_uri(figures.bicubic_weights(2))
    assert unquote(uri.split(",", 1)[1]) == figures.bicubic_weights(2)._repr_svg_()


def test_data_uri_refuses_other_things():
    with pytest.raises(InputError, match="got str"):
        data_uri("picture.png")


def test_gallery_shows_pixels_at_a_whole_number_zoom():
    first, second = np.arange(12.0).reshape(3, 4), np.zeros((3, 4, 3))
    page = Page(Gallery([Panel(first, "one <b>"), Panel(second, "two", alt='a "black" field')], zoom=5)._repr_html_())
    images = page.all("img")
    assert [(i["width"], i["height"]) for i in images] == [("20", "15"), ("20", "15")]
    assert [i["alt"] for i in images] == ["one <b>", 'a "black" field']
    np.testing.assert_array_equal(image_of(images[0]["src"]), first)
    assert "image-rendering: pixelated" in "".join(page.texts)
    assert all("dark-light" in i["class"] for i in images)  # the theme leaves such images alone in dark mode
    assert "one <b>" in page.texts


def test_a_gallery_wider_than_a_phone_can_be_scrolled_by_keys():
    narrow = Page(Gallery([Panel(np.zeros((4, 80)), "a")], zoom=4)._repr_html_()).all("div")[0]
    wide = Page(Gallery([Panel(np.zeros((4, 120)), "a")], zoom=4, label="Rings")._repr_html_()).all("div")[0]
    assert "tabindex" not in narrow
    assert wide["tabindex"] == "0"
    assert wide["aria-label"] == "Rings"


@pytest.mark.parametrize("zoom", [0, 1.5, -1, "2"])
def test_gallery_refuses_a_zoom_that_would_resample(zoom):
    with pytest.raises(InputError, match="zoom"):
        Gallery([Panel(np.zeros((2, 2)), "a")], zoom=zoom)


def test_gallery_needs_a_picture():
    with pytest.raises(InputError):
        Gallery([])


def test_table_writes_numbers_and_words():
    page = Page(Table(["set", "dB", "n"], [["Set5 <x>", -1.234, 5], ["B100", np.float64(2), "none"]])._repr_html_())
    texts = [t for t in page.texts if t.strip()]
    assert texts == ["set", "dB", "n", "Set5 <x>", "−1.23", "5", "B100", "2.00", "none"]
    assert [th.get("scope") for th in page.all("th")] == ["col", "col", "col", "row", "row"]


@pytest.mark.parametrize(
    ("change", "form", "words"),
    [(0.124, "+.2f", "+0.12"), (-0.5, "+.2f", "−0.50"), (-0.004, "+.2f", "0.00"), (0.004, "+.2f", "0.00"),
     (-0.004, "+.3f", "−0.004"), (-3.0, ".0f", "−3"), (float("-inf"), "+.2f", "−inf"), (-10.0, "+.0f", "−10")],
)  # fmt: skip
def test_a_change_has_a_sign_unless_nothing_is_left_of_it(change, form, words):
    assert signed(change, form) == words
    assert f">{words}</td>" in Table(["name", "change"], [["x", change]], form=form)._repr_html_()


def test_table_refuses_a_ragged_row():
    with pytest.raises(InputError, match="3 cells"):
        Table(["a", "b", "c"], [["x", 1]])
    with pytest.raises(InputError, match="at least one column"):
        Table([], [])


def frames_of(frames):
    page = Page(frames._repr_html_())
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', frames._repr_html_()).group(1))
    return page, data


def test_frames_are_all_combinations_in_the_script_s_order():
    frames = Frames(Drawing, {"depth": (1, 2, 3), "kernel": {"small": 3, "large": 7}}, start={"kernel": 7, "depth": 2})
    page, data = frames_of(frames)
    assert data["words"] == [["1", "2", "3"], ["small", "large"]]
    # The script's index: k = depth * 2 + kernel.
    for depth in range(3):
        for kernel in range(2):
            k = depth * 2 + kernel
            assert data["alts"][k] == f"depth is {depth + 1}, kernel is {(3, 7)[kernel]}"
            shown = page.all("img")[0]["src"] if data["frames"][k] is None else data["frames"][k]
            assert data["alts"][k] in unquote(shown)
            assert data["at"][k] == f"{depth},{kernel}"
    assert [k for k, frame in enumerate(data["frames"]) if frame is None] == [3] == [frames.start_index]


def test_a_slider_may_hang_on_those_before_it():
    choices = {"depth": (1, 2), "layer": lambda depth: {f"no. {k}": k for k in range(depth)}}
    page, data = frames_of(Frames(Drawing, choices, start={"depth": 2, "layer": 1}))
    assert data["words"] == [["1", "2"], {"0": ["no. 0"], "1": ["no. 0", "no. 1"]}]
    assert data["at"] == ["0,0", "1,0", "1,1"]
    assert data["alts"] == [f"depth is {d}, layer is {k}" for d, k in ((1, 0), (2, 0), (2, 1))]
    assert page.all("img")[0]["alt"] == "depth is 2, layer is 1"
    with pytest.raises(InputError, match="layer cannot start at 1"):
        Frames(Drawing, choices, start={"layer": 1})
    with pytest.raises(InputError, match="at least one position for the slider layer"):
        Frames(Drawing, {"depth": (0,), "layer": lambda depth: range(depth)})


def test_what_can_be_dragged_is_stored_once_for_all_frames_that_share_it():
    scales = {"1/3": 1 / 3, "2": 2}
    _, data = frames_of(Frames(figures.bicubic_weights, {"scale": scales, "row": figures.bicubic_rows}))
    assert data["gripped"] == [0] * 5 + [1] * 32
    (grip,) = data["grips"][1]
    assert (grip["slider"], grip["along"]) == (1, "y")
    assert [k for _, k in grip["places"]] == list(range(32))
    assert grip["box"][1] < grip["places"][0][0] < grip["places"][-1][0] < grip["box"][3]
    assert "grips" not in frames_of(Frames(Drawing, {"n": (1, 2)}))[1]
    assert "grips" not in frames_of(Frames(figures.bicubic_weights, {"scale": scales}))[1], "no slider for the row"


def test_frames_say_what_they_show_without_the_script():
    page, _ = frames_of(Frames(Drawing, {"scale": {"1/2": 0.5, "2": 2}}, start={"scale": 2}))
    (image,), (slider,) = page.all("img"), page.all("input")
    assert image["alt"] == "scale is 2"
    assert (slider["type"], slider["min"], slider["max"], slider["step"]) == ("range", "0", "1", "1")
    assert (slider["value"], slider["aria-valuetext"]) == ("1", "2")
    assert page.texts.count("scale is 2") == 1  # in the output element
    assert "label" in [tag for tag, _ in page.tags]


def test_frames_ask_for_nothing_from_outside():
    text = Frames(Drawing, {"n": (1, 2)})._repr_html_()
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text) == []
    assert "import" not in text.replace("!important", "")
    assert "@" not in text


def test_words_cannot_end_the_script():
    class Sly(Drawing):
        def __init__(self, n):
            self.alt = f"</script><script>alert({n})</script>"

    page = Page(Frames(Sly, {"n": (1, 2)})._repr_html_())
    assert len(page.all("script")) == 2


def test_frames_need_words():
    with pytest.raises(InputError, match="text alternative"):
        Frames(lambda n: np.zeros((2, 2)), {"n": (1,)})


def test_frames_are_not_too_many():
    with pytest.raises(InputError, match="too many"):
        Frames(Drawing, {"a": range(MAX_FRAMES + 1)})


def test_numbers_are_a_slider_and_names_are_buttons():
    frames = Frames(Drawing, {"depth": (2, 3), "kernel": {"cat": 1, "{2, 4}": 2}}, {"kernel": 2})
    inputs = Page(frames._repr_html_()).all("input")
    assert [i["type"] for i in inputs] == ["range", "radio", "radio"]
    assert ["checked" in i for i in inputs[1:]] == [False, True]
    assert len({i["name"] for i in inputs[1:]}) == 1


@pytest.mark.parametrize(
    ("choices", "start"), [({}, None), ({"a": ()}, None), ({"a": (1, 2)}, {"a": 3}), ({"a": {"x": 1}}, {"a": "x"})]
)
def test_make_choices_refuses_empty_sliders_and_unknown_starts(choices, start):
    with pytest.raises(InputError):
        make_choices(choices, start)


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [(9.54e-7, ".3g", "9.54·10⁻⁷"), (570.0, ".2g", "570"), (1e-40, ".2g", "10⁻⁴⁰"), (-1.05e6, ".3g", "−1.05·10⁶"),
     (0.5, ".2f", "0.50"), (float("inf"), ".2f", "inf"), ("3.4e+38 levels", "", "3.4·10³⁸ levels"), ("1e", "", "1e")],
)  # fmt: skip
def test_a_table_writes_powers_of_ten_as_people_do(value, form, words):
    assert f">{words}</td>" in Table(["name", "value"], [["x", value]], form=form)._repr_html_()
