"""Self-checks: what a smaller picture keeps, and how pixels are put between pixels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...resize import axis_weights, cubic
from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_lost_directions(answer: float) -> str:
    """The share of all directions that a picture loses when it is made three times smaller."""
    share = as_number(answer)
    if abs(share - 1 / 9) < 0.006:
        raise WrongAnswer("that is the share that stays. What is lost is the rest.")
    if abs(share - 2 / 3) < 0.01:
        raise WrongAnswer("that is for a single row. A picture gets smaller in two directions.")
    if 1 < share <= 100:
        raise WrongAnswer("a share lies between 0 and 1.")
    if abs(share - 8 / 9) > 0.006:
        raise WrongAnswer("as many directions are kept as the small picture has pixels.")
    return "Eight numbers of nine have to be guessed."


@exercise
def check_doubling_matrix(answer: Callable[[int], np.ndarray]) -> str:
    """The matrix that doubles a row of n pixels by bicubic interpolation, `double(n)`, shape `(2n, n)`."""
    function = as_function(answer)
    for n in (8, 5, 3):
        got = np.asarray(answered(function(n)), dtype=float)
        wanted = axis_weights(n, 2 * n).matrix()
        if got.shape != wanted.shape:
            raise WrongAnswer(f"for n = {n} the shape is {got.shape}, wanted {wanted.shape}.")
        if np.allclose(got, wanted, atol=1e-6):
            continue
        if np.allclose(got, _doubling(n, a=-0.75), atol=1e-6):
            raise WrongAnswer("that is a = −0.75, OpenCV's kernel. MATLAB's is −0.5.")
        if np.allclose(got[4:-4], wanted[4:-4], atol=1e-6):
            if not np.allclose(got.sum(axis=1), 1, atol=1e-6):
                raise WrongAnswer("the middle is right, but near the edges the rows do not sum to 1. Mirror the row.")
            raise WrongAnswer("the middle is right, the edges are not. Pixel −1 is pixel 0 again, pixel −2 is pixel 1.")
        raise WrongAnswer("output pixel i has its centre at input position (i + ½)/2 − ½, counted from 0.")
    return "Two such matrices make an image twice as large."


def _doubling(n: int, a: float) -> np.ndarray:
    matrix = np.zeros((2 * n, n))
    for i in range(2 * n):
        centre = (i + 0.5) / 2 - 0.5
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            mirrored = min(j % (2 * n), 2 * n - 1 - j % (2 * n))
            matrix[i, mirrored] += cubic(np.array(centre - j), a)
    return matrix


@exercise
def check_twin(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """`twin(image, scale)`: another picture whose small version is the same."""
    from ...resize import imresize

    function = as_function(answer)
    rng = np.random.default_rng(17)
    for scale, shape in ((2, (12, 16)), (3, (18, 15))):
        image = rng.uniform(60, 200, shape)
        got = np.asarray(answered(function(image.copy(), scale)), dtype=float)
        if got.shape != image.shape:
            raise WrongAnswer(f"for a picture of {image.shape} the twin has the shape {got.shape}.")
        apart = float(np.abs(imresize(got, 1 / scale) - imresize(image, 1 / scale)).max())
        if apart > 1e-6:
            raise WrongAnswer(
                f"made {scale} times smaller, the two differ by up to {apart:.3g} grey levels. Add "
                "only what R and C cannot see: something minus its visible part."
            )
        if float(np.abs(got - image).max()) < 1:
            raise WrongAnswer("that is the picture itself, to less than one grey level. A twin must look different.")
    return "No method can tell the two apart from the small picture."


@exercise
def check_lost_frequencies(answer: float) -> str:
    """The share of a picture's frequencies that a picture made 2.5 times smaller cannot hold."""
    share = as_number(answer)
    if abs(share - 0.6) < 0.005:
        raise WrongAnswer("that is the share along one axis. Of all frequencies in two dimensions, more is lost.")
    if abs(share - 0.16) < 0.005:
        raise WrongAnswer("that is the share that it *can* hold.")
    if abs(share - 0.84) > 0.005:
        raise WrongAnswer("a picture s times smaller has 1/s² of the pixels, and holds as many frequencies.")
    return "The scale need not be whole."


@exercise
def check_guessed_scale(answer: Callable[[np.ndarray], int]) -> str:
    """The scale of an interpolated luma `(240, 240)`, 2, 3 or 4, from its pixels alone, `guess_scale(x)`."""
    from skimage import data

    from ...degradation import degrade
    from ...images import luma

    function = as_function(answer)
    missed: list[str] = []
    said: list[float] = []
    for name in ("astronaut", "camera", "chelsea", "coffee"):
        for top, left in ((30, 30), (60, 130), (30, 200)):
            y = luma(getattr(data, name)())[top : top + 240, left : left + 240]
            for scale in (2, 3, 4):
                got = as_number(function(degrade(y, scale).interpolated))
                if got not in (2, 3, 4):
                    raise WrongAnswer(f"2, 3 or 4 is wanted, got {got:g} for {name} at ×{scale}.")
                said.append(got)
                if got != scale:
                    missed.append(f"{name} at ×{scale} taken for ×{got:g}")
    if len(set(said)) == 1:
        raise WrongAnswer(f"it says {said[0]:g} of every picture, so it does not look.")
    if len(missed) > 1:
        raise WrongAnswer(
            f"{36 - len(missed)} of 36 are right; one may be wrong. The first miss: {missed[0]}. "
            "An interpolated column is a weighted sum of the columns of axis_weights(n // s, n).matrix(). "
            "Fit it for each s; one fit leaves nothing over."
        )
    return "The scale is written in the pixels, for whoever can read it."


@exercise
def check_pixel_shuffle(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """The sub-pixel layer, `shuffle(features, scale)`: `(N, s², H, W)` to `(N, 1, sH, sW)`."""
    import torch

    function = as_function(answer)
    for scale, shape in ((2, (1, 4, 3, 5)), (3, (2, 9, 2, 4))):
        features = np.arange(math.prod(shape), dtype=float).reshape(shape)
        got = np.asarray(answered(function(features.copy(), scale)), dtype=float)
        wanted = torch.pixel_shuffle(torch.from_numpy(features), scale).numpy()
        if got.shape != wanted.shape:
            raise WrongAnswer(f"for {shape} at scale {scale} the shape is {got.shape}, wanted {wanted.shape}.")
        if np.array_equal(got, wanted):
            continue
        blocks = features.reshape(shape[0], scale, scale, *shape[2:])
        turned = blocks.transpose(0, 3, 2, 4, 1).reshape(wanted.shape)
        if np.array_equal(got, turned):
            raise WrongAnswer(
                "rows and columns inside each block are exchanged: channel 1 is the pixel to the right of channel 0."
            )
        if np.array_equal(got, features.reshape(wanted.shape)):
            raise WrongAnswer("a reshape alone mixes up distant pixels. The channels of one pixel become one block.")
        raise WrongAnswer("pixel (s·i + a, s·j + b) is channel s·a + b of pixel (i, j).")
    return "All layers before it run on s² times fewer pixels."
