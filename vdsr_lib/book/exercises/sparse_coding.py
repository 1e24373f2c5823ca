"""Self-checks: SRCNN, and the sparse coding behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import metrics
from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_weight_count(answer: int) -> str:
    """How many weights, without biases, SRCNN 9-5-5 has."""
    weights = as_number(answer)
    if weights == 57_184 + 97:
        raise WrongAnswer("that is with the biases. Leave them out, as the papers do.")
    if weights == 8_032:
        raise WrongAnswer("that is 9-1-5. The middle kernel is now 5 × 5.")
    if weights != 57_184:
        raise WrongAnswer("a layer has kernel height × kernel width × channels in × channels out weights.")
    return "Seven times as many as 9-1-5, nearly all of them in the middle."


@exercise
def check_soft_threshold(answer: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """The soft threshold from ReLUs, `soft(u, t)`."""
    function = as_function(answer)
    u = np.linspace(-3, 3, 61)
    for t in (0.0, 0.5, 2.0):
        got = np.asarray(answered(function(u.copy(), t)), dtype=float)
        wanted = np.sign(u) * np.maximum(np.abs(u) - t, 0)
        if got.shape != u.shape:
            raise WrongAnswer(f"for {u.shape} numbers it gives shape {got.shape}.")
        if np.allclose(got, wanted, atol=1e-9):
            continue
        if np.allclose(got, np.maximum(u - t, 0), atol=1e-9):
            raise WrongAnswer("that is the positive side. A second ReLU, of −u, makes the negative one.")
        if np.allclose(got, np.where(np.abs(u) > t, u, 0), atol=1e-9):
            raise WrongAnswer("that is the hard threshold. The soft one also moves what is kept by t towards zero.")
        if np.allclose(got, np.maximum(u - t, 0) + np.maximum(-u - t, 0), atol=1e-9):
            raise WrongAnswer(
                "that is |u| with a threshold: negative values come back positive. Subtract the second ReLU."
            )
        worst = int(np.argmax(np.abs(got - wanted)))
        raise WrongAnswer(
            f"for t = {t:g} and u = {u[worst]:.2g} it gives {got[worst]:.2g}, wanted {wanted[worst]:.2g}.".replace(
                "-", "−"
            )
        )
    return ""


@exercise
def check_ista(answer: Callable[[np.ndarray, np.ndarray, float, int], np.ndarray]) -> str:
    """ISTA, `ista(atoms, patch, weight, steps)`: the code that minimises ½‖p − aᵀα‖² + weight·‖α‖₁, begun at zero."""
    function = as_function(answer)
    rng = np.random.default_rng(3)
    for _ in range(3):
        atoms = rng.normal(size=(12, 9))
        atoms /= np.linalg.norm(atoms, 2)  # so that a step of length 1 is safe
        patch = rng.normal(size=9)
        for steps in (2, 1, 200):
            wanted = _ista(atoms, patch, 0.1, steps)
            got = np.asarray(answered(function(atoms.copy(), patch.copy(), 0.1, steps)), dtype=float)
            if got.shape != wanted.shape:
                raise WrongAnswer(f"the code of 12 atoms has 12 numbers, got shape {got.shape}.")
            if np.allclose(got, wanted, atol=1e-9):
                continue
            for mistake, hint in (
                ({"shrinks": False}, "the soft threshold is missing: without it no number becomes zero."),
                ({"keeps": False}, "each step begins anew: add the inner products to the code of the step before."),
                ({"explains": False}, "take the inner products with what is left, patch − code @ atoms."),
            ):
                if steps > 1 and np.allclose(got, _ista(atoms, patch, 0.1, steps, **mistake), atol=1e-9):
                    raise WrongAnswer(hint)
            raise WrongAnswer(
                f"after {steps} step{'s' * (steps > 1)} it is off by up to "
                f"{np.abs(got - wanted).max():.2g}. A step: add atoms @ (patch − code @ atoms), then "
                "take the soft threshold."
            )
    return "One step is a convolution and a ReLU. Many steps are a deep network."


def _ista(
    atoms: np.ndarray, patch: np.ndarray, weight: float, steps: int, *,
    shrinks: bool = True, keeps: bool = True, explains: bool = True,
) -> np.ndarray:  # fmt: skip
    """The code after some steps, and what the usual mistakes make of it."""
    code = np.zeros(len(atoms))
    for _ in range(steps):
        u = (code if keeps else 0) + atoms @ (patch - (code @ atoms if explains else 0))
        code = np.sign(u) * np.maximum(np.abs(u) - (weight if shrinks else 0), 0)
    return code


@exercise
def check_identity_network(answer: Callable[[], Any]) -> str:
    """`identity()`: an `SRCNN` whose weights are set by hand so that it returns its input, of either sign."""
    import torch

    from ...models import SRCNN

    function = as_function(answer)
    network = answered(function())
    if not isinstance(network, SRCNN):
        raise WrongAnswer(f"an SRCNN is wanted, got {type(network).__name__}.")
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(1, 1, 20, 20, generator=generator)
    with torch.no_grad():
        for image, words in ((x, "a picture"), (x - 0.5, "a picture with negative values")):
            off = float((network(image) - image)[..., 6:-6, 6:-6].abs().max())
            if off > 1e-5:
                raise WrongAnswer(
                    f"for {words} the result is off by up to {off:.2g}. A ReLU drops what is negative; "
                    "it takes two channels, for x and for −x."
                )
    return "That is what SRCNN has to learn before anything else. VDSR has it from the start."


@exercise
def check_trained_srcnn(answer: Any) -> str:
    """An `SRCNN` 9-1-5, trained from the identity until it beats bicubic interpolation at ×3."""
    import torch
    from skimage import data

    from ...degradation import degrade
    from ...evaluation import predict_luma
    from ...models import SRCNN

    network = answered(answer)
    if not isinstance(network, SRCNN):
        raise WrongAnswer(f"a trained SRCNN is wanted, got {type(network).__name__}.")
    if tuple(network.kernels) != (9, 1, 5):
        raise WrongAnswer("kernels of 9, 1 and 5 are wanted: a net of 1 × 1 sees one pixel, and can sharpen nothing.")
    truth = data.camera()[100:220, 180:300].astype(float)
    given = degrade(truth, 3).interpolated
    cut = np.s_[3:-3, 3:-3]

    def psnr(image: np.ndarray) -> float:
        return metrics.psnr(image[cut], truth[cut], data_range=255)

    with torch.no_grad():
        gain = psnr(predict_luma(network, given, data_range=255)) - psnr(given)
    words = f"it stands {abs(gain):.2f} dB {'above' if gain > 0 else 'below'} bicubic interpolation"
    if abs(gain) < 0.02:
        raise WrongAnswer(
            f"{words}: it has not moved from the identity. Where all weights but two channels' are "
            "zero, no gradient reaches them: add small random weights."
        )
    if gain < 0.1:
        raise WrongAnswer(f"{words}, wanted 0.1 dB above it. Begin at the identity, and mind the rate.")
    return f"From the identity {words}.".replace("it stands", "it ends up")
