"""The figures of chapters 7 and 8: they draw what they are given, and say it in words."""

import io

import numpy as np
import pytest
from PIL import Image

from vdsr_lib.book import figures
from vdsr_lib.book.display import data_uri, describe
from vdsr_lib.errors import InputError

F = np.linspace(0, 0.5, 11)
COUNTS = {"table 1": {"reproduced": 4, "not yet run": 20}, "table 3": {"partial": 2, "below": 9}}
FIGURES = {
    "power_ratio": lambda: figures.power_ratio(
        F, {"interpolated": np.where(F < 0.25, 1, 0), "network": np.ones(11)}, {"1/(2s)": 0.25}, "Trained on {4}"
    ),
    "ledger_states": lambda: figures.ledger_states(COUNTS),
    "differences": lambda: figures.differences(
        {"ours": {"Set5 ×2": -0.002, "Set5 ×3": 0.01}, "theirs": {"Set5 ×3": 0.0}},
        band=0.005, xlabel="difference in dB", label="rounding",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_each_is_a_drawing_with_words_the_same_each_time_and_leaves_no_trace(name, is_a_drawing):
    is_a_drawing(FIGURES[name])


def test_the_ratio_tells_what_stands_above_the_limit():
    words = FIGURES["power_ratio"]().alt
    assert "Trained on {4}" in words
    assert "above 0.250 cycles per pixel: interpolated 0.00, network 1.00" in words


def test_states_are_bars_as_long_as_their_rows():
    figure = FIGURES["ledger_states"]()
    widths = [[bar.get_width() for bar in group] for group in figure.axes[0].containers]
    assert widths == [[4, 0], [0, 9], [0, 2], [20, 0]]  # in the order of the states
    assert "table 1: 4 reproduced, 20 not yet run" in figure.alt
    with pytest.raises(InputError, match="unknown status finished"):
        figures.ledger_states({"table 1": {"finished": 1}})


def test_differences_stand_on_their_own_line():
    ours, theirs = (line.get_xydata() for line in FIGURES["differences"]().axes[0].lines[1:])
    assert ours[:, 0].tolist() == [-0.002, 0.01]
    assert theirs[0].tolist() == pytest.approx([0, 1.125])


def test_a_mosaic_lays_pictures_out_pixel_by_pixel():
    dark, light = np.zeros((2, 3)), np.full((2, 3, 3), 200)
    mosaic = figures.Mosaic([[dark, light]], "two pictures", zoom=2, gap=1)
    assert describe(mosaic) == "two pictures"
    assert data_uri(mosaic).startswith("data:image/png")
    shown = np.asarray(Image.open(io.BytesIO(mosaic._repr_png_())))
    assert shown.shape == (4, 13, 3)
    assert shown[:, :6].max() == 0
    assert shown[:, 6].min() == 255
    assert (shown[:, 7:] == 200).all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [([], "rows of one length"), ([[]], "rows of one length"), ([[np.zeros((2, 2))], []], "rows of one length"),
     ([[np.zeros((2, 2)), np.zeros((2, 3))]], "one shape")],
)  # fmt: skip
def test_uneven_mosaics_are_refused(rows, words):
    with pytest.raises(InputError, match=words):
        figures.Mosaic(rows, "none")


def test_paper_against_here_says_how_far_apart():
    figure = figures.paper_against_here({"a": [(30.0, 30.0), (31.0, 20.0)]}, low=25, unit="dB")
    assert "a: 2 numbers, differences from −11.00 to +0.00" in figure.alt


def test_gain_map_marks_what_was_not_run():
    values = np.array([[1.0, np.nan], [-2.0, 0.5]])
    figure = figures.gain_map({"here": values}, ["×2", "×3"], ["{2}", "{3}"], "dB")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["+1.0", "not run", "−2.0", "+0.5"]
    assert "{3} at ×2 not run" in figure.alt
