"""The self-checks of chapters 5 and 6: right answers pass, blanks and the usual mistakes are told apart."""

import numpy as np
import pytest
import torch

from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.models import VDSR


@pytest.mark.parametrize("name", [f"check_{c}{letter}" for c in ("05", "06") for letter in "abcd"])
def test_blanks_fail(name):
    with pytest.raises(WrongAnswer, match="no answer yet"):
        getattr(exercises, name)(...)


def wrong(check, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(answer)


def test_05a(capsys):
    exercises.check_05a(33.979)
    assert "✓ 05a" in capsys.readouterr().out
    wrong(exercises.check_05a, 16.99, "mean \\*square\\*")
    wrong(exercises.check_05a, -33.979, "above zero")
    wrong(exercises.check_05a, 30, "residual itself")


def loss(half=0.5, per=1.0, sign=1.0, axis=None):
    def my_loss(residual, prediction):
        error = prediction - residual
        return per * half * np.sum(error**2) / len(error), sign * error / len(error)

    return my_loss


def test_05b():
    exercises.check_05b(loss())
    wrong(exercises.check_05b, loss(half=1), "½ is missing")
    wrong(exercises.check_05b, loss(per=4), "batch is averaged")
    wrong(exercises.check_05b, loss(per=1 / 25), "pixels are summed")
    wrong(exercises.check_05b, loss(sign=-1), "wrong sign")
    wrong(exercises.check_05b, loss(sign=2), "Differentiate")
    wrong(exercises.check_05b, lambda r, p: 1.0, "a loss and a gradient")
    wrong(exercises.check_05b, lambda r, p: (loss()(r, p)[0], 0.0), "shape")


def test_05c():
    exercises.check_05c(lambda d, rho: 2 / (d * rho ** (2 - 2 / d)))
    wrong(exercises.check_05c, lambda d, rho: 1 / (d * rho ** (2 - 2 / d)), "not 1/λ")
    wrong(exercises.check_05c, lambda d, rho: 2 / (d * rho**2), "wanted")


def as_plain(model, copy=1.0):
    plain = VDSR(model.depth, model.width + 1, residual=False)
    with torch.no_grad():
        for old, new in zip(model.convs, plain.convs, strict=True):
            out, into = old.weight.shape[:2]
            new.weight.zero_()
            new.bias.zero_()
            new.weight[:out, :into] = old.weight
            new.bias[:out] = old.bias
            new.weight[-1, -1, 1, 1] += copy
    return plain


def test_05d():
    exercises.check_05d(as_plain)
    wrong(exercises.check_05d, lambda m: m, "residual=False")
    wrong(exercises.check_05d, lambda m: as_plain(m, copy=0.0), "not added yet")
    wrong(exercises.check_05d, lambda m: as_plain(m, copy=0.9), "off by")

    def spoils(model):
        plain = as_plain(model)
        with torch.no_grad():
            model.convs[0].weight.zero_()
        return plain

    wrong(exercises.check_05d, spoils, "changes the network")


def test_06a():
    exercises.check_06a(1e-3)
    wrong(exercises.check_06a, 1e-4, "Momentum adds up")
    wrong(exercises.check_06a, 1e-2, "series")


def clip(bound, share=lambda g, b: np.mean(np.abs(g) > b)):
    def my_clip(gradient, theta, learning_rate):
        b = bound(theta, learning_rate)
        return np.clip(gradient, -b, b), share(gradient, b)

    return my_clip


def test_06b():
    exercises.check_06b(clip(lambda t, r: t / r))
    wrong(exercises.check_06b, clip(lambda t, r: t), "θ/γ, not θ")
    wrong(exercises.check_06b, clip(lambda t, r: t * r), "divided")
    wrong(exercises.check_06b, clip(lambda t, r: t / r, lambda g, b: np.mean(np.abs(g) >= b)), "is not cut")
    wrong(exercises.check_06b, lambda g, t, r: (g * min(1, t / r / np.linalg.norm(g)), 0), "clip by norm")
    wrong(exercises.check_06b, lambda g, t, r: (g, 0), "wanted")
    wrong(exercises.check_06b, lambda g, t, r: g, "and a share")

    def spoils(gradient, theta, learning_rate):
        np.clip(gradient, -theta / learning_rate, theta / learning_rate, out=gradient)
        return gradient, 2 / 6

    wrong(exercises.check_06b, spoils, "changes the gradient")


def test_06c():
    exercises.check_06c((168.1, 1e-4))
    wrong(exercises.check_06c, (0.1 / 1681, 1e-4), "rise or fall")
    wrong(exercises.check_06c, (0.1, 1e-4), "41 · 41")
    wrong(exercises.check_06c, (168.1, 0.1681), "What does θ bound")
    wrong(exercises.check_06c, 168.1, "a pair")


def test_06d():
    exercises.check_06d(lambda g, r, s: r * np.quantile(np.abs(g), 1 - s))
    wrong(exercises.check_06d, lambda g, r, s: np.quantile(np.abs(g), 1 - s), "Multiply by γ")
    wrong(exercises.check_06d, lambda g, r, s: r * np.quantile(np.abs(g), s), "above")
    wrong(exercises.check_06d, lambda g, r, s: r * np.abs(g).mean(), "quantile")
