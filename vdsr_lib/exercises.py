"""The self-checks of the book's exercises: each compares an answer with what this library finds.

A check takes an answer, a number or a function of yours, says so when it is right, and raises
`WrongAnswer` with a hint when it is not. It needs no network, and draws no global random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from . import metrics
from .errors import VdsrError
from .receptive_field import Layer, field, support
from .resize import axis_weights, cubic


class WrongAnswer(VdsrError):  # noqa: N818 -- the name a student reads
    """An exercise is not solved yet; the message is a hint."""

    def _render_traceback_(self) -> list[str]:
        # A notebook shows these lines in place of a traceback: a hint is no crash.
        return [f"✗ {self}"]


def _right(exercise: str, words: str = "") -> None:
    print(f"✓ {exercise} is right. {words}".rstrip())


def _wrong(exercise: str, hint: str) -> WrongAnswer:
    return WrongAnswer(f"{exercise}: {hint}")


def _answered(exercise: str, answer: Any) -> Any:
    """The answer, unless it is a blank."""
    if answer is None or answer is Ellipsis:
        raise _wrong(exercise, "no answer yet; put yours in place of the three dots.")
    return answer


def _number(exercise: str, answer: Any) -> float:
    try:
        number = float(_answered(exercise, answer))
    except (TypeError, ValueError):
        raise _wrong(exercise, f"a number is wanted, got {type(answer).__name__}.") from None
    if not math.isfinite(number):
        raise _wrong(exercise, f"a finite number is wanted, got {number}.")
    return number


def _function(exercise: str, answer: Any) -> Callable[..., Any]:
    if not callable(_answered(exercise, answer)):
        raise _wrong(exercise, f"a function is wanted, got {type(answer).__name__}. Hand it over without calling it.")
    return answer


# --- chapter 1 ---------------------------------------------------------------------------------------


def check_01a(answer: float) -> None:
    """How many dB PSNR gains when the root mean squared error is halved."""
    gain = _number("01a", answer)
    if abs(gain - 10 * math.log10(2)) < 0.02:
        raise _wrong("01a", "that is the gain for half the *mean squared* error. Here its root is halved.")
    if abs(gain - 20 * math.log10(2)) > 0.02:
        raise _wrong("01a", "PSNR is 10 log10(255² / MSE). What becomes of MSE when its root is halved?")
    _right("01a", "Each halving of the error is worth as much, wherever you start.")


def check_01b(answer: Callable[[np.ndarray, np.ndarray, int], float]) -> None:
    """A PSNR of one's own, `my_psnr(output, truth, border)`, for uint8 and float images."""
    function = _function("01b", answer)
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 256, (40, 50)).astype(np.uint8)
    output = np.clip(truth + rng.normal(0, 9, truth.shape), 0, 255).astype(np.uint8)
    output[:3], output[:, -3:] = 0, 255  # a bad rim, to tell whether it is cut
    given = output.copy(), truth.copy()
    for border in (0, 3):
        wanted = metrics.psnr(metrics.shave(output, border), metrics.shave(truth, border))
        floats = _number("01b", function(output.astype(float), truth.astype(float), border))
        if abs(floats - wanted) > 0.01:
            cut = "" if border == 0 else f" with a border of {border}; are all four sides cut?"
            raise _wrong("01b", f"for two test images it gives {floats:.2f} dB, wanted {wanted:.2f} dB{cut or '.'}")
        if abs(_number("01b", function(output, truth, border)) - wanted) > 0.01:
            raise _wrong("01b", "right for floats, wrong for uint8: 3 − 5 is 254 in uint8. Convert before subtracting.")
    if not (np.array_equal(output, given[0]) and np.array_equal(truth, given[1])):
        raise _wrong("01b", "the numbers are right, but your function changes the images it is given.")
    _right("01b")


def check_01c(answer: Callable[[int], np.ndarray]) -> None:
    """The matrix that doubles a row of n pixels by bicubic interpolation, `double(n)`, shape `(2n, n)`."""
    function = _function("01c", answer)
    for n in (8, 5, 3):
        got = np.asarray(_answered("01c", function(n)), dtype=float)
        wanted = axis_weights(n, 2 * n).matrix()
        if got.shape != wanted.shape:
            raise _wrong("01c", f"for n = {n} the shape is {got.shape}, wanted {wanted.shape}.")
        if np.allclose(got, wanted, atol=1e-6):
            continue
        if np.allclose(got, _doubling(n, a=-0.75), atol=1e-6):
            raise _wrong("01c", "that is a = −0.75, OpenCV's kernel. MATLAB's is −0.5.")
        if np.allclose(got[4:-4], wanted[4:-4], atol=1e-6):
            if not np.allclose(got.sum(axis=1), 1, atol=1e-6):
                raise _wrong("01c", "the middle is right, but near the edges the rows do not sum to 1. Mirror the row.")
            raise _wrong(
                "01c", "the middle is right, the edges are not. Pixel −1 is pixel 0 again, pixel −2 is pixel 1."
            )
        raise _wrong("01c", "output pixel i has its centre at input position (i + ½)/2 − ½, counted from 0.")
    _right("01c", "Two such matrices make an image twice as large.")


def _doubling(n: int, a: float) -> np.ndarray:
    matrix = np.zeros((2 * n, n))
    for i in range(2 * n):
        centre = (i + 0.5) / 2 - 0.5
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            mirrored = min(j % (2 * n), 2 * n - 1 - j % (2 * n))
            matrix[i, mirrored] += cubic(np.array(centre - j), a)
    return matrix


MYSTERY = {"A": "no-antialias", "B": "bicubic-0.75-up", "C": "float-no-shave", "D": "rgb"}


@lru_cache(maxsize=1)
def mystery_01d() -> dict[str, float]:
    """Four reports of bicubic's PSNR (dB) on the cat ×3; each departs from the authors' protocol in its own way."""
    from skimage import data

    from .evaluation import score

    return {letter: round(score(data.chelsea(), 3, None, name).psnr, 2) for letter, name in MYSTERY.items()}


def check_01d(answer: Mapping[str, str]) -> None:
    """Which protocol each of the reports of `mystery_01d` used: `{"A": a key of PROTOCOLS, ...}`."""
    named = _answered("01d", answer)
    if not isinstance(named, Mapping) or set(named) != set(MYSTERY):
        raise _wrong("01d", f"a dictionary with the keys {', '.join(MYSTERY)} is wanted.")
    wrong = [letter for letter, name in MYSTERY.items() if named[letter] != name]
    if wrong:
        raise _wrong("01d", f"{len(MYSTERY) - len(wrong)} of {len(MYSTERY)} are right; look again at {wrong[0]}. "
                     "Score the picture by each of PROTOCOLS and compare.")  # fmt: skip
    _right("01d", "A PSNR without its protocol says little.")


# --- chapter 2 ---------------------------------------------------------------------------------------


def check_02a(answer: int) -> None:
    """The smallest number of 3×3 layers whose receptive field is at least 100 pixels wide."""
    depth = _number("02a", answer)
    if depth == 49:
        raise _wrong("02a", "49 layers see 99 pixels: the first pixel is there before any layer.")
    if depth != 50:
        raise _wrong("02a", "each layer of 3×3 adds 2 pixels to the 1 that you start from.")
    _right("02a")


def check_02b(answer: Callable[[Sequence[tuple[int, int, int]]], int]) -> None:
    """The side of the field of a chain of `(kernel, stride, dilation)`, `side(layers)`."""
    function = _function("02b", answer)
    rng = np.random.default_rng(2)
    chains: list[list[tuple[int, ...]]] = [
        [(9, 1, 1), (1, 1, 1), (5, 1, 1)],
        [(3, 1, 1)] * 20,
        [(3, 1, 2), (3, 1, 4)],
        [(3, 2, 1), (3, 1, 1)],
    ]
    chains += [[tuple(map(int, rng.integers(1, 5, 3))) for _ in range(5)] for _ in range(20)]
    for chain in chains:
        wanted = field([Layer(k, s, d) for k, s, d in chain]).side
        got = _number("02b", function(list(chain)))
        if got != wanted:
            if any(s > 1 for _, s, _ in chain) and all(d == 1 for _, _, d in chain):
                hint = " A stride counts for the layers behind it, not for its own."
            else:
                hint = " The kernel's taps lie `dilation` pixels apart." if any(d > 1 for _, _, d in chain) else ""
            raise _wrong("02b", f"for {chain} it gives {got:g}, wanted {wanted}.{hint}")
    _right("02b")


def check_02c(answer: Sequence[int]) -> None:
    """Dilations for six 3×3 layers that see at least 41×41 pixels and leave none of them out."""
    given = _answered("02c", answer)
    try:
        dilations = [int(d) for d in given]
    except (TypeError, ValueError):
        raise _wrong("02c", "a list of six whole numbers is wanted.") from None
    if len(dilations) != 6 or min(dilations) < 1:
        raise _wrong("02c", f"six dilations of at least 1 are wanted, got {dilations}.")
    mask = support([Layer(3, dilation=d) for d in dilations]).mask()
    if len(mask) < 41:
        raise _wrong("02c", f"{dilations} span {len(mask)} pixels, wanted 41. The dilations must sum to 20.")
    if not mask.all():
        raise _wrong("02c", f"{dilations} span {len(mask)} pixels, but leave holes. "
                     "A layer with dilation d needs the others to fill the d pixels between its taps.")  # fmt: skip
    _right("02c", f"Six layers see {len(mask)}×{len(mask)}, where VDSR takes twenty for 41×41.")


def check_02d(answer: float) -> None:
    """The share of the gradient's energy in the middle 13×13 pixels, for VDSR at its initialisation."""
    share = _number("02d", answer)
    steps = np.array([1.0])
    for _ in range(20):
        steps = np.convolve(steps, np.full(3, 1 / 3))
    wanted = float(steps[20 - 6 : 20 + 7].sum() ** 2)
    if abs(share - math.sqrt(wanted)) < 0.02 and abs(share - wanted) > 0.05:
        raise _wrong("02d", "that is the share along one axis. A square has two.")
    if abs(share - wanted) > 0.05:
        raise _wrong("02d", f"{share:.2f} is more than 0.05 off. Energy is the squared gradient; take the mean over "
                     "many fresh networks, of the chain without the skip, before you take the share.")  # fmt: skip
    _right("02d", "Most of what a fresh VDSR reacts to lies in a window no larger than SRCNN's.")
