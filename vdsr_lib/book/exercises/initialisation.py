"""Self-checks: the energy of signals and gradients, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_leaky_gain(answer: float) -> str:
    """The gain, weight variance times fan-in, that keeps the energy behind a leaky ReLU of slope 0.2."""
    gain = as_number(answer)
    if abs(gain - 2) < 0.01:
        raise WrongAnswer("that is ReLU's gain. A leaky ReLU lets something of the negative half through.")
    if abs(gain - 2 / 1.2) < 0.01:
        raise WrongAnswer("energies are squares: the slope counts squared.")
    if abs(gain - 2 / 1.04) > 0.005:
        raise WrongAnswer("half of the energy passes whole, the other half times 0.2². The gain undoes that.")
    return ""


@exercise
def check_layer_energies(answer: Callable[[Sequence[tuple[int, float]], float], Sequence[float]]) -> str:
    """The signal's energy after each layer, `energies(layers, start)`, for layers `(fan_in, variance)` with ReLUs."""
    function = as_function(answer)
    rng = np.random.default_rng(4)
    for _ in range(20):
        layers = [(int(n), float(v / n)) for n, v in zip(rng.integers(1, 600, 6), rng.uniform(0.1, 4, 6), strict=True)]
        start = float(rng.uniform(0.1, 2))
        factors = [n * v * (0.5 if k else 1.0) for k, (n, v) in enumerate(layers)]
        wanted = start * np.cumprod(factors)
        got = np.asarray(answered(function(list(layers), start)), dtype=float)
        if got.shape != wanted.shape:
            raise WrongAnswer(f"for {len(layers)} layers it gives shape {got.shape}, wanted one energy a layer.")
        if np.allclose(got, wanted, rtol=1e-6):
            continue
        if np.allclose(got, wanted / 2, rtol=1e-6):
            raise WrongAnswer(
                "each of them is half of what is wanted. Either you halved before the first layer, "
                "where there is no ReLU, or you took each energy after its ReLU."
            )
        if np.allclose(got[:-1], wanted[:-1] / 2, rtol=1e-6) and np.isclose(got[-1], wanted[-1], rtol=1e-6):
            raise WrongAnswer("those are the energies after each ReLU. The ones before it are wanted.")
        if np.allclose(got, start * np.cumprod([n * v for n, v in layers]), rtol=1e-6):
            raise WrongAnswer("each ReLU between two layers throws away half of the energy.")
        if np.allclose(got, np.sqrt(wanted), rtol=1e-6):
            raise WrongAnswer("those are sizes. The energy is their square.")
        raise WrongAnswer("each layer multiplies by fan-in × variance, and each ReLU between two layers by one half.")
    return ""


@exercise
def check_fan_out_energy(answer: float) -> str:
    """How much larger the prediction's energy is when VDSR's last layer is drawn with the fan-out."""
    factor = as_number(answer)
    if abs(factor - 8) < 0.1:
        raise WrongAnswer("that is the factor of its size. Its energy is the square.")
    if abs(factor - 1 / 64) < 1e-3:
        raise WrongAnswer("the other way round: the fan-out is the smaller number, so its variance is the larger one.")
    if abs(factor - 64) > 0.05:
        raise WrongAnswer("the fan-in is 9·64, the fan-out 9·1. The variance is 2 over the one or the other.")
    return "A prediction eight times as large, before anything is learnt."


@exercise
def check_levelled_network(answer: Callable[[Any, Any], Any]) -> str:
    """`level(network, x)` scales weights in place, so that each convolution's output has energy 1 on `x`."""
    import torch

    from ...analysis.gradient_flow import SRCNN_INIT, convolutions, measure
    from ...models import VDSR

    function = as_function(answer)
    generator = torch.Generator().manual_seed(4)
    with torch.random.fork_rng(devices=[]):
        network = VDSR(6, 8)
    SRCNN_INIT.apply_(network, generator)
    x = torch.rand(1, 1, 15, 15, generator=generator)
    before = [conv.weight.detach().clone() for conv in convolutions(network)]
    first = float(measure(network, x, x).signal[0])
    function(network, x)
    if all(torch.equal(conv.weight, old) for conv, old in zip(convolutions(network), before, strict=True)):
        raise WrongAnswer("no weight has changed. Scale them where they are, as in `conv.weight *= 2`.")
    energy = measure(network, x, x).signal
    if not np.isfinite(energy).all():
        raise WrongAnswer("some outputs are not finite any more. Is a layer divided by zero?")
    if abs(energy[0] * first - 1) < 0.02 < abs(energy[0] - 1):
        raise WrongAnswer("weights scale sizes, and energy is a size squared: divide by its root.")
    if not np.allclose(energy, 1, rtol=0.02):
        worst = int(np.argmax(np.abs(np.log(energy))))
        raise WrongAnswer(
            f"layer {worst + 1} has energy {energy[worst]:.3g}, wanted 1. Go from the first layer to "
            "the last: what a layer gets depends on those before it."
        )
    for conv, old in zip(convolutions(network), before, strict=True):
        ratio = conv.weight.detach() / old
        if float(ratio.std()) > 1e-3 * abs(float(ratio.mean())):
            raise WrongAnswer("the energies are right; but scale each layer by one number, do not draw it anew.")
    return "No rule was needed: the data say how large the weights must be."


@exercise
def check_sigmoid_chain(answer: Callable[[int, int], Any]) -> str:
    """`sigmoid_chain(depth, width)`: 3×3 convolutions, one channel in and out, with a sigmoid between each two."""
    import torch

    from ...analysis.gradient_flow import Init, convolutions, measure

    function = as_function(answer)
    depth, width = 8, 16
    network = answered(function(depth, width))
    if not isinstance(network, torch.nn.Module):
        raise WrongAnswer(f"a network is wanted, got {type(network).__name__}.")
    convs = convolutions(network)
    if len(convs) != depth or convs[0].in_channels != 1 or convs[-1].out_channels != 1:
        raise WrongAnswer(
            f"sigmoid_chain({depth}, {width}) should have {depth} convolutions, the first from 1 "
            f"channel and the last to 1; it has {len(convs)}."
        )
    generator = torch.Generator().manual_seed(4)
    Init(1.0).apply_(network, generator)
    x = torch.rand(1, 1, 15, 15, generator=generator)

    def through(between: Callable[[torch.Tensor], torch.Tensor], last: bool) -> torch.Tensor:
        z = x
        for k, conv in enumerate(convs):
            z = conv(z)
            z = between(z) if k < depth - 1 or last else z
        return z

    with torch.no_grad():
        got = network(x)
        if got.shape != x.shape:
            raise WrongAnswer(f"it makes {tuple(got.shape)} of {tuple(x.shape)}. Pad by 1, so that the size stays.")
        if torch.allclose(got, through(torch.relu, False), atol=1e-6):
            raise WrongAnswer("those are ReLUs still.")
        if torch.allclose(got, through(torch.sigmoid, True), atol=1e-6):
            raise WrongAnswer("the last layer has no sigmoid behind it.")
        if not torch.allclose(got, through(torch.sigmoid, False), atol=1e-5):
            raise WrongAnswer("its output is not that of its convolutions with a sigmoid between each two.")
    gradient = np.sqrt(measure(network, x, x).weight)
    return (
        f"With weights of variance 1/n the last layer's gradient is {gradient[-1] / gradient[0]:,.0f} times "
        "the first's."
    )
