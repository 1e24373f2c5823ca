"""The figures of chapters 9 and 10: they draw what they are given, and say it in words."""

import pytest

from vdsr_lib.book import figures

FIGURES = {
    "rate_sweep": lambda: figures.rate_sweep(
        {"Adam": {1e-3: [0.5, 0.7], 1e-2: [0.1, 0.2]}, "Muon": {1e-2: [0.8]}},
        xlabel="learning rate", ylabel="gain (dB)", level={"bicubic": 0.0},
    ),
    "gains": lambda: figures.gains(
        {"B100": ([25.0, 30.0, 33.0], [1.0, 3.0, -0.1]), "Set5": ([32.0], [4.0])},
        xlabel="bicubic (dB)", ylabel="gain (dB)", named={"butterfly": (25.0, 1.0), "bird": (33.0, -0.1)},
    ),
    "roofline": lambda: figures.roofline(50e9, 10e9, {"1 to 64": (4.0, 20e9), "64 to 64": (140.0, 40e9)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_each_is_a_drawing_with_words_the_same_each_time_and_leaves_no_trace(name, is_a_drawing):
    is_a_drawing(FIGURES[name])


def test_a_sweep_tells_each_methods_best_rate_and_draws_every_seed():
    figure = FIGURES["rate_sweep"]()
    assert "Adam ends highest at 0.001, with 0.60" in figure.alt
    assert "Muon ends highest at 0.01, with 0.80" in figure.alt
    marks = {tuple(xy) for line in figure.axes[0].lines if line.get_marker() == "o" for xy in line.get_xydata()}
    assert marks == {(1e-3, 0.5), (1e-3, 0.7), (1e-2, 0.1), (1e-2, 0.2)}


def test_gains_tell_means_and_extremes():
    words = FIGURES["gains"]().alt
    assert "B100: 3 images, mean 1.30, from −0.10 to 3.00" in words
    assert "butterfly gains 1.00" in words


def test_the_roof_has_a_slope_and_a_ceiling():
    figure = FIGURES["roofline"]()
    x, y = figure.axes[0].lines[0].get_xydata().T
    assert y.max() == 50
    assert y[0] == pytest.approx(10 * x[0])
    # 20 of 40 GFLOP/s below the slope, 40 of 50 below the ceiling.
    assert "1 to 64: 4.0 FLOP a byte, 20 GFLOP/s, 50% of the roof" in figure.alt
    assert "64 to 64: 140.0 FLOP a byte, 40 GFLOP/s, 80% of the roof" in figure.alt
