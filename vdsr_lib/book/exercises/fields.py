"""Self-checks: how far a chain of convolutions sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...receptive_field import Layer, field, support
from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_depth_for_field(answer: int) -> str:
    """The smallest number of 3×3 layers whose receptive field is at least 100 pixels wide."""
    depth = as_number(answer)
    if depth == 49:
        raise WrongAnswer("49 layers see 99 pixels: the first pixel is there before any layer.")
    if depth in (99, 100):
        raise WrongAnswer("a layer adds a pixel on either side, so two, not one.")
    if depth in (33, 34):
        raise WrongAnswer("neighbouring windows overlap: a further layer does not add the 3 pixels of its kernel.")
    if depth != 50:
        raise WrongAnswer("each layer of 3×3 adds 2 pixels to the 1 that you start from.")
    return ""


@exercise
def check_chain_side(answer: Callable[[Sequence[tuple[int, int, int]]], int]) -> str:
    """The side of the field of a chain of `(kernel, stride, dilation)`, `side(layers)`."""
    function = as_function(answer)
    rng = np.random.default_rng(2)
    chains: list[list[tuple[int, ...]]] = [
        [(9, 1, 1), (1, 1, 1), (5, 1, 1)],
        [(3, 1, 1)] * 20,
        [(3, 1, 2), (3, 1, 4)],
        [(3, 2, 1), (3, 1, 1)],
    ]
    chains += [[tuple(map(int, rng.integers(1, 5, 3))) for _ in range(5)] for _ in range(20)]
    got = [as_number(function(list(chain))) for chain in chains]
    wanted = [field([Layer(k, s, d) for k, s, d in chain]).side for chain in chains]
    for chain, mine, right in zip(chains, got, wanted, strict=True):
        if mine != right:
            hint = next(
                (
                    f" {words}"
                    for words, mistake in _SIDE_MISTAKES.items()
                    if got == [_chain_side(c, **mistake) for c in chains]
                ),
                "",
            )
            raise WrongAnswer(f"for {chain} it gives {mine:g}, wanted {right}.{hint}")
    return ""


_SIDE_MISTAKES: dict[str, dict[str, Any]] = {
    "The taps of a kernel lie `dilation` places apart.": {"dilated": False},
    "The jump multiplies up: j ← j · s, through all layers before.": {"jumps": "last"},
    "A stride counts for the layers behind it, not for its own.": {"jumps": "early"},
    "With a stride, neighbours in the output lie further apart in the input: that is the jump.": {"jumps": "none"},
    "A kernel of k taps has k − 1 gaps.": {"gaps": 0},
    "Before any layer a pixel sees itself: start at 1.": {"start": 0},
}


def _chain_side(
    chain: Sequence[tuple[int, ...]], *, start: int = 1, gaps: int = 1, dilated: bool = True, jumps: str = "right"
) -> int:
    """The side of a chain's field; the options make the mistakes that students make."""
    side, jump = start, 1
    for kernel, stride, dilation in chain:
        if jumps == "early":
            jump *= stride
        side += (kernel - gaps) * (dilation if dilated else 1) * jump
        jump = {"right": jump * stride, "last": stride, "none": 1, "early": jump}[jumps]
    return side


@exercise
def check_dilations(answer: Sequence[int]) -> str:
    """Dilations for six 3×3 layers that see exactly 41×41 pixels and leave none of them out."""
    given = answered(answer)
    try:
        dilations = [int(d) for d in given]
    except (TypeError, ValueError):
        raise WrongAnswer("a list of six whole numbers is wanted.") from None
    if len(dilations) != 6 or min(dilations) < 1:
        raise WrongAnswer(f"six dilations of at least 1 are wanted, got {dilations}.")
    mask = support([Layer(3, dilation=d) for d in dilations]).mask()
    if len(mask) != 41:
        raise WrongAnswer(f"{dilations} span {len(mask)} pixels, wanted 41. Each layer adds twice its dilation.")
    if not mask.all():
        raise WrongAnswer(
            f"{dilations} span {len(mask)} pixels, but leave holes. "
            "A layer with dilation d needs the others to fill the d pixels between its taps."
        )
    return "Six layers see what VDSR takes twenty for."


@exercise
def check_centre_share(answer: float) -> str:
    """The share of the gradient's energy in the middle 13×13 pixels, for VDSR at its initialisation."""
    share = as_number(answer)
    steps = np.array([1.0])
    for _ in range(20):
        steps = np.convolve(steps, np.full(3, 1 / 3))
    wanted = float(steps[20 - 6 : 20 + 7].sum() ** 2)
    if share > 1:
        raise WrongAnswer(f"a share lies between 0 and 1, got {share:g}.")
    if abs(share - math.sqrt(wanted)) < 0.02 and abs(share - wanted) > 0.05:
        raise WrongAnswer("that is the share along one axis. A square has two.")
    if abs(share - wanted) > 0.05:
        raise WrongAnswer(
            f"{share:.2f} is more than 0.05 off. Energy is the squared gradient; take the mean over "
            "many fresh networks, of the chain without the skip, before you take the share."
        )
    return "Most of what a fresh VDSR reacts to lies in a window no larger than SRCNN's."


@exercise
def check_centre_share_of_5x5(answer: float) -> str:
    """The same share for ten layers of 5×5, whose field is 41×41 too."""
    share = as_number(answer)
    walks = {}
    for kernel, depth in ((3, 20), (5, 10), (5, 20)):
        row = np.array([1.0])
        for _ in range(depth):
            row = np.convolve(row, np.full(kernel, 1 / kernel))
        walks[kernel, depth] = float(row[len(row) // 2 - 6 : len(row) // 2 + 7].sum() ** 2)
    wanted = walks[5, 10]
    if share > 1:
        raise WrongAnswer(f"a share lies between 0 and 1, got {share:g}.")
    if abs(share - wanted) > 0.02:
        if abs(share - walks[3, 20]) < 0.02:  # √wanted is as near to this
            raise WrongAnswer(
                "that is the share for 3 × 3, or for 5 × 5 along one axis only. A step of the walk now "
                "has five places to go to, on each of two axes."
            )
        if abs(share - walks[5, 20]) < 0.02:
            raise WrongAnswer("that is for twenty layers. With 5 × 5 a field of 41 takes ten.")
        raise WrongAnswer(f"{share:.2f} is more than 0.02 off. Take ten boxes of width 5, on both axes.")
    return "At the same theoretical field, fewer and larger kernels spread what they see more evenly."
