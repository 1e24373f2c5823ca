"""The public image sets: where each file comes from, its SHA-256, and a local cache.

No file ships with the library. Each is fetched once from its pinned public address, checked, and
kept in a cache folder: `VDSR_DATA` if that is set, else the user's cache. Nothing is downloaded on import.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import pooch

from .errors import ChecksumError, DataError, ImageError
from .image_files import images_in
from .images import read_image

AUTHORS_WEIGHTS = "authors/VDSR_Official.mat"

# Photographs that scikit-image carries in its own package: three in colour, one grey. No download.
EMBEDDED = ("astronaut", "camera", "chelsea", "coffee")


@dataclass(frozen=True)
class RegistryEntry:
    """One file: its name in the cache, checksum, size in bytes, and public address."""

    name: str
    sha256: str
    size: int
    url: str

    @property
    def repository(self) -> str:
        """The GitHub repository it comes from, `owner/name`."""
        return "/".join(self.url.split("/")[3:5])


@lru_cache(maxsize=1)
def registry() -> dict[str, RegistryEntry]:
    """Every known file by its name in the cache, such as `Set5/baby.png`."""
    table = resources.files("vdsr_lib") / "assets" / "registry.tsv"
    entries = {}
    for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines(), delimiter="\t"):
        url = f"https://raw.githubusercontent.com/{row['repository']}/{row['commit']}/{row['path']}"
        entries[row["file"]] = RegistryEntry(row["file"], row["sha256"], int(row["bytes"]), url)
    return entries


def set_names() -> list[str]:
    """The names that `fetch_set` takes: the first folder of each registered file."""
    return sorted({name.split("/")[0] for name in registry()})


def cache_folder() -> Path:
    """Where files are kept: `$VDSR_DATA`, else the user's cache folder for `vdsr`."""
    return Path(os.environ.get("VDSR_DATA") or pooch.os_cache("vdsr")).expanduser()


def names_of(set_name: str) -> list[str]:
    """The registered files of one set, sorted.

    Errors: `DataError` for a set that is not registered.
    """
    names = sorted(name for name in registry() if name.startswith(f"{set_name}/"))
    if not names:
        raise DataError(f"no set named {set_name!r}; the sets are {', '.join(set_names())}")
    return names


def shapes_of(set_name: str) -> list[tuple[int, int]]:
    """`(H, W)` of each picture of a training set, `"T91"`, `"BSD200"` or `"291"`; it needs no download.

    Errors: `DataError` for another set.
    """
    table = json.loads((resources.files("vdsr_lib") / "assets" / "shapes.json").read_text(encoding="utf-8"))
    parts = ("T91", "BSD200") if set_name == "291" else (set_name,)
    if not set(parts) <= set(table):
        raise DataError(f"no shapes of {set_name!r} are stored; they are for {', '.join(sorted(table))} and 291")
    return [(height, width) for part in parts for height, width in table[part]]


def status(name: str) -> str:
    """What the cache holds of a registered file: `"whole"`, `"missing"` or `"damaged"` (another SHA-256).

    Errors: `DataError` when the name is unknown, or the file is there and cannot be read.
    """
    entry = _entry(name)
    path = cache_folder() / name
    try:
        if not path.is_file():
            return "missing"
        return "whole" if pooch.file_hash(str(path)) == entry.sha256 else "damaged"
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def present(set_name: str) -> int:
    """How many files of a set are in the cache, by name and size alone: quick, and no check of their content."""
    sizes = {cache_folder() / name: registry()[name].size for name in names_of(set_name)}
    return sum(path.is_file() and path.stat().st_size == size for path, size in sizes.items())


def fetch(name: str, *, progress: bool = False) -> Path:
    """The local path of a registered file, downloaded and checked if it is not there yet.

    Args:
        name: a key of `registry()`.
        progress: show a progress bar while it downloads.

    Errors: `ChecksumError` when what arrived, or what lies in the cache, is not the registered file
        (a bad download is not kept); `DataError` when the name is unknown or the file cannot be had.
    """
    entry = _entry(name)
    path = cache_folder() / name
    found = status(name)
    if found == "whole":
        return path
    if found == "damaged":
        raise ChecksumError(f"{path}: has another SHA-256 than the registry's; delete it, to download it anew")
    made = _make_folder(path.parent)
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # pooch would print each address on stderr
    try:
        # pooch writes to a temporary file beside the target, and moves it only when the hash is right.
        pooch.retrieve(entry.url, f"sha256:{entry.sha256}", fname=path.name, path=path.parent, progressbar=progress)
    except ValueError:
        raise ChecksumError(
            f"{name}: what {entry.url} sent has another SHA-256 than the registry's, and was not kept"
        ) from None
    except OSError as error:
        raise DataError(f"{name}: cannot be downloaded from {entry.url} ({_download_reason(error)})") from None
    finally:
        logger.setLevel(level)
        for folder in made:  # innermost first; what holds a file stays
            with suppress(OSError):
                folder.rmdir()
    return path


def fetch_set(set_name: str, *, progress: bool = False) -> list[Path]:
    """The local paths of all files of a set, in name order; what is there already is not fetched again.

    Errors: see `fetch` and `names_of`.
    """
    names = names_of(set_name)
    if progress and present(set_name) < len(names):
        from tqdm.auto import tqdm

        with tqdm(names, desc=set_name, unit="file") as bar:
            return [fetch(name) for name in bar]
    return [fetch(name) for name in names]


def load_set(set_name: str, *, progress: bool = False) -> dict[str, np.ndarray]:
    """The images of a set by name: uint8 `(H, W, 3)`, or `(H, W)` for a grey one.

    Args:
        set_name: a registered set; `"291"`, the paper's training set, which is `T91` and `BSD200` together; or
            a folder of images of yours, whose keys are its file names; or `"embedded"`, the pictures in
            scikit-image's own package, which need no download.
        progress: show a progress bar while files download.

    Errors: see `fetch` and `names_of`; `ImageError` for a file that is no 8-bit image.
    """
    if set_name == "embedded":
        from skimage import data

        return {name: getattr(data, name)() for name in EMBEDDED}
    if _is_folder(set_name):
        try:
            files, _ = images_in(set_name)
        except ImageError as error:
            raise DataError(str(error)) from None
        return {file.name: read_image(file) for file in files}
    parts: Iterable[str] = ("T91", "BSD200") if set_name == "291" else (set_name,)
    return {path.stem: read_image(path) for part in parts for path in fetch_set(part, progress=progress)}


def hold_out(images: Mapping[str, np.ndarray], every: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """`(training, held out)`: every `every`-th image in name order is kept out; 0 keeps none."""
    names = sorted(images)
    kept_out = set(names[every // 2 :: every]) if every else set()
    return (
        {name: images[name] for name in names if name not in kept_out},
        {name: images[name] for name in names if name in kept_out},
    )


def left_out(set_name: str) -> str:
    """What `load_set` leaves out of a folder and why, in one line; "" for nothing, and for a set that is no folder."""
    try:
        return images_in(set_name)[1] if _is_folder(set_name) else ""
    except ImageError:
        return ""  # `load_set` says that nothing is left


def _is_folder(set_name: str) -> bool:
    return set_name not in (*set_names(), "291", "embedded") and Path(set_name).is_dir()


def _entry(name: str) -> RegistryEntry:
    entry = registry().get(name)
    if entry is None:
        raise DataError(f"no file named {name!r} in the registry")
    return entry


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder, and give those that were not there, innermost first."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot be made in the cache ({error.strerror})") from None
    return missing


def _download_reason(error: OSError) -> str:
    """What went wrong, without the library's own names for it."""
    import requests.exceptions as network

    if isinstance(error, network.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, network.Timeout):
        return "the server did not answer in time"
    if isinstance(error, network.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, network.ConnectionError):
        return "no connection"
    return error.strerror or " ".join(str(error).split())
