"""One network, many scales: degrading and scoring by any real scale, and what each scale weighs in a mixture."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from .degradation import Degraded
from .errors import InputError
from .evaluation import Network, predict_luma
from .images import luma
from .metrics import psnr, shave
from .patches import Patches
from .resize import Array, imresize, rows_axis


def degrade_real(high_res: Array, scale: float) -> Degraded[Array]:
    """Down by any real scale, and up again to the old size.

    The small picture has `round(H / scale)` rows, so the scale that is used is the nearest that whole pixels allow.
    For a whole scale that divides both sides it is `degradation.degrade`.

    Args:
        high_res: numpy `(H, W[, C])` or torch `(..., H, W)`, float.
        scale: real number ≥ 1.

    Errors: `InputError` for another scale, or when nothing would be left of the picture.
    Paper: section 4.3, "Single Model for Multiple Scales". Chapter: 7.
    """
    if isinstance(scale, bool) or not isinstance(scale, Real) or not math.isfinite(scale) or scale < 1:
        raise InputError(f"scale must be a finite number >= 1, got {scale!r}")
    axis = rows_axis(high_res)
    size = (int(high_res.shape[axis]), int(high_res.shape[axis + 1]))
    small = tuple(math.floor(side / scale + 0.5) for side in size)
    if min(small) < 1:
        raise InputError(f"image {tuple(high_res.shape)} is too small for the scale {scale:g}")
    low_res = imresize(high_res, size=(small[0], small[1]))
    return Degraded(low_res, imresize(low_res, size=size))


def psnr_real(
    image: np.ndarray, scale: float, network: Network | None = None, *, data_range: float | None = None
) -> float:
    """PSNR (dB) of a network at any real scale, on luma, by the protocol `"float"`: nothing rounded, nothing clamped.

    Args:
        image: `(H, W)` or `(H, W, 3)` RGB.
        scale: real number ≥ 1; the border that is cut is as wide, rounded up.
        network: see `evaluation.predict_luma`; None is bicubic itself.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Errors: `InputError`, see `degrade_real`.
    Chapter: 7.
    """
    truth = luma(image, data_range=data_range)
    interpolated = degrade_real(truth, scale).interpolated
    border = math.ceil(scale)
    output = predict_luma(network, interpolated, data_range=255)
    return psnr(shave(output, border), shave(truth, border), data_range=255)


def loss_by_scale(patches: Patches) -> dict[int, float]:
    """The loss of a network that says nothing, ½‖y − x‖² averaged over the patches of each scale.

    Paper: section 3.2 mixes the scales in one set; what each then weighs is its part of the loss. Chapter: 7.
    """
    each = 0.5 * (patches.high_res - patches.interpolated).double().square().sum(dim=(1, 2, 3))
    return {int(s): float(each[patches.scale == s].mean()) for s in patches.scale.unique()}
