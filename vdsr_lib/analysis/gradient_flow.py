"""How a signal and its gradient pass through a chain of convolutions: measured, and as He's argument predicts.

All quantities are *energies*, means of squares, because they are what adds up: the energy of a sum of
independent terms is the sum of their energies. Their square root is a typical size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..models import VDSR


@dataclass(frozen=True)
class Init:
    """Gaussian weights with mean zero, and the rule for their variance; biases zero.

    Attributes:
        gain: variance times fan-in, > 0. He's rule is 2, LeCun's 1.
        std: one standard deviation for all layers, > 0, instead of the gain. SRCNN's is 0.001.

    Source: He et al. 2015, section 2.2. Chapter: 4.
    """

    gain: float = 2.0
    std: float | None = None

    def __post_init__(self) -> None:
        if not self.gain > 0 or (self.std is not None and not self.std > 0):
            raise InputError(f"gain and std must be > 0, got {self.gain!r} and {self.std!r}")

    def variance(self, fan_in: int) -> float:
        """Of each weight of a layer in which `fan_in` numbers are summed."""
        return self.gain / fan_in if self.std is None else self.std**2

    @torch.no_grad()
    def apply_(self, network: nn.Module, generator: torch.Generator | None = None) -> nn.Module:
        """Draw the weights of all convolutions, in place; the network."""
        for conv in convolutions(network):
            conv.weight.normal_(0, self.variance(fan_in(conv)) ** 0.5, generator=generator)
            if conv.bias is not None:
                conv.bias.zero_()
        return network


HE = Init(2.0)
SRCNN_INIT = Init(std=1e-3)


@dataclass(frozen=True, eq=False)
class Flow:
    """Energies at each layer, first layer first; `(D,)` float64 each.

    Attributes:
        signal: of the convolution's output, before its ReLU.
        error: of the loss's gradient with respect to that output.
        weight: of the loss's gradient with respect to the layer's weights.
    """

    signal: np.ndarray
    error: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.signal)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """The network's convolutions, in the order of their definition.

    Errors: `InputError` when there is none.
    """
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if not convs:
        raise InputError(f"{type(network).__name__} has no convolution")
    return convs


def fan_in(conv: nn.Conv2d) -> int:
    """How many numbers a convolution sums for each output: kernel height × width × channels in."""
    return conv.weight[0].numel()


def measure(network: nn.Module, interpolated: Tensor, high_res: Tensor) -> Flow:
    """One forward and one backward pass, listened to at every convolution.

    It works on a copy in double precision, so that a vanishing signal is small and not zero; the network's
    own weights and gradients stay as they are.

    Args:
        network: takes and returns `(N, 1, H, W)`; each convolution is used once, in the order of definition.
        interpolated, high_res: `(N, 1, H, W)` in [0, 1].

    Paper: the loss of section 3.2. Chapter: 4.
    """
    copy = deepcopy(network).double()
    copy.zero_grad()
    convs = convolutions(copy)
    outputs: list[Tensor] = []

    def listen(module: nn.Module, arguments: object, output: Tensor) -> Tensor:
        output.retain_grad()
        outputs.append(output)
        return output.clone()  # the ReLU that follows works in place

    for conv in convs:
        conv.register_forward_hook(listen)
    prediction = copy(interpolated.double())
    # The loss of `training.residual_loss`, which counts in single precision.
    (0.5 * (prediction - high_res.double()).square().sum() / len(prediction)).backward()
    return Flow(
        np.array([float(z.detach().square().mean()) for z in outputs]),
        np.array([float(z.grad.square().mean()) for z in outputs if z.grad is not None]),
        np.array([float(c.weight.grad.square().mean()) for c in convs if c.weight.grad is not None]),
    )


def expected(network: nn.Module, init: Init, interpolated: Tensor, high_res: Tensor, *, border: bool = True) -> Flow:
    """What `measure` gives on average over networks drawn by `init`, without drawing one.

    Forward it is exact: given the layer before, an output is a sum of independent terms with mean zero, so
    its energy is the weights' variance times the energies under the kernel; and a ReLU halves the energy of
    what is symmetric about zero. Backward the same rule runs the other way, which is exact in the
    limit of wide layers (He et al. 2015, section 2.2). `weight` is not predicted, and is NaN.

    Args:
        network: a plain chain, as `VDSR`: ReLUs between the convolutions, none at the end, no stride, no dilation;
            `residual` tells whether the input is added to the output.
        init: how the weights are drawn.
        interpolated, high_res: `(N, 1, H, W)` in [0, 1].
        border: let the zeros around the picture take their share. He's argument has no borders.

    Source: He et al. 2015, eq. 5 to 14. Chapter: 4.
    """
    convs = convolutions(network)
    if any(conv.stride != (1, 1) or conv.dilation != (1, 1) for conv in convs):
        raise InputError("wanted a chain without stride and dilation")
    x, y = interpolated.double(), high_res.double()
    energy = x.square().sum(1, keepdim=True)  # summed over channels, (N, 1, H, W)
    signal = []
    for k, conv in enumerate(convs):
        energy = (energy if k == 0 else energy / 2) * init.variance(fan_in(conv))
        energy = _under_kernel(energy, conv, border)  # of each output channel
        signal.append(float(energy.mean()))
        energy = energy * conv.out_channels
    residual = getattr(network, "residual", False)
    # The prediction has mean zero, so its energy and that of what it should be add up.
    backward = (energy + (y - x if residual else y).square()) / len(x) ** 2
    error = [float(backward.mean())]
    for conv in reversed(convs[1:]):
        backward = _under_kernel(backward * init.variance(fan_in(conv)), conv, border) / 2
        error.append(float(backward.mean()))
        backward = backward * conv.in_channels
    return Flow(np.array(signal), np.array(error[::-1]), np.full(len(convs), np.nan))


def _under_kernel(energy: Tensor, conv: nn.Conv2d, border: bool) -> Tensor:
    """The sum of what lies under the kernel, at each pixel."""
    rows, columns = conv.kernel_size
    pad = (columns // 2, columns // 2, rows // 2, rows // 2)
    padded = F.pad(energy, pad) if border else F.pad(energy, pad, mode="replicate")
    return F.avg_pool2d(padded, (rows, columns), stride=1) * rows * columns


def average(flows: Iterable[Flow]) -> Flow:
    """The mean energies of several networks of the same depth."""
    given = list(flows)
    if not given:
        raise InputError("no flows to average")
    return Flow(*(np.mean([getattr(f, name) for f in given], axis=0) for name in ("signal", "error", "weight")))


def chain_draws(
    depth: int,
    init: Init,
    interpolated: Tensor,
    high_res: Tensor,
    *,
    width: int = 32,
    networks: int = 40,
    seed: int = 0,
) -> tuple[list[Flow], Flow]:
    """`(each draw, expected)` of fresh chains: what a choice of depth and initialisation does before any training.

    Args:
        depth, width: of the `VDSR`.
        init: of its weights.
        interpolated, high_res: `(N, 1, H, W)` in [0, 1].
        networks: how many are drawn, ≥ 1. The mean of a deep, narrow chain is carried by a few draws, so take many.
        seed: of the draws; the global generator is left alone.

    Chapter: 4.
    """
    with torch.random.fork_rng(devices=[]):
        chain = VDSR(depth, width)
    generator = torch.Generator().manual_seed(seed)
    flows = [measure(init.apply_(chain, generator), interpolated, high_res) for _ in range(networks)]
    return flows, expected(chain, init, interpolated, high_res)


def chain_flow(
    depth: int, init: Init, interpolated: Tensor, high_res: Tensor, *, width: int = 32, networks: int = 2, seed: int = 0
) -> tuple[Flow, Flow]:
    """`(measured, expected)`: the mean over `chain_draws`, which has the same arguments.

    Chapter: 4.
    """
    flows, line = chain_draws(depth, init, interpolated, high_res, width=width, networks=networks, seed=seed)
    return average(flows), line


def from_the_end(flow: Flow) -> Flow:
    """The same flow with its errors over that of the last layer: what the way back does, whatever came to its start."""
    return Flow(flow.signal, flow.error / flow.error[-1], flow.weight)


def quantile(flows: Sequence[Flow], share: float) -> Flow:
    """The energies that this share of the networks stays below, layer by layer.

    Args:
        flows: at least one.
        share: in [0, 1]; ½ is the median.
    """
    names = ("signal", "error", "weight")
    return Flow(*(np.quantile([getattr(flow, name) for flow in flows], share, axis=0) for name in names))


def spread(flows: Sequence[Flow]) -> tuple[float, float]:
    """Mean and standard deviation, over networks, of ln(energy of the last hidden layer).

    Errors: `InputError` when there are fewer than two networks, or they have no hidden layer.

    Chapter: 4.
    """
    if len(flows) < 2 or any(len(flow) < 2 for flow in flows):
        raise InputError("wanted at least two networks of at least two layers")
    logs = np.log([flow.signal[-2] for flow in flows])
    return float(logs.mean()), float(logs.std(ddof=1))
