"""Self-checks: the residual, its loss, and the rate that it allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_bicubic_psnr(answer: float) -> str:
    """PSNR (dB) of bicubic interpolation when the residual's standard deviation is 0.02, its mean 0, range [0, 1]."""
    value = as_number(answer)
    wanted = -20 * math.log10(0.02)
    if abs(value - wanted / 2) < 0.02:
        raise WrongAnswer("PSNR has the mean *square* of the error. Square the standard deviation first.")
    if abs(value + wanted) < 0.02:
        raise WrongAnswer("the peak stands above the error, so PSNR is above zero.")
    if abs(value - wanted - 20 * math.log10(255)) < 0.1:
        raise WrongAnswer("the peak is 1 on this scale, not 255.")
    if abs(value - wanted) > 0.03:  # 34 dB is right, to the digits that it has
        raise WrongAnswer("the error of bicubic interpolation is the residual itself, and the peak is 1.")
    return "A network that predicts nothing starts from there."


@exercise
def check_residual_loss(answer: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]) -> str:
    """The loss and its gradient by hand, `my_loss(residual, prediction)`, for arrays `(B, P, P)`."""
    function = as_function(answer)
    rng = np.random.default_rng(5)
    residual, prediction = rng.normal(size=(2, 4, 5, 5))
    try:
        loss, gradient = function(residual, prediction)
    except TypeError as error:
        raise WrongAnswer(f"wanted a loss and a gradient from my_loss(residual, prediction); {error}.") from None
    wanted = 0.5 * np.sum((residual - prediction) ** 2) / 4
    ratio = as_number(loss) / wanted
    for factor, hint in (
        (2, "a factor ½ is missing"),
        (4, "the batch is averaged, not summed"),
        (1 / 25, "the pixels are summed, not averaged"),
    ):
        if abs(ratio - factor) < 1e-6:
            raise WrongAnswer(f"the loss is {factor:g} times what is wanted: {hint}.")
    if abs(ratio - 1) > 1e-6:
        raise WrongAnswer(f"the loss of a test batch is {loss:.4f}, wanted {wanted:.4f}.")
    slope = (prediction - residual) / 4
    got = np.asarray(answered(gradient), dtype=float)
    if got.shape != slope.shape:
        raise WrongAnswer(f"the gradient has the shape {got.shape}, wanted that of the prediction, {slope.shape}.")
    if np.allclose(got, -slope):
        raise WrongAnswer("the gradient has the wrong sign: when the prediction is too high, it must be positive.")
    if np.allclose(got, 4 * slope):
        raise WrongAnswer("the loss is averaged over the batch, and so is its gradient: 1/B is missing.")
    if np.allclose(got, 2 * slope):
        raise WrongAnswer("the half in the loss cancels the 2 from the square.")
    if not np.allclose(got, slope):
        raise WrongAnswer(
            "the loss is right, its gradient is not. Differentiate with respect to one pixel of the prediction."
        )
    return "The gradient is the error itself: a small error means small gradients."


@exercise
def check_stable_rate(answer: Callable[[int, float], float]) -> str:
    """The largest stable rate, without momentum, of a chain of D equal gains whose product is ρ: `rate(depth, rho)`."""
    function = as_function(answer)
    for depth, rho in ((10, 0.1), (20, 0.05), (2, 0.5), (10, 1.0), (1, 0.3)):
        wanted = 2 / (depth * rho ** (2 - 2 / depth))
        got = as_number(function(depth, rho))
        if abs(got / wanted - 1) > 1e-6:
            hint = ""
            if abs(got / wanted - 0.5) < 1e-6:
                hint = " The limit is 2/λ, not 1/λ."
            elif abs(got / depth / wanted - 1) < 1e-6:
                hint = " Move all D gains at once: their squared slopes add up."
            elif abs(got * depth * rho**2 / 2 - 1) < 1e-6:
                hint = " The slope at one gain is the product of the others, ρ^(1 − 1/D), not ρ."
            raise WrongAnswer(f"for depth {depth} and ρ = {rho} it gives {got:.4g}, wanted {wanted:.4g}.{hint}")
    return "A small target allows a large step."


@exercise
def check_deep_rate_ratio(answer: float) -> str:
    """How many times the chain's stable rate grows from ρ = 1 to ρ = 0.1 as its depth goes to infinity."""
    value = as_number(answer)
    if abs(value - 10) < 0.1:
        raise WrongAnswer("the curvature has the *square* of the slopes.")
    if abs(value - 0.01) < 1e-3 or abs(value - 0.1) < 1e-2:
        raise WrongAnswer("the smaller target allows the *larger* rate. Divide the other way round.")
    if abs(value - 0.1 ** (2 / 20 - 2)) < 0.5:
        raise WrongAnswer("that is for 20 layers. Let the depth grow on.")
    if abs(value - 100) > 1:
        raise WrongAnswer("λ = D ρ^(2 − 2/D). D cancels in the ratio; what becomes of 2/D?")
    return ""


@exercise
def check_network_without_sum(answer: Callable[[Any], Any]) -> str:
    """A network without the sum that does what one with it does, `as_plain(model)`."""
    import torch

    from ...models import VDSR

    function = as_function(answer)
    generator = torch.Generator().manual_seed(5)
    for depth, width in ((2, 3), (5, 4)):
        model = VDSR(depth, width)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        before = [p.detach().clone() for p in model.parameters()]
        plain = answered(function(model))
        if not isinstance(plain, VDSR) or plain.residual:
            raise WrongAnswer("a VDSR with residual=False is wanted.")
        if any(not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True)):
            raise WrongAnswer("your function changes the network that it is given.")
        x = torch.rand(2, 1, 12, 12, generator=generator)
        with torch.no_grad():
            apart = float((plain(x) - model(x)).abs().max())
            chain = float((plain(x) - model.predict_residual(x)).abs().max())
        if chain < 1e-5:
            raise WrongAnswer(
                "it gives the residual f(x); the input x is not added yet. It needs a channel of its own."
            )
        if apart > 1e-5:
            raise WrongAnswer(
                f"for depth {depth} it is off by up to {apart:.2g}. Do all new weights begin at zero? "
                "Does the extra channel carry x untouched through each ReLU?"
            )
    return "So the sum lets the network say nothing new. It only makes it easier to learn."


@exercise
def check_sum_against_copy(answer: Mapping[str, Sequence[float]]) -> str:
    """Losses by step of the same function, trained on with the sum and with the copy: `{"sum": …, "copy": …}`."""
    given = answered(answer)
    if not isinstance(given, Mapping) or set(given) != {"sum", "copy"}:
        raise WrongAnswer("a dictionary with the losses under 'sum' and 'copy' is wanted.")
    found = {name: np.asarray(given[name], dtype=float) for name in ("sum", "copy")}
    if min(map(len, found.values())) < 20 or len(found["sum"]) != len(found["copy"]):
        lengths = ", ".join(f"{len(v)} for {k!r}" for k, v in found.items())
        raise WrongAnswer(f"20 steps or more are wanted, as many with the sum as with the copy; got {lengths}.")
    if not all(np.isfinite(v).all() and (v >= 0).all() for v in found.values()):
        raise WrongAnswer("some losses are not finite, or are below zero.")
    first = {name: float(v[0]) for name, v in found.items()}
    if abs(first["copy"] / max(first["sum"], 1e-12) - 1) > 0.02:
        raise WrongAnswer(
            f"the first losses are {first['sum']:.3g} and {first['copy']:.3g}. The two networks "
            "compute the same, so on the same batch they must begin alike; is the copy made from the "
            "*trained* network?"
        )
    end = {name: float(np.median(v[-10:])) for name, v in found.items()}
    if np.array_equal(found["sum"], found["copy"]):
        raise WrongAnswer("the two lists are equal to the last digit: one network was trained twice.")
    return f"Over the last ten steps the copy's loss is {end['copy'] / end['sum']:.2g} times the sum's."
