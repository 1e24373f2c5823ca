"""Image files as people have them: transparency, palettes, 16 bits, CMYK, profiles, resolution.

`images` reads what the protocols compare. This reads and writes what a user keeps, and says what gets lost.
"""

from __future__ import annotations

import io
import math
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from .errors import ImageError, InputError
from .images import open_image, write_atomically

# Pillow's name of the format, by suffix.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
# The suffixes that a folder is searched for; more can be read than written.
READABLE = (*FORMATS, ".bmp", ".gif", ".ppm", ".pgm", ".pnm")

# The longest side that a format can hold, in pixels.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_TIFF_BITS_PER_SAMPLE = 258


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and what goes with it in its file.

    Attributes:
        pixels: `(H, W)` grey, `(H, W, 2)` grey and alpha, `(H, W, 3)` RGB or `(H, W, 4)` RGBA; uint8 or uint16.
        profile: the ICC profile of the colours, if the file has one.
        dpi: horizontal and vertical resolution, in pixels an inch, if the file states it.
        notes: what of the file is not held here, one phrase each.
    """

    pixels: np.ndarray
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_alpha(self) -> bool:
        """The last channel is transparency."""
        return self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4)


def read_picture(path: str | os.PathLike) -> Picture:
    """Read an image file with its transparency, depth, profile and resolution, upright by its EXIF orientation.

    A palette becomes RGB or RGBA, 1 bit becomes 8, CMYK becomes RGB; of several frames the first is read.

    Errors: `ImageError` as `images.open_image`; and for 32-bit and floating-point numbers, and for 16-bit
        colour where the extra `color16` is not installed.
    """
    path = Path(path)
    upright = open_image(path)
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `open_image` has judged the file
        try:
            with Image.open(path) as header:
                # An MPO is a JPEG photograph with previews behind it.
                frames = 1 if header.format == "MPO" else getattr(header, "n_frames", 1)
                orientation = header.getexif().get(ExifTags.Base.Orientation, 1)
                deep = _holds_16_bit_colour(header, path)
                if header.mode == "CMYK":
                    notes.append("CMYK became RGB" + (", and 16 bits 8" if _tiff_bits(header) > 8 else ""))
        except Exception as error:  # a broken file can raise nearly anything in a decoder
            raise ImageError(f"{path}: cannot be read as an image ({_reason(error)})") from None
    if frames > 1:
        notes.append(f"only the first of {frames} frames")
    profile = upright.info.get("icc_profile")
    if deep:
        pixels = _turn(_decode_16_bit_colour(path, deep), orientation)
    else:
        if upright.mode == "CMYK":
            upright, profile = _cmyk_to_rgb(upright, profile)
        pixels = _pixels(upright, path)
    return Picture(pixels, profile, _dpi(upright), tuple(notes))


def write_picture(picture: Picture, path: str | os.PathLike, *, quality: int = 95) -> tuple[str, ...]:
    """Write a picture to the format that the suffix names, atomically.

    JPEG and WebP hold 8 bits, to which a 16-bit picture is rounded.

    Args:
        picture: see `Picture`.
        path: ends in one of `FORMATS`; what is there is replaced.
        quality: of JPEG and WebP, in [1, 100].

    Returns: what of the picture the file does not hold, one phrase each.
    Errors: `ImageError` when the format cannot hold the picture (see `check_fits`), or the file cannot be written.
    """
    path = Path(path)
    kind = check_fits(path, picture.pixels.shape[:2], picture.has_alpha, quality)
    notes: tuple[str, ...] = ()
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and kind in ("JPEG", "WEBP"):
        # Cast first: NumPy before 2 adds in the array's own 16 bits, where white wraps round to black.
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        notes = (f"{kind} holds 8 of 16 bits",)
    deep = pixels.dtype == np.uint16 and pixels.ndim == 3 and pixels.shape[2] > 1
    if deep and pixels.shape[2] == 2:  # no encoder at hand writes grey and alpha in 16 bits
        pixels = pixels[..., [0, 0, 0, 1]]
    pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    colour = (pixels.ndim == 3 and pixels.shape[2] >= 3) or kind == "WEBP"  # WebP has no grey
    profile = picture.profile
    if profile and profile[16:20] != (b"RGB " if colour else b"GRAY"):
        profile = None  # of another colour space, which would be worse than none
    codecs = _codecs(path) if deep else None
    try:
        if deep:
            write_atomically(
                path, lambda temporary: _write_16_bit(pixels, temporary, kind, profile, picture.dpi, codecs)
            )
        else:
            write_atomically(path, lambda temporary: _write(pixels, temporary, kind, profile, picture.dpi, quality))
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(f"{path}: cannot be written ({_reason(error)})") from None
    return notes


def check_fits(path: str | os.PathLike, size: tuple[int, ...], has_alpha: bool, quality: int = 95) -> str:
    """Pillow's name of the format that a suffix means, if it can hold such a picture.

    Args:
        path: only its suffix counts.
        size: rows and columns.
        has_alpha: the picture has transparency.
        quality: as in `write_picture`.

    Errors: `ImageError` for a suffix that is not in `FORMATS`, for a side that is too long, and for alpha in a JPEG;
        `InputError` for a quality outside [1, 100].
    """
    if not isinstance(quality, Integral) or not 1 <= quality <= 100:
        raise InputError(f"quality must be a whole number in [1, 100], got {quality!r}")
    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise ImageError(f"{path}: cannot be written, wanted a name that ends in {', '.join(FORMATS)}")
    if kind in _LONGEST_SIDE and max(size) > _LONGEST_SIDE[kind]:
        raise ImageError(
            f"{path}: {size[1]}x{size[0]} pixels is more than the {_LONGEST_SIDE[kind]:,} a side of {kind}"
        )
    if kind == "JPEG" and has_alpha:
        raise ImageError(f"{path}: JPEG holds no transparency, and the image has some; write PNG, TIFF or WebP")
    return kind


# --- reading -----------------------------------------------------------------------------------------


def _pixels(image: Image.Image, path: Path) -> np.ndarray:
    mode = image.mode
    if mode == "I" or mode.startswith("I;16"):  # early releases of Pillow give 16-bit PNG as I
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{path}: holds 32-bit numbers, wanted 8 or 16 bits")
        return values.astype(np.uint16)
    if mode == "F":
        raise ImageError(f"{path}: holds floating-point numbers, wanted 8 or 16 bits")
    alpha = "transparency" in image.info or mode in ("LA", "La", "PA", "RGBA", "RGBa")
    wanted = ("L" if mode in ("1", "L", "LA", "La") else "RGB") + ("A" if alpha else "")
    try:
        return np.asarray(image if mode == wanted else image.convert(wanted))
    except ValueError as error:
        raise ImageError(f"{path}: {mode} cannot become {wanted} ({_reason(error)})") from None


def _cmyk_to_rgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """By the file's own profile to sRGB, and the profile of that; by plain arithmetic where there is no good one."""
    if profile:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        try:
            rgb = ImageCms.profileToProfile(image, io.BytesIO(profile), srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            rgb = None
        if rgb is not None:
            rgb.info = image.info
            return rgb, srgb.tobytes()
    return image.convert("RGB"), None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(v) for v in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(v) and 1 <= v <= 1e5 for v in (x, y)) else None


def _tiff_bits(header: Image.Image) -> int:
    return max(header.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))) if hasattr(header, "tag_v2") else 8


def _holds_16_bit_colour(header: Image.Image, path: Path) -> str:
    """`"PNG"` or `"TIFF"` if Pillow would cut the file's 16-bit colour to 8 bits, else `""`."""
    if header.format == "PNG":
        with open(path, "rb") as file:
            depth, colour = file.read(26)[24:26]  # of the IHDR chunk, which always comes first
        return "PNG" if depth == 16 and colour in (2, 4, 6) else ""
    if header.format == "TIFF" and header.mode in ("RGB", "RGBA", "RGBX", "LA") and _tiff_bits(header) == 16:
        return "TIFF"
    return ""


def _codecs(path: Path) -> Any:
    """`(imagecodecs, tifffile)`, which read and write the 16-bit colour that Pillow does not."""
    try:
        import imagecodecs
        import tifffile
    except ImportError:
        raise ImageError(
            f"{path}: holds 16-bit colour, of which Pillow knows 8 bits; "
            "`pip install 'vdsr-lib[color16]'` for all 16, or convert it to 8 bits first"
        ) from None
    return imagecodecs, tifffile


def _decode_16_bit_colour(path: Path, kind: str) -> np.ndarray:
    imagecodecs, tifffile = _codecs(path)
    try:
        if kind == "PNG":
            pixels = imagecodecs.png_decode(path.read_bytes())
        else:
            with tifffile.TiffFile(path) as file:
                page = file.pages.first
                pixels = page.asarray()
                if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                    pixels = np.moveaxis(pixels, 0, -1)
                if page.extrasamples and tifffile.EXTRASAMPLE.UNSPECIFIED in page.extrasamples:
                    pixels = pixels[..., :3]  # a fourth channel that is no transparency
                if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
                    raise ImageError(f"{path}: its 16-bit colour is multiplied with alpha, wanted it plain")
    except (RuntimeError, ValueError, OSError) as error:
        raise ImageError(f"{path}: cannot be read as 16-bit colour ({_reason(error)})") from None
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (2, 3, 4):
        raise ImageError(f"{path}: holds {pixels.dtype} {pixels.shape}, wanted 16-bit RGB or RGBA")
    return pixels


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright by the EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


# --- writing -----------------------------------------------------------------------------------------


def _write(
    pixels: np.ndarray,
    path: Path,
    kind: str,
    profile: bytes | None,
    dpi: tuple[float, float] | None,
    quality: int,
) -> None:
    image = Image.fromarray(pixels)
    if kind == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if dpi and kind != "WEBP":
        options["dpi"] = dpi
    if kind == "JPEG":
        # Writing a JPEG straight to a full disk, Pillow leaves out the end and raises nothing.
        encoded = io.BytesIO()
        image.save(encoded, format=kind, quality=quality, subsampling=0, **options)
        path.write_bytes(encoded.getbuffer())
        return
    if kind == "WEBP":
        options |= {"quality": quality}
    elif kind == "TIFF":
        options |= {"compression": "tiff_adobe_deflate"}
    image.save(path, format=kind, **options)


def _write_16_bit(
    pixels: np.ndarray,
    path: Path,
    kind: str,
    profile: bytes | None,
    dpi: tuple[float, float] | None,
    codecs: Any,
) -> None:
    imagecodecs, tifffile = codecs
    if kind == "TIFF":
        options: dict[str, Any] = {"resolution": dpi, "resolutionunit": "INCH"} if dpi else {}
        if pixels.shape[2] == 4:
            options["extrasamples"] = ["unassalpha"]
        tifffile.imwrite(
            path, pixels, photometric="rgb", compression="zlib", metadata=None, iccprofile=profile, **options
        )
        return
    encoded = imagecodecs.png_encode(pixels)
    chunks = b""
    if profile:
        chunks += _png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    if dpi:
        chunks += _png_chunk(b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in dpi), 1))  # dots a metre
    ihdr_end = 8 + 25  # the signature, then the IHDR chunk
    path.write_bytes(encoded[:ihdr_end] + chunks + encoded[ihdr_end:])


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
