"""How a low-resolution image is made: crop to a multiple of the scale, bicubic down, bicubic up."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Generic, NamedTuple

from .errors import InputError
from .resize import Array, imresize, rows_axis


class Degraded(NamedTuple, Generic[Array]):
    """`low_res` `(H/s, W/s)` and `interpolated` `(H, W)`, in the type and range of the input."""

    low_res: Array
    interpolated: Array


def modcrop(image: Array, scale: int) -> Array:
    """Crop the bottom and right so that both sides are multiples of an integer scale.

    Args:
        image: numpy `(H, W[, C])` or torch `(..., H, W)`.
        scale: whole number ≥ 1.

    Errors: `InputError` when the scale is no whole number ≥ 1 or the image is smaller than it.
    Source: the authors' evaluation code, `modcrop.m`. Chapter: 1.
    """
    if not isinstance(scale, Integral) or scale < 1:
        raise InputError(f"scale must be a whole number >= 1, got {scale!r}")
    axis = rows_axis(image)
    rows, columns = (int(n) - int(n) % int(scale) for n in image.shape[axis : axis + 2])
    if rows == 0 or columns == 0:
        raise InputError(f"image {tuple(image.shape)} is smaller than the scale {scale}")
    if axis == 0:
        return image[:rows, :columns]
    return image[..., :rows, :columns]


def degrade(
    high_res: Array, scale: int, *, kernel: str = "bicubic", up_kernel: str | None = None, antialias: bool = True
) -> Degraded[Array]:
    """Down by `scale`, and up again to the size the network works at.

    Args:
        high_res: numpy `(H, W[, C])` or torch `(..., H, W)`, both sides multiples of `scale`. Give
            float for the paper's protocol: uint8 would round the low-resolution image to 8 bits.
        scale: whole number ≥ 1.
        kernel, up_kernel, antialias: see `resize.imresize`; the defaults are MATLAB's and the paper's.

    Errors: `InputError` unless both sides are multiples of the scale (see `modcrop`).
    Paper: section 3.1. Chapter: 1.
    """
    axis = rows_axis(high_res)
    size = (int(high_res.shape[axis]), int(high_res.shape[axis + 1]))
    if modcrop(high_res, scale).shape != high_res.shape:
        raise InputError(f"image {tuple(high_res.shape)} is no multiple of the scale {scale}: use modcrop first")
    low_res = imresize(high_res, 1 / scale, kernel=kernel, antialias=antialias)
    interpolated = imresize(low_res, size=size, kernel=up_kernel or kernel)
    return Degraded(low_res, interpolated)


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
