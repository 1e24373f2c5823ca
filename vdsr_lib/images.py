"""8-bit and float images, and MATLAB's YCbCr.

Two ranges are used in the whole library, and named wherever they appear: *8-bit scale*, [0, 255], for
images, the protocol and the metrics; and [0, 1] for what goes into and comes out of a network.
"""

from __future__ import annotations

import glob
import io
import os
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def to_uint8(x: np.ndarray) -> np.ndarray:
    """A float image on the 8-bit scale to uint8: rounded half up, clamped to [0, 255].

    Errors: `InputError` if a value is NaN.
    """
    x = np.asarray(x)
    if x.dtype == np.uint8:
        return x
    if np.isnan(x).any():
        raise InputError(f"image holds {int(np.isnan(x).sum())} NaN values")
    return np.clip(round_half_up(x), 0, 255).astype(np.uint8)


def rgb_to_ycbcr(rgb: np.ndarray) -> np.ndarray:
    """MATLAB's `rgb2ycbcr`, unrounded.

    Args:
        rgb: `(..., 3)` on the 8-bit scale [0, 255], any real dtype.

    Returns: `(..., 3)` float64: Y in [16, 235], Cb and Cr in [16, 240].
    Errors: `InputError` unless the last axis has length 3.
    Source: MATLAB `rgb2ycbcr`.
    Paper: section 5.3. Chapter: 1.
    """
    rgb = _three_channels(rgb)
    return rgb @ (YCBCR_FROM_RGB.T / 255.0) + YCBCR_OFFSET


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    """MATLAB's `ycbcr2rgb`, unrounded and unclamped: the exact inverse of `rgb_to_ycbcr`.

    Args:
        ycbcr: `(..., 3)` on the 8-bit scale.

    Returns: `(..., 3)` float64 on the 8-bit scale; colours outside RGB come out below 0 or above 255.
    Errors: `InputError` unless the last axis has length 3.
    """
    ycbcr = _three_channels(ycbcr)
    return (ycbcr - YCBCR_OFFSET) @ (np.linalg.inv(YCBCR_FROM_RGB).T * 255.0)


def luma(image: np.ndarray) -> np.ndarray:
    """The unrounded luma of an image: Y of an RGB image, a grey image itself.

    Args:
        image: `(H, W)` or `(H, W, 3)` on the 8-bit scale.

    Returns: `(H, W)` float64 on the 8-bit scale. A grey image is its own Y, in [0, 255].
    Errors: `InputError` for another shape.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        return image.astype(np.float64)
    if image.ndim == 3 and image.shape[2] == 3:
        return rgb_to_ycbcr(image)[..., 0]
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
        to; transparency is dropped. For alpha, 16 bits and profiles see `upscaling.upscale_file`.
    Errors: `ImageError`, see `open_image`.
    """
    image = open_image(path)
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    if image.mode.startswith("I") or image.mode == "F":
        raise ImageError(f"{path}: mode {image.mode} is not 8-bit, wanted an 8-bit image")
    return np.array(image.convert("RGB"))


def write_atomically(path: str | os.PathLike, write) -> None:
    """Call `write(temporary_path)`, then move the result to `path` in one step.

    Whatever goes wrong on the way, `path` holds either its old content or the whole new one, and no
    temporary file stays. The temporary file stands beside `path`, so that the move stays on one disk.

    Errors: whatever `write` raises; `OSError` where the folder cannot be written.
    """
    path = Path(path)
    # A name may have 255 bytes. A temporary one has ten more, so that a long stem gives way.
    room = max(0, 255 - 10 - len(os.fsencode(path.suffix)))
    stem = os.fsencode(path.stem)[:room].decode("utf-8", "ignore")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def clear_temporary_files(path: str | os.PathLike) -> None:
    """Remove what killed writers of `path` left beside it; nobody else may be writing it."""
    path = Path(path)
    for left in path.parent.glob(f".{glob.escape(path.stem)}-????????{glob.escape(path.suffix)}"):
        left.unlink(missing_ok=True)


def _three_channels(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim == 0 or image.shape[-1] != 3:
        raise InputError(f"image must have 3 channels in its last axis, got shape {image.shape}")
    return image.astype(np.float64, copy=False)
