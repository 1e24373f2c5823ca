"""Figures of chapters 3 and 4: they draw what they are given, and say it in words."""

import numpy as np
import pytest
from matplotlib import colors

from vdsr_lib.analysis.gradient_flow import Flow
from vdsr_lib.book import figures
from vdsr_lib.book.figures import learning, style
from vdsr_lib.errors import InputError
from vdsr_lib.models import VDSR, count_parameters


def flow(signal, depth=5):
    values = np.asarray(signal) ** np.arange(depth)
    return Flow(values, values[::-1], np.ones(depth))


def test_chain_energies_shows_sizes_and_not_energies():
    expected = Flow(*(getattr(flow(0.01), n) for n in ("signal", "error")), np.full(5, np.nan))
    figure = figures.chain_energies(flow(0.01), expected)
    signal, error, weight = figure.axes
    points, line = signal.lines
    np.testing.assert_allclose(points.get_ydata(), 0.1 ** np.arange(5))
    np.testing.assert_allclose(line.get_ydata(), points.get_ydata())
    np.testing.assert_allclose(error.lines[0].get_ydata(), 0.1 ** np.arange(5)[::-1])
    assert len(weight.lines) == 1, "what is not predicted has no line"
    assert "5 layers. Signal: 1 after the first, 10⁻⁴ after the last. Error: 1 at the last, 10⁻⁴" in figure.alt


def test_chain_energies_has_one_axis_and_marks_what_lies_beyond():
    figure = figures.chain_energies(flow(1e-8), flow(1e-8))
    signal = figure.axes[0]
    assert {axes.get_ylim() for axes in figure.axes} == {learning.ENERGY_AXIS}
    below, points, _ = signal.lines
    assert list(below.get_xdata()) == [3, 4, 5]
    assert set(below.get_ydata()) == {learning.ENERGY_AXIS[0]}
    assert list(points.get_ydata()) == pytest.approx([1, 1e-4])


def test_a_network_has_one_colour_wherever_it_stands():
    vdsr, srcnn = style.colors_of(["VDSR"])[0], style.colors_of(["SRCNN"])[0]
    first = style.colors_of(["SRCNN, as published", "VDSR, on ×3", "SRCNN, Adam", "other"])
    assert (first[0], first[1]) == (srcnn, vdsr)
    assert len(set(first)) == 4
    assert style.colors_of(["bicubic", "the authors' VDSR"])[1] not in (vdsr, srcnn)
    # In one figure no other curve has a network's colour, and a word that only contains its name is none of it.
    assert style.colors_of(["other", "residual", "non-residual", "residuals"])[1] == vdsr
    assert len(set(style.colors_of(["other", "residual", "non-residual", "residuals"]))) == 4


def drawn_colours(figure):
    return {line.get_label(): colors.to_hex(line.get_color()) for axes in figure.axes for line in axes.lines}


def test_every_figure_gives_a_network_its_colour():
    x = np.linspace(0.01, 0.5, 9)
    curves = {"other": x, "SRCNN": x, "VDSR": x, "bicubic": x}
    made = [
        figures.profiles(x, curves, xlabel="x", ylabel="y"),
        figures.spectra(x, curves, {}),
        figures.power_ratio(x, curves, {"limit": 0.2}, "x"),
        figures.run_curves({k: (x, v) for k, v in curves.items()}, xlabel="x", ylabel="y"),
        figures.learning_curves({"step": {k: (x, v) for k, v in curves.items()}}, lowest=0),
        figures.score_by_depth({k: (x, v) for k, v in curves.items()}),
        figures.differences({k: {"cell": 0.1} for k in curves}, band=0.1, xlabel="x", label="band"),
    ]
    for figure in made:
        found = drawn_colours(figure)
        for name in ("SRCNN", "VDSR", "bicubic"):
            assert found[name].lower() == style.network_color(name).lower(), (figure.alt, name)
        assert found["other"].lower() not in {
            style.network_color(name).lower() for name in ("SRCNN", "VDSR", "bicubic")
        }
    residual = drawn_colours(figures.table1_curves(
        {"residual": ([1, 2], [3, 4]), "non-residual": ([1, 2], [1, 2])}, {}, ylabel="y", words="x"))  # fmt: skip
    assert residual["residual, here"].lower() == style.network_color("VDSR").lower()
    assert residual["non-residual, here"].lower() not in {style.network_color(n).lower() for n in ("SRCNN", "VDSR")}


@pytest.mark.parametrize(
    ("value", "words"), [(0.5, "0.5"), (123.4, "123"), (1e-40, "10⁻⁴⁰"), (2.2e6, "2·10⁶"), (0.012, "0.012")]
)
def test_sizes_are_written_as_people_do(value, words):
    assert learning._size(value) == words


def test_score_by_depth_marks_the_levels():
    figure = figures.score_by_depth({"He": ([2, 8], [26.5, 28.6]), "small": ([2, 4], [28.1, 27.9])}, {"bicubic": 27.9})
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["He", "small", "bicubic"]
    assert list(axes.get_xticks()) == [2, 4, 8]
    assert "He: 26.5 at 2, 28.6 at 8" in figure.alt


def test_learning_curves_draw_each_run_over_each_axis():
    runs = {"a": ([1, 2], [20.0, 25.0]), "b": ([1, 2], [10.0, 11.0])}
    figure = figures.learning_curves({"step": runs, "second": runs}, {"bicubic": 24.0}, lowest=5)
    assert [axes.get_xlabel() for axes in figure.axes] == ["step", "second"]
    assert all(len(axes.lines) == 3 and axes.get_ylim()[0] == 5 for axes in figure.axes)
    assert figure.alt.endswith("a 25.0; b 11.0")


def test_filter_mosaic_keeps_every_filter_whole_and_zero_white():
    weights = np.zeros((5, 3, 3))
    weights[1, 0, 0], weights[2, 2, 2] = 4.0, -0.01
    mosaic = figures.filter_mosaic(weights, columns=3)
    assert mosaic.shape == (7, 11, 3)
    assert (mosaic[:3, :3] > 240).all(), "zero is white"
    red, _, blue = mosaic[0, 4].astype(int)
    assert red > blue + 50, "more than zero is red"
    red, _, blue = mosaic[2, 10].astype(int)
    assert blue > red + 50, "less is blue, and each filter has its own range"
    assert (mosaic[3] == 170).all(), "a line between two rows"


def test_the_network_is_drawn_with_its_shapes_weights_and_fields():
    figure = figures.network_drawing(depth=6, width=8)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("8 × H × W") == 2
    assert words.count("1 × H × W") == 1
    assert any("layers 2 to 5\n3 × 3, 8 → 8, ReLU" in w for w in words)
    weights, _ = count_parameters(VDSR(6, 8))
    assert f"{weights:,}" in words
    assert [w for w in words if w in ("3", "11", "13")] == ["3", "11", "13", "13"]
    assert f"{weights:,} weights" in figure.alt
    with pytest.raises(InputError, match="at least 3 layers"):
        figures.network_drawing(depth=2, width=8)


def test_quality_stands_against_time():
    figure = figures.score_by_time({"bicubic": (1e-3, 30.0), "VDSR": (0.5, 33.0)}, xlabel="seconds", ylabel="PSNR (dB)")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert [tuple(float(v[0]) for v in line.get_data()) for line in axes.lines] == [(1e-3, 30.0), (0.5, 33.0)]
    assert figure.alt.endswith("bicubic: 30.00 in 0.001; VDSR: 33.00 in 0.5")


def test_whole_steps_are_marked_at_whole_numbers():
    figure = figures.run_curves({"a": ([1, 2, 3, 4, 5], [0.0, 1, 2, 3, 4])}, xlabel="layer", ylabel="dB")
    assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())
    figure = figures.run_curves({"a": ([0.1, 0.9], [0.0, 1])}, xlabel="share", ylabel="dB")
    assert not all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())
