"""The public image sets: where each file comes from, its SHA-256, and a local cache.

No file ships with the library. Each is fetched once from its pinned public address, checked, and
kept in a cache folder: `VDSR_DATA` if that is set, else the user's cache. Nothing is downloaded on import.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import pooch

from .errors import ChecksumError, DataError
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


@lru_cache(maxsize=1)
def registry() -> dict[str, RegistryEntry]:
    """Every known file by its name in the cache, such as `Set5/baby.png`."""
    table = resources.files("vdsr_lib") / "assets" / "registry.tsv"
    entries = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
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


def fetch(name: str, *, progress: bool = False) -> Path:
    """The local path of a registered file, downloaded and checked if it is not there yet.

    Args:
        name: a key of `registry()`.
        progress: show a progress bar.

    Errors: `ChecksumError` when what arrived, or what lies in the cache, is not the registered file
        (a bad download is not kept); `DataError` when the name is unknown or the file cannot be had.
    """
    entry = registry().get(name)
    if entry is None:
        raise DataError(f"no file named {name!r} in the registry")
    path = cache_folder() / name
    if path.is_file():
        actual = pooch.file_hash(str(path))
        if actual != entry.sha256:
            raise ChecksumError(
                f"{path}: SHA-256 is {actual[:12]}…, wanted {entry.sha256[:12]}…; delete it to download it anew"
            )
        return path
    try:
        # pooch writes to a temporary file beside the target and moves it only when the hash is right.
        pooch.retrieve(entry.url, f"sha256:{entry.sha256}", fname=path.name, path=path.parent, progressbar=progress)
    except ValueError as error:
        raise ChecksumError(f"{entry.url}: {' '.join(str(error).split())}") from None
    except (OSError, ImportError) as error:
        raise DataError(f"{name} cannot be downloaded from {entry.url}: {' '.join(str(error).split())}") from None
    return path


def fetch_set(set_name: str, *, progress: bool = False) -> list[Path]:
    """The local paths of all files of a set, in name order; what is there already is not fetched again.

    Errors: see `fetch` and `names_of`.
    """
    return [fetch(name, progress=progress) for name in names_of(set_name)]


def load_set(set_name: str, *, progress: bool = False) -> dict[str, np.ndarray]:
    """The images of a set by name: uint8 `(H, W, 3)`, or `(H, W)` for a grey one.

    `"291"` is the paper's training set, `T91` and `BSD200` together. `"embedded"` are the pictures in
    scikit-image's own package, which need no download.
    Errors: see `fetch` and `names_of`.
    """
    if set_name == "embedded":
        from skimage import data

        return {name: getattr(data, name)() for name in EMBEDDED}
    parts: Iterable[str] = ("T91", "BSD200") if set_name == "291" else (set_name,)
    return {path.stem: read_image(path) for part in parts for path in fetch_set(part, progress=progress)}
