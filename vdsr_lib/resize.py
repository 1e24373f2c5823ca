"""MATLAB's `imresize`: a resize is two weight matrices, one for the rows and one for the columns.

MATLAB works in the class of its input, and so does this module. A float image is filtered in float.
An 8-bit image is filtered in double precision one axis at a time, and *rounded and clamped to 8 bits
after each axis*; that middle rounding is why a float resize that is rounded once at the end differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
import torch

from .errors import InputError

# What comes in, numpy or torch, comes out.
Array = TypeVar("Array", np.ndarray, torch.Tensor)

_INTEGER_MAX = {"uint8": 255, "uint16": 65535}

# 2 GB of weights on one axis. A scale that asks for more is a mistake, not a picture.
_MAX_WEIGHTS = 2**27


def cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    """Keys' cubic convolution kernel, zero outside [−2, 2].

    Args:
        x: distances from the sample, in pixels, any shape.
        a: slope at |x| = 1. MATLAB's is −0.5 (third-order exact); OpenCV's, and PyTorch's without
            antialiasing, is −0.75.

    Source: Keys 1981, eq. 15; MATLAB `imresize`. Chapter: 1.
    """
    d = np.abs(x)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def linear(x: np.ndarray) -> np.ndarray:
    """The triangle kernel, zero outside [−1, 1]."""
    return np.maximum(0.0, 1.0 - np.abs(x))


def box(x: np.ndarray) -> np.ndarray:
    """The box kernel, one on [−½, ½)."""
    return ((x >= -0.5) & (x < 0.5)).astype(float)


KERNELS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "bicubic": (cubic, 4.0),
    "bicubic-0.75": (lambda x: cubic(x, a=-0.75), 4.0),
    "bilinear": (linear, 2.0),
    "box": (box, 1.0),
}


@dataclass(frozen=True, eq=False)
class AxisWeights:
    """The resize of one axis: output pixel `o` is `sum(weights[o, t] * input[indices[o, t]])`.

    Attributes:
        weights: `(out, taps)` float64; each row sums to 1.
        indices: `(out, taps)` int64 in `[0, in_size)`; an edge pixel may stand twice in a row.
        in_size: length of the input axis, in pixels.
    """

    weights: np.ndarray
    indices: np.ndarray
    in_size: int

    @property
    def out_size(self) -> int:
        """Length of the output axis, in pixels."""
        return self.weights.shape[0]

    def matrix(self) -> np.ndarray:
        """The same as a dense `(out, in)` float64 matrix, to look at or to multiply with."""
        dense = np.zeros((self.out_size, self.in_size))
        rows = np.arange(self.out_size)[:, None]
        np.add.at(dense, (rows, self.indices), self.weights)
        return dense

    def window(self, start: int, stop: int) -> tuple[AxisWeights, int, int]:
        """The weights of output pixels `[start, stop)`, and the input range `[first, last)` they read."""
        indices = self.indices[start:stop]
        first, last = int(indices.min()), int(indices.max()) + 1
        return AxisWeights(self.weights[start:stop], indices - first, last - first), first, last

    def apply(self, image: Array, axis: int) -> Array:
        """Resize `axis` of a float array (numpy or torch) tap by tap, in the array's own precision."""
        if isinstance(image, torch.Tensor):
            # Copied, for torch warns of a view of read-only memory.
            weights = torch.tensor(self.weights, dtype=image.dtype, device=image.device)
            indices = torch.tensor(self.indices, device=image.device)
        else:
            weights, indices = self.weights.astype(image.dtype, copy=False), self.indices
        tail = [1] * (image.ndim - 1 - axis % image.ndim)
        total: Array | None = None
        for tap in range(self.weights.shape[1]):
            picked = (
                image.index_select(axis, indices[:, tap])
                if isinstance(image, torch.Tensor)
                else np.take(image, indices[:, tap], axis=axis)
            )
            picked *= weights[:, tap].reshape(-1, *tail)
            if total is None:
                total = picked
            else:
                total += picked
        assert total is not None
        return total


@lru_cache(maxsize=512)
def axis_weights(
    in_size: int,
    out_size: int,
    scale: float | None = None,
    *,
    kernel: str = "bicubic",
    antialias: bool = True,
    edge: str = "mirror",
) -> AxisWeights:
    """MATLAB's `contributions`: which input pixels make each output pixel, and how much of each.

    Args:
        in_size, out_size: lengths of the axis, in pixels, ≥ 1.
        scale: output over input pixel density; `out_size / in_size` unless given.
        kernel: one of `KERNELS`.
        antialias: when shrinking, stretch the kernel by `1 / scale` so that it averages.
        edge: `"mirror"` (later MATLAB releases: …, x1, x0 | x0, x1, …) or `"repeat"` (earlier ones).

    Errors: `InputError` for a size < 1, a scale that is not finite and positive, an unknown name, or
        sizes and a scale that would need more than 2 GB of weights.
    Source: MATLAB R2010b–R2024b, `imresize.m`. Chapter: 1.
    """
    if in_size < 1 or out_size < 1:
        raise InputError(f"sizes must be at least 1 pixel, got {in_size} -> {out_size}")
    if kernel not in KERNELS:
        raise InputError(f"kernel must be one of {sorted(KERNELS)}, got {kernel!r}")
    if edge not in ("mirror", "repeat"):
        raise InputError(f"edge must be 'mirror' or 'repeat', got {edge!r}")
    scale = out_size / in_size if scale is None else float(scale)
    _check_scale(scale)
    function, support = KERNELS[kernel]
    shrink = min(scale, 1.0) if antialias else 1.0
    support = support / shrink

    # MATLAB's pixels are centred on 1, 2, 3, ...; the centre of output x lies at input u.
    taps = math.ceil(support) + 2
    if taps * out_size > _MAX_WEIGHTS:
        raise InputError(f"{in_size} -> {out_size} pixels at scale {scale:g} would need {taps * out_size:,} weights")
    x = np.arange(1, out_size + 1, dtype=float)
    u = x / scale + 0.5 * (1 - 1 / scale)
    position = np.floor(u - support / 2)[:, None] + np.arange(taps)
    weights = shrink * function(shrink * (u[:, None] - position))
    weights /= weights.sum(axis=1, keepdims=True)

    indices = position.astype(np.int64) - 1
    if edge == "mirror":
        indices = np.mod(indices, 2 * in_size)
        indices = np.where(indices >= in_size, 2 * in_size - 1 - indices, indices)
    else:
        indices = np.clip(indices, 0, in_size - 1)
    used = np.any(weights != 0, axis=0)
    weights, indices = np.ascontiguousarray(weights[:, used]), np.ascontiguousarray(indices[:, used])
    weights.setflags(write=False)
    indices.setflags(write=False)
    return AxisWeights(weights, indices, in_size)


def output_size(in_size: int, scale: float) -> int:
    """MATLAB's output length, `ceil(scale * in_size)`, safe against 1.1 × 100 = 110.00000000000001.

    Errors: `InputError` for a size < 1, or a scale that is not finite and positive.
    """
    if in_size < 1:
        raise InputError(f"sizes must be at least 1 pixel, got {in_size}")
    _check_scale(scale)
    return max(1, math.ceil(in_size * scale - 1e-9 * max(1.0, in_size * scale)))


def imresize(
    image: Array,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
    edge: str = "mirror",
) -> Array:
    """Resize as MATLAB's `imresize` does, in the class of the input.

    Args:
        image: numpy `(H, W)` or `(H, W, C)`, or torch `(..., H, W)` on any device. uint8 and uint16
            use MATLAB's integer arithmetic (rounded and clamped after each axis); float32 and
            float64 are filtered in their own precision, in any range.
        scale: factor for both axes, > 0; the output has `ceil(scale * H)` rows.
        size: `(rows, columns)` of the output, instead of `scale`.
        kernel: `"bicubic"` (a = −0.5), `"bicubic-0.75"`, `"bilinear"` or `"box"`.
        antialias: stretch the kernel when shrinking (MATLAB's default; torch does when told to, OpenCV never).
        edge: `"mirror"`, or `"repeat"` as MATLAB did when the usual SR benchmarks were made.

    Returns: the same type and dtype, resized.
    Errors: `InputError` on another shape or dtype, on NaN scales, on both or neither of scale, size.
    Source: MATLAB `imresize.m`.
    Paper: section 3.1. Chapter: 1.
    """
    first = rows_axis(image)
    if (scale is None) == (size is None):
        raise InputError(f"give either scale or size, got scale={scale!r} and size={size!r}")
    in_size = (int(image.shape[first]), int(image.shape[first + 1]))
    if scale is not None:
        _check_scale(scale)
        scales = (float(scale), float(scale))
        out_size = (output_size(in_size[0], scale), output_size(in_size[1], scale))
    else:
        assert size is not None
        wrong = not isinstance(size, Sequence) or len(size) != 2
        if wrong or not all(isinstance(n, Integral) and n >= 1 for n in size):
            raise InputError(f"size must be two lengths of at least 1 pixel, got {size!r}")
        out_size = (int(size[0]), int(size[1]))
        scales = (out_size[0] / in_size[0], out_size[1] / in_size[1])

    integer_max = _INTEGER_MAX.get(_dtype_name(image))
    work = _as_double(image) if integer_max else image
    # MATLAB resizes the axis that shrinks most first, and the rows first when both are alike.
    for which in np.argsort(np.asarray(scales), kind="stable"):
        weights = axis_weights(
            in_size[which], out_size[which], scales[which], kernel=kernel, antialias=antialias, edge=edge
        )
        work = weights.apply(work, first + int(which))
        if integer_max:
            work = _round_and_clamp(work, integer_max)
    if not integer_max:
        return work
    return work.to(image.dtype) if isinstance(work, torch.Tensor) else work.astype(image.dtype)


def rows_axis(image: Array) -> int:
    """The axis of an image's rows: 0 in numpy `(H, W[, C])`, the last but one in torch `(..., H, W)`.

    Errors: `InputError` for another type, shape or dtype, or an empty image; see `imresize`.
    """
    if isinstance(image, torch.Tensor):
        ok, wanted = image.ndim >= 2, "a torch tensor (..., H, W)"
    elif isinstance(image, np.ndarray):
        ok, wanted = image.ndim in (2, 3), "a numpy array (H, W) or (H, W, C)"
    else:
        raise InputError(f"image must be a numpy array or a torch tensor, got {type(image).__name__}")
    if not ok:
        raise InputError(f"image must be {wanted}, got shape {tuple(image.shape)}")
    if _dtype_name(image) not in ("uint8", "uint16", "float32", "float64"):
        raise InputError(f"image must be uint8, uint16, float32 or float64, got {image.dtype}")
    if 0 in image.shape:
        raise InputError(f"image must not be empty, got shape {tuple(image.shape)}")
    return image.ndim - 2 if isinstance(image, torch.Tensor) else 0


def _check_scale(scale: float) -> None:
    if not (isinstance(scale, Real) and math.isfinite(scale) and scale > 0):
        raise InputError(f"scale must be a finite number > 0, got {scale!r}")


def _dtype_name(image: Array) -> str:
    return str(image.dtype).removeprefix("torch.")


def _as_double(image: Array) -> Array:
    return image.double() if isinstance(image, torch.Tensor) else image.astype(np.float64)


def _round_and_clamp(image: Array, top: int) -> Array:
    if isinstance(image, torch.Tensor):
        return (image + 0.5).floor_().clamp_(0, top)
    return np.clip(np.floor(image + 0.5), 0, top)
