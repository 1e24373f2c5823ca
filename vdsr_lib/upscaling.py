"""Upscale a picture: any kind of image, any real scale ≥ 1, in bounded memory.

The network restores luma. Colour and transparency are interpolated by MATLAB's bicubic, as in the paper. Work
goes tile by tile: each tile is interpolated and restored with a margin as wide as the network can see,
and only its middle is kept. So tiles leave no seam, and memory does not grow with the picture.

What the paper leaves open is decided here, in one place:

* **Any real scale.** The picture is interpolated by that scale, and the network runs on the result. It was
  trained on 2, 3 and 4 and does well between them; below 2 it can do worse than interpolation (chapter 7). At scale
  1 nothing was lost: the picture comes back as it is.
* **Grey.** A grey picture is taken as RGB with three equal channels: black is luma 16, white is luma 235.
* **Transparency.** Alpha is interpolated, and colour is not multiplied with it. Pixels of alpha 0 first take
  the colour of the nearest visible pixel, so that no hidden colour bleeds into the edge.
* **16 bits.** The network sees all 16, and the output has 16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real

import numpy as np
from torch import nn

from .errors import InputError, WeightsError
from .evaluation import Network, predict_luma
from .images import MAX_PIXELS, data_range_of, rgb_to_ycbcr, round_half_up, ycbcr_to_rgb
from .receptive_field import field
from .resize import AxisWeights, axis_weights, output_size

# A tile of 512 with its margin takes about 0.3 GB in a network of 64 channels, and computes 16 % twice.
TILE = 512

_DTYPES = ("uint8", "uint16", "float32", "float64")
_Progress = Callable[[Iterable], Iterable]


def upscale(
    image: np.ndarray,
    scale: float,
    network: Network | None = None,
    *,
    data_range: float | None = None,
    tile: int | None = TILE,
    margin: int | None = None,
    progress: _Progress = iter,
) -> np.ndarray:
    """Upscale an image: luma by the network, colour and alpha by bicubic interpolation.

    Args:
        image: `(H, W)` grey, `(H, W, 2)` grey and alpha, `(H, W, 3)` RGB or `(H, W, 4)` RGBA; uint8, uint16, float32
            or float64.
        scale: real number ≥ 1; the output has `ceil(scale * H)` rows. At 1 the image comes back as it is.
        network: module or function `(1, 1, H, W)` in [0, 1] → the same size; None is bicubic alone.
        data_range: of floats, 1 or 255; see `images.data_range_of`.
        tile: side of the output tiles, in pixels; None for the whole image at once.
        margin: pixels computed around a tile and cut off again; the reach of the network unless given.
        progress: wraps the sequence of tiles, such as `tqdm`.

    Returns: the dtype, the range and the channels of the input. Integers are rounded half up and clamped, floats are
        neither.
    Errors: `InputError` on another shape, dtype, scale or tile, on floats without their range, on NaN or infinity, on
        an output of more than `images.MAX_PIXELS` pixels, and when the network changes the size; `WeightsError`
        when it gives NaN.
    Paper: sections 4.3 and 5.3. Chapters: 7, 10.
    """
    image = _check_image(image)
    top = data_range_of(image, data_range=data_range)
    rows, columns = output_shape(image.shape[:2], scale)
    if tile is not None and (not isinstance(tile, Integral) or tile < 1):
        raise InputError(f"tile must be a whole number of pixels >= 1, or None, got {tile!r}")
    if scale == 1:
        return image.copy()
    if network is None:
        margin = 0
    elif margin is None:
        margin = reach(network) if tile is not None else 0
    if not isinstance(margin, Integral) or margin < 0:
        raise InputError(f"margin must be a whole number of pixels >= 0, got {margin!r}")

    shape = image.shape
    planes = image[..., None] if image.ndim == 2 else _fill_hidden_colour(image)
    to_8_bit = 255.0 / top
    down = axis_weights(planes.shape[0], rows, float(scale))
    across = axis_weights(planes.shape[1], columns, float(scale))
    output = np.empty((rows, columns, planes.shape[2]), image.dtype)

    height, width = (rows, columns) if tile is None else (int(tile), int(tile))
    corners = [(top, left) for top in range(0, rows, height) for left in range(0, columns, width)]
    for top, left in progress(corners):
        bottom, right = min(top + height, rows), min(left + width, columns)
        above, before = max(0, top - margin), max(0, left - margin)
        wide_rows = (above, min(bottom + margin, rows))
        wide_columns = (before, min(right + margin, columns))
        interpolated = _interpolate(planes, to_8_bit, down, wide_rows, across, wide_columns)
        restored = _restore(interpolated, network)
        kept = restored[top - above : bottom - above, left - before : right - before]
        output[top:bottom, left:right] = _to_dtype(kept / to_8_bit, image.dtype)
    return output.reshape(rows, columns, *shape[2:])


def output_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """The rows and columns that `upscale` gives.

    Errors: `InputError` unless the scale is a finite number ≥ 1 and the output has at most `images.MAX_PIXELS` pixels.
    """
    if isinstance(scale, bool) or not isinstance(scale, Real) or not math.isfinite(scale) or scale < 1:
        raise InputError(f"scale must be a finite number >= 1, got {scale!r}")
    rows, columns = output_size(shape[0], float(scale)), output_size(shape[1], float(scale))
    if rows * columns > MAX_PIXELS:
        raise InputError(f"the output would have {columns}x{rows} pixels, more than {MAX_PIXELS:,}")
    return rows, columns


def reach(network: Network) -> int:
    """How far from itself an output pixel can see, in pixels: 20 for the paper's VDSR.

    Args:
        network: a module whose layers `receptive_field.layers_of` can read, of stride 1.

    Errors: `InputError` for a plain function or another network: give `upscale` a margin, or no tiles.
    Paper: section 3.1, receptive field (2D+1). Chapter: 2.
    """
    remedy = "give a margin, or tile=None"
    if not isinstance(network, nn.Module):
        raise InputError(f"cannot tell how far a {type(network).__name__} sees, wanted a module; {remedy}")
    try:
        seen = field(network)
    except InputError as error:
        raise InputError(f"{error}; {remedy}") from None
    if seen.jump != (1, 1):
        raise InputError(f"the network has a stride of {seen.jump}, wanted 1; {remedy}")
    return max(max(-start, start + size - 1) for start, size in zip(seen.start, seen.size, strict=True))


def _check_image(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype.name not in _DTYPES:
        raise InputError(f"image must be uint8, uint16, float32 or float64, got {image.dtype}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 2, 3, 4)):
        raise InputError(f"image must be (H, W) or (H, W, C) with 1 to 4 channels, got shape {image.shape}")
    if 0 in image.shape:
        raise InputError(f"image must have at least one pixel, got shape {image.shape}")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise InputError(f"image holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite")
    return image


def _fill_hidden_colour(image: np.ndarray) -> np.ndarray:
    """The image with the nearest visible colour wherever alpha is 0."""
    if image.shape[2] in (1, 3):
        return image
    hidden = image[..., -1] <= 0
    if not hidden.any() or hidden.all():
        return image
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled = image.copy()
    filled[hidden, :-1] = image[nearest[0][hidden], nearest[1][hidden], :-1]
    return filled


def _interpolate(
    planes: np.ndarray,
    to_8_bit: float,
    down: AxisWeights,
    rows: tuple[int, int],
    across: AxisWeights,
    columns: tuple[int, int],
) -> np.ndarray:
    """Rows and columns `[start, stop)` of the interpolated image, float64 on the 8-bit scale."""
    down, first_row, last_row = down.window(*rows)
    across, first_column, last_column = across.window(*columns)
    window = planes[first_row:last_row, first_column:last_column].astype(np.float64) * to_8_bit
    return np.asarray(across.apply(down.apply(window, 0), 1))


def _restore(interpolated: np.ndarray, network: Network | None) -> np.ndarray:
    """The network on the luma of `(H, W, C)` on the 8-bit scale; all else stays."""
    if network is None:
        return interpolated
    channels = interpolated.shape[2]
    colour = interpolated[..., :3] if channels >= 3 else interpolated[..., :1].repeat(3, axis=2)
    ycbcr = rgb_to_ycbcr(colour, data_range=255)
    # As in the authors' protocol: what bicubic overshoots, no luma of an image can be.
    y = predict_luma(network, np.clip(ycbcr[..., 0], 16, 235), data_range=255)
    if y.shape != ycbcr.shape[:2]:
        raise InputError(f"the network turned {ycbcr.shape[:2]} into {y.shape}, wanted the same size")
    if not np.isfinite(y).all():
        raise WeightsError("the network gave values that are not finite")
    if channels < 3:
        # Equal channels stay equal: grey is luma, stretched from [16, 235] to [0, 255].
        restored = ((y - 16) * (255 / 219))[..., None]
    else:
        ycbcr[..., 0] = y
        restored = ycbcr_to_rgb(ycbcr, data_range=255)
    return restored if channels in (1, 3) else np.dstack([restored, interpolated[..., -1]])


def _to_dtype(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return x.astype(dtype)
    return np.clip(round_half_up(x), 0, np.iinfo(dtype).max).astype(dtype)
