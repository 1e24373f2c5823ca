"""Self-checks: operations, digits and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_flop_count(answer: float) -> str:
    """FLOP that the paper's VDSR takes for a picture of 1920 × 1080 pixels, in units of 10¹²; biases aside."""
    value = as_number(answer)
    wanted = 2 * 664_704 * 1920 * 1080 / 1e12
    if abs(value / wanted - 1e12) < 1e9:
        raise WrongAnswer("right, but in units of 10¹²: divide.")
    if abs(value / wanted - 0.5) < 0.005:
        raise WrongAnswer("a product and a sum are two operations.")
    if abs(value / wanted - 3) < 0.02:
        raise WrongAnswer("that is a training step. To use the network takes the forward pass alone.")
    if abs(value / wanted - 1) > 0.005:
        raise WrongAnswer("each of the 664,704 weights is used once for each pixel, in a product and a sum.")
    return "A processor core needs ten seconds to a minute for it."


@exercise
def check_rounded_bits(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """Rounding to few binary digits, `round_bits(x, bits)`: `bits` of them after the leading one, ties to even."""
    function = as_function(answer)
    rng = np.random.default_rng(10)
    x = rng.normal(size=200) * 10 ** rng.uniform(-4, 4, 200)
    x[:6] = [0.0, 1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-8), 1 - 2**-10, 3.0]
    for bits in (7, 10):
        mantissa, exponent = np.frexp(x)
        wanted = np.ldexp(np.rint(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)
        got = np.asarray(answered(function(x.copy(), bits)), dtype=float)
        if got.shape != wanted.shape or not np.isfinite(got).all():
            raise WrongAnswer("wanted one finite number for each. Is zero treated apart, if you take a logarithm?")
        if np.array_equal(got, wanted):
            continue
        if np.array_equal(got, np.ldexp(np.trunc(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)):
            raise WrongAnswer("that cuts digits off. Round to the nearest.")
        if np.array_equal(got, np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)):
            raise WrongAnswer("one digit too few: the leading 1 is not counted.")
        if np.allclose(got, np.round(x * 2**bits) / 2**bits):
            raise WrongAnswer(
                "that is a fixed point: one spacing for all. A floating point's spacing grows with the number."
            )
        if np.sum(got != wanted) <= 4:
            raise WrongAnswer("only ties are off: what lies exactly in the middle goes to the even neighbour.")
        k = int(np.argmax(got != wanted))
        raise WrongAnswer(f"{x[k]:.9g} becomes {got[k]:.9g} with {bits} bits, wanted {wanted[k]:.9g}.")
    return "With 7 bits that is bfloat16, with 10 it is TF32."


@exercise
def check_tiles(answer: Callable[[tuple[int, int], int, int], Sequence[Any]]) -> str:
    """Tiles of one's own, `tiles(shape, tile, margin)`: triples (read, keep, place), each a pair of slices."""
    import torch

    function = as_function(answer)
    kernel = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(10), dtype=torch.float64)

    def network(image: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(image)[None, None]
        for _ in range(3):
            x = torch.nn.functional.conv2d(x, kernel, padding=1)
        return x[0, 0].numpy()

    rng = np.random.default_rng(10)
    for shape, tile in (((16, 16), 8), ((13, 22), 5), ((4, 9), 16)):
        image = rng.random(shape)
        output = np.full(shape, np.nan)
        for triple in answered(function(shape, tile, 3)):
            try:
                read, keep, place = (tuple(part) for part in triple)
                part, kept = image[read], network(image[read])[keep]
                seen = output[place].shape
            except (TypeError, ValueError, IndexError, RuntimeError) as error:
                raise WrongAnswer(f"wanted triples of pairs of slices; {error}.") from None
            if max(part.shape) > tile + 6:
                raise WrongAnswer(f"a read of {part.shape} pixels is more than a tile of {tile} and its margins.")
            if kept.shape != seen:
                raise WrongAnswer(
                    f"for {shape} a result of {kept.shape} pixels is put into a place of {seen}. "
                    "At the picture's border there is no margin."
                )
            output[place] = kept
        if np.isnan(output).any():
            raise WrongAnswer(f"for {shape} and tiles of {tile}, {int(np.isnan(output).sum())} pixels are not set.")
        apart = np.abs(output - network(image))
        if apart.max() > 1e-9:
            raise WrongAnswer(
                f"for {shape} there are seams, as in row {int(np.argmax(apart.max(1)))}. Is the whole "
                "margin read, and cut off again?"
            )
    return "The same picture, in memory that does not grow with it."
