"""Upscale image files: from one into another, many into a folder, a pipe into a pipe."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import ImageError, InputError, WeightsError
from .evaluation import Network
from .image_files import FORMATS, check_colour, check_fits, images_in, read_picture, write_picture
from .upscaling import output_shape, upscale

# What "-" means to `plan`, as an input and as an output.
STDIN, STDOUT = Path("/dev/stdin"), Path("/dev/stdout")


@dataclass(frozen=True)
class UpscaledFile:
    """What `upscale_file` did.

    Attributes:
        path: the file written.
        size_in, size_out: `(width, height)` in pixels.
        notes: what of the input file the output does not hold, one phrase each.
    """

    path: Path
    size_in: tuple[int, int]
    size_out: tuple[int, int]
    notes: tuple[str, ...] = ()


def upscale_file(
    path_in: str | os.PathLike,
    path_out: str | os.PathLike,
    scale: float,
    network: Network | None = None,
    *,
    overwrite: bool = False,
    make_folder: bool = False,
    quality: int = 95,
    background: str | None = None,
    **arguments: Any,
) -> UpscaledFile:
    """Upscale an image file into another, whose suffix names its format.

    The EXIF rotation is applied. The ICC profile, the resolution (dpi), EXIF, XMP and a PNG's own marks of colour
    are kept where the format can hold them; what is lost is in the notes. For palettes, CMYK, 16 bits and what each
    format holds see `image_files`.

    Args:
        path_in: any image that Pillow reads; a pipe is read whole.
        path_out: ends in .png, .jpg, .jpeg, .tif, .tiff or .webp. Never the input, by whatever link.
        scale, network: see `upscale`.
        overwrite: replace an output that is there already; otherwise that is an error.
        make_folder: make the output's folder if it is not there; otherwise that is an error.
        quality: of JPEG and WebP, in [1, 100].
        background: a colour, such as "white" or "#ffcc00", that transparent parts are laid on; JPEG needs it for them.
        arguments: `tile`, `margin` and `progress` of `upscale`.

    Errors: `ImageError` when the input cannot be read, or the output cannot be written or cannot hold the picture;
        `InputError` as in `upscale`. The output is there whole, or not at all.
    """
    path_in, path_out = Path(path_in), Path(path_out)
    check_fits(path_out, (1, 1), False, quality)
    if background is not None:
        check_colour(background)
    if _same_file(path_in, path_out):
        raise ImageError(f"{path_out}: is the input itself, which is never overwritten")
    if os.path.isdir(path_out):
        raise ImageError(f"{path_out}: is a directory, wanted a file name")
    if os.path.lexists(path_out) and not overwrite:
        raise ImageError(f"{path_out}: is there already, and is kept")
    folder = path_out.parent
    if not os.path.isdir(folder) and not make_folder:
        raise ImageError(f"{path_out}: there is no folder {folder}")
    if os.path.isdir(folder) and not os.access(folder, os.W_OK):
        raise ImageError(f"{path_out}: cannot be written, the folder is read-only")

    picture = read_picture(path_in)
    rows, columns = picture.pixels.shape[:2]
    try:
        size = output_shape((rows, columns), scale)
        if background is not None:
            picture = picture.without_alpha(background)
        if check_fits(path_out, size, not picture.is_opaque) == "JPEG":
            picture = picture.without_alpha()
        _make_folder(folder)
        # Only one of the two large arrays is needed from here on.
        picture = replace(picture, pixels=upscale(picture.pixels, scale, network, **arguments))
    except (InputError, WeightsError) as error:
        raise type(error)(f"{path_in}: {error}") from None
    notes = picture.notes + write_picture(picture, path_out, quality=quality)
    return UpscaledFile(path_out, (columns, rows), (size[1], size[0]), notes)


def upscale_to_stdout(
    path_in: str | os.PathLike, scale: float, network: Network | None = None, *, suffix: str = ".png", **arguments: Any
) -> UpscaledFile:
    """Upscale an image file, and write the result to stdout once it is whole.

    Args:
        path_in, scale, network, arguments: as in `upscale_file`.
        suffix: names the format, such as `".jpg"`.

    Errors: as in `upscale_file`; `OSError` when stdout takes no more.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = upscale_file(path_in, Path(folder) / f"stdout{suffix}", scale, network, **arguments)
        content = done.path.read_bytes()
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return replace(done, path=STDOUT)


def plan(
    inputs: Sequence[str | os.PathLike], output: str | os.PathLike, suffix: str | None = None
) -> list[tuple[Path, Path]]:
    """Which file each input becomes: pairs for `upscale_file`.

    Args:
        inputs: files, pipes, folders (their images, not those of folders inside) and patterns such as `"*.png"`; `"-"`
            is stdin.
        output: a file, for one input file; else a folder, which is not made here. An output without a suffix,
            or one that ends in a slash, is a folder; `"-"` is `STDOUT`, for one input file.
        suffix: of the files in an output folder, such as `".png"`; that of the input unless given, and `.png`
            where that cannot be written.

    Errors: `ImageError` when a folder or pattern holds no image, when several inputs would go to one file, and
        when the output has a suffix that cannot be written.
    """
    if suffix is not None and suffix not in FORMATS:
        raise InputError(f"suffix must be one of {', '.join(FORMATS)}, got {suffix!r}")
    files = list({os.path.abspath(f): f for given in inputs for f in _expand(given)}.values())
    if not files:
        raise InputError("no input given")
    if str(output) == "-":
        if len(files) > 1:
            raise ImageError(f"stdout takes one image, wanted a folder for {len(files)} inputs")
        return [(files[0], STDOUT)]
    target = Path(output)
    is_folder = os.path.isdir(target) or str(output).endswith(("/", os.sep)) or not target.suffix
    if not is_folder:
        if len(files) > 1 or os.path.isdir(inputs[0]):
            raise ImageError(f"{target}: is one file, wanted a folder for {len(files)} inputs")
        check_fits(target, (1, 1), False)
        return [(files[0], target)]
    sources: dict[Path, Path] = {}
    for file in files:
        own = file.suffix if file.suffix.lower() in FORMATS else ".png"
        path_out = target / (file.stem + (suffix or own))
        if path_out in sources:
            raise ImageError(f"{path_out}: both {sources[path_out]} and {file} would be written there")
        sources[path_out] = file
    return [(file, path_out) for path_out, file in sources.items()]


def left_out(inputs: Sequence[str | os.PathLike]) -> list[str]:
    """What `plan` leaves out of each folder and why, one line each."""
    return [note for given in inputs if os.path.isdir(given) and (note := images_in(given)[1])]


def _expand(given: str | os.PathLike) -> list[Path]:
    if str(given) == "-":
        return [STDIN]
    path = Path(given)
    if os.path.isdir(path):
        return images_in(path)[0]
    if glob.has_magic(str(given)) and not os.path.lexists(path):
        # The shell has done this already, except where the pattern is quoted, and on Windows.
        files = [Path(f) for f in sorted(glob.glob(str(given))) if os.path.isfile(f)]
        if not files:
            raise ImageError(f"{given}: no file has such a name")
        return files
    return [path]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"{folder}: cannot be made ({error.strerror})") from None


def _same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)  # through symbolic and hard links
    except OSError:
        return False
