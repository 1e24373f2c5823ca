"""Pictures, tables, and figures under sliders, as HTML that needs no kernel, no network and no other file.

What a page shows: a `Gallery`, images side by side at a whole-number zoom, so that the reader sees the very
pixels; `Frames`, one drawing for each position of one or more sliders; a `Table`. All are plain HTML with
the images inside, so a static page, JupyterLab and Colab show the same.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from ..errors import InputError
from ..images import to_uint8

# More frames than this make a page that nobody waits for.
MAX_FRAMES = 400


def png_bytes(image: np.ndarray) -> bytes:
    """An image as a PNG file, pixel by pixel.

    Args:
        image: `(H, W)` or `(H, W, 3)` on the 8-bit scale; a float image is rounded and clamped.

    Errors: `InputError` on another shape, or NaN.
    """
    image = np.asarray(image)
    if not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or image.size == 0:
        raise InputError(f"image must be (H, W) or (H, W, 3), got shape {image.shape}")
    file = io.BytesIO()
    Image.fromarray(to_uint8(image, data_range=None if image.dtype.kind in "bu" else 255)).save(
        file, format="PNG", optimize=True
    )
    return file.getvalue()


def data_uri(drawing: Any) -> str:
    """A drawing as a `data:` address, which an `<img>` shows without a file.

    Args:
        drawing: an image array (see `png_bytes`), or what has `_repr_svg_`, such as our figures, or `_repr_png_`.

    Errors: `InputError` for anything else.
    """
    if hasattr(drawing, "_repr_svg_"):
        # Percent signs in place of base64: a third smaller, and it still compresses.
        return "data:image/svg+xml," + quote(drawing._repr_svg_(), safe=" !$()*+,-./:;=?@[]_{|}~")
    if isinstance(drawing, np.ndarray):
        content = png_bytes(drawing)
    elif hasattr(drawing, "_repr_png_"):
        content = drawing._repr_png_()
    else:
        raise InputError(f"wanted an image array or a figure, got {type(drawing).__name__}")
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _style(name: str) -> str:
    """A style sheet that stands beside this module, as an element."""
    return f"<style>{Path(__file__).with_name(name).read_text(encoding='utf-8')}</style>"


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of a gallery.

    Attributes:
        image: `(H, W)` or `(H, W, 3)` on the 8-bit scale.
        label: the words under it, plain text.
        alt: what a reader who cannot see it is told; the label unless given.
    """

    image: np.ndarray
    label: str
    alt: str = ""


# A phone shows this many CSS pixels; a wider picture makes the gallery scroll, which keys must reach.
PHONE_WIDTH = 340


class Gallery:
    """Images side by side, each pixel drawn as a square of `zoom` × `zoom` pixels.

    Args:
        panels: in the order to be shown.
        zoom: whole number ≥ 1; 1 is 1:1.
        label: says what the group is; needed when a picture is wider than a phone, and read out by screen readers.

    Errors: `InputError` when there is nothing to show, or the zoom is no whole number ≥ 1.
    """

    def __init__(self, panels: Iterable[Panel], *, zoom: int = 1, label: str = "Pictures to compare"):
        self.panels, self.zoom, self.label = list(panels), zoom, label
        if not self.panels:
            raise InputError("a gallery needs at least one picture")
        if not isinstance(zoom, int) or zoom < 1:
            raise InputError(f"zoom must be a whole number >= 1, got {zoom!r}")

    def _repr_html_(self) -> str:
        items = []
        for panel in self.panels:
            rows, columns = np.asarray(panel.image).shape[:2]
            width, height = columns * self.zoom, rows * self.zoom
            alt = html.escape(panel.alt or panel.label, quote=True)
            items.append(
                f'<figure style="width:{width}px"><img class="dark-light" src="{data_uri(np.asarray(panel.image))}" '
                f'width="{width}" height="{height}" style="width:{width}px;height:{height}px" alt="{alt}">'
                f"<figcaption>{html.escape(panel.label)}</figcaption></figure>"
            )
        widest = max(np.asarray(p.image).shape[1] for p in self.panels) * self.zoom
        focus = ' tabindex="0"' if widest > PHONE_WIDTH else ""
        label = html.escape(self.label, quote=True)
        return (
            f'{_style("gallery.css")}<div class="vdsr-gallery" role="group" aria-label="{label}"{focus}>'
            f"{''.join(items)}</div>"
        )


def power_of_ten(text: str) -> str:
    """A number as Python writes it, `1.5e-07` say, as people do: `1.5·10⁻⁷`, or `600` for `6e+02`."""
    mantissa, exponent, digits = text.partition("e")
    if not exponent or not digits.lstrip("+-").isdigit():
        return text
    if 0 <= int(digits) < 5:
        return f"{float(text):,.0f}"
    high = str(int(digits)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{high}" if mantissa == "1" else f"{mantissa}·10{high}"


class Table:
    """Rows and columns that look the same on a page and in a notebook.

    Args:
        header: the columns' names.
        rows: a first cell that names the row, then words or numbers.
        form: how numbers are written, such as `".2f"`.

    Errors: `InputError` when there is no column, or a row is not as long as the header.
    """

    def __init__(self, header: Sequence[str], rows: Iterable[Sequence[Any]], form: str = ".2f"):
        self.header, self.rows, self.form = list(header), [list(row) for row in rows], form
        if not self.header:
            raise InputError("wanted the name of at least one column, got none")
        for row in self.rows:
            if len(row) != len(self.header):
                raise InputError(f"wanted {len(self.header)} cells in each row, got {row!r}")

    def _text(self, cell: Any) -> str:
        number = isinstance(cell, (float, np.floating))
        text = format(cell, self.form).replace("-", "−") if number else str(cell)
        return html.escape(re.sub(r"\b\d[\d.]*e[+−-]\d+\b", lambda m: power_of_ten(m[0].replace("−", "-")), text))

    def _repr_html_(self) -> str:
        first, *others = map(html.escape, self.header)
        head = f'<th scope="col">{first}</th>' + "".join(
            f'<th scope="col" style="text-align:right">{name}</th>' for name in others
        )
        names = [self._text(row[0]).replace(" = ", "\u00a0=\u00a0").replace(" ×", "\u00a0×") for row in self.rows]
        # On a phone the numbers would squeeze long names into a word a line.
        width = min(16, max(map(len, names), default=0))
        body = "".join(
            f'<tr><th scope="row" style="min-width:{width}ch">{name}</th>'
            + "".join(f'<td style="text-align:right;white-space:nowrap">{self._text(cell)}</td>' for cell in row[1:])
            + "</tr>"
            for name, row in zip(names, self.rows, strict=True)
        )
        return (
            '<div class="pst-scrollable-table-container" style="overflow-x:auto" tabindex="0"><table class="table">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class Choice:
    """The positions of one slider.

    Attributes:
        name: the argument of the drawing function that it sets.
        values: in order.
        words: each value as the reader sees it.
        start: index of the first position shown.
    """

    name: str
    values: tuple[Any, ...]
    words: tuple[str, ...]
    start: int = 0

    @property
    def named(self) -> bool:
        """Whether its positions are names, which have no order, rather than numbers."""
        return sum(word.lstrip("+-−")[:1].isdigit() for word in self.words) * 2 < len(self.words)

    def control(self, group: str) -> str:
        """A slider for numbers, buttons for names, as HTML; `group` ties the buttons together."""
        name = html.escape(self.name.replace("_", " "))
        words = [html.escape(word, quote=True) for word in self.words]
        if not self.named:
            return (
                f'<label class="slider"><span>{name}</span><input type="range" min="0" max="{len(words) - 1}" step="1" '
                f'value="{self.start}" aria-valuetext="{words[self.start]}"><b>{words[self.start]}</b></label>'
            )
        buttons = (
            f'<label><input type="radio" name="{group}" value="{k}"{" checked" * (k == self.start)}>'
            f"<span>{word}</span></label>"
            for k, word in enumerate(words)
        )
        return f"<fieldset><legend>{name}</legend>{''.join(buttons)}</fieldset>"


def make_choices(
    choices: Mapping[str, Sequence[Any] | Mapping[str, Any]], start: Mapping[str, Any] | None = None
) -> tuple[Choice, ...]:
    """Sliders from plain values.

    Args:
        choices: for each argument its values, in order; or a mapping from words to values.
        start: the values to begin with; the first of each unless given.

    Errors: `InputError` when there is no slider, one has no position, or a start is no value of its slider.
    """
    if not choices or any(len(values) == 0 for values in choices.values()):
        raise InputError(f"wanted at least one slider with at least one position, got {dict(choices)!r}")
    made = []
    for name, given in choices.items():
        values = tuple(given.values()) if isinstance(given, Mapping) else tuple(given)
        words = tuple(map(str, given)) if isinstance(given, Mapping) else tuple(map(str, values))
        first = values[0] if start is None or name not in start else start[name]
        if first not in values:
            raise InputError(f"{name} cannot start at {first!r}, which is none of {values!r}")
        made.append(Choice(name, values, words, values.index(first)))
    return tuple(made)


def describe(drawing: Any) -> str:
    """What a drawing shows, in words: its `alt`.

    Errors: `InputError` when it has none; a frame without words is nothing to those who cannot see it.
    """
    words = getattr(drawing, "alt", "")
    if not words:
        raise InputError(f"wanted a drawing with a text alternative in `.alt`, got {type(drawing).__name__} without")
    return words


class Frames:
    """One drawing for each position of the sliders, made once and kept in the page.

    Args:
        function: takes one keyword for each slider, and returns a figure with `.alt`.
        choices: see `make_choices`; the frames are all their combinations.
        start: the values to begin with.

    Errors: `InputError`, see `make_choices`; also when there would be more than `MAX_FRAMES` frames.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        choices: Mapping[str, Sequence[Any] | Mapping[str, Any]],
        start: Mapping[str, Any] | None = None,
    ):
        self.choices = make_choices(choices, start)
        count = int(np.prod([len(c.values) for c in self.choices]))
        if count > MAX_FRAMES:
            raise InputError(f"{count} frames are too many for a page, at most {MAX_FRAMES}")
        self.frames: list[str] = []
        self.alts: list[str] = []
        for values in itertools.product(*(c.values for c in self.choices)):
            drawing = function(**dict(zip((c.name for c in self.choices), values, strict=True)))
            self.frames.append(data_uri(drawing))
            self.alts.append(describe(drawing))

    @property
    def start_index(self) -> int:
        """Index of the frame that is shown first."""
        k = 0
        for choice in self.choices:
            k = k * len(choice.values) + choice.start
        return k

    def _repr_html_(self) -> str:
        k = self.start_index
        # The frame that is shown first stands in the image itself.
        others = [None if i == k else frame for i, frame in enumerate(self.frames)]
        data = {"words": [c.words for c in self.choices], "frames": others, "alts": self.alts}
        # "</" would end the script element that holds the data.
        text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        controls = "".join(choice.control(f"vdsr-{digest}-{i}") for i, choice in enumerate(self.choices))
        script = Path(__file__).with_name("frames.js").read_text(encoding="utf-8")
        alt = html.escape(self.alts[k], quote=True)
        return (
            f'{_style("frames.css")}<div class="vdsr-frames"><script type="application/json">{text}</script>'
            f'<img class="dark-light" src="{self.frames[k]}" alt="{alt}">{controls}'
            f"<output>{html.escape(self.alts[k])}</output></div><script>{script}</script>"
        )
