"""Files written so that a reader finds the old content or the new, and nothing in between."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: str | os.PathLike, write: Callable[[Path], object]) -> None:
    """Call `write(temporary_path)`, then move the result to `path` in one step.

    Whatever goes wrong on the way, `path` holds either its old content or the whole new one, and no
    temporary file stays. The temporary file stands beside `path`, so that the move stays on one disk.

    Errors: whatever `write` raises; `OSError` where the folder cannot be written.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_temporary(path), suffix=path.suffix)
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


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file, UTF-8, by `write_atomically`."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def clear_temporary_files(path: str | os.PathLike) -> None:
    """Remove what killed writers of `path` left beside it; nobody else may be writing it."""
    path = Path(path)
    for left in path.parent.glob(f"{glob.escape(_temporary(path))}????????{glob.escape(path.suffix)}"):
        left.unlink(missing_ok=True)


def _temporary(path: Path) -> str:
    """What the name of a temporary file beside `path` begins with."""
    # A name may have 255 bytes. A temporary one has ten more, so that a long stem gives way.
    room = max(0, 255 - 10 - len(os.fsencode(path.suffix)))
    return f".{os.fsencode(path.stem)[:room].decode('utf-8', 'ignore')}-"
