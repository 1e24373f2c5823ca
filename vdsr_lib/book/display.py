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
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
        # Percent signs instead of base64: a third smaller, and it still compresses.
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


def signed(change: float, form: str = "+.2f") -> str:
    """A change with its sign, `"+0.12"` or `"−0.50"`, and `"0.00"` without one where nothing is left after rounding.

    Args:
        change: any number.
        form: how it is written; with `+`, so that a gain shows as one.
    """
    text = format(change, form)
    return text.lstrip("+-") if "0" in text and not re.search("[1-9]", text) else text.replace("-", "−")


def _kept_together(name: str) -> str:
    """A name whose values, `γ = 0.1` or `Set5 ×2`, no line break parts."""
    return name.replace(" = ", "\u00a0=\u00a0").replace(" ×", "\u00a0×")


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
        text = signed(cell, self.form) if number else str(cell)
        return html.escape(re.sub(r"\b\d[\d.]*e[+−-]\d+\b", lambda m: power_of_ten(m[0].replace("−", "-")), text))

    def _repr_html_(self) -> str:
        first, *others = (_kept_together(html.escape(name)) for name in self.header)
        head = f'<th scope="col">{first}</th>' + "".join(
            f'<th scope="col" style="text-align:right">{name}</th>' for name in others
        )
        names = [_kept_together(self._text(row[0])) for row in self.rows]
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


def make_choice(name: str, given: Sequence[Any] | Mapping[str, Any], start: Mapping[str, Any] | None = None) -> Choice:
    """One slider from plain values; see `make_choices`."""
    values = tuple(given.values()) if isinstance(given, Mapping) else tuple(given)
    words = tuple(map(str, given)) if isinstance(given, Mapping) else tuple(map(str, values))
    if not values:
        raise InputError(f"wanted at least one position for the slider {name}, got {given!r}")
    first = values[0] if start is None or name not in start else start[name]
    if first not in values:
        raise InputError(f"{name} cannot start at {first!r}, which is none of {values!r}")
    return Choice(name, values, words, values.index(first))


# What a slider is made from: its values in order, by their words or not; or a function that gives these for the values
# of the sliders before it.
Given = Sequence[Any] | Mapping[str, Any] | Callable[..., Sequence[Any] | Mapping[str, Any]]


def make_choices(choices: Mapping[str, Given], start: Mapping[str, Any] | None = None) -> tuple[Choice, ...]:
    """Sliders from plain values.

    Args:
        choices: for each argument its values, in order; or a mapping from words to values; or a function that takes the
            sliders before it by name and gives either.
        start: the values to begin with; the first of each unless given.

    Errors: `InputError` when there is no slider, one has no position, or a start is no value of its slider.
    """
    if not choices:
        raise InputError("wanted at least one slider, got none")
    made: tuple[Choice, ...] = ()
    for name, given in choices.items():
        made = (*made, make_choice(name, _resolve(given, made), start))
    return made


def values_of(choices: Iterable[Choice]) -> dict[str, Any]:
    """The values that sliders stand at, by name."""
    return {choice.name: choice.values[choice.start] for choice in choices}


def _resolve(given: Given, before: Iterable[Choice]) -> Sequence[Any] | Mapping[str, Any]:
    return given(**values_of(before)) if callable(given) else given


def combinations(choices: Mapping[str, Given]) -> list[tuple[Choice, ...]]:
    """Every way to set the sliders, the last one moving first; each stands at its `start`."""
    ways: list[tuple[Choice, ...]] = [()]
    for name, given in choices.items():
        ways = [
            (*way, replace(choice, start=k))
            for way in ways
            for choice in [make_choice(name, _resolve(given, way))]
            for k in range(len(choice.values))
        ]
    return ways


def grips(drawing: Any, choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """What of a drawing can be dragged, for the page's script: see `figures.style.Handle`; not what has no slider.

    Args:
        drawing: after it has been drawn, for only then its axes have found their places.
        choices: the sliders with the values that they have with this drawing.
    """
    found = []
    names = [choice.name for choice in choices]
    for handle in getattr(drawing, "handles", ()):
        if handle.slider not in names:
            continue
        slider = names.index(handle.slider)
        places = [[round(s, 4), k] for k, v in enumerate(choices[slider].values) for s in handle.shares(v)]
        box = [round(share, 4) for share in handle.box()]
        found.append({"slider": slider, "along": handle.along, "box": box, "places": places, "knob": handle.knob})
    return found


def describe(drawing: Any) -> str:
    """What a drawing shows, in words: its `alt`.

    Errors: `InputError` when it has none; a frame without words is nothing to those who cannot see it.
    """
    words = getattr(drawing, "alt", "")
    if not words:
        raise InputError(f"wanted a drawing with a text alternative in `.alt`, got {type(drawing).__name__} without")
    return words


def _key(choices: Iterable[Choice]) -> str:
    """The positions of sliders, as the page's script names them."""
    return ",".join(str(choice.start) for choice in choices)


class Frames:
    """One drawing for each position of the sliders, made once and kept in the page.

    Args:
        function: takes one keyword for each slider, and returns a figure with `.alt`. What that names in `.handles` can
            be dragged in the drawing itself.
        choices: see `make_choices`; the frames are all their combinations.
        start: the values to begin with.

    Errors: `InputError`, see `make_choices`; also when there would be more than `MAX_FRAMES` frames.
    """

    def __init__(
        self, function: Callable[..., Any], choices: Mapping[str, Given], start: Mapping[str, Any] | None = None
    ):
        self.choices = make_choices(choices, start)
        self.ways = combinations(choices)
        if len(self.ways) > MAX_FRAMES:
            raise InputError(f"{len(self.ways)} frames are too many for a page, at most {MAX_FRAMES}")
        self.frames: list[str] = []
        self.alts: list[str] = []
        self.grips: list[list[dict[str, Any]]] = []
        for way in self.ways:
            drawing = function(**values_of(way))
            self.frames.append(data_uri(drawing))
            self.alts.append(describe(drawing))
            self.grips.append(grips(drawing, way))
        # The words of each slider, or, where they hang on the sliders before it, these words by their positions.
        self.words = [
            {_key(way[:i]): way[i].words for way in self.ways} if callable(given) else self.choices[i].words
            for i, given in enumerate(choices.values())
        ]

    @property
    def start_index(self) -> int:
        """Index of the frame that is shown first."""
        return [_key(way) for way in self.ways].index(_key(self.choices))

    def _repr_html_(self) -> str:
        k = self.start_index
        data: dict[str, Any] = {"words": self.words, "at": [_key(way) for way in self.ways]}
        # The frame that is shown first stands in the image itself.
        data |= {"frames": [None if i == k else frame for i, frame in enumerate(self.frames)], "alts": self.alts}
        if any(self.grips):
            kinds = {json.dumps(found): found for found in self.grips}
            data["grips"] = list(kinds.values())
            data["gripped"] = [list(kinds).index(json.dumps(found)) for found in self.grips]
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
