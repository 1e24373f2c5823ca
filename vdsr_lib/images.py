"""8-bit and float images, and MATLAB's YCbCr.

Two ranges are used in the whole library, and named wherever they appear: *8-bit scale*, [0, 255], for
images, the protocol and the metrics; and [0, 1] for what goes into and comes out of a network. Integers know
their range; with floats a function takes `data_range`, 1 or 255, and does not guess (see `data_range_of`).
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import ImageError, InputError, VdsrError

# ITU-R BT.601 with headroom, as in MATLAB's rgb2ycbcr: rows give Y, Cb, Cr from R, G, B in [0, 1].
YCBCR_FROM_RGB = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])

# More pixels than this are taken for a decompression bomb: 16 times a 6000×4000 photograph.
MAX_PIXELS = 400_000_000
# More bytes than this are not taken from a pipe, which may have no end.
MAX_PIPE = 2**30
# PostScript files are run, by Ghostscript where that is installed: a program of strangers, and no pixels.
_PROGRAMS = ("EPS",)


def round_half_up(x: np.ndarray) -> np.ndarray:
    """Round as MATLAB's integer classes do, 0.5 up (numpy rounds 0.5 to the even neighbour)."""
    return np.floor(np.asarray(x) + 0.5)


def as_array(image: Any) -> np.ndarray:
    """An image as numpy has it; also a torch tensor on any device, with or without a gradient."""
    if hasattr(image, "detach"):
        image = image.detach().cpu()
        image = (image.double() if image.is_floating_point() else image).numpy()
    return np.asarray(image)


def data_range_of(*images: np.ndarray, data_range: float | None = None) -> float:
    """The value that stands for white: integers know their own, of floats it must be said.

    A dark image on [0, 255] may lie within [0, 1], so that nothing is guessed.

    Args:
        images: of one range; bool is [0, 1], uint8 [0, 255], uint16 [0, 65535].
        data_range: 1 for floats in [0, 1], 255 for floats in [0, 255].

    Errors: `InputError` when another dtype comes without a range, for a range that is no number > 0, and for one
        that contradicts the dtype.
    """
    images = tuple(np.asarray(image) for image in images)
    known = {_INTEGER_RANGE[image.dtype.name] for image in images if image.dtype.name in _INTEGER_RANGE}
    names = " and ".join(dict.fromkeys(image.dtype.name for image in images))
    if data_range is None:
        if len(known) == 1 and all(image.dtype.name in _INTEGER_RANGE for image in images):
            return known.pop()
        if len(known) > 1:
            raise InputError(f"images must have one range, got {names}")
        raise InputError(f"{names} needs data_range=1 if its values are in [0, 1], or data_range=255 if in [0, 255]")
    if isinstance(data_range, bool) or not isinstance(data_range, Real) or not 0 < data_range < np.inf:
        raise InputError(f"data_range must be a number > 0, such as 1 or 255, got {data_range!r}")
    if known - {float(data_range)}:
        raise InputError(f"{names} holds up to {max(known):g}, got data_range={data_range:g}")
    return float(data_range)


_INTEGER_RANGE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}


def to_8_bit_scale(image: np.ndarray, data_range: float | None = None) -> np.ndarray:
    """An image of any range as float64 on the 8-bit scale, unrounded. Errors: see `data_range_of`."""
    image = as_array(image)
    top = data_range_of(image, data_range=data_range)
    return np.asarray(image, np.float64) * (255 / top)


def to_uint8(x: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """An image to uint8: brought to the 8-bit scale, rounded half up, clamped to [0, 255].

    Args:
        x: any shape.
        data_range: of floats, 1 or 255; see `data_range_of`.

    Errors: `InputError` if a value is NaN, or floats come without their range.
    """
    x = as_array(x)
    if x.dtype == np.uint8 and data_range in (None, 255):
        return x
    x = to_8_bit_scale(x, data_range)
    if np.isnan(x).any():
        raise InputError(f"image holds {int(np.isnan(x).sum())} NaN values")
    return np.clip(round_half_up(x), 0, 255).astype(np.uint8)


def rgb_to_ycbcr(rgb: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """MATLAB's `rgb2ycbcr`, unrounded.

    Args:
        rgb: `(..., 3)`.
        data_range: of floats, 1 or 255; see `data_range_of`.

    Returns: `(..., 3)` float64 on the 8-bit scale: Y in [16, 235], Cb and Cr in [16, 240].
    Errors: `InputError` unless the last axis has length 3, and for floats without their range.
    Source: MATLAB `rgb2ycbcr`.
    Paper: section 5.3. Chapter: 1.
    """
    rgb = _three_channels(rgb, data_range)
    return rgb @ (YCBCR_FROM_RGB.T / 255.0) + YCBCR_OFFSET


def ycbcr_to_rgb(ycbcr: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """MATLAB's `ycbcr2rgb`, unrounded and unclamped: the exact inverse of `rgb_to_ycbcr`.

    Args:
        ycbcr: `(..., 3)`.
        data_range: of floats, 1 or 255; see `data_range_of`.

    Returns: `(..., 3)` float64 on the 8-bit scale; colours outside RGB come out below 0 or above 255.
    Errors: `InputError` unless the last axis has length 3, and for floats without their range.
    """
    ycbcr = _three_channels(ycbcr, data_range)
    return (ycbcr - YCBCR_OFFSET) @ (np.linalg.inv(YCBCR_FROM_RGB).T * 255.0)


def luma(image: np.ndarray, *, data_range: float | None = None) -> np.ndarray:
    """The unrounded luma of an image: Y of an RGB image, a grey image itself.

    Args:
        image: `(H, W)` or `(H, W, 3)`.
        data_range: of floats, 1 or 255; see `data_range_of`.

    Returns: `(H, W)` float64 on the 8-bit scale, a copy. A grey image is its own Y, in [0, 255].
    Errors: `InputError` for another shape, and for floats without their range.
    """
    image = as_array(image)
    if image.ndim == 2:
        return np.array(to_8_bit_scale(image, data_range))
    if image.ndim == 3 and image.shape[2] == 3:
        return rgb_to_ycbcr(image, data_range=data_range)[..., 0]
    raise InputError(f"image must be (H, W) or (H, W, 3), got shape {image.shape}")


@contextmanager
def decoded(path: str | os.PathLike, content: bytes | None = None) -> Iterator[Image.Image]:
    """An image file, opened and fully decoded, not yet turned by its EXIF orientation; closed on leaving.

    Args:
        path: the file; also a pipe, unless its content is given.
        content: what a pipe held, see `read_pipe`.

    Errors: `ImageError` as in `open_image`; also for what goes wrong within the block, except our own errors.
    """
    path = Path(path)
    try:
        if content is None:
            content = read_pipe(path)
        with warnings.catch_warnings():
            # Pillow warns of large images and of odd tags. Here a file either is an image or an error.
            warnings.simplefilter("ignore")
            with Image.open(path if content is None else io.BytesIO(content)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(f"{path}: {image.width}x{image.height} pixels is more than {MAX_PIXELS:,}")
                if image.format in _PROGRAMS:
                    raise ImageError(f"{path}: is {image.format}, drawn by a program; wanted pixels")
                image.load()
                yield image
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except Image.DecompressionBombError as error:
        # Pillow's own limit, twice Image.MAX_IMAGE_PIXELS, is lower than ours, and its user may move it.
        raise ImageError(f"{path}: taken for a decompression bomb by Pillow ({error})") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: is not an image that Pillow can read") from None
    except (VdsrError, MemoryError):
        raise
    except Exception as error:  # a broken file can raise nearly anything in a decoder
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{path}: cannot be read as an image ({reason})") from None


def read_pipe(path: str | os.PathLike) -> bytes | None:
    """All that a pipe holds, which can be read only once; None for a file, which can be read again.

    Errors: `ImageError` for a folder, a device, nothing at all, or more than `MAX_PIPE` bytes; `OSError`.
    """
    path = Path(path)
    if os.path.isdir(path):  # unlike Path.is_dir, no error where the folder may not be entered
        raise ImageError(f"{path}: is a directory, wanted an image file")
    status = path.stat()
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        raise ImageError(f"{path}: is a device, wanted an image file or a pipe")
    content, size = None, status.st_size
    if not stat.S_ISREG(status.st_mode):
        with open(path, "rb") as pipe:
            content = pipe.read(MAX_PIPE + 1)
        size = len(content)
        if size > MAX_PIPE:
            raise ImageError(f"{path}: sends more than {MAX_PIPE:,} bytes; wanted a file for so large an image")
    if size == 0:
        raise ImageError(f"{path}: is empty, wanted an image file")
    return content


def open_image(path: str | os.PathLike) -> Image.Image:
    """Open and fully decode an image file or what a pipe sends, upright by its EXIF orientation.

    Returns: a loaded `PIL.Image.Image` in the file's own mode, with `info["icc_profile"]` kept.
    Errors: `ImageError`, one line, when the file is missing, a directory, a device, empty, truncated, no
        image, or holds more than `MAX_PIXELS` pixels or Pillow's own limit (a decompression bomb).
    """
    with decoded(path) as image:
        return ImageOps.exif_transpose(image)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file as the protocols want it.

    Returns: uint8, `(H, W)` for a grey file and `(H, W, 3)` RGB for every other kind, yours to write
        to; transparency is dropped. For alpha, 16 bits and profiles see `upscaling_files.upscale_file`.
    Errors: `ImageError`, see `open_image`.
    """
    image = open_image(path)
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode.startswith("I") or image.mode == "F":
        raise ImageError(f"{path}: mode {image.mode} is not 8-bit, wanted an 8-bit image")
    return np.array(image.convert("RGB"))


def _three_channels(image: np.ndarray, data_range: float | None) -> np.ndarray:
    image = as_array(image)
    if image.ndim == 0 or image.shape[-1] != 3:
        raise InputError(f"image must have 3 channels in its last axis, got shape {image.shape}")
    return to_8_bit_scale(image, data_range)
