"""How the book's figures look: the style, the figure class, and what every figure is made with.

The style is put on inside each function and taken off again, so importing or calling leaves matplotlib's settings as
they were. A figure shows itself in a notebook as vectors, and carries its text alternative in `.alt`.
"""

from __future__ import annotations

import io
import itertools
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by every kind of colour vision; the order keeps neighbours far apart.
COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "yellow": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
    "grey": "#767676",
}


MARKS = "osD^v<>"

# A network has one colour through the whole book: that of the first name here which a label holds as a word.
NETWORKS = {
    "bicubic": "grey",
    "interpolated": "grey",
    "authors": "green",
    "non-residual": "purple",
    "SRCNN": "orange",
    "VDSR": "blue",
    "residual": "blue",
    "network": "blue",
}


def network_color(label: str) -> str | None:
    """The colour of the network that a label names; None for a label that names none."""
    found = (color for name, color in NETWORKS.items() if re.search(rf"\b{name}\b", label, re.IGNORECASE))
    return next((COLORS[color] for color in found), None)


def colors_of(labels: Iterable[str]) -> list[str]:
    """A colour a label: the network's that it names, lighter for each further run of that network, else one of its own.

    Args:
        labels: in order.
    """
    labels = list(labels)
    named = [network_color(label) for label in labels]
    free = [color for name, color in COLORS.items() if name not in ("black", "grey") and color not in named]
    others = itertools.cycle(free)
    found: list[str] = []
    for color in (color or next(others) for color in named):
        red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
        share = 0.0
        while color in found and share < 0.9:
            share += 0.3
            color = "#" + "".join(f"{round(c + share * (255 - c)):02x}" for c in (red, green, blue))
        found.append(color)
    return found


# The figures are as wide as a phone can show with letters still large enough to read: 5.4 inches, 11 points.
WIDTH = 5.4


STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.facecolor": "white",
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": "cycler('color', ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'])",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "image.cmap": "cividis",
    "image.interpolation": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "vdsr",
}


@contextmanager
def book_style() -> Iterator[None]:
    """The book's matplotlib settings, for the time of a `with` block."""
    with rc_context(STYLE):  # type: ignore[arg-type]
        yield


@dataclass(frozen=True, eq=False)
class Handle:
    """Something in a figure that can be dragged, and thereby sets a slider.

    Attributes:
        slider: the argument of the drawing function that it sets.
        axes: where it can be taken hold of.
        along: `"x"` or `"y"`, the way that it goes.
        places: for each value of the slider where it stands, in the axes' own units; more than one place where it shows
            more than once.
        knob: where its knob stands on the other axis, in shares of it from the left or from the bottom.
    """

    slider: str
    axes: Axes
    along: Literal["x", "y"]
    places: Mapping[Any, Sequence[float]]
    knob: float = 0.5

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what can be taken hold of, in shares of the figure from its top left."""
        (left, bottom), (right, top) = self.axes.get_position().get_points()
        return float(left), float(1 - top), float(right), float(1 - bottom)

    def shares(self, value: Any) -> list[float]:
        """Where a value stands along the way, in shares of the figure from its left or its top."""
        to_figure = self.axes.figure.transFigure.inverted()
        points = [(v, 0.0) if self.along == "x" else (0.0, v) for v in self.places.get(value, ())]
        found = [to_figure.transform(self.axes.transData.transform(point)) for point in points]
        return [float(x if self.along == "x" else 1 - y) for x, y in found]


class BookFigure(Figure):
    """A matplotlib figure that belongs to no window, and shows itself as SVG.

    Attributes:
        alt: what the figure shows, in words.
        handles: what of it can be dragged, when it is one of many under sliders.
        text_as: how letters are written: `"path"`, as drawn here, or `"none"`, in the reader's own font.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.alt = ""
        self.handles: list[Handle] = []
        self.text_as = "path"
        FigureCanvasSVG(self)

    def _repr_svg_(self) -> str:
        file = io.StringIO()
        # Without a date the same figure is the same file.
        empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
        with book_style(), rc_context({"svg.fonttype": self.text_as}):
            self.savefig(file, format="svg", metadata=empty)
        return file.getvalue()


def drawn(function: Callable[..., BookFigure]) -> Callable[..., BookFigure]:
    @wraps(function)
    def styled(*arguments: Any, **options: Any) -> BookFigure:
        with book_style():
            return function(*arguments, **options)

    return styled


def slider_figure(height: float, margins: tuple[float, float, float, float]) -> BookFigure:
    """A figure that is one of many under a slider: small, quick to draw, and its axes stay where they are.

    Args:
        height: in inches.
        margins: left, bottom, right, top, in inches.
    """
    figure = BookFigure(figsize=(WIDTH, height), layout="none")
    left, bottom, right, top = margins
    figure.subplots_adjust(left / WIDTH, bottom / height, 1 - right / WIDTH, 1 - top / height)
    figure.text_as = "none"
    return figure


def new_figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.2, **options: Any
) -> tuple[BookFigure, np.ndarray]:
    figure = BookFigure(figsize=(WIDTH, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))


def draw_levels(ax: Axes, level: Mapping[str, float] | None) -> None:
    for label, at in (level or {}).items():
        ax.axhline(at, color="#767676", linewidth=1.2, linestyle=(0, (1, 1)), label=label)
