"""The self-checks of chapters 1 and 2: right answers pass, blanks and the usual wrong ones fail with a hint."""

import math

import numpy as np
import pytest

from vdsr_lib import metrics
from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.receptive_field import Layer, field
from vdsr_lib.resize import axis_weights

CHECKS = [f"check_{n}{k}" for n in ("01", "02") for k in "abcd"]


@pytest.mark.parametrize("blank", [..., None])
@pytest.mark.parametrize("name", CHECKS)
def test_a_blank_is_not_an_answer(name, blank):
    with pytest.raises(WrongAnswer, match="no answer yet"):
        getattr(exercises, name)(blank)


@pytest.mark.parametrize("name", ["check_01b", "check_01c", "check_02b"])
def test_a_function_that_is_a_blank_is_not_an_answer(name):
    with pytest.raises(WrongAnswer, match="no answer yet"):
        getattr(exercises, name)(lambda *_: ...)


@pytest.mark.parametrize("name", ["check_01b", "check_01c", "check_02b"])
def test_a_number_is_no_function(name):
    with pytest.raises(WrongAnswer, match="function is wanted"):
        getattr(exercises, name)(3)


@pytest.mark.parametrize("name", ["check_01a", "check_02a", "check_02d"])
@pytest.mark.parametrize("answer", ["six", float("nan"), float("inf"), [1, 2]])
def test_words_are_no_numbers(name, answer):
    with pytest.raises(WrongAnswer, match="number is wanted"):
        getattr(exercises, name)(answer)


def test_a_hint_is_shown_without_a_traceback():
    with pytest.raises(WrongAnswer) as caught:
        exercises.check_01a(...)
    (line,) = caught.value._render_traceback_()
    assert line == f"✗ {caught.value}"


@pytest.mark.parametrize("answer", [20 * math.log10(2), 6.02, np.float32(6.0206)])
def test_01a_right(answer, capsys):
    exercises.check_01a(answer)
    assert capsys.readouterr().out.startswith("✓ 01a is right")


@pytest.mark.parametrize(("answer", "hint"), [(3.01, "mean squared"), (6.1, "log10"), (-6.02, "log10")])
def test_01a_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_01a(answer)


def my_psnr(output, truth, border):
    return metrics.psnr(metrics.shave(output, border), metrics.shave(truth, border), data_range=255)


def test_01b_right():
    exercises.check_01b(my_psnr)


def wraps_around(output, truth, border):
    difference = metrics.shave(output, border) - metrics.shave(truth, border)
    return 10 * np.log10(255**2 / np.mean(np.asarray(difference, float) ** 2))


def cuts_nothing(output, truth, border):
    return metrics.psnr(output, truth, data_range=255)


def cuts_two_sides(output, truth, border):
    return metrics.psnr(output[border:, border:], truth[border:, border:], data_range=255)


def peak_of_one(output, truth, border):
    return my_psnr(output, truth, border) - 20 * np.log10(255)


def spoils(output, truth, border):
    score = my_psnr(output, truth, border)
    output[...] = 0
    return score


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (wraps_around, "uint8"),
        (cuts_nothing, "border of 3"),
        (cuts_two_sides, "border of 3"),
        (peak_of_one, "wanted .* dB"),
    ],
)
def test_01b_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_01b(function)


def test_01b_notices_a_function_that_spoils_its_input():
    with pytest.raises(WrongAnswer):
        exercises.check_01b(spoils)


def test_01c_right():
    exercises.check_01c(lambda n: axis_weights(n, 2 * n).matrix())


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda n: axis_weights(n, 2 * n, kernel="bicubic-0.75").matrix(), "−0.75"),
        (lambda n: axis_weights(n, 2 * n, edge="repeat").matrix(), "edges are not"),
        (lambda n: axis_weights(n, 2 * n).matrix().T, "shape"),
        (lambda n: axis_weights(n, 2 * n, kernel="bilinear").matrix(), "centre"),
    ],
)
def test_01c_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_01c(function)


def test_01c_edges_left_out():
    def open_ends(n):
        return axis_weights(n + 8, 2 * n + 16).matrix()[8:-8, 4:-4]

    with pytest.raises(WrongAnswer, match="Mirror"):
        exercises.check_01c(open_ends)


def test_01d_names_each_report():
    reports = exercises.mystery_01d()
    assert len(set(reports.values())) == len(reports)  # two decimals tell them apart
    exercises.check_01d(exercises.MYSTERY)
    with pytest.raises(WrongAnswer, match="3 of 4 are right; look again at B"):
        exercises.check_01d(exercises.MYSTERY | {"B": "authors"})
    with pytest.raises(WrongAnswer, match="keys"):
        exercises.check_01d({"A": "rgb"})


def test_01d_can_be_solved_by_scoring():
    from skimage import data

    from vdsr_lib.evaluation import PROTOCOLS, score

    scores = {name: score(data.chelsea(), 3, None, name).psnr for name in PROTOCOLS}
    nearest = {k: min(scores, key=lambda n: abs(scores[n] - v)) for k, v in exercises.mystery_01d().items()}
    exercises.check_01d(nearest)


def test_02a():
    exercises.check_02a(50)
    for wrong, hint in ((49, "99 pixels"), (100, "adds 2"), (49.5, "adds 2")):
        with pytest.raises(WrongAnswer, match=hint):
            exercises.check_02a(wrong)


def side(layers):
    return field([Layer(k, s, d) for k, s, d in layers]).side


def test_02b_right():
    exercises.check_02b(side)


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda layers: 1 + sum(k - 1 for k, _, _ in layers), "apart"),
        (lambda layers: sum(k for k, _, _ in layers), "wanted 13"),
        (lambda layers: 1 + sum((k - 1) * d for k, _, d in layers), "behind it"),
    ],
)
def test_02b_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_02b(function)


@pytest.mark.parametrize("answer", [[1, 2, 4, 8, 4, 1], (1, 3, 9, 3, 3, 1), [1, 1, 2, 4, 8, 8]])
def test_02c_right(answer):
    exercises.check_02c(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([1, 2, 4, 8], "six"),
        ([1, 2, 4, 8, 4, 0], "at least 1"),
        ([1, 1, 1, 1, 1, 1], "span 13"),
        ([4, 4, 4, 4, 2, 2], "holes"),
        (20, "list of six"),
    ],
)
def test_02c_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_02c(answer)


def test_02d_right_by_theory_and_by_experiment():
    walk = np.array([1.0])
    for _ in range(20):
        walk = np.convolve(walk, np.full(3, 1 / 3))
    share = walk[14:27].sum() ** 2
    exercises.check_02d(share)
    # The theory against 200 000 walkers.
    steps = np.random.default_rng(0).integers(-1, 2, (2, 20, 200_000)).sum(axis=1)
    exercises.check_02d(np.mean((abs(steps) <= 6).all(axis=0)))


@pytest.mark.parametrize(("answer", "hint"), [(0.926, "two"), (0.1, "squared gradient"), (1.0, "squared gradient")])
def test_02d_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_02d(answer)
