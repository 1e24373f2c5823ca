"""Sliders: the same drawing with a kernel and without."""

import ipywidgets
import pytest

from vdsr_lib.book import figures
from vdsr_lib.book.display import Frames, data_uri
from vdsr_lib.book.interactive import STATIC_VARIABLE, explore, is_static
from vdsr_lib.errors import InputError


def recorded(calls):
    def draw(depth, kernel):
        calls.append((depth, kernel))
        return figures.receptive_field_growth(depth, kernel)

    return draw


def parts(box):
    *sliders, view = box.children
    return sliders, view


def test_widgets_begin_at_the_start_and_draw_once():
    calls = []
    box = explore(recorded(calls), depth=range(1, 5), kernel=(3, 5), start={"depth": 3}, static=False)
    sliders, view = parts(box)
    assert [s.value for s in sliders] == [3, 3]
    assert calls == [(3, 3)]
    assert data_uri(figures.receptive_field_growth(3, 3)) in view.value
    assert "3 layers of 3×3 see 7×7" in view.value


def test_moving_a_slider_asks_for_that_drawing():
    calls = []
    sliders, view = parts(explore(recorded(calls), depth=range(1, 5), kernel=(3, 5), static=False))
    sliders[0].value = 4
    sliders[1].value = 5
    assert calls == [(1, 3), (4, 3), (4, 5)]
    assert data_uri(figures.receptive_field_growth(4, 5)) in view.value


def test_every_frame_of_the_page_is_what_the_widget_shows():
    choices = {"depth": (1, 3), "kernel": {"three": 3, "five": 5}}
    frames = explore(figures.receptive_field_growth, static=True, **choices)
    sliders, view = parts(explore(figures.receptive_field_growth, static=False, **choices))
    assert isinstance(frames, Frames)
    k = 0
    for depth in (1, 3):
        for kernel in (3, 5):
            sliders[0].value, sliders[1].value = depth, kernel
            assert frames.frames[k] in view.value
            assert frames.alts[k] in view.value
            k += 1
    assert k == len(frames.frames)


def test_words_stand_for_values():
    sliders, _ = parts(explore(figures.bicubic_weights, scale={"1/3": 1 / 3, "2": 2}, static=False))
    assert sliders[0].options == (("1/3", 1 / 3), ("2", 2))
    assert sliders[0].value == 1 / 3
    assert isinstance(sliders[0], ipywidgets.SelectionSlider)


def test_a_slider_that_hangs_on_another_is_as_long_as_that_allows():
    calls = []

    def draw(scale, row):
        calls.append((scale, row))
        return figures.bicubic_weights(scale, row=row)

    sliders, view = parts(explore(draw, scale=(1, 2), row=figures.bicubic_rows, start={"row": 5}, static=False))
    scale, row = sliders
    row.value = 15
    scale.value = 2
    assert (len(row.options), row.value) == (32, 31), "it stays at the end of its way"
    row.value = 10
    scale.value = 1
    assert (len(row.options), row.value) == (16, 5)
    assert calls == [(1, 5), (1, 15), (2, 31), (2, 10), (1, 5)], "each is drawn once"
    assert data_uri(figures.bicubic_weights(1, row=5)) in view.value


@pytest.mark.parametrize(("value", "static"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_place_decides_unless_told(monkeypatch, value, static):
    monkeypatch.delenv(STATIC_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(STATIC_VARIABLE, value)
    assert is_static() is static
    shown = explore(figures.bicubic_weights, scale=(1, 2))
    assert isinstance(shown, Frames if static else ipywidgets.VBox)


def test_bad_sliders_are_refused_in_both_forms():
    for static in (True, False):
        with pytest.raises(InputError):
            explore(figures.bicubic_weights, scale=(), static=static)
        with pytest.raises(InputError, match="start"):
            explore(figures.bicubic_weights, scale=(1, 2), start={"scale": 5}, static=static)
