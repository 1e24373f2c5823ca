"""The figures of chapters 5 and 6: they draw what they are given, and say it in words."""

import numpy as np
import pytest

from vdsr_lib.book import figures

RNG = np.random.default_rng(0)
PICTURE = RNG.normal(128, 50, (40, 40))
RESIDUAL = RNG.laplace(0, 5, (40, 40))
PAPER = {"residual": [(10, 36.9, True), (20, 36.64, False)], "non-residual": [(10, 27.42, True), (20, 19.59, False)]}

FIGURES = {
    "run_curves": lambda: figures.run_curves(
        {"a": ([1, 2, 3], [4.0, 2.0, 1.0]), "lost": ([1, 2], [4.0, float("nan")])},
        xlabel="step", ylabel="loss", log=True, levels={"bicubic": 0.5},
    ),
    "run_curves, no run": lambda: figures.run_curves({}, xlabel="epoch", ylabel="share"),
    "clip_shapes": lambda: figures.clip_shapes(np.array([[3.0, 4.0], [0.1, -0.2]]), bound=1.0),
    "clip_explorer": lambda: figures.clip_explorer(np.array([0.0, 0.1, 1.0, 10.0]), 0.5, [3.0, 1.0], 0.2, "a choice"),
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
