"""Number formats with fewer digits: what rounding to them does to a network, on any machine.

A format is emulated: numbers are rounded to it and kept in float32, and sums are taken in float32, as
the units of graphics cards and processors do. So it can be measured what bfloat16 costs in dB where
no unit for it is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..models import VDSR


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Attributes:
        name: the key in `FORMATS`.
        exponent, digits: bits of the exponent, and of the significand after its leading one.
    """

    name: str
    exponent: int
    digits: int

    @property
    def step(self) -> float:
        """Distance from 1 to the next number: the spacing relative to a number, at most."""
        return 2.0**-self.digits

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2 - self.step) * 2.0 ** (2 ** (self.exponent - 1) - 1)


FORMATS = {f.name: f for f in (Format("fp32", 8, 23), Format("tf32", 8, 10), Format("fp16", 5, 10),
                               Format("bf16", 8, 7))}  # fmt: skip

_OWN = {"fp16": torch.float16, "bf16": torch.bfloat16}


def round_to(x: Tensor, name: str) -> Tensor:
    """Numbers rounded to the nearest of a format, ties to even, and kept in float32.

    Args:
        x: any shape, float32.
        name: of a format in `FORMATS`.

    Errors: `InputError` for another format or dtype.
    Chapter: 10.
    """
    if name not in FORMATS:
        raise InputError(f"no format named {name!r}; there are {', '.join(FORMATS)}")
    if x.dtype != torch.float32:
        raise InputError(f"wanted float32 to round, got {x.dtype}")
    if name == "fp32":
        return x
    if name in _OWN:
        return x.to(_OWN[name]).float()
    # tf32 has no dtype. It is float32 with 13 of 23 digits cut off: add half of what is cut, less one unless the
    # last digit that stays is odd, and cut. A carry runs into the exponent, as it should.
    bits = x.contiguous().view(torch.int32)
    cut = FORMATS["fp32"].digits - FORMATS[name].digits
    half = (1 << (cut - 1)) - 1
    rounded = (bits + half + ((bits >> cut) & 1)) & ~((1 << cut) - 1)
    return torch.where(x.isfinite(), rounded.view(torch.float32), x)


@torch.no_grad()
def rounded_forward(
    network: nn.Module,
    x: Tensor,
    *,
    weights: str = "fp32",
    picture: str = "fp32",
    signals: str = "fp32",
    skip: str = "fp32",
) -> Tensor:
    """A network's answer when parts of it are rounded to formats with fewer digits.

    Args:
        network: a `VDSR`; it is left as it is.
        x: `(N, 1, H, W)` float32 in [0, 1].
        weights: format of the kernels.
        picture: format of the picture that the first convolution reads.
        signals: format of what every other convolution reads.
        skip: format of the picture that is added at the end, of the residual, and of their sum.

    Returns: `(N, 1, H, W)` float32.
    Errors: `InputError` for another network or format.
    Chapter: 10.
    """
    if not isinstance(network, VDSR):
        raise InputError(f"wanted a VDSR, got {type(network).__name__}")
    features = x
    for k, conv in enumerate(network.convs):
        assert isinstance(conv, nn.Conv2d)
        features = nn.functional.conv2d(
            round_to(features, signals if k else picture),
            round_to(conv.weight, weights),
            conv.bias,
            padding=conv.padding,
        )
        if k < network.depth - 1:
            features = features.relu_()
    if not network.residual:
        return round_to(features, skip)
    return round_to(round_to(x, skip) + round_to(features, skip), skip)
