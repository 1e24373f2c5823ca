"""Pictures as files that are asked for when they are seen.

In a notebook a gallery, and each frame of a slider, stands inside the page, which so needs no other file. A site would
load all of that before the first line can be read; here each becomes a file. A frame is fetched when its slider is
touched (`_static/ahead.js`), a picture when the reader comes near. Each has its size, so nothing moves then.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

# Quoted in an attribute, or in the data of a slider.
INSIDE = re.compile(r'(?<=")data:image/(png|jpeg|svg\+xml)(;base64)?,([^"\\]*)(?=")')
SUFFIXES = {"png": "png", "jpeg": "jpg", "svg+xml": "svg"}
PICTURE = re.compile(r'<img (?=[^>]*\bsrc="(_images/[^"]*)")([^>]*)>')
SVG_SIZE = re.compile(r'<svg\b[^>]*?\swidth="([\d.]+)(pt|px|)"[^>]*?\sheight="([\d.]+)(pt|px|)"')
POINT = 4 / 3  # CSS pixels


def size(path: Path) -> tuple[int, int] | None:
    """Width and height in CSS pixels; None where an SVG states none."""
    if path.suffix != ".svg":
        with Image.open(path) as image:
            return image.size
    found = SVG_SIZE.search(path.read_text(encoding="utf-8"))
    if found is None:
        return None
    (width, height), points = (float(found[1]), float(found[3])), found[2] == "pt"
    return round(width * (POINT if points else 1)), round(height * (POINT if points else 1))


def in_files(page: str, out: Path, change: Callable[[str], str] = str) -> str:
    """A page's HTML with the pictures inside of it in `_images` instead.

    Args:
        page: stands in `out` itself.
        out: the built site.
        change: what is done to an SVG before.
    """

    def place(match: re.Match[str]) -> str:
        kind, coded, text = match.groups()
        data = base64.b64decode(text) if coded else unquote(text).encode()
        if kind == "svg+xml":
            data = change(data.decode()).encode()
        path = out / "_images" / f"{hashlib.sha256(data).hexdigest()[:24]}.{SUFFIXES[kind]}"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return f"_images/{path.name}"

    return INSIDE.sub(place, page)


def lazy(page: str, out: Path) -> str:
    """A page's HTML whose pictures have their size and, but for the first, wait until the reader comes near."""
    seen = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal seen
        seen += 1
        attributes = match[2]
        if "width=" not in attributes and (found := size(out / unquote(match[1]))):
            attributes += ' width="{}" height="{}"'.format(*found)
        return ('<img loading="lazy" ' if seen > 1 else "<img ") + attributes + ">"

    return PICTURE.sub(mark, page)
