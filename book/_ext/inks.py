"""Plots whose ink follows the page: on a dark page greys are turned over, colours are lighter, no sheet is left.

An SVG in an `<img>` sees its page's colour scheme, so each plot carries both inks and the page needs no script.
Pictures inside a plot stay as they are.
"""

from __future__ import annotations

import colorsys
import re
from pathlib import Path

# The darkest and the lightest grey of a dark page; the first is its ground.
GROUND, INK = 0x12, 0xE6
COLOUR = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)
STYLE = re.compile(r'(?<= style=")[^"]*(?=")')
SHEET = re.compile(r'(<g id="patch_1">\s*<path d="[^"]*"\s*style="fill: )#ffffff')


def by_night(colour: str) -> str:
    """What `#rrggbb` becomes on a dark page."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    if red == green == blue:
        grey = round(INK - red / 255 * (INK - GROUND))
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    hue, light, strength = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if light > 0.85:  # the tint of an area
        light, strength = 1.08 - light, strength / 2
    elif light < 0.5:
        light += 0.1
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, strength))


def follow_page(svg: str) -> str:
    """An SVG by matplotlib with both inks; one that is not is returned as it is."""
    if "matplotlib" not in svg and 'id="figure_1"' not in svg:
        return svg
    svg = SHEET.sub(r"\1none", svg)
    colours = sorted({found.lower() for style in STYLE.findall(svg) for found in COLOUR.findall(style)} | {"#000000"})
    svg = STYLE.sub(lambda m: COLOUR.sub(lambda colour: f"var(--c{colour[0][1:].lower()})", m[0]), svg)
    day = "".join(f"--c{colour[1:]}:{colour};" for colour in colours)
    night = "".join(f"--c{colour[1:]}:{by_night(colour)};" for colour in colours)
    # Text has no colour of its own: it is black by default.
    rules = f"svg{{{day}fill:var(--c000000)}}@media (prefers-color-scheme:dark){{svg{{{night}}}}}"
    return svg.replace("</style>", f"{rules}</style>", 1)


def write(folder: Path) -> None:
    """Give the plots of a built site both inks."""
    for path in folder.rglob("*.svg"):
        text = path.read_text(encoding="utf-8")
        if (new := follow_page(text)) != text:
            path.write_text(new, encoding="utf-8")
