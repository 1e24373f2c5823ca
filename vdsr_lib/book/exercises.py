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

from .. import metrics
from ..errors import VdsrError
from ..receptive_field import Layer, field, support
from ..resize import axis_weights, cubic


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
        raise _wrong(exercise, "no answer yet; put yours where the three dots are.")
    return answer


def _number(exercise: str, answer: Any) -> float:
    try:
        number = float(_answered(exercise, answer))
        if isinstance(answer, str):
            raise TypeError
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
    if abs(gain - 10 * math.log10(1 / 4)) < 0.03 or abs(gain - 10 * math.log10(1 / 2)) < 0.03:
        raise _wrong("01a", "the right size with the wrong sign: a smaller error means a *higher* PSNR.")
    if abs(gain - 20 * math.log10(2)) > 0.03:  # 6 dB is right, to the digits that it has
        raise _wrong("01a", "PSNR is 10 log10(255² / MSE). What becomes of MSE when its root is halved?")
    _right("01a", "Each halving of the error is worth as much, wherever you start.")


def check_01b(answer: Callable[[np.ndarray, np.ndarray, int], float]) -> None:
    """A PSNR of one's own, `my_psnr(output, truth, border)`, for uint8 and float images."""
    function = _function("01b", answer)
    rng = np.random.default_rng(1)
    truth = rng.integers(20, 180, (40, 50)).astype(np.uint8)  # no pixel has the peak, 255
    output = np.clip(truth + rng.normal(0, 9, truth.shape), 0, 255).astype(np.uint8)
    output[:3], output[:, -3:] = 0, 190  # a bad rim, to tell whether it is cut
    given = output.copy(), truth.copy()
    for border in (0, 3):
        wanted = metrics.psnr(metrics.shave(output, border), metrics.shave(truth, border))
        answered = _answered("01b", function(output.astype(float), truth.astype(float), border))
        if border == 0 and isinstance(answered, float | np.floating) and not math.isfinite(answered):
            raise _wrong("01b", f"with a border of 0 it gives {answered}: `image[0:-0]` is empty, so nothing is left.")
        floats = _number("01b", answered)
        peaks = {"the truth's largest value": given[1].max(), "the output's largest value": given[0].max(),
                 "the truth's range": np.ptp(given[1]), "1": 1.0}  # fmt: skip
        for words, peak in peaks.items():
            if abs(floats - wanted - 20 * math.log10(float(peak) / 255)) < 0.01:
                raise _wrong("01b", f"that has {words} as its peak. The peak is the largest value that 8 bits can "
                             "hold, 255, whatever is in this picture.")  # fmt: skip
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

    from ..evaluation import score

    return {letter: round(score(data.chelsea(), 3, None, name).psnr, 2) for letter, name in MYSTERY.items()}


def check_01d(answer: Mapping[str, str]) -> None:
    """Which protocol each of the reports of `mystery_01d` used: `{"A": a key of PROTOCOLS, ...}`."""
    named = _answered("01d", answer)
    if not isinstance(named, Mapping) or set(named) != set(MYSTERY):
        raise _wrong("01d", f"a dictionary with the keys {', '.join(MYSTERY)} is wanted.")
    from ..evaluation import PROTOCOLS

    strange = [name for name in named.values() if name not in PROTOCOLS]
    if strange:
        raise _wrong("01d", f"{strange[0]!r} is no key of PROTOCOLS. Keys are short, such as 'float' or 'rgb'.")
    wrong = [letter for letter, name in MYSTERY.items() if named[letter] != name]
    if wrong:
        raise _wrong("01d", f"{len(MYSTERY) - len(wrong)} of {len(MYSTERY)} are right; look again at {wrong[0]}. "
                     "Score the picture by each of PROTOCOLS and compare.")  # fmt: skip
    _right("01d", "A PSNR without its protocol says little.")


def check_01e(answer: Mapping[str, Any]) -> None:
    """Two slips of one's own: `{a name: a Protocol}`, each one step away from the authors', none in `PROTOCOLS`."""
    from dataclasses import asdict

    from skimage import data

    from ..evaluation import PROTOCOLS, Protocol, score

    given = _answered("01e", answer)
    if not isinstance(given, Mapping) or len(given) < 2 or not all(isinstance(p, Protocol) for p in given.values()):
        raise _wrong(
            "01e", "a dictionary of two protocols is wanted; make each with `replace(PROTOCOLS['authors'], …)`."
        )

    def settings(protocol: Protocol) -> dict[str, Any]:
        return {key: value for key, value in asdict(protocol).items() if key not in ("name", "summary")}

    right = settings(PROTOCOLS["authors"])
    seen = [settings(protocol) for protocol in PROTOCOLS.values()]
    for name, protocol in given.items():
        mine = settings(protocol)
        changed = [key for key in right if mine[key] != right[key]]
        if len(changed) != 1:
            raise _wrong("01e", f"{name!r} changes {len(changed)} fields ({', '.join(changed) or 'none'}). Change one, "
                         "or you cannot say which of them made the difference.")  # fmt: skip
        if mine in seen:
            raise _wrong("01e", f"{name!r} is one of PROTOCOLS already, or the same as another of yours.")
        seen.append(mine)
    base = score(data.chelsea(), 3, None, "authors").psnr
    moved = {name: score(data.chelsea(), 3, None, p).psnr - base for name, p in given.items()}
    words = [f"{name} {round(value, 2) + 0.0:+.2f} dB".replace("-", "−") for name, value in moved.items()]
    _right("01e", f"On the cat at ×3: {', '.join(words)}.")


def check_01f(answer: float) -> None:
    """The share of all directions that a picture loses when it is made three times smaller."""
    share = _number("01f", answer)
    if abs(share - 1 / 9) < 0.006:
        raise _wrong("01f", "that is the share that stays. What is lost is the rest.")
    if abs(share - 2 / 3) < 0.01:
        raise _wrong("01f", "that is for a single row. A picture gets smaller in two directions.")
    if 1 < share <= 100:
        raise _wrong("01f", "a share lies between 0 and 1.")
    if abs(share - 8 / 9) > 0.006:
        raise _wrong("01f", "as many directions are kept as the small picture has pixels.")
    _right("01f", "Eight numbers of nine have to be guessed.")


def check_01g(answer: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """`twin(image, scale)`: another picture whose small version is the same."""
    from ..resize import imresize

    function = _function("01g", answer)
    rng = np.random.default_rng(17)
    for scale, shape in ((2, (12, 16)), (3, (18, 15))):
        image = rng.uniform(60, 200, shape)
        got = np.asarray(_answered("01g", function(image.copy(), scale)), dtype=float)
        if got.shape != image.shape:
            raise _wrong("01g", f"for a picture of {image.shape} the twin has the shape {got.shape}.")
        apart = float(np.abs(imresize(got, 1 / scale) - imresize(image, 1 / scale)).max())
        if apart > 1e-6:
            raise _wrong("01g", f"made {scale} times smaller, the two differ by up to {apart:.3g} grey levels. Add "
                         "only what R and C cannot see: something minus its visible part.")  # fmt: skip
        if float(np.abs(got - image).max()) < 1:
            raise _wrong("01g", "that is the picture itself, to less than one grey level. A twin must look different.")
    _right("01g", "No method can tell the two apart from the small picture.")


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
    got = [_number("02b", function(list(chain))) for chain in chains]
    wanted = [field([Layer(k, s, d) for k, s, d in chain]).side for chain in chains]
    for chain, mine, right in zip(chains, got, wanted, strict=True):
        if mine != right:
            hint = next((f" {words}" for words, slip in _SIDE_SLIPS.items()
                         if got == [_chain_side(c, **slip) for c in chains]), "")  # fmt: skip
            raise _wrong("02b", f"for {chain} it gives {mine:g}, wanted {right}.{hint}")
    _right("02b")


_SIDE_SLIPS: dict[str, dict[str, Any]] = {
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


def check_02c(answer: Sequence[int]) -> None:
    """Dilations for six 3×3 layers that see exactly 41×41 pixels and leave none of them out."""
    given = _answered("02c", answer)
    try:
        dilations = [int(d) for d in given]
    except (TypeError, ValueError):
        raise _wrong("02c", "a list of six whole numbers is wanted.") from None
    if len(dilations) != 6 or min(dilations) < 1:
        raise _wrong("02c", f"six dilations of at least 1 are wanted, got {dilations}.")
    mask = support([Layer(3, dilation=d) for d in dilations]).mask()
    if len(mask) != 41:
        raise _wrong("02c", f"{dilations} span {len(mask)} pixels, wanted 41. Each layer adds twice its dilation.")
    if not mask.all():
        raise _wrong("02c", f"{dilations} span {len(mask)} pixels, but leave holes. "
                     "A layer with dilation d needs the others to fill the d pixels between its taps.")  # fmt: skip
    _right("02c", "Six layers see what VDSR takes twenty for.")


def check_02d(answer: float) -> None:
    """The share of the gradient's energy in the middle 13×13 pixels, for VDSR at its initialisation."""
    share = _number("02d", answer)
    steps = np.array([1.0])
    for _ in range(20):
        steps = np.convolve(steps, np.full(3, 1 / 3))
    wanted = float(steps[20 - 6 : 20 + 7].sum() ** 2)
    if share > 1:
        raise _wrong("02d", f"a share lies between 0 and 1, got {share:g}.")
    if abs(share - math.sqrt(wanted)) < 0.02 and abs(share - wanted) > 0.05:
        raise _wrong("02d", "that is the share along one axis. A square has two.")
    if abs(share - wanted) > 0.05:
        raise _wrong("02d", f"{share:.2f} is more than 0.05 off. Energy is the squared gradient; take the mean over "
                     "many fresh networks, of the chain without the skip, before you take the share.")  # fmt: skip
    _right("02d", "Most of what a fresh VDSR reacts to lies in a window no larger than SRCNN's.")


def check_02e(answer: float) -> None:
    """The same share for ten layers of 5×5, whose field is 41×41 too."""
    share = _number("02e", answer)
    walks = {}
    for kernel, depth in ((3, 20), (5, 10), (5, 20)):
        row = np.array([1.0])
        for _ in range(depth):
            row = np.convolve(row, np.full(kernel, 1 / kernel))
        walks[kernel, depth] = float(row[len(row) // 2 - 6 : len(row) // 2 + 7].sum() ** 2)
    wanted = walks[5, 10]
    if share > 1:
        raise _wrong("02e", f"a share lies between 0 and 1, got {share:g}.")
    if abs(share - wanted) > 0.02:
        if abs(share - walks[3, 20]) < 0.02:  # √wanted is as near to this
            raise _wrong("02e", "that is the share for 3 × 3, or for 5 × 5 along one axis only. A step of the walk now "
                         "has five places to go to, on each of two axes.")  # fmt: skip
        if abs(share - walks[5, 20]) < 0.02:
            raise _wrong("02e", "that is for twenty layers. With 5 × 5 a field of 41 takes ten.")
        raise _wrong("02e", f"{share:.2f} is more than 0.02 off. Take ten boxes of width 5, on both axes.")
    _right("02e", "At the same theoretical field, fewer and larger kernels spread what they see more evenly.")


# --- chapter 3 ---------------------------------------------------------------------------------------


def check_03a(answer: int) -> None:
    """How many weights, without biases, SRCNN 9-5-5 has."""
    weights = _number("03a", answer)
    if weights == 57_184 + 97:
        raise _wrong("03a", "that is with the biases. Leave them out, as the papers do.")
    if weights == 8_032:
        raise _wrong("03a", "that is 9-1-5. The middle kernel is now 5 × 5.")
    if weights != 57_184:
        raise _wrong("03a", "a layer has kernel height × kernel width × channels in × channels out weights.")
    _right("03a", "Seven times as many as 9-1-5, nearly all of them in the middle.")


def check_03b(answer: Callable[[np.ndarray, float], np.ndarray]) -> None:
    """The soft threshold from ReLUs, `soft(u, t)`."""
    function = _function("03b", answer)
    u = np.linspace(-3, 3, 61)
    for t in (0.0, 0.5, 2.0):
        got = np.asarray(_answered("03b", function(u.copy(), t)), dtype=float)
        wanted = np.sign(u) * np.maximum(np.abs(u) - t, 0)
        if got.shape != u.shape:
            raise _wrong("03b", f"for {u.shape} numbers it gives shape {got.shape}.")
        if np.allclose(got, wanted, atol=1e-9):
            continue
        if np.allclose(got, np.maximum(u - t, 0), atol=1e-9):
            raise _wrong("03b", "that is the positive side. A second ReLU, of −u, makes the negative one.")
        if np.allclose(got, np.where(np.abs(u) > t, u, 0), atol=1e-9):
            raise _wrong("03b", "that is the hard threshold. The soft one also moves what is kept by t towards zero.")
        if np.allclose(got, np.maximum(u - t, 0) + np.maximum(-u - t, 0), atol=1e-9):
            raise _wrong("03b", "that is |u| with a threshold: negative values come back positive. Subtract the second "
                         "ReLU.")  # fmt: skip
        worst = int(np.argmax(np.abs(got - wanted)))
        raise _wrong("03b", f"for t = {t:g} and u = {u[worst]:.2g} it gives {got[worst]:.2g}, wanted "
                     f"{wanted[worst]:.2g}.".replace("-", "−"))  # fmt: skip
    _right("03b")


def check_03c(answer: Callable[[np.ndarray, np.ndarray, float, int], np.ndarray]) -> None:
    """ISTA, `ista(atoms, patch, weight, steps)`: the code that minimises ½‖p − aᵀα‖² + weight·‖α‖₁, begun at zero."""
    function = _function("03c", answer)
    rng = np.random.default_rng(3)
    for _ in range(3):
        atoms = rng.normal(size=(12, 9))
        atoms /= np.linalg.norm(atoms, 2)  # so that a step of length 1 is safe
        patch = rng.normal(size=9)
        for steps in (1, 2, 200):
            wanted = np.zeros(12)
            for _ in range(steps):
                u = wanted + atoms @ (patch - wanted @ atoms)
                wanted = np.sign(u) * np.maximum(np.abs(u) - 0.1, 0)
            got = np.asarray(_answered("03c", function(atoms.copy(), patch.copy(), 0.1, steps)), dtype=float)
            if got.shape != wanted.shape:
                raise _wrong("03c", f"the code of 12 atoms has 12 numbers, got shape {got.shape}.")
            if not np.allclose(got, wanted, atol=1e-9):
                raise _wrong("03c", f"after {steps} step{'s' * (steps > 1)} it is off by up to "
                             f"{np.abs(got - wanted).max():.2g}. A step: add atoms @ (patch − code @ atoms), then "
                             "take the soft threshold.")  # fmt: skip
    _right("03c", "One step is a convolution and a ReLU. Many steps are a deep network.")


def check_03d(answer: Callable[[], Any]) -> None:
    """`identity()`: an `SRCNN` whose weights are set by hand so that it returns its input, of either sign."""
    import torch

    from ..models import SRCNN

    function = _function("03d", answer)
    network = _answered("03d", function())
    if not isinstance(network, SRCNN):
        raise _wrong("03d", f"an SRCNN is wanted, got {type(network).__name__}.")
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(1, 1, 20, 20, generator=generator)
    with torch.no_grad():
        for image, words in ((x, "a picture"), (x - 0.5, "a picture with negative values")):
            off = float((network(image) - image)[..., 6:-6, 6:-6].abs().max())
            if off > 1e-5:
                raise _wrong("03d", f"for {words} the result is off by up to {off:.2g}. A ReLU drops what is negative; "
                             "it takes two channels, for x and for −x.")  # fmt: skip
    _right("03d", "That is what SRCNN has to learn before anything else. VDSR has it from the start.")


def check_03e(answer: Any) -> None:
    """An `SRCNN` 9-1-5, trained from the identity until it beats bicubic interpolation at ×3."""
    import torch
    from skimage import data

    from ..degradation import degrade
    from ..evaluation import predict_luma
    from ..models import SRCNN

    network = _answered("03e", answer)
    if not isinstance(network, SRCNN):
        raise _wrong("03e", f"a trained SRCNN is wanted, got {type(network).__name__}.")
    if tuple(network.kernels) != (9, 1, 5):
        raise _wrong("03e", "kernels of 9, 1 and 5 are wanted: a net of 1 × 1 sees one pixel, and can sharpen nothing.")
    truth = data.camera()[100:220, 180:300].astype(float)
    given = degrade(truth, 3).interpolated
    cut = np.s_[3:-3, 3:-3]

    def psnr(image: np.ndarray) -> float:
        return metrics.psnr(image[cut], truth[cut], data_range=255)

    with torch.no_grad():
        gain = psnr(predict_luma(network, given, data_range=255)) - psnr(given)
    words = f"it stands {abs(gain):.2f} dB {'above' if gain > 0 else 'below'} bicubic interpolation"
    if abs(gain) < 0.02:
        raise _wrong("03e", f"{words}: it has not moved from the identity. Where all weights but two channels' are "
                     "zero, no gradient reaches them: add small random weights.")  # fmt: skip
    if gain < 0.1:
        raise _wrong("03e", f"{words}, wanted 0.1 dB above it. Begin at the identity, and mind the rate.")
    _right("03e", f"From the identity {words}.".replace("it stands", "it ends up"))


# --- chapter 4 ---------------------------------------------------------------------------------------


def check_04a(answer: float) -> None:
    """The gain, weight variance times fan-in, that keeps the energy behind a leaky ReLU of slope 0.2."""
    gain = _number("04a", answer)
    if abs(gain - 2) < 0.01:
        raise _wrong("04a", "that is ReLU's gain. A leaky ReLU lets something of the negative half through.")
    if abs(gain - 2 / 1.2) < 0.01:
        raise _wrong("04a", "energies are squares: the slope counts squared.")
    if abs(gain - 2 / 1.04) > 0.005:
        raise _wrong("04a", "half of the energy passes whole, the other half times 0.2². The gain undoes that.")
    _right("04a")


def check_04b(answer: Callable[[Sequence[tuple[int, float]], float], Sequence[float]]) -> None:
    """The signal's energy after each layer, `energies(layers, start)`, for layers `(fan_in, variance)` with ReLUs."""
    function = _function("04b", answer)
    rng = np.random.default_rng(4)
    for _ in range(20):
        layers = [(int(n), float(v / n)) for n, v in zip(rng.integers(1, 600, 6), rng.uniform(0.1, 4, 6), strict=True)]
        start = float(rng.uniform(0.1, 2))
        factors = [n * v * (0.5 if k else 1.0) for k, (n, v) in enumerate(layers)]
        wanted = start * np.cumprod(factors)
        got = np.asarray(_answered("04b", function(list(layers), start)), dtype=float)
        if got.shape != wanted.shape:
            raise _wrong("04b", f"for {len(layers)} layers it gives shape {got.shape}, wanted one energy a layer.")
        if np.allclose(got, wanted, rtol=1e-6):
            continue
        if np.allclose(got, wanted / 2, rtol=1e-6):
            raise _wrong("04b", "each of them is half of what is wanted. Either you halved before the first layer, "
                         "where there is no ReLU, or you took each energy after its ReLU.")  # fmt: skip
        if np.allclose(got[:-1], wanted[:-1] / 2, rtol=1e-6) and np.isclose(got[-1], wanted[-1], rtol=1e-6):
            raise _wrong("04b", "those are the energies after each ReLU. The ones before it are wanted.")
        if np.allclose(got, start * np.cumprod([n * v for n, v in layers]), rtol=1e-6):
            raise _wrong("04b", "each ReLU between two layers throws away half of the energy.")
        if np.allclose(got, np.sqrt(wanted), rtol=1e-6):
            raise _wrong("04b", "those are sizes. The energy is their square.")
        raise _wrong("04b", "each layer multiplies by fan-in × variance, and each ReLU between two layers by one half.")
    _right("04b")


def check_04c(answer: float) -> None:
    """How much larger the prediction's energy is when VDSR's last layer is drawn with the fan-out."""
    factor = _number("04c", answer)
    if abs(factor - 8) < 0.1:
        raise _wrong("04c", "that is the factor of its size. Its energy is the square.")
    if abs(factor - 64) > 0.5:
        raise _wrong("04c", "the fan-in is 9·64, the fan-out 9·1. The variance is 2 over the one or the other.")
    _right("04c", "A prediction eight times as large, before anything is learnt.")


def check_04d(answer: Callable[[Any, Any], Any]) -> None:
    """`level(network, x)` scales weights in place, so that each convolution's output has energy 1 on `x`."""
    import torch

    from ..analysis.gradient_flow import SRCNN_INIT, convolutions, measure
    from ..models import VDSR

    function = _function("04d", answer)
    generator = torch.Generator().manual_seed(4)
    with torch.random.fork_rng(devices=[]):
        network = VDSR(6, 8)
    SRCNN_INIT.apply_(network, generator)
    x = torch.rand(1, 1, 15, 15, generator=generator)
    before = [conv.weight.detach().clone() for conv in convolutions(network)]
    function(network, x)
    energy = measure(network, x, x).signal
    if not np.isfinite(energy).all():
        raise _wrong("04d", "some outputs are not finite any more. Is a layer divided by zero?")
    if not np.allclose(energy, 1, rtol=0.02):
        worst = int(np.argmax(np.abs(np.log(energy))))
        raise _wrong("04d", f"layer {worst + 1} has energy {energy[worst]:.3g}, wanted 1. Go from the first layer to "
                     "the last: what a layer gets depends on those before it. Divide by the root.")  # fmt: skip
    for conv, old in zip(convolutions(network), before, strict=True):
        ratio = conv.weight.detach() / old
        if float(ratio.std()) > 1e-3 * abs(float(ratio.mean())):
            raise _wrong("04d", "the energies are right; but scale each layer by one number, do not draw it anew.")
    _right("04d", "No rule was needed: the data say how large the weights must be.")


def check_04e(answer: Callable[[int, int], Any]) -> None:
    """`sigmoid_chain(depth, width)`: 3×3 convolutions, one channel in and out, with a sigmoid between each two."""
    import torch

    from ..analysis.gradient_flow import Init, convolutions, measure

    function = _function("04e", answer)
    depth, width = 8, 16
    network = _answered("04e", function(depth, width))
    if not isinstance(network, torch.nn.Module):
        raise _wrong("04e", f"a network is wanted, got {type(network).__name__}.")
    convs = convolutions(network)
    if len(convs) != depth or convs[0].in_channels != 1 or convs[-1].out_channels != 1:
        raise _wrong("04e", f"sigmoid_chain({depth}, {width}) should have {depth} convolutions, the first from 1 "
                     f"channel and the last to 1; it has {len(convs)}.")  # fmt: skip
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
            raise _wrong("04e", f"it makes {tuple(got.shape)} of {tuple(x.shape)}. Pad by 1, so that the size stays.")
        if torch.allclose(got, through(torch.relu, False), atol=1e-6):
            raise _wrong("04e", "those are ReLUs still.")
        if torch.allclose(got, through(torch.sigmoid, True), atol=1e-6):
            raise _wrong("04e", "the last layer has no sigmoid behind it.")
        if not torch.allclose(got, through(torch.sigmoid, False), atol=1e-5):
            raise _wrong("04e", "its output is not that of its convolutions with a sigmoid between each two.")
    gradient = np.sqrt(measure(network, x, x).weight)
    _right("04e", f"With weights of variance 1/n the last layer's gradient is {gradient[-1] / gradient[0]:,.0f} times "
           "the first's.")  # fmt: skip


# --- chapter 5 ---------------------------------------------------------------------------------------


def check_05a(answer: float) -> None:
    """PSNR (dB) of bicubic interpolation when the residual's standard deviation is 0.02, its mean 0, range [0, 1]."""
    value = _number("05a", answer)
    wanted = -20 * math.log10(0.02)
    if abs(value - wanted / 2) < 0.02:
        raise _wrong("05a", "PSNR has the mean *square* of the error. Square the standard deviation first.")
    if abs(value + wanted) < 0.02:
        raise _wrong("05a", "the peak stands above the error, so PSNR is above zero.")
    if abs(value - wanted - 20 * math.log10(255)) < 0.1:
        raise _wrong("05a", "the peak is 1 on this scale, not 255.")
    if abs(value - wanted) > 0.03:  # 34 dB is right, to the digits that it has
        raise _wrong("05a", "the error of bicubic interpolation is the residual itself, and the peak is 1.")
    _right("05a", "A network that predicts nothing starts from there.")


def check_05b(answer: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]) -> None:
    """The loss and its gradient by hand, `my_loss(residual, prediction)`, for arrays `(B, P, P)`."""
    function = _function("05b", answer)
    rng = np.random.default_rng(5)
    residual, prediction = rng.normal(size=(2, 4, 5, 5))
    try:
        loss, gradient = function(residual, prediction)
    except TypeError as error:
        raise _wrong("05b", f"wanted a loss and a gradient from my_loss(residual, prediction); {error}.") from None
    wanted = 0.5 * np.sum((residual - prediction) ** 2) / 4
    ratio = _number("05b", loss) / wanted
    for factor, hint in ((2, "a factor ½ is missing"), (4, "the batch is averaged, not summed"),
                         (1 / 25, "the pixels are summed, not averaged")):  # fmt: skip
        if abs(ratio - factor) < 1e-6:
            raise _wrong("05b", f"the loss is {factor:g} times what is wanted: {hint}.")
    if abs(ratio - 1) > 1e-6:
        raise _wrong("05b", f"the loss of a test batch is {loss:.4f}, wanted {wanted:.4f}.")
    slope = (prediction - residual) / 4
    got = np.asarray(_answered("05b", gradient), dtype=float)
    if got.shape != slope.shape:
        raise _wrong("05b", f"the gradient has the shape {got.shape}, wanted that of the prediction, {slope.shape}.")
    if np.allclose(got, -slope):
        raise _wrong("05b", "the gradient has the wrong sign: when the prediction is too high, it must be positive.")
    if np.allclose(got, 4 * slope):
        raise _wrong("05b", "the loss is averaged over the batch, and so is its gradient: 1/B is missing.")
    if np.allclose(got, 2 * slope):
        raise _wrong("05b", "the half in the loss cancels the 2 from the square.")
    if not np.allclose(got, slope):
        raise _wrong("05b", "the loss is right, its gradient is not. Differentiate with respect to one pixel of the "
                     "prediction.")  # fmt: skip
    _right("05b", "The gradient is the error itself: a small error means small gradients.")


def check_05c(answer: Callable[[int, float], float]) -> None:
    """The largest stable rate, without momentum, of a chain of D equal gains whose product is ρ: `rate(depth, rho)`."""
    function = _function("05c", answer)
    for depth, rho in ((1, 0.3), (2, 0.5), (10, 1.0), (10, 0.1), (20, 0.05)):
        wanted = 2 / (depth * rho ** (2 - 2 / depth))
        got = _number("05c", function(depth, rho))
        if abs(got / wanted - 1) > 1e-6:
            hint = ""
            if abs(got / wanted - 0.5) < 1e-6:
                hint = " The limit is 2/λ, not 1/λ."
            elif abs(got * depth / wanted - 1) < 1e-6:
                hint = " Move all D gains at once: their slopes add up."
            raise _wrong("05c", f"for depth {depth} and ρ = {rho} it gives {got:.4g}, wanted {wanted:.4g}.{hint}")
    _right("05c", "A small target allows a large step.")


def check_05e(answer: float) -> None:
    """How many times the chain's stable rate grows from ρ = 1 to ρ = 0.1 as its depth goes to infinity."""
    value = _number("05e", answer)
    if abs(value - 10) < 0.1:
        raise _wrong("05e", "the curvature has the *square* of the slopes.")
    if abs(value - 0.01) < 1e-3 or abs(value - 0.1) < 1e-2:
        raise _wrong("05e", "the smaller target allows the *larger* rate. Divide the other way round.")
    if abs(value - 0.1 ** (2 / 20 - 2)) < 0.5:
        raise _wrong("05e", "that is for 20 layers. Let the depth grow on.")
    if abs(value - 100) > 1:
        raise _wrong("05e", "λ = D ρ^(2 − 2/D). D cancels in the ratio; what becomes of 2/D?")
    _right("05e")


def check_05f(answer: Mapping[str, Sequence[float]]) -> None:
    """Losses by step of the same function, trained on with the sum and with the copy: `{"sum": …, "copy": …}`."""
    given = _answered("05f", answer)
    if not isinstance(given, Mapping) or set(given) != {"sum", "copy"}:
        raise _wrong("05f", "a dictionary with the losses under 'sum' and 'copy' is wanted.")
    found = {name: np.asarray(given[name], dtype=float) for name in ("sum", "copy")}
    if min(map(len, found.values())) < 20 or len(found["sum"]) != len(found["copy"]):
        lengths = ", ".join(f"{len(v)} for {k!r}" for k, v in found.items())
        raise _wrong("05f", f"20 steps or more are wanted, as many with the sum as with the copy; got {lengths}.")
    if not all(np.isfinite(v).all() and (v >= 0).all() for v in found.values()):
        raise _wrong("05f", "some losses are not finite, or are below zero.")
    first = {name: float(v[0]) for name, v in found.items()}
    if abs(first["copy"] / max(first["sum"], 1e-12) - 1) > 0.02:
        raise _wrong("05f", f"the first losses are {first['sum']:.3g} and {first['copy']:.3g}. The two networks "
                     "compute the same, so on the same batch they must begin alike; is the copy made from the "
                     "*trained* network?")  # fmt: skip
    end = {name: float(np.median(v[-10:])) for name, v in found.items()}
    if np.array_equal(found["sum"], found["copy"]):
        raise _wrong("05f", "the two lists are equal to the last digit: one network was trained twice.")
    _right("05f", f"Over the last ten steps the copy's loss is {end['copy'] / end['sum']:.2g} times the sum's.")


def check_05d(answer: Callable[[Any], Any]) -> None:
    """A network without the sum that does what one with it does, `as_plain(model)`."""
    import torch

    from ..models import VDSR

    function = _function("05d", answer)
    generator = torch.Generator().manual_seed(5)
    for depth, width in ((2, 3), (5, 4)):
        model = VDSR(depth, width)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
        before = [p.detach().clone() for p in model.parameters()]
        plain = _answered("05d", function(model))
        if not isinstance(plain, VDSR) or plain.residual:
            raise _wrong("05d", "a VDSR with residual=False is wanted.")
        if any(not torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True)):
            raise _wrong("05d", "your function changes the network that it is given.")
        x = torch.rand(2, 1, 12, 12, generator=generator)
        with torch.no_grad():
            apart = float((plain(x) - model(x)).abs().max())
            chain = float((plain(x) - model.predict_residual(x)).abs().max())
        if chain < 1e-5:
            raise _wrong(
                "05d", "it gives the residual f(x); the input x is not added yet. It needs a channel of its own."
            )
        if apart > 1e-5:
            raise _wrong("05d", f"for depth {depth} it is off by up to {apart:.2g}. Do all new weights begin at zero? "
                         "Does the extra channel carry x untouched through each ReLU?")  # fmt: skip
    _right("05d", "So the sum lets the network say nothing new. It only makes it easier to learn.")


# --- chapter 6 ---------------------------------------------------------------------------------------


def check_06a(answer: float) -> None:
    """The most that a weight can change in one step with θ = 1e-4 and momentum 0.9, at any learning rate."""
    value = _number("06a", answer)
    if abs(value / 1e-4 - 1) < 0.01:
        raise _wrong("06a", "that holds for a plain step. Momentum adds up the steps before: 1 + 0.9 + 0.81 + …")
    if abs(value / 1e-3 - 1) > 0.01:
        raise _wrong("06a", "sum the series 1 + μ + μ² + …, and mind that γ falls out.")
    _right("06a", "About a sixtieth of the spread of a fresh weight, √(2/576).")


def check_06b(answer: Callable[[np.ndarray, float, float], tuple[np.ndarray, float]]) -> None:
    """The clip by hand, `my_clip(gradient, theta, learning_rate)`: the clipped gradient, and the share that was cut."""
    function = _function("06b", answer)
    rng = np.random.default_rng(6)
    # By hand, with elements on the bound; then as a convolution's gradient has them. No share comes twice.
    cases = [(np.array([-0.5, 0.1, 0.25, 0.3, -0.25, -0.01]), 0.03125, 0.125)]  # the bound is ¼, without rounding
    cases += [(rng.normal(size=(4, 3, 3, 3)), 0.5, rate) for rate in (1.0, 0.25)]
    for gradient, theta, rate in cases:
        given, bound = gradient.copy(), theta / rate
        try:
            clipped, share = function(gradient, theta, rate)
        except (TypeError, ValueError) as error:
            raise _wrong("06b", f"wanted a clipped gradient and a share; {error}.") from None
        if not np.array_equal(gradient, given):
            raise _wrong("06b", "your function changes the gradient that it is given.")
        wanted, count = np.clip(given, -bound, bound), int(np.sum(np.abs(given) > bound))
        got = np.asarray(_answered("06b", clipped), dtype=float)
        norm = float(np.linalg.norm(given))
        for other, hint in (
            (np.clip(given, -theta, theta), "the bound is θ/γ, not θ."),
            (np.clip(given, -theta * rate, theta * rate), "the bound is θ *divided* by γ."),
            (given * min(1, bound / norm), "that is the clip by norm: it scales all elements together."),
        ):
            same = got.shape == wanted.shape and np.allclose(got, other)
            if same and not np.allclose(other, wanted):
                raise _wrong("06b", hint)
        if got.shape != wanted.shape or not np.allclose(got, wanted, atol=1e-6):
            shown = (
                "" if given.size > 9 else f" for {given.tolist()} it gives {got.tolist()}, wanted {wanted.tolist()}."
            )
            raise _wrong("06b", f"with bound {bound:g} the clipped gradient is not right.{shown}")
        cut = _number("06b", share)
        if abs(cut - count / len(given)) < 1e-5 < abs(cut - count / given.size):
            raise _wrong("06b", f"for a gradient {given.shape} it counts rows: divide by the number of elements.")
        if abs(cut - count / given.size) > 1e-5:
            raise _wrong("06b", f"the share is {cut:.3f}, wanted {count} of {given.size}: an element that lies on the "
                         "bound is not cut.")  # fmt: skip
    _right("06b")


def check_06c(answer: tuple[float, float]) -> None:
    """`(γ, θ)` for a loss averaged over 41 × 41 pixels that trains as the paper's sum with 0.1 and 1e-4 does."""
    given = _answered("06c", answer)
    try:
        rate, theta = (_number("06c", v) for v in given)
    except (TypeError, ValueError):
        raise _wrong("06c", "a pair (learning rate, θ) is wanted.") from None
    pixels = 41**2
    if abs(rate * pixels / 0.1 - 1) < 0.01:
        raise _wrong("06c", "the gradients are smaller by 1,681 now. Must the rate rise or fall to make up for it?")
    if abs(rate / (0.1 * pixels) - 1) > 0.01:
        raise _wrong("06c", "the step is the rate times the gradient, and the gradient is 41 · 41 times smaller.")
    if abs(theta / 1e-4 - 1) > 0.01:
        raise _wrong("06c", "the rate is right. What does θ bound: a gradient, or the change of a weight?")
    _right("06c", "θ has the unit of a weight, so no scale of the loss can change it.")


def check_06d(answer: Callable[[np.ndarray, float, float], float]) -> None:
    """The θ that cuts a given share of a gradient's elements, `theta_for_share(gradient, learning_rate, share)`."""
    function = _function("06d", answer)
    rng = np.random.default_rng(6)
    gradient = rng.normal(size=4000) * 10 ** rng.uniform(-3, 1, 4000)
    for rate in (0.1, 0.001):
        for share in (0.05, 0.5, 0.9):
            theta = _number("06d", function(gradient.copy(), rate, share))
            cut = float(np.mean(np.abs(gradient) > theta / rate))
            if abs(float(np.mean(np.abs(gradient) > theta)) - share) < 0.01 and abs(cut - share) > 0.01:
                raise _wrong("06d", "that is the bound θ/γ. Multiply by γ.")
            if abs(1 - cut - share) < 0.01 and abs(cut - share) > 0.01:
                raise _wrong("06d", f"for a share of {share} it cuts {cut:.2f}: the share *above* the bound is wanted.")
            if abs(cut - share) > 0.01:
                raise _wrong("06d", f"at learning rate {rate:g} it cuts {cut:.3f} of the elements, wanted {share:g}. "
                             "Sort their absolute values, or ask np.quantile.")  # fmt: skip
    _right("06d", "Such a clip needs no θ, but the largest step is no longer known in advance.")


# --- chapter 7 ---------------------------------------------------------------------------------------


def check_07a(answer: float) -> None:
    """The share of a picture's frequencies that a picture made 2.5 times smaller cannot hold."""
    share = _number("07a", answer)
    if abs(share - 0.6) < 0.005:
        raise _wrong("07a", "that is the share along one axis. Of all frequencies in two dimensions, more is lost.")
    if abs(share - 0.16) < 0.005:
        raise _wrong("07a", "that is the share that it *can* hold.")
    if abs(share - 0.84) > 0.005:
        raise _wrong("07a", "a picture s times smaller has 1/s² of the pixels, and holds as many frequencies.")
    _right("07a", "The scale need not be whole.")


def check_07b(answer: Callable[[Any], Mapping[int, float]]) -> None:
    """The share of the loss that each scale has in a set of patches, `loss_shares(patches)`, for f = 0."""
    import torch

    from ..patches import Patches

    function = _function("07b", answer)
    generator = torch.Generator().manual_seed(7)
    # Not as many patches of each scale, so that a mean and a sum are told apart.
    scale = torch.tensor([2] * 5 + [3] * 3 + [4] * 2)
    high_res = torch.rand(10, 1, 9, 9, generator=generator)
    interpolated = high_res + 0.02 * scale.view(-1, 1, 1, 1) * torch.randn(10, 1, 9, 9, generator=generator)
    patches = Patches(interpolated, high_res, scale)
    squares = (high_res - interpolated).square().sum(dim=(1, 2, 3))
    sums = {s: float(squares[scale == s].sum()) for s in (2, 3, 4)}
    means = {s: float(squares[scale == s].mean()) for s in (2, 3, 4)}
    got = _answered("07b", function(patches))
    if not isinstance(got, Mapping) or {int(k) for k in got} != {2, 3, 4}:
        raise _wrong("07b", "a dictionary from scale to share is wanted, with the scales of the patches as keys.")
    given = {int(k): _number("07b", v) for k, v in got.items()}
    if abs(sum(given.values()) - 1) > 1e-3:
        raise _wrong("07b", f"the shares sum to {sum(given.values()):.3f}, wanted 1.")
    wanted = {s: v / sum(sums.values()) for s, v in sums.items()}
    by_mean = {s: v / sum(means.values()) for s, v in means.items()}
    if max(abs(given[s] - wanted[s]) for s in wanted) > 1e-3:
        if max(abs(given[s] - by_mean[s]) for s in by_mean) < 1e-3:
            raise _wrong("07b", "those are the shares if each scale had as many patches. Sum over the patches, so "
                         "that a scale with more of them counts more.")  # fmt: skip
        raise _wrong("07b", f"for a test set it gives {given[2]:.3f}, {given[3]:.3f}, {given[4]:.3f}, wanted "
                     f"{wanted[2]:.3f}, {wanted[3]:.3f}, {wanted[4]:.3f}.")  # fmt: skip
    _right("07b", "A mixture in equal numbers is not one in equal weights.")


def check_07c(answer: Callable[[Any, int, Any], Any]) -> None:
    """A batch with as many patches of each scale, `balanced(scale, each, generator)`: their indices."""
    import torch

    function = _function("07c", answer)
    scale = torch.tensor([2, 3, 4, 2, 2, 4, 3, 2, 4, 3, 2, 2, 3, 4, 4, 2])
    seen: set[int] = set()
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        got = _answered("07c", function(scale.clone(), 3, generator))
        index = torch.as_tensor(got).reshape(-1)
        if len(index) != 9 or index.is_floating_point() or int(index.min()) < 0 or int(index.max()) >= len(scale):
            raise _wrong("07c", f"3 of each of 3 scales are 9 indices in [0, {len(scale)}), got {index.tolist()}.")
        counts = {s: int((scale[index] == s).sum()) for s in (2, 3, 4)}
        if set(counts.values()) != {3}:
            raise _wrong("07c", f"patches of the scales 2, 3, 4: {list(counts.values())}, wanted 3 of each.")
        if len(set(index.tolist())) != 9:
            raise _wrong("07c", "a patch comes twice in the same batch. Shuffle those of a scale, and take the first.")
        again = torch.as_tensor(function(scale.clone(), 3, torch.Generator().manual_seed(seed))).reshape(-1)
        if not torch.equal(index, again):
            raise _wrong("07c", "the same seed gives another batch. Draw from the generator that is handed over.")
        seen |= set(index.tolist())
    if seen != set(range(len(scale))):
        raise _wrong(
            "07c", f"patches {sorted(set(range(len(scale))) - seen)} never come up in 40 batches. Draw at random."
        )
    _right("07c", "Now each batch has the same mixture, to the patch.")


def check_07d(answer: Callable[[np.ndarray], int]) -> None:
    """The scale of an interpolated luma `(240, 240)`, 2, 3 or 4, from its pixels alone, `guess_scale(x)`."""
    from skimage import data

    from ..degradation import degrade
    from ..images import luma

    function = _function("07d", answer)
    missed = []
    for name in ("astronaut", "camera", "chelsea", "coffee"):
        for top, left in ((30, 30), (60, 130), (30, 200)):
            y = luma(getattr(data, name)())[top : top + 240, left : left + 240]
            for scale in (2, 3, 4):
                got = _number("07d", function(degrade(y, scale).interpolated))
                if got != scale:
                    missed.append(f"{name} at ×{scale} taken for ×{got:g}")
    if len(missed) > 1:
        raise _wrong("07d", f"{36 - len(missed)} of 36 are right; one may be wrong. The first miss: {missed[0]}. "
                     "An interpolated column is a weighted sum of the columns of axis_weights(n // s, n).matrix(). "
                     "Fit it for each s; one fit leaves nothing over.")  # fmt: skip
    _right("07d", "The scale is written in the pixels, for whoever can read it.")


# --- chapter 8 ---------------------------------------------------------------------------------------


def check_08a(answer: tuple[float, float]) -> None:
    """PSNR and SSIM of the authors' weights on Set14 ×3, from the stored record, to the digits of the paper."""
    from .. import runs

    given = _answered("08a", answer)
    try:
        psnr, ssim = (_number("08a", v) for v in given)
    except (TypeError, ValueError):
        raise _wrong("08a", "a pair (PSNR, SSIM) is wanted.") from None
    scores = list(runs.load_run("authors").scores["Set14"]["3"].values())
    wanted = (
        round(float(np.mean([s["psnr"] for s in scores])), 2),
        round(float(np.mean([s["ssim"] for s in scores])), 4),
    )
    pooled = -10 * math.log10(float(np.mean([10 ** (-s["psnr"] / 10) for s in scores])))
    if abs(psnr - pooled) < 0.02:
        raise _wrong("08a", "that is the PSNR of the mean squared error over all pictures. The tables average the "
                     "PSNRs of the pictures.")  # fmt: skip
    if abs(psnr - wanted[0]) > 0.0051 or abs(ssim - wanted[1]) > 0.000051:
        raise _wrong("08a", f"({psnr:g}, {ssim:g}) is not it. `runs.load_run('authors').scores['Set14']['3']` holds a "
                     "dictionary for each of 14 pictures; take the means.")  # fmt: skip
    _right("08a", "That is the paper's cell, to the last digit.")


def check_08b(answer: Callable[[Mapping[int, float]], str]) -> None:
    """Which protocol gave three printed numbers for the authors' weights on Set5, `which({2: ..., 3: ..., 4: ...})`."""
    from .. import runs
    from ..evaluation import PROTOCOLS

    function = _function("08b", answer)
    for name in PROTOCOLS:
        record = runs.load_run(f"slip-authors-{name}")
        reported = {s: round(record.mean("Set5", s), 2) for s in (2, 3, 4)}
        got = _answered("08b", function(dict(reported)))
        if got not in PROTOCOLS:
            raise _wrong("08b", f"a key of PROTOCOLS is wanted, got {got!r}.")
        if got != name:
            raise _wrong("08b", f"for {reported} it says {got!r}. Compare with the mean of each record "
                         "`slip-authors-…` at all three scales, and take the nearest.")  # fmt: skip
    _right("08b", "Three numbers tell what one does not.")


def check_08c(answer: Callable[[float, Sequence[float]], float]) -> None:
    """How many standard deviations a printed number is from runs of several seeds, `distance(paper, seeds)`."""
    function = _function("08c", answer)
    for paper, seeds in ((37.0, [36.9, 36.95, 36.85]), (36.5, [36.9, 36.95, 36.85, 36.8]), (37.1, [37.0, 37.2])):
        n, mean, spread = len(seeds), float(np.mean(seeds)), float(np.std(seeds, ddof=1))
        wanted = (mean - paper) / (spread * math.sqrt(1 + 1 / n))
        got = _number("08c", function(paper, list(seeds)))
        close = 1e-3 + 2e-3 * abs(wanted)  # float32 keeps no more of a spread of 0.05 around 37
        if abs(got - wanted) < close:
            continue
        for value, hint in (
            (-wanted, "the sign is turned: ours minus the paper's."),
            ((mean - paper) / spread, "the mean of n runs is itself uncertain, by spread/√n. Add the two variances."),
            ((mean - paper) / (spread / math.sqrt(n)), "the paper's number is one run, with a spread of its own. Add "
             "its variance to that of our mean."),
            ((mean - paper) / (float(np.std(seeds)) * math.sqrt(1 + 1 / n)), "a spread that is estimated from n runs "
             "has n − 1 in its denominator (ddof=1)."),
        ):  # fmt: skip
            if abs(got - value) < close:
                raise _wrong("08c", hint)
        raise _wrong("08c", f"for {paper} and {seeds} it gives {got:.3f}, wanted {wanted:.3f}.")
    _right("08c", "With three seeds a distance of 2 is nothing to write home about: the spread itself is a guess.")


def check_08d(answer: Callable[[Sequence[float], Sequence[float]], tuple[float, float]]) -> None:
    """A 95 % bootstrap interval of the mean gain of one method over another, `interval(ours, theirs)`, by pictures."""
    function = _function("08d", answer)
    rng = np.random.default_rng(8)
    # Many pictures, whose level is exact; then a few with a long tail, where a bootstrap is lopsided as they are.
    for n, spread in ((60, rng.normal(0.3, 0.4, 60)), (10, 0.02 * 2.0 ** np.arange(10))):
        theirs = rng.normal(29, 4, n)  # pictures differ much more than methods do
        ours = theirs + spread
        middle = float(spread.mean())
        low_wanted, high_wanted = np.quantile(rng.choice(spread, (40_000, n)).mean(axis=1), [0.025, 0.975])
        try:
            low, high = (_number("08d", v) for v in _answered("08d", function(ours.copy(), theirs.copy())))
        except (TypeError, ValueError):
            raise _wrong("08d", "a pair (low, high) is wanted.") from None
        width, right = high - low, float(high_wanted - low_wanted)
        if width <= 0:
            raise _wrong("08d", f"the interval goes from {low:.3f} to {high:.3f}; the lower end comes first.")
        if width > 3 * right:
            raise _wrong("08d", "it is far too wide. Both methods saw the same pictures: take the gain of each "
                         "picture, and draw gains, not scores.")  # fmt: skip
        told = f"for a test set it gives [{low:.3f}, {high:.3f}], wanted about [{low_wanted:.3f}, {high_wanted:.3f}]. "
        if not low < middle < high:
            raise _wrong("08d", told + "The mean gain itself should lie inside.")
        if not 0.92 < width / right < 1.09:
            raise _wrong("08d", told + f"It is {width / right:.0%} as wide as a 95 % interval. Draw as many gains as "
                         "there are, with replacement, take their mean; do it some thousand times, and take the "
                         "quantiles 0.025 and 0.975.")  # fmt: skip
        lopsided, wanted = ((h - middle) / (middle - lo) for lo, h in ((low, high), (low_wanted, high_wanted)))
        if n == 10 and abs(lopsided / wanted - 1) > 0.15:
            raise _wrong("08d", told + "The width is right and the place is not: these gains have a long tail, and a "
                         "bell curve's interval has none. Take the quantiles of the drawn means.")  # fmt: skip
    _right("08d", "An interval that holds 0 says: these pictures cannot tell the two apart.")


# --- chapter 9 ---------------------------------------------------------------------------------------


def check_09a(answer: float) -> None:
    """What the mean of eight answers gains (dB) on their average error of 30, when they stray from it by 2."""
    gain = _number("09a", answer)
    wanted = 10 * math.log10(30 / 28)
    if abs(gain + wanted) < 0.005:
        raise _wrong("09a", "the mean's error is the smaller one, so its PSNR is higher, not lower.")
    if abs(gain - 10 * math.log10(32 / 30)) < 0.005:
        raise _wrong("09a", "the spread is taken off the average error, not added to it.")
    if abs(gain - 20 * math.log10(30 / 28)) < 0.005:
        raise _wrong("09a", "30 and 2 are squares already.")
    if abs(gain - wanted) > 0.005:
        raise _wrong("09a", "the mean's error is the average error less the spread. What is that in dB?")
    _right("09a", "The more the answers differ, the more their mean gains.")


def check_09b(answer: Callable[[Any, Any], Any]) -> None:
    """A self-ensemble of one's own, `my_ensemble(network, x)`, for tensors `(N, 1, H, W)`."""
    import torch

    from ..ensemble import SelfEnsemble

    function = _function("09b", answer)
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
        got = _answered("09b", function(network, x))
        if not torch.equal(x, given):
            raise _wrong("09b", "your function changes the picture that it is given.")
        wanted = SelfEnsemble(Lopsided())(x)
        if tuple(got.shape) != tuple(wanted.shape):
            raise _wrong("09b", f"for {shape} it gives {tuple(got.shape)}. Turn the answers back before you add them.")
        # All eight may also come as one batch, where height and width agree; so calls alone do not decide.
        if torch.allclose(got, wanted, atol=1e-5):
            continue
        if torch.allclose(got, 8 * wanted, atol=1e-4):
            raise _wrong("09b", "that is the sum of the eight answers. Divide by eight.")
        if network.calls < 8:
            raise _wrong("09b", f"the network was asked {network.calls} times. Four turns, and each mirrored: eight.")
        raise _wrong("09b", "each answer must be turned back by the inverse: what was done last is undone first.")
    _right("09b")


def check_09c(answer: Callable[[np.ndarray], np.ndarray]) -> None:
    """The step of spectral norm 1 that lowers the loss most, `orthogonal_step(gradient)`, to be subtracted."""
    function = _function("09c", answer)
    rng = np.random.default_rng(9)
    for shape in ((4, 9), (9, 4), (5, 5)):
        gradient = rng.normal(size=shape) * 10 ** rng.uniform(-2, 0, shape[1])
        try:
            step = np.asarray(_answered("09c", function(gradient.copy())), dtype=float)
        except ValueError as error:
            raise _wrong("09c", f"for a gradient {shape} the shapes do not fit ({error}). Is U cut to the columns that "
                         "count (full_matrices=False)?") from None  # fmt: skip
        if step.shape != shape:
            raise _wrong("09c", f"for a gradient {shape} the step is {step.shape}. Is U cut to the columns that count "
                         "(full_matrices=False)?")  # fmt: skip
        u, s, vt = np.linalg.svd(gradient, full_matrices=False)
        if np.allclose(step, u @ vt, atol=1e-4):
            continue
        if np.allclose(step, -u @ vt, atol=1e-4):
            raise _wrong("09c", "the step will be subtracted, so it points along the gradient.")
        if np.allclose(step, np.sign(gradient)):
            raise _wrong("09c", "that is the best step when single elements are bounded, as by the paper's clip.")
        if any(np.allclose(step, gradient / n) for n in (s[0], np.linalg.norm(gradient))):
            raise _wrong("09c", "that keeps the gradient's direction. Only its largest singular value may reach 1 so; "
                         "here all of them may.")  # fmt: skip
        size, gain = float(np.linalg.norm(step, 2)), float((step * gradient).sum())
        if size > 1 + 1e-4:
            raise _wrong("09c", f"the spectral norm is {size:.3f}, it may be 1 at most.")
        raise _wrong("09c", f"it lowers the loss by {gain:.3f}, {s.sum():.3f} is possible: the sum of singular values.")
    _right("09c", "Muon reaches it by products alone, without a decomposition.")


def check_09d(answer: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """The sub-pixel layer, `shuffle(features, scale)`: `(N, s², H, W)` to `(N, 1, sH, sW)`."""
    import torch

    function = _function("09d", answer)
    for scale, shape in ((2, (1, 4, 3, 5)), (3, (2, 9, 2, 4))):
        features = np.arange(math.prod(shape), dtype=float).reshape(shape)
        got = np.asarray(_answered("09d", function(features.copy(), scale)), dtype=float)
        wanted = torch.pixel_shuffle(torch.from_numpy(features), scale).numpy()
        if got.shape != wanted.shape:
            raise _wrong("09d", f"for {shape} at scale {scale} the shape is {got.shape}, wanted {wanted.shape}.")
        if np.array_equal(got, wanted):
            continue
        blocks = features.reshape(shape[0], scale, scale, *shape[2:])
        turned = blocks.transpose(0, 3, 2, 4, 1).reshape(wanted.shape)
        if np.array_equal(got, turned):
            raise _wrong("09d", "rows and columns inside each block are exchanged: channel 1 is the pixel to the right "
                         "of channel 0.")  # fmt: skip
        if np.array_equal(got, features.reshape(wanted.shape)):
            raise _wrong("09d", "a reshape alone mixes up distant pixels. The channels of one pixel become one block.")
        raise _wrong("09d", "pixel (s·i + a, s·j + b) is channel s·a + b of pixel (i, j).")
    _right("09d", "All layers before it run on s² times fewer pixels.")


# --- chapter 10 --------------------------------------------------------------------------------------


def check_10a(answer: float) -> None:
    """FLOP that the paper's VDSR takes for a picture of 1920 × 1080 pixels, in units of 10¹²; biases aside."""
    value = _number("10a", answer)
    wanted = 2 * 664_704 * 1920 * 1080 / 1e12
    if abs(value / wanted - 1e12) < 1e9:
        raise _wrong("10a", "right, but in units of 10¹²: divide.")
    if abs(value / wanted - 0.5) < 0.005:
        raise _wrong("10a", "a product and a sum are two operations.")
    if abs(value / wanted - 3) < 0.02:
        raise _wrong("10a", "that is a training step. To use the network takes the forward pass alone.")
    if abs(value / wanted - 1) > 0.005:
        raise _wrong("10a", "each of the 664,704 weights is used once for each pixel, in a product and a sum.")
    _right("10a", "A processor core needs most of a minute for it.")


def check_10b(answer: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """Rounding to few binary digits, `round_bits(x, bits)`: `bits` of them after the leading one, ties to even."""
    function = _function("10b", answer)
    rng = np.random.default_rng(10)
    x = rng.normal(size=200) * 10 ** rng.uniform(-4, 4, 200)
    x[:6] = [0.0, 1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-8), 1 - 2**-10, 3.0]
    for bits in (7, 10):
        mantissa, exponent = np.frexp(x)
        wanted = np.ldexp(np.rint(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)
        got = np.asarray(_answered("10b", function(x.copy(), bits)), dtype=float)
        if got.shape != wanted.shape or not np.isfinite(got).all():
            raise _wrong("10b", "wanted one finite number for each. Is zero treated apart, if you take a logarithm?")
        if np.array_equal(got, wanted):
            continue
        if np.array_equal(got, np.ldexp(np.trunc(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)):
            raise _wrong("10b", "that cuts digits off. Round to the nearest.")
        if np.array_equal(got, np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)):
            raise _wrong("10b", "one digit too few: the leading 1 is not counted.")
        if np.allclose(got, np.round(x * 2**bits) / 2**bits):
            raise _wrong("10b", "that is a fixed point: one spacing for all. A floating point's spacing grows with "
                         "the number.")  # fmt: skip
        if np.sum(got != wanted) <= 4:
            raise _wrong("10b", "only ties are off: what lies exactly in the middle goes to the even neighbour.")
        k = int(np.argmax(got != wanted))
        raise _wrong("10b", f"{x[k]:.9g} becomes {got[k]:.9g} with {bits} bits, wanted {wanted[k]:.9g}.")
    _right("10b", "With 7 bits that is bfloat16, with 10 it is TF32.")


def check_10c(answer: Callable[[Sequence[np.ndarray], Sequence[int]], np.ndarray]) -> None:
    """The batch's gradient from those of unequal parts, `combine(gradients, counts)`, each a mean over its samples."""
    function = _function("10c", answer)
    rng = np.random.default_rng(11)
    samples = rng.normal(size=(16, 3)) + np.arange(16)[:, None]
    for total, cuts in ((16, [8]), (16, [5, 10]), (11, [1, 4])):
        parts = np.split(samples[:total], cuts)
        gradients, counts = [part.mean(0) for part in parts], [len(part) for part in parts]
        got = np.asarray(_answered("10c", function(gradients, counts)), dtype=float)
        if got.shape != (3,):
            raise _wrong("10c", f"wanted a gradient of the shape of each, (3,), got {got.shape}.")
        if np.allclose(got, samples[:total].mean(0)):
            continue
        if np.allclose(got, np.mean(gradients, axis=0)):
            raise _wrong("10c", f"for parts of {counts} samples the plain mean gives a small part's samples too much "
                         "weight.")  # fmt: skip
        if np.allclose(got, samples[:total].sum(0)):
            raise _wrong("10c", "that is the sum over the samples. Divide by how many there are.")
        raise _wrong("10c", f"for parts of {counts} samples: weigh each gradient by its share of the samples.")
    _right("10c")


def check_10d(answer: Callable[[tuple[int, int], int, int], Sequence[Any]]) -> None:
    """Tiles of one's own, `tiles(shape, tile, margin)`: triples (read, keep, place), each a pair of slices."""
    import torch

    function = _function("10d", answer)
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
        for triple in _answered("10d", function(shape, tile, 3)):
            try:
                read, keep, place = (tuple(part) for part in triple)
                part, kept = image[read], network(image[read])[keep]
                seen = output[place].shape
            except (TypeError, ValueError, IndexError, RuntimeError) as error:
                raise _wrong("10d", f"wanted triples of pairs of slices; {error}.") from None
            if max(part.shape) > tile + 6:
                raise _wrong("10d", f"a read of {part.shape} pixels is more than a tile of {tile} and its margins.")
            if kept.shape != seen:
                raise _wrong("10d", f"for {shape} a result of {kept.shape} pixels is put into a place of {seen}. "
                             "At the picture's border there is no margin.")  # fmt: skip
            output[place] = kept
        if np.isnan(output).any():
            raise _wrong("10d", f"for {shape} and tiles of {tile}, {int(np.isnan(output).sum())} pixels are not set.")
        apart = np.abs(output - network(image))
        if apart.max() > 1e-9:
            raise _wrong("10d", f"for {shape} there are seams, as in row {int(np.argmax(apart.max(1)))}. Is the whole "
                         "margin read, and cut off again?")  # fmt: skip
    _right("10d", "The same picture, in memory that does not grow with it.")
