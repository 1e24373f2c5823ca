"""Self-checks of residuals and steps: right answers pass, usual mistakes get a hint."""

import numpy as np
import pytest
import torch

from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.models import VDSR


def wrong(check, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(answer)


def test_bicubic_psnr(capsys):
    for right in (34, 34.0, 33.98, 33.979):
        exercises.check_bicubic_psnr(right)
    assert "✓ bicubic psnr:" in capsys.readouterr().out
    wrong(exercises.check_bicubic_psnr, 16.99, "mean \\*square\\*")
    wrong(exercises.check_bicubic_psnr, -33.979, "above zero")
    wrong(exercises.check_bicubic_psnr, 82.11, "not 255")
    wrong(exercises.check_bicubic_psnr, 30, "residual itself")


def loss(half=0.5, per=1.0, sign=1.0, axis=None):
    def my_loss(residual, prediction):
        error = prediction - residual
        return per * half * np.sum(error**2) / len(error), sign * error / len(error)

    return my_loss


def test_residual_loss():
    exercises.check_residual_loss(loss())
    wrong(exercises.check_residual_loss, loss(half=1), "½ is missing")
    wrong(exercises.check_residual_loss, loss(per=4), "batch is averaged")
    wrong(exercises.check_residual_loss, loss(per=1 / 25), "pixels are summed")
    wrong(exercises.check_residual_loss, loss(sign=-1), "wrong sign")
    wrong(exercises.check_residual_loss, loss(sign=2), "cancels the 2")
    wrong(exercises.check_residual_loss, loss(sign=4), "1/B is missing")
    wrong(exercises.check_residual_loss, loss(sign=3), "Differentiate")
    wrong(exercises.check_residual_loss, lambda r, p: 1.0, "a loss and a gradient")
    wrong(exercises.check_residual_loss, lambda r, p: (loss()(r, p)[0], 0.0), "shape")


def test_stable_rate():
    exercises.check_stable_rate(lambda d, rho: 2 / (d * rho ** (2 - 2 / d)))
    wrong(exercises.check_stable_rate, lambda d, rho: 1 / (d * rho ** (2 - 2 / d)), "not 1/λ")
    wrong(exercises.check_stable_rate, lambda d, rho: 2 / (d * rho**2), "wanted")


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


def test_network_without_sum():
    exercises.check_network_without_sum(as_plain)
    wrong(exercises.check_network_without_sum, lambda m: m, "residual=False")
    wrong(exercises.check_network_without_sum, lambda m: as_plain(m, copy=0.0), "not added yet")
    wrong(exercises.check_network_without_sum, lambda m: as_plain(m, copy=0.9), "off by")

    def spoils(model):
        plain = as_plain(model)
        with torch.no_grad():
            model.convs[0].weight.zero_()
        return plain

    wrong(exercises.check_network_without_sum, spoils, "changes the network")


def test_deep_rate_ratio():
    exercises.check_deep_rate_ratio(100)
    for answer, hint in ((10, "square"), (0.01, "other way"), (79.4, "20 layers"), (50, "cancels")):
        wrong(exercises.check_deep_rate_ratio, answer, hint)


def test_sum_against_copy(capsys):
    fall = np.linspace(1, 0.5, 30)
    exercises.check_sum_against_copy({"sum": fall, "copy": fall + np.linspace(0, 1, 30)})
    assert "times the sum's" in capsys.readouterr().out
    wrong(exercises.check_sum_against_copy, {"sum": fall, "plain": fall}, "under 'sum' and 'copy'")
    wrong(exercises.check_sum_against_copy, {"sum": fall, "copy": fall[:10]}, "20 steps or more")
    wrong(exercises.check_sum_against_copy, {"sum": fall, "copy": fall + 3}, "begin alike")
    wrong(exercises.check_sum_against_copy, {"sum": fall, "copy": fall}, "trained twice")
    wrong(exercises.check_sum_against_copy, {"sum": fall, "copy": np.r_[fall[:-1], np.nan]}, "not finite")


def test_largest_change():
    exercises.check_largest_change(1e-3)
    wrong(exercises.check_largest_change, 1e-4, "Momentum adds up")
    wrong(exercises.check_largest_change, 1e-2, "γ falls out")
    wrong(exercises.check_largest_change, 5e-3, "series")


def clip(bound, share=lambda g, b: np.mean(np.abs(g) > b)):
    def my_clip(gradient, theta, learning_rate):
        b = bound(theta, learning_rate)
        return np.clip(gradient, -b, b), share(gradient, b)

    return my_clip


def test_clip():
    exercises.check_clip(clip(lambda t, r: t / r))
    wrong(exercises.check_clip, clip(lambda t, r: t), "θ/γ, not θ")
    wrong(exercises.check_clip, clip(lambda t, r: t * r), "divided")
    wrong(exercises.check_clip, clip(lambda t, r: t / r, lambda g, b: np.mean(np.abs(g) >= b)), "is not cut")
    wrong(exercises.check_clip, lambda g, t, r: (g * min(1, t / r / np.linalg.norm(g)), 0), "clip by norm")
    wrong(exercises.check_clip, lambda g, t, r: (g, 0), "not right")
    # A number typed in, and one that counts rows, pass for one input alone.
    wrong(exercises.check_clip, lambda g, t, r: (np.clip(g, -t / r, t / r), 1 / 3), "wanted")
    wrong(
        exercises.check_clip, lambda g, t, r: (np.clip(g, -t / r, t / r), np.sum(abs(g) > t / r) / len(g)), "elements"
    )

    def in_torch(g, t, r):
        g = torch.tensor(g, dtype=torch.float32)
        return g.clamp(-t / r, t / r), (g.abs() > t / r).float().mean()

    exercises.check_clip(in_torch)
    wrong(exercises.check_clip, lambda g, t, r: g, "and a share")

    def spoils(gradient, theta, learning_rate):
        np.clip(gradient, -theta / learning_rate, theta / learning_rate, out=gradient)
        return gradient, 2 / 6

    wrong(exercises.check_clip, spoils, "changes the gradient")


def test_averaged_loss():
    exercises.check_averaged_loss((168.1, 1e-4))
    wrong(exercises.check_averaged_loss, (0.1 / 1681, 1e-4), "rise or fall")
    wrong(exercises.check_averaged_loss, (0.1, 1e-4), "41 · 41")
    wrong(exercises.check_averaged_loss, (168.1, 0.1681), "What does θ bound")
    wrong(exercises.check_averaged_loss, 168.1, "a pair")


def test_theta_for_share():
    exercises.check_theta_for_share(lambda g, r, s: r * np.quantile(np.abs(g), 1 - s))
    wrong(exercises.check_theta_for_share, lambda g, r, s: np.quantile(np.abs(g), 1 - s), "Multiply by γ")
    wrong(exercises.check_theta_for_share, lambda g, r, s: r * np.quantile(np.abs(g), s), "above")
    wrong(exercises.check_theta_for_share, lambda g, r, s: r * np.abs(g).mean(), "quantile")
