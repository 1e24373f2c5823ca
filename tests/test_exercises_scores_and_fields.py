"""Self-checks of scores, sampling and receptive fields: right answers pass, usual mistakes get a hint."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from vdsr_lib import metrics
from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer, fields, scores
from vdsr_lib.evaluation import PROTOCOLS, score
from vdsr_lib.receptive_field import Layer, field
from vdsr_lib.resize import axis_weights, imresize


@pytest.mark.parametrize("name", ["check_psnr", "check_doubling_matrix", "check_twin", "check_chain_side"])
def test_a_function_that_is_a_blank_is_not_an_answer(name):
    with pytest.raises(WrongAnswer, match="no answer yet"):
        getattr(exercises, name)(lambda *_: ...)


@pytest.mark.parametrize("name", ["check_psnr", "check_doubling_matrix", "check_chain_side"])
def test_a_number_is_no_function(name):
    with pytest.raises(WrongAnswer, match="function is wanted"):
        getattr(exercises, name)(3)


@pytest.mark.parametrize(
    "name",
    [
        "check_halved_error",
        "check_lost_directions",
        "check_depth_for_field",
        "check_centre_share",
        "check_centre_share_of_5x5",
    ],
)
@pytest.mark.parametrize("answer", ["six", "6.02", [6.02], float("nan"), float("inf"), [1, 2]])
def test_words_are_no_numbers(name, answer):
    with pytest.raises(WrongAnswer, match="number is wanted"):
        getattr(exercises, name)(answer)


def test_a_hint_is_shown_without_a_traceback():
    with pytest.raises(WrongAnswer) as caught:
        exercises.check_halved_error(...)
    (line,) = caught.value._render_traceback_()
    assert line == f"✗ {caught.value}"


@pytest.mark.parametrize("answer", [20 * math.log10(2), 6.02, 6, 6.0, np.float32(6.0206)])
def test_halved_error_right(answer, capsys):
    exercises.check_halved_error(answer)
    assert capsys.readouterr().out.startswith("✓ halved error: right")


@pytest.mark.parametrize(
    ("answer", "hint"), [(3.01, "mean squared"), (6.1, "log10"), (-6.02, "wrong sign"), (2, "log10")]
)
def test_halved_error_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_halved_error(answer)


def my_psnr(output, truth, border):
    return metrics.psnr(metrics.shave(output, border), metrics.shave(truth, border), data_range=255)


def test_psnr_right():
    exercises.check_psnr(my_psnr)


def wraps_around(output, truth, border):
    difference = metrics.shave(output, border) - metrics.shave(truth, border)
    return 10 * np.log10(255**2 / np.mean(np.asarray(difference, float) ** 2))


def cuts_nothing(output, truth, border):
    return metrics.psnr(output, truth, data_range=255)


def cuts_two_sides(output, truth, border):
    return metrics.psnr(output[border:, border:], truth[border:, border:], data_range=255)


def peak_of_one(output, truth, border):
    return my_psnr(output, truth, border) - 20 * np.log10(255)


def with_peak(peak):
    def score(output, truth, border):
        return my_psnr(output, truth, border) + 20 * np.log10(float(peak(output, truth)) / 255)

    return score


def empty_at_border_0(output, truth, border):
    inner = np.s_[border:-border, border:-border]
    error = output[inner].astype(float) - truth[inner].astype(float)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 10 * np.log10(255**2 / np.mean(error**2))


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
        (peak_of_one, "has 1 as its peak"),
        (with_peak(lambda output, truth: truth.max()), "truth's largest value"),
        (with_peak(lambda output, truth: np.ptp(truth)), "truth's range"),
        (empty_at_border_0, "is empty"),
        (lambda output, truth, border: 30.0, "wanted .* dB"),
    ],
)
def test_psnr_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_psnr(function)


def test_psnr_notices_a_function_that_spoils_its_input():
    with pytest.raises(WrongAnswer):
        exercises.check_psnr(spoils)


def test_doubling_matrix_right():
    exercises.check_doubling_matrix(lambda n: axis_weights(n, 2 * n).matrix())


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda n: axis_weights(n, 2 * n, kernel="bicubic-0.75").matrix(), "−0.75"),
        (lambda n: axis_weights(n, 2 * n, edge="repeat").matrix(), "edges are not"),
        (lambda n: axis_weights(n, 2 * n).matrix().T, "shape"),
        (lambda n: axis_weights(n, 2 * n, kernel="bilinear").matrix(), "centre"),
    ],
)
def test_doubling_matrix_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_doubling_matrix(function)


def test_doubling_matrix_edges_left_out():
    def open_ends(n):
        return axis_weights(n + 8, 2 * n + 16).matrix()[8:-8, 4:-4]

    with pytest.raises(WrongAnswer, match="Mirror"):
        exercises.check_doubling_matrix(open_ends)


def test_mystery_protocols_names_each_report():
    reports = exercises.mystery_reports()
    assert len(set(reports.values())) == len(reports)  # two decimals tell them apart
    exercises.check_mystery_protocols(scores.MYSTERY)
    with pytest.raises(WrongAnswer, match="3 of 4 are right; look again at B"):
        exercises.check_mystery_protocols(scores.MYSTERY | {"B": "authors"})
    with pytest.raises(WrongAnswer, match="keys"):
        exercises.check_mystery_protocols({"A": "rgb"})
    with pytest.raises(WrongAnswer, match="no key of PROTOCOLS"):
        exercises.check_mystery_protocols({letter: PROTOCOLS[name].summary for letter, name in scores.MYSTERY.items()})


def test_mystery_protocols_can_be_solved_by_scoring():
    scores = {name: score(data.chelsea(), 3, None, name).psnr for name in PROTOCOLS}
    nearest = {k: min(scores, key=lambda n: abs(scores[n] - v)) for k, v in exercises.mystery_reports().items()}
    exercises.check_mystery_protocols(nearest)


RIGHT = PROTOCOLS["authors"]


def test_new_protocols_right(capsys):
    exercises.check_new_protocols(
        {"no clamp": replace(RIGHT, clamp_input=False), "kernel": replace(RIGHT, kernel="bicubic-0.75")}
    )
    assert "no clamp +0.00 dB, kernel +0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ({"no clamp": replace(RIGHT, clamp_input=False)}, "two protocols"),
        ({"a": "rgb", "b": "float"}, "two protocols"),
        ({"a": replace(RIGHT, clamp_input=False), "b": PROTOCOLS["no-antialias"]}, "changes 6 fields"),
        ({"a": replace(RIGHT, clamp_input=False), "b": replace(RIGHT, summary="mine")}, r"changes 0 fields \(none"),
        ({"a": replace(RIGHT, round_output=False), "b": replace(RIGHT, clamp_input=False)}, "one of PROTOCOLS already"),
        ({"a": replace(RIGHT, clamp_input=False), "b": replace(RIGHT, clamp_input=False)}, "same as another"),
    ],
)
def test_new_protocols_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_new_protocols(answer)


def test_lost_directions():
    for right in (8 / 9, 0.889, 0.89):
        exercises.check_lost_directions(right)
    for wrong, hint in ((1 / 9, "stays"), (2 / 3, "single row"), (88.9, "between 0 and 1"), (0.75, "pixels")):
        with pytest.raises(WrongAnswer, match=hint):
            exercises.check_lost_directions(wrong)


def twin(image, scale):
    wave = 20 * np.cos(np.add.outer(np.arange(image.shape[0]), 2 * np.arange(image.shape[1])))
    return image + wave - seen(wave, scale)


def seen(image, scale):
    R, C = (axis_weights(n, n // scale).matrix() for n in image.shape)
    return np.linalg.pinv(R) @ R @ image @ (np.linalg.pinv(C) @ C).T


def test_twin():
    exercises.check_twin(twin)
    for wrong, hint in (
        (lambda image, scale: image, "itself"),
        (lambda image, scale: image + 5, "differ by up to 5"),
        (lambda image, scale: image[::-1], "visible part"),
        (lambda image, scale: imresize(image, 1 / scale), "has the shape"),
    ):
        with pytest.raises(WrongAnswer, match=hint):
            exercises.check_twin(wrong)


def test_depth_for_field():
    exercises.check_depth_for_field(50)
    for wrong, hint in ((49, "99 pixels"), (100, "two, not one"), (49.5, "adds 2")):
        with pytest.raises(WrongAnswer, match=hint):
            exercises.check_depth_for_field(wrong)


def side(layers):
    return field([Layer(k, s, d) for k, s, d in layers]).side


def test_chain_side_right():
    exercises.check_chain_side(side)


def with_mistake(**mistake):
    return lambda layers: fields._chain_side(layers, **mistake)


def test_mistakes_are_those_of_the_right_recursion():
    assert with_mistake()([(3, 2, 1), (5, 2, 3), (2, 1, 2)]) == side([(3, 2, 1), (5, 2, 3), (2, 1, 2)])


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (lambda layers: 1 + sum(k - 1 for k, _, _ in layers), "wanted 13|wanted 9"),
        (lambda layers: sum(k for k, _, _ in layers), "wanted 13"),
        (lambda layers: 1 + sum((k - 1) * d for k, _, d in layers), "that is the jump"),
        (with_mistake(dilated=False), "apart|taps"),
        (with_mistake(jumps="last"), "multiplies up"),
        (with_mistake(jumps="early"), "behind it"),
        (with_mistake(gaps=0), "gaps"),
        (with_mistake(start=0), "start at 1"),
    ],
)
def test_chain_side_wrong(function, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_chain_side(function)


@pytest.mark.parametrize("answer", [[1, 2, 4, 8, 4, 1], (1, 3, 9, 3, 3, 1), [1, 1, 2, 4, 8, 4]])
def test_dilations_right(answer):
    exercises.check_dilations(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([1, 2, 4, 8], "six"),
        ([1, 2, 4, 8, 4, 0], "at least 1"),
        ([1, 1, 1, 1, 1, 1], "span 13"),
        ([1, 2, 4, 8, 16, 32], "span 127"),
        ([4, 4, 4, 4, 2, 2], "holes"),
        (20, "list of six"),
    ],
)
def test_dilations_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_dilations(answer)


def test_centre_share_right_by_theory_and_by_experiment():
    walk = np.array([1.0])
    for _ in range(20):
        walk = np.convolve(walk, np.full(3, 1 / 3))
    share = walk[14:27].sum() ** 2
    exercises.check_centre_share(share)
    # The theory against 200 000 walkers.
    steps = np.random.default_rng(0).integers(-1, 2, (2, 20, 200_000)).sum(axis=1)
    exercises.check_centre_share(np.mean((abs(steps) <= 6).all(axis=0)))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(0.926, "two"), (85.8, "between 0 and 1"), (0.1, "squared gradient"), (1.0, "squared gradient")],
)
def test_centre_share_wrong(answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        exercises.check_centre_share(answer)


def share(kernel, depth, axes=2):
    row = np.array([1.0])
    for _ in range(depth):
        row = np.convolve(row, np.full(kernel, 1 / kernel))
    return row[len(row) // 2 - 6 : len(row) // 2 + 7].sum() ** axes


def test_centre_share_of_5x5():
    exercises.check_centre_share_of_5x5(share(5, 10))
    for wrong, hint in (
        (share(5, 10, axes=1), "one axis"),
        (share(3, 20), "for 3 × 3"),
        (share(5, 20), "twenty"),
        (72.7, "between"),
        (0.2, "more than 0.02"),
    ):
        with pytest.raises(WrongAnswer, match=hint):
            exercises.check_centre_share_of_5x5(wrong)
