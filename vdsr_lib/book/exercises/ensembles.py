"""Self-checks: the mean of eight answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_ensemble_gain(answer: float) -> str:
    """What the mean of eight answers gains (dB) on their average error of 30, when they stray from it by 2."""
    gain = as_number(answer)
    wanted = 10 * math.log10(30 / 28)
    if abs(gain + wanted) < 0.005:
        raise WrongAnswer("the mean's error is the smaller one, so its PSNR is higher, not lower.")
    if abs(gain - 10 * math.log10(32 / 30)) < 0.005:
        raise WrongAnswer("the spread is taken off the average error, not added to it.")
    if abs(gain - 20 * math.log10(30 / 28)) < 0.005:
        raise WrongAnswer("30 and 2 are squares already.")
    if abs(gain - wanted) > 0.005:
        raise WrongAnswer("the mean's error is the average error less the spread. What is that in dB?")
    return "The more the answers differ, the more their mean gains."


@exercise
def check_self_ensemble(answer: Callable[[Any, Any], Any]) -> str:
    """A self-ensemble of one's own, `my_ensemble(network, x)`, for tensors `(N, 1, H, W)`."""
    import torch

    from ...ensemble import SelfEnsemble

    function = as_function(answer)
    generator = torch.Generator().manual_seed(9)
    kernel = torch.randn(1, 1, 3, 3, generator=generator)

    class Lopsided(torch.nn.Module):
        calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            return torch.relu(torch.nn.functional.conv2d(x, kernel.to(x), padding=1))

    for shape in ((1, 1, 8, 8), (2, 1, 6, 9)):
        # Of both signs: where a ReLU cuts nothing the network is linear, and four turns would do as well as eight.
        x = torch.randn(shape, generator=generator)
        given, network = x.clone(), Lopsided()
        got = answered(function(network, x))
        if not torch.equal(x, given):
            raise WrongAnswer("your function changes the picture that it is given.")
        wanted = SelfEnsemble(Lopsided())(x)
        if tuple(got.shape) != tuple(wanted.shape):
            raise WrongAnswer(f"for {shape} it gives {tuple(got.shape)}. Turn the answers back before you add them.")
        # All eight may also come as one batch, where height and width agree; so calls alone do not decide.
        if torch.allclose(got, wanted, atol=1e-5):
            continue
        if torch.allclose(got, 8 * wanted, atol=1e-4):
            raise WrongAnswer("that is the sum of the eight answers. Divide by eight.")
        if network.calls < 8:
            raise WrongAnswer(f"the network was asked {network.calls} times. Four turns, and each mirrored: eight.")
        raise WrongAnswer("each answer must be turned back by the inverse: what was done last is undone first.")
    return ""
