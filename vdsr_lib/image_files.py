"""Image files as people have them: transparency, palettes, 16 bits, CMYK, profiles, resolution.

`images` reads what the protocols compare. This reads and writes what a user keeps, and says what gets lost.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageColor, ImageOps

from .errors import ImageError, InputError
from .files import write_atomically
from .images import MAX_PIXELS, decoded, read_pipe
from .symmetry import EXIF, orient_pixels

# Pillow's name of the format, by suffix.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
# What Pillow knows by name and does not read: `images.decoded` refuses programs, and stubs hold no decoder.
_NOT_READ = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}

# The longest side that a format can hold, in pixels.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
# What a segment of a JPEG can hold, in bytes.
_LONGEST_SEGMENT = 65_533
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_MODES_OF_8_BITS = ("L", "LA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "LAB", "P")


class _Tiff:
    """Tags of TIFF, which EXIF shares."""

    BITS_PER_SAMPLE, ORIENTATION, XMP, IPTC, PHOTOSHOP = 258, 274, 700, 33723, 34377
    EXIF, GPS, INTEROPERABILITY, EXIF_WIDTH, EXIF_HEIGHT = 0x8769, 0x8825, 0xA005, 0xA002, 0xA003
    # Of a TIFF's own tags those that speak of the picture, not of the file: description, make, model, software,
    # date, artist, computer, rating, copyright, and Windows' title, comment, author, keywords and subject.
    ABOUT = (270, 271, 272, 305, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and what goes with it in its file.

    Attributes:
        pixels: `(H, W)` grey, `(H, W, 2)` grey and alpha, `(H, W, 3)` RGB or `(H, W, 4)` RGBA; uint8 or uint16.
        profile: the ICC profile of the colours, if the file has one.
        dpi: horizontal and vertical resolution, in pixels an inch, if the file states it.
        exif: date, camera, place and the like, as a TIFF structure; without orientation, size and preview.
        xmp: Adobe's metadata, an XML text.
        comment: the text that a JPEG or GIF has of its own.
        chunks: what only a PNG can hold, by the chunk's name: colours (`gAMA`, `cHRM`, `cICP`, `sRGB`) and texts.
        notes: what of the file is not held here, one phrase each.
    """

    pixels: np.ndarray
    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    exif: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def has_alpha(self) -> bool:
        """The last channel is transparency."""
        return self.pixels.ndim == 3 and self.pixels.shape[2] in (2, 4)

    @property
    def is_opaque(self) -> bool:
        """Nothing shows through: there is no alpha, or it is full everywhere."""
        return not self.has_alpha or bool((self.pixels[..., -1] == np.iinfo(self.pixels.dtype).max).all())

    def without_alpha(self, background: str | None = None) -> Picture:
        """The picture on a background, as in "white" or "#ffcc00"; without one, alpha that is full everywhere goes.

        Errors: `InputError` for a colour that Pillow does not know; `ImageError` when parts of the picture are
            transparent and no background is given.
        """
        colour = None if background is None else check_colour(background)
        if not self.has_alpha:
            return self
        top = int(np.iinfo(self.pixels.dtype).max)
        pixels, alpha = self.pixels[..., :-1], self.pixels[..., -1:]
        if not self.is_opaque:
            if colour is None:
                raise ImageError("parts of the image are transparent, and no background colour is given")
            if pixels.shape[2] == 1 and len(set(colour)) > 1:
                pixels = pixels.repeat(3, axis=2)
            behind = np.array(colour[: pixels.shape[2]], np.float64) * (top / 255)
            share = alpha / top
            pixels = np.floor(pixels * share + behind * (1 - share) + 0.5).astype(self.pixels.dtype)
        return replace(self, pixels=np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


@lru_cache(maxsize=1)
def readable() -> tuple[str, ...]:
    """The suffixes of image files that can be read, sorted; more than can be written."""
    suffixes = Image.registered_extensions()
    return tuple(sorted(s for s, name in suffixes.items() if name in Image.OPEN and name not in _NOT_READ))


def images_in(folder: str | os.PathLike) -> tuple[list[Path], str]:
    """`(the image files in a folder, what was left out and why)`: sorted by name, and "" where nothing was.

    An image is known by its suffix, see `readable`. Folders inside and hidden files are left out.

    Errors: `ImageError` when none is there.
    """
    files: list[Path] = []
    others: dict[str, list[Path]] = {"hidden": [], "a folder": [], "no image by its name": []}
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith("."):
            if path.suffix.lower() in readable():
                others["hidden"].append(path)
        elif path.is_dir():
            others["a folder"].append(path)
        elif path.suffix.lower() not in readable():
            others["no image by its name"].append(path)
        else:
            files.append(path)
    reasons = [f"{_some(paths)} ({why})" for why, paths in others.items() if paths]
    note = f"left out {'; '.join(reasons)}" if reasons else ""
    if not files:
        raise ImageError(f"{folder}: is a folder without images" + (f"; {note}" if note else ""))
    return files, f"{folder}: {note}" if note else ""


def _some(paths: list[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def read_picture(path: str | os.PathLike) -> Picture:
    """Read an image file with its transparency, depth, profile and resolution, upright by its EXIF orientation.

    A palette becomes RGB or RGBA, 1 bit becomes 8, CMYK becomes RGB; of several frames the first is read. A pipe
    is read whole.

    Errors: `ImageError` as `images.open_image`; and for 32-bit and floating-point numbers, and for 16-bit
        colour where the extra `color16` is not installed.
    """
    path = Path(path)
    try:
        content = read_pipe(path)
    except OSError:
        content = None  # `decoded` finds the same, and says it
    with decoded(path, content) as image:
        notes: list[str] = []
        # An MPO is a JPEG photograph with previews behind it.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if frames > 1:
            image.seek(0)
            image.load()
            notes.append(f"only the first of {frames} frames")
        depth = _bits(image, path, content)
        deep = depth if image.format in ("PNG", "TIFF") and depth == 16 and image.mode in _MODES_OF_8_BITS else 0
        if image.mode == "CMYK":
            notes.append("CMYK became RGB" + (f", and {depth} bits 8" if depth > 8 else ""))
        elif depth > 8 and not deep and image.mode in _MODES_OF_8_BITS:
            notes.append(f"{depth} bits became 8")
        exif, xmp, more = _metadata(image)
        chunks = _png_chunks(path, content) if image.format == "PNG" else ()
        notes += more
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        profile, comment = image.info.get("icc_profile"), image.info.get("comment")
        if isinstance(comment, str):
            comment = comment.encode("utf-8")
        dpi = _dpi(image)
        if deep:
            pixels, turned = _decode_16_bit_colour(path, content, str(image.format))
            stated = orientation if image.format == "PNG" else turned
            pixels = orient_pixels(pixels, EXIF.get(stated, 0))
        else:
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "CMYK":
                upright, profile = _cmyk_to_rgb(upright, profile)
            pixels = _pixels(upright, path)
    return Picture(pixels, profile, dpi, tuple(notes), exif, xmp, comment or None, chunks)


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
    kind = check_fits(path, picture.pixels.shape[:2], False, quality)
    if kind == "JPEG" and picture.has_alpha:
        try:
            picture = picture.without_alpha()
        except ImageError:
            raise ImageError(f"{path}: {_NO_TRANSPARENCY}") from None
    notes: list[str] = []
    pixels = picture.pixels
    if pixels.dtype == np.uint16 and kind in ("JPEG", "WEBP"):
        # Cast first: NumPy before 2 adds in the array's own 16 bits, where white wraps round to black.
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        notes.append(f"{kind} holds 8 of 16 bits")
    deep = pixels.dtype == np.uint16 and pixels.ndim == 3 and pixels.shape[2] > 1
    if deep and pixels.shape[2] == 2:  # no encoder at hand writes grey and alpha in 16 bits
        pixels = pixels[..., [0, 0, 0, 1]]
    pixels = np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    colour = (pixels.ndim == 3 and pixels.shape[2] >= 3) or kind == "WEBP"  # WebP has no grey
    profile = picture.profile
    if profile and profile[16:20] != (b"RGB " if colour else b"GRAY"):
        profile = None  # of another colour space, which would be worse than none
    picture = replace(picture, pixels=pixels, profile=profile)
    codecs = _codecs(path) if deep else None
    try:
        picture, lost = _what_fits(picture, kind, deep)
        if deep:
            write_atomically(path, lambda temporary: _write_16_bit(picture, temporary, kind, codecs))
        else:
            write_atomically(path, lambda temporary: _write(picture, temporary, kind, quality))
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(f"{path}: cannot be written ({_reason(error)})") from None
    return (*notes, *lost)


def check_fits(path: str | os.PathLike, size: tuple[int, ...], has_alpha: bool, quality: int = 95) -> str:
    """Pillow's name of the format that a suffix means, if it can hold such a picture.

    Args:
        path: only its suffix counts.
        size: rows and columns.
        has_alpha: parts of the picture are transparent.
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
        raise ImageError(f"{path}: {_NO_TRANSPARENCY}")
    return kind


_NO_TRANSPARENCY = (
    "JPEG holds no transparency, and parts of the image are transparent; write PNG, TIFF or WebP, "
    "or give a background colour"
)


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


def _bits(image: Image.Image, path: Path, content: bytes | None) -> int:
    """Bits per sample in the file, of which Pillow may have given 8; 8 where the format knows no others."""
    if image.format == "TIFF":
        bits: tuple[int, ...] = image.tag_v2.get(_Tiff.BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
        return max(bits)
    with _opened(path, content) as file:
        head = file.read(4096)
    if image.format == "PNG":
        return head[24]  # of the IHDR chunk, which always comes first
    if image.format == "PPM":
        numbers = re.sub(rb"#[^\n\r]*", b" ", head).split()
        largest = int(numbers[3]) if numbers[0] in (b"P2", b"P3", b"P5", b"P6") else 1
        return largest.bit_length()
    if image.format == "SGI":
        return 8 * head[3]
    if image.format == "JPEG2000" and (at := head.find(b"\xff\x51")) >= 0:
        return (head[at + 40] & 0x7F) + 1  # of the SIZ segment: the first component's depth, less one
    if image.format == "AVIF" and (at := head.find(b"av1C")) >= 0:
        return 8 if not head[at + 6] & 0x40 else 12 if head[at + 6] & 0x20 else 10
    return 8


@contextmanager
def _opened(path: Path, content: bytes | None) -> Iterator[BinaryIO]:
    with open(path, "rb") if content is None else io.BytesIO(content) as file:
        yield file


def _metadata(image: Image.Image) -> tuple[bytes | None, bytes | None, list[str]]:
    """`(EXIF, XMP, what is not kept)` of a decoded image, for a picture that will be upright and of another size."""
    notes = []
    try:
        exif = _exif(image)
    except Exception:  # written by anything that has a camera, it can be wrong in any way
        exif = None
        notes.append("its EXIF is damaged and was left out")
    tags = image.tag_v2 if hasattr(image, "tag_v2") else {}
    xmp: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tags.get(_Tiff.XMP)
    for marker, segment in getattr(image, "applist", ()):  # where Pillow does not look itself
        if not xmp and marker == "APP1" and segment.startswith(_XMP_IN_JPEG):
            xmp = segment[len(_XMP_IN_JPEG) :]
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8", "replace")
    xmp = bytes(xmp).rstrip(b"\0") if isinstance(xmp, bytes | tuple) else b""
    # Pixels come upright. Some formats' readers have taken this out already.
    xmp = re.sub(rb"tiff:Orientation\s*=\s*[\"'][0-9][\"']|<tiff:Orientation>\s*[0-9]\s*</tiff:Orientation>", b"", xmp)
    if image.info.get("photoshop") or _Tiff.IPTC in tags or _Tiff.PHOTOSHOP in tags:
        notes.append("its Photoshop and IPTC entries were left out")
    return exif, xmp or None, notes


def _exif(image: Image.Image) -> bytes | None:
    old, new = image.getexif(), Image.Exif()
    for tag in _Tiff.ABOUT:
        if tag in old:
            new[tag] = old[tag]
    for tag in (_Tiff.EXIF, _Tiff.GPS):
        gone = (_Tiff.INTEROPERABILITY, _Tiff.EXIF_WIDTH, _Tiff.EXIF_HEIGHT)
        entries = {key: value for key, value in old.get_ifd(tag).items() if key not in gone}
        if entries:
            new[tag] = entries
    return new.tobytes().removeprefix(b"Exif\0\0") if len(new) else None


_COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB")
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")


def _png_chunks(path: Path, content: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
    """A PNG's chunks on colour and its texts, except what is EXIF or XMP and so kept by itself."""
    chunks = []
    with _opened(path, content) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name not in _COLOUR_CHUNKS + _TEXT_CHUNKS or length > 2**20:
                file.seek(length + 4, os.SEEK_CUR)
                continue
            data = file.read(length)
            checksum = file.read(4)
            whole = len(checksum) == 4 and struct.unpack(">I", checksum)[0] == zlib.crc32(name + data)
            if whole and not data.startswith((b"XML:com.adobe.xmp\0", b"Raw profile type ")):
                chunks.append((name, data))
    return tuple(chunks)


def check_colour(name: str) -> tuple[int, int, int]:
    """Red, green and blue, each in [0, 255], of a colour by name or in CSS's notation.

    Errors: `InputError` for one that Pillow does not know.
    """
    try:
        return ImageColor.getrgb(name)[:3]
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"background must be a colour such as 'white' or '#ffcc00', got {name!r}") from None


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


def _decode_16_bit_colour(path: Path, content: bytes | None, kind: str) -> tuple[np.ndarray, int]:
    """`(pixels as they lie in the file, its orientation)`; a PNG's orientation is not looked for."""
    imagecodecs, tifffile = _codecs(path)
    orientation = 1
    try:
        if kind == "PNG":
            pixels = imagecodecs.png_decode(path.read_bytes() if content is None else content)
        else:
            with tifffile.TiffFile(path if content is None else io.BytesIO(content)) as file:
                page = file.pages.first
                # Before any work: damaged headers ask for pixels without end, or for segments that are not there.
                wanted = math.prod(page.chunked)
                if page.size > 4 * MAX_PIXELS or len(page.dataoffsets) != wanted:
                    found = len(page.dataoffsets)
                    raise ValueError(f"{page.size:,} numbers in {wanted:,} segments, of which {found:,} are there")
                if "Orientation" in page.tags:
                    orientation = int(page.tags["Orientation"].value)
                pixels = page.asarray(maxworkers=1)
                if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                    pixels = np.moveaxis(pixels, 0, -1)
                if page.extrasamples and tifffile.EXTRASAMPLE.UNSPECIFIED in page.extrasamples:
                    pixels = pixels[..., :3]  # a fourth channel that is no transparency
                if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
                    raise ImageError(f"{path}: its 16-bit colour is multiplied with alpha, wanted it plain")
    except (RuntimeError, ValueError, OSError, LookupError, TypeError, struct.error) as error:
        raise ImageError(f"{path}: cannot be read as 16-bit colour ({_reason(error)})") from None
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (2, 3, 4):
        raise ImageError(f"{path}: holds {pixels.dtype} {pixels.shape}, wanted 16-bit RGB or RGBA")
    return pixels, orientation


# --- writing -----------------------------------------------------------------------------------------


def _what_fits(picture: Picture, kind: str, deep: bool) -> tuple[Picture, list[str]]:
    """The picture without what the format has no place for, and a phrase on each such thing."""
    exif, xmp, comment, chunks = picture.exif, picture.xmp, picture.comment, picture.chunks
    lost = []
    if exif and kind == "TIFF":
        # libtiff compresses, and writes no directories within the first. tifffile writes no EXIF at all.
        old, kept = Image.Exif(), Image.Exif()
        old.load(exif)
        for tag in _Tiff.ABOUT:
            if tag in old and not deep:
                kept[tag] = old[tag]
        if len(kept) < len(old):
            what = "no more of its EXIF than make, model, date and texts" if len(kept) else "nothing of its EXIF"
            lost.append(f"TIFF{' of 16-bit colour' if deep else ''} keeps {what}")
        exif = kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) else None
    if kind == "JPEG":
        if exif and len(exif) + 6 > _LONGEST_SEGMENT:
            exif, lost = None, [*lost, "its EXIF is too long for JPEG"]
        if xmp and len(xmp) + len(_XMP_IN_JPEG) > _LONGEST_SEGMENT:
            xmp, lost = None, [*lost, "its XMP is too long for JPEG"]
        if comment and len(comment) > _LONGEST_SEGMENT:
            comment, lost = None, [*lost, "its comment is too long for JPEG"]
    if comment and kind == "PNG":
        chunks, comment = (*chunks, (b"tEXt", b"Comment\0" + comment.replace(b"\0", b" "))), None
    if comment and kind != "JPEG":
        comment, lost = None, [*lost, f"{kind} has no place for its comment"]
    if kind != "PNG":
        if any(name in _TEXT_CHUNKS for name, _ in chunks):
            lost.append(f"{kind} has no place for its texts")
        marks = _colour_marks(picture)
        if marks:
            lost.append(f"{kind} has no place for its {marks}, and colours may look different")
        chunks = ()
    return replace(picture, exif=exif, xmp=xmp, comment=comment, chunks=chunks), lost


def _colour_marks(picture: Picture) -> str:
    """The chunks that make a PNG's colours other than sRGB's where they are honoured."""
    by_name = dict(picture.chunks)
    if b"cICP" in by_name:
        return "" if by_name[b"cICP"][:2] == b"\x01\x0d" else "cICP"
    if picture.profile or b"sRGB" in by_name:
        return ""
    gamma = by_name.get(b"gAMA", b"")
    plain = len(gamma) != 4 or abs(struct.unpack(">I", gamma)[0] - 45455) < 500  # 1/2.2, near sRGB's curve
    return "" if plain else "gAMA"


def _write(picture: Picture, path: Path, kind: str, quality: int) -> None:
    image = Image.fromarray(picture.pixels)
    if kind == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    options: dict[str, Any] = {"icc_profile": picture.profile} if picture.profile else {}
    if picture.dpi and kind != "WEBP":
        options["dpi"] = picture.dpi
    if kind == "JPEG":
        # Writing a JPEG straight to a full disk, Pillow leaves out the end and raises nothing.
        options |= {"quality": quality, "subsampling": 0}
        if picture.exif:
            options["exif"] = b"Exif\0\0" + picture.exif
        if picture.comment:
            options["comment"] = picture.comment
        if picture.xmp:
            segment = _XMP_IN_JPEG + picture.xmp
            options["extra"] = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
        path.write_bytes(_encoded(image, kind, options))
    elif kind == "PNG":
        path.write_bytes(_with_chunks(_encoded(image, kind, options), picture))
    elif kind == "WEBP":
        options |= {"quality": quality}
        options |= {name: value for name, value in (("exif", picture.exif), ("xmp", picture.xmp)) if value}
        image.save(path, format=kind, **options)
    else:
        tags = Image.Exif()
        if picture.exif:
            tags.load(picture.exif)
        if picture.xmp:
            tags[_Tiff.XMP] = picture.xmp
        image.save(path, format=kind, compression="tiff_adobe_deflate", exif=tags, **options)


def _encoded(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def _write_16_bit(picture: Picture, path: Path, kind: str, codecs: Any) -> None:
    imagecodecs, tifffile = codecs
    pixels, profile, dpi = picture.pixels, picture.profile, picture.dpi
    if kind == "TIFF":
        options: dict[str, Any] = {"resolution": dpi, "resolutionunit": "INCH"} if dpi else {}
        if pixels.shape[2] == 4:
            options["extrasamples"] = ["unassalpha"]
        if picture.xmp:
            options["extratags"] = [(_Tiff.XMP, "B", len(picture.xmp), picture.xmp, True)]
        tifffile.imwrite(
            path, pixels, photometric="rgb", compression="zlib", metadata=None, iccprofile=profile, **options
        )
        return
    chunks = []
    if profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in dpi), 1)))  # dots per metre
    path.write_bytes(_with_chunks(imagecodecs.png_encode(pixels), replace(picture, chunks=(*chunks, *picture.chunks))))


def _with_chunks(png: bytes, picture: Picture) -> bytes:
    """A PNG file with the chunks, the EXIF and the XMP of a picture."""
    chunks = [*picture.chunks]
    if picture.exif:
        chunks.append((b"eXIf", picture.exif))
    if picture.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    ihdr_end = 8 + 25  # the signature, then the IHDR chunk
    return png[:ihdr_end] + b"".join(_png_chunk(*chunk) for chunk in chunks) + png[ihdr_end:]


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
