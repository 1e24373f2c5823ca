"""The figures of chapters 5 and 6: they draw what they are given, and say it in words."""

import numpy as np
import pytest

from vdsr_lib.book import figures
from vdsr_lib.errors import InputError

RNG = np.random.default_rng(0)
PICTURE = RNG.normal(128, 50, (40, 40))
RESIDUAL = RNG.laplace(0, 5, (40, 40))
PAPER = {"residual": [(10, 36.9, True), (20, 36.64, False)], "non-residual": [(10, 27.42, True), (20, 19.59, False)]}

PICKED = {"a": ([1, 2], [31.0, 35.5]), "b": ([1, 2, 3], [20.0, 33.0, 33.25]), "none": ((), ())}

FIGURES = {
    "run_curves": lambda: figures.run_curves(
        {"a": ([1, 2, 3], [4.0, 2.0, 1.0]), "lost": ([1, 2], [4.0, float("nan")])},
        xlabel="step", ylabel="loss", log=True, levels={"bicubic": 0.5},
    ),
    "run_curves, no run": lambda: figures.run_curves({}, xlabel="epoch", ylabel="share"),
    "clip_shapes": lambda: figures.clip_shapes(np.array([[3.0, 4.0], [0.1, -0.2]]), bound=1.0),
    "clip_explorer": lambda: figures.clip_explorer(np.array([0.0, 0.1, 1.0, 10.0]), 0.5, [3.0, 1.0], 0.2, "a choice"),
    "clip_shapes, dragged": lambda: figures.clip_shapes(np.array([[3.0, 4.0]]), bound=1.0, bounds=[1.0, 2.0]),
    "clip_explorer, dragged": lambda: figures.clip_explorer(
        np.ones(3), 0.01, [3.0, 1.0], 0.2, "a choice", {1e-3: 0.01, None: None}
    ),
    "two_runs": lambda: figures.two_runs(PICKED, "a", "b", xlabel="epoch", ylabel="PSNR (dB)", low=30, high=36),
    "two_runs, one twice": lambda: figures.two_runs(PICKED, "a", "a", xlabel="x", ylabel="dB", low=30, high=36),
    "parabola": lambda: figures.parabola_steps([1.0, -0.5, 0.25], 2.0, "a choice"),
    "parabola, lost": lambda: figures.parabola_steps([1.0, -2.0, 4.0, -8.0], 2.0, "too far"),
    "gain_paths": lambda: figures.gain_paths({"no clip": [(3, 1), (9, 9)], "clip": [(3, 1), (1, 0.8)]}, "γ = 2"),
    "clip_explorer, lost": lambda: figures.clip_explorer(np.ones(3), None, [3.0, float("inf")], 0.2, "no clip"),
    "residual_histogram": lambda: figures.residual_histogram(PICTURE, RESIDUAL, "cat at ×2"),
    "table1_curves": lambda: figures.table1_curves(
        {"residual": ([1, 2], [30.0, 35.0])}, PAPER, ylabel="PSNR", words="γ = 0.1", level=("bicubic", 33.66), low=27
    ),
    "table1_curves, no run": lambda: figures.table1_curves({}, {}, ylabel="loss", words="γ = 0.1", log=True),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_each_is_a_drawing_with_words_the_same_each_time_and_leaves_no_trace(name, is_a_drawing):
    is_a_drawing(FIGURES[name])


def test_what_is_not_finite_is_not_drawn():
    lost = FIGURES["run_curves"]().axes[0].lines[1]
    assert lost.get_xydata().tolist() == [[1, 4]]
    assert "No run yet" in FIGURES["run_curves, no run"]().alt


def test_the_clips_move_points_onto_their_shapes():
    by_value, by_norm = FIGURES["clip_shapes"]().axes
    assert by_value.lines[-1].get_xydata() == pytest.approx(np.array([[1, 1], [0.1, -0.2]]))
    assert by_norm.lines[-1].get_xydata() == pytest.approx(np.array([[0.6, 0.8], [0.1, -0.2]]))


def test_the_clips_are_told_and_can_be_dragged_by_either_side():
    figure = FIGURES["clip_shapes, dragged"]()
    # (3, 4) becomes (1, 1) by value: from 53.1° to 45°.
    assert "the bound 1. By value 1 of 1 are cut, and turn by up to 8°; by norm 1 are cut" in figure.alt
    figure._repr_svg_()  # places are known once it is drawn
    for handle in figure.handles:
        assert handle.slider == "bound"
        left, _, right, _ = handle.box()
        one, two = ([share - (left + right) / 2 for share in handle.shares(bound)] for bound in (1.0, 2.0))
        assert one[0] == pytest.approx(-one[1])
        assert one[0] > 0
        assert two == pytest.approx([2 * one[0], 2 * one[1]])
    assert FIGURES["clip_shapes"]().handles == []


def test_the_bound_is_dragged_to_where_each_theta_puts_it():
    (handle,) = FIGURES["clip_explorer, dragged"]().handles
    left, _, right, _ = handle.box()
    assert handle.shares(1e-3) == pytest.approx([left + (right - left) * 4 / 9]), "10⁻² on an axis from 10⁻⁶ to 10³"
    assert handle.shares(None) == pytest.approx([right]), "no clip: nothing lies beyond"
    assert handle.shares(0.5) == []


def test_two_runs_stand_before_the_others_and_are_compared():
    figure = FIGURES["two_runs"]()
    lines = figure.axes[0].lines
    assert [line.get_label() for line in figure.axes[0].get_legend().get_lines()] == ["_child4", "_child3"]
    assert lines[3].get_ydata().tolist() == [30, 33, 33.25], "what lies below is drawn at the edge"
    assert lines[4].get_ydata().tolist() == [31, 35.5]
    assert "a ends at 35.50; b ends at 33.25. The first one is 2.25 above the second." in figure.alt
    assert FIGURES["two_runs, one twice"]().alt == "dB over x: a ends at 35.50."
    bad = {"xlabel": "x", "ylabel": "dB", "low": 30, "high": 36}
    assert "none" not in figures.two_runs(PICKED, "none", "a", **bad).alt
    with pytest.raises(InputError, match="wanted a run of a, b, none, got 'c'"):
        figures.two_runs(PICKED, "a", "c", **bad)


def test_the_explorer_tells_what_is_clipped_and_how_the_run_ended():
    # Of 0, 0.1, 1 and 10 two lie above 0.5; the zero counts, though it has no place on the axis.
    assert "step 2 leaves the picture" in FIGURES["parabola, lost"]().alt
    assert "after 2 steps the weight is at 0.25" in FIGURES["parabola"]().alt
    assert "50% of the first gradient" in FIGURES["clip_explorer"]().alt
    words = FIGURES["clip_explorer, lost"]().alt
    assert "nothing is clipped" in words
    assert "diverges" in words


def test_the_gains_tell_where_each_path_ends():
    figure = FIGURES["gain_paths"]()
    assert figure.alt == "γ = 2: no clip, step 1 leaves the picture; clip, the loss is 0.02 after 1 steps."
    paths = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].lines}
    assert paths["no clip"] == [[3, 1]]
    assert paths["clip"] == [[3, 1], [1, 0.8]]
    assert np.prod(paths["loss 0"], axis=1) == pytest.approx(1)


def test_the_histogram_tells_spread_and_energy():
    words = FIGURES["residual_histogram"]().alt
    assert f"spread {RESIDUAL.std():.1f} levels" in words
    assert f"{RESIDUAL.var() / PICTURE.var():.2%}" in words


def test_table_1_tells_missing_runs_and_unconfirmed_numbers():
    figure = FIGURES["table1_curves"]()
    assert "non-residual: not run yet" in figure.alt
    assert "27.42, 19.59?" in figure.alt
    marks = [
        (*line.get_xydata()[0], line.get_markerfacecolor())
        for line in figure.axes[0].lines
        if line.get_marker() in ("o", "s") and len(line.get_xydata()) == 1
    ]
    assert (10, 36.9, figures.COLORS["blue"]) in marks
    assert (20, 36.64, "white") in marks  # not confirmed: hollow
    assert (20, 27, "white") in marks  # below the axis: at its edge
