"""Self-checks of batches, scales and uncertainty: right answers pass, usual mistakes get a hint."""

import numpy as np
import pytest
import torch

from vdsr_lib import runs
from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.evaluation import PROTOCOLS
from vdsr_lib.resize import axis_weights


@pytest.mark.parametrize(
    "name",
    [
        f"check_{c}"
        for c in (
            "loss_shares",
            "balanced_batch",
            "guessed_scale",
            "protocol_of_a_report",
            "distance_in_seeds",
            "bootstrap_interval",
        )
    ],
)
def test_a_function_that_returns_nothing_fails(name):
    with pytest.raises(WrongAnswer, match="no answer yet"):
        getattr(exercises, name)(lambda *_: ...)


def wrong(check, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(answer)


def test_lost_frequencies(capsys):
    exercises.check_lost_frequencies(0.84)
    assert "✓ lost frequencies:" in capsys.readouterr().out
    wrong(exercises.check_lost_frequencies, 0.6, "two")
    wrong(exercises.check_lost_frequencies, 0.16, "\\*can\\*")
    wrong(exercises.check_lost_frequencies, 0.5, "1/s²")


def shares(combine, total=1.0):
    def loss_shares(patches):
        each = (patches.high_res - patches.interpolated).square().sum(dim=(1, 2, 3))
        parts = {int(s): float(combine(each[patches.scale == s])) for s in patches.scale.unique()}
        return {s: total * v / sum(parts.values()) for s, v in parts.items()}

    return loss_shares


def test_loss_shares():
    exercises.check_loss_shares(shares(torch.sum))
    wrong(exercises.check_loss_shares, shares(torch.mean), "as many patches")
    wrong(exercises.check_loss_shares, shares(torch.sum, total=2.0), "sum to 2.000")
    wrong(exercises.check_loss_shares, shares(lambda e: e.sqrt().sum()), "wanted")
    wrong(exercises.check_loss_shares, lambda p: [0.1, 0.3, 0.6], "a dictionary")


def balanced(scale, each, generator):
    parts = []
    for s in scale.unique():
        mine = torch.nonzero(scale == s).flatten()
        parts.append(mine[torch.randperm(len(mine), generator=generator)[:each]])
    return torch.cat(parts)


def test_balanced_batch():
    exercises.check_balanced_batch(balanced)
    wrong(
        exercises.check_balanced_batch, lambda s, e, g: torch.randperm(len(s), generator=g)[: 3 * e], "wanted 3 of each"
    )
    wrong(exercises.check_balanced_batch, lambda s, e, g: torch.arange(4), "9 indices")
    first = torch.tensor([0, 3, 4, 1, 6, 9, 2, 5, 8])
    wrong(exercises.check_balanced_batch, lambda s, e, g: first, "never come up")
    wrong(exercises.check_balanced_batch, lambda s, e, g: torch.tensor([0, 0, 3, 1, 6, 9, 2, 5, 8]), "twice")
    unseeded = torch.Generator().manual_seed(0)
    wrong(exercises.check_balanced_batch, lambda s, e, g: balanced(s, e, unseeded), "same seed")


def by_fit(x):
    left_over = {}
    for s in (2, 3, 4):
        up = axis_weights(len(x) // s, len(x)).matrix()
        left_over[s] = np.abs(x - up @ np.linalg.lstsq(up, x, rcond=None)[0]).mean()
    return min(left_over, key=left_over.get)


def test_guessed_scale():
    exercises.check_guessed_scale(by_fit)
    wrong(exercises.check_guessed_scale, lambda x: 3, "does not look")
    wrong(exercises.check_guessed_scale, lambda x: min(by_fit(x), 3), "24 of 36 are right")


def test_recorded_scores():
    images = list(runs.load_run("authors").scores["Set14"]["3"].values())
    psnr, ssim = (float(np.mean([i[m] for i in images])) for m in ("psnr", "ssim"))
    exercises.check_recorded_scores((round(psnr, 2), round(ssim, 4)))
    exercises.check_recorded_scores((psnr, ssim))
    pooled = -10 * np.log10(np.mean([10 ** (-i["psnr"] / 10) for i in images]))
    wrong(exercises.check_recorded_scores, (pooled, ssim), "mean squared error")
    wrong(exercises.check_recorded_scores, (psnr, 0.8), "is not it")
    wrong(exercises.check_recorded_scores, psnr, "a pair")


def nearest(scales):
    def which(reported):
        def misfit(name):
            record = runs.load_run(f"slip-authors-{name}")
            return sum(abs(record.mean("Set5", s) - reported[s]) for s in scales)

        return min(PROTOCOLS, key=misfit)

    return which


def test_protocol_of_a_report():
    exercises.check_protocol_of_a_report(nearest((2, 3, 4)))
    wrong(exercises.check_protocol_of_a_report, lambda r: "authors", "does not look")
    wrong(exercises.check_protocol_of_a_report, nearest((4,)), "nearest at ×4 alone")
    only_rgb = nearest((2, 3, 4))
    wrong(exercises.check_protocol_of_a_report, lambda r: "rgb" if r[2] > 37 else only_rgb(r), "take the nearest")
    wrong(exercises.check_protocol_of_a_report, lambda r: "mine", "a key of PROTOCOLS")


def test_distance_in_seeds():
    def distance(scale, ddof=1):
        return lambda p, s: (np.mean(s) - p) / (np.std(s, ddof=ddof) * scale(len(s)))

    exercises.check_distance_in_seeds(distance(lambda n: np.sqrt(1 + 1 / n)))
    wrong(exercises.check_distance_in_seeds, distance(lambda n: -np.sqrt(1 + 1 / n)), "sign")
    wrong(exercises.check_distance_in_seeds, distance(lambda n: 1), "itself uncertain")
    wrong(exercises.check_distance_in_seeds, distance(lambda n: 1 / np.sqrt(n)), "one run")
    wrong(exercises.check_distance_in_seeds, distance(lambda n: np.sqrt(1 + 1 / n), ddof=0), "ddof=1")
    wrong(exercises.check_distance_in_seeds, lambda p, s: 0.0, "wanted")

    def in_float32(paper, seeds):
        s = torch.tensor(seeds, dtype=torch.float32)
        return (s.mean() - paper) / (s.std() * (1 + 1 / len(s)) ** 0.5)

    exercises.check_distance_in_seeds(in_float32)


def interval(paired=True, level=0.95, center=0.0):
    def function(ours, theirs):
        rng = np.random.default_rng(0)
        n = len(ours)
        if paired:
            means = rng.choice(ours - theirs, (4000, n)).mean(axis=1)
        else:
            means = rng.choice(ours, (4000, n)).mean(axis=1) - rng.choice(theirs, (4000, n)).mean(axis=1)
        return tuple(center + np.quantile(means, [0.5 - level / 2, 0.5 + level / 2]))

    return function


def test_bootstrap_interval():
    exercises.check_bootstrap_interval(interval())
    wrong(exercises.check_bootstrap_interval, interval(paired=False), "far too wide")
    wrong(exercises.check_bootstrap_interval, interval(level=0.5), "quantiles")
    for level in (0.9, 0.98):  # the level is the exercise
        wrong(exercises.check_bootstrap_interval, interval(level=level), "as wide as a 95 % interval")

    def bell(ours, theirs):
        gains = np.subtract(ours, theirs)
        half = 1.96 * gains.std() / len(gains) ** 0.5
        return gains.mean() - half, gains.mean() + half

    wrong(exercises.check_bootstrap_interval, bell, "long tail")
    wrong(exercises.check_bootstrap_interval, interval(center=0.2), "wanted about")
    wrong(exercises.check_bootstrap_interval, lambda a, b: interval()(a, b)[::-1], "lower end comes first")
    wrong(exercises.check_bootstrap_interval, lambda a, b: 0.3, "a pair")
