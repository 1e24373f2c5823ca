"""The figures of chapters 7 and 8, in the style of `plots`: frequencies, pictures under a slider, the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .errors import InputError
from .frames import png_bytes
from .plots import COLORS, BookFigure, _drawn, _figure, _frame, _wrap

# How a row of the ledger stands: its colour, and the colour of the number on it.
_STATES = {
    "reproduced": ("blue", "white"),
    "recomputed": ("black", "white"),
    "above": ("green", "white"),
    "below": ("orange", "white"),
    "run": ("sky", "black"),
    "shortened": ("purple", "black"),
    "partial": ("yellow", "black"),
    "not yet run": ("light", "black"),
    "not run here": ("grey", "white"),
}


@_drawn
def power_ratio(
    frequency: np.ndarray, ratio: Mapping[str, np.ndarray], cutoffs: Mapping[str, float], words: str
) -> BookFigure:
    """How much of each frequency pictures hold, against a true picture: 1 is right, more is too much.

    Args:
        frequency: `(F,)`, cycles per pixel.
        ratio: `(F,)` each, by label; drawn on a logarithmic axis.
        cutoffs: frequencies to mark, by label.
        words: what was chosen, for the text alternative.

    Chapter: 7.
    """
    figure = _frame(3.5, (0.75, 0.5, 0.15, 0.4))
    ax: Axes = figure.subplots()
    ax.axhline(1, color=COLORS["black"], linewidth=1)
    told = []
    for (label, values), dash in zip(ratio.items(), ("-", "--", "-.", ":"), strict=False):
        ax.semilogy(frequency, np.maximum(values, 1e-6), dash, label=label)
        told.append(label)
    for label, at in cutoffs.items():
        ax.axvline(at, color=COLORS["grey"], linewidth=1)
        ax.annotate(
            label, (at, 0.012), ha="left", va="bottom", fontsize=9, xytext=(3, 0), textcoords="offset points"
        )  # fmt: skip
    ax.set(xlabel="spatial frequency (cycles per pixel)", ylabel="power, of the true picture's")
    ax.set(xlim=(0, 0.5), ylim=(0.01, 10))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, borderaxespad=0.2, columnspacing=1)
    high = np.asarray(frequency) > min(cutoffs.values(), default=0)
    figure.alt = f"{words}. Mean ratio above {min(cutoffs.values(), default=0):.3f} cycles per pixel: " + ", ".join(
        f"{label} {np.mean(ratio[label][high]):.2f}" for label in told
    )
    return figure


class Mosaic:
    """Pictures in a grid as one drawing, to stand under a slider.

    Args:
        rows: the grid, pictures of one shape, `(H, W)` or `(H, W, 3)` on the 8-bit scale.
        alt: what it shows, in words.
        zoom: whole number ≥ 1; each pixel becomes a square of so many.
        gap: white pixels between two pictures.

    Errors: `InputError` when the grid is empty or uneven, or the pictures have different shapes.
    Chapter: 7.
    """

    def __init__(self, rows: Sequence[Sequence[np.ndarray]], alt: str, *, zoom: int = 1, gap: int = 4):
        if not rows or not rows[0] or len({len(row) for row in rows}) != 1:
            raise InputError(f"wanted rows of one length, got {[len(row) for row in rows]}")
        shapes = {np.asarray(image).shape[:2] for row in rows for image in row}
        if len(shapes) != 1:
            raise InputError(f"wanted pictures of one shape, got {sorted(shapes)}")
        self.alt = alt
        height, width = (side * zoom for side in shapes.pop())
        self.image = np.full(
            ((height + gap) * len(rows) - gap, (width + gap) * len(rows[0]) - gap, 3), 255, dtype=np.float64
        )
        for i, row in enumerate(rows):
            for j, picture in enumerate(row):
                large = np.asarray(picture, dtype=np.float64).repeat(zoom, axis=0).repeat(zoom, axis=1)
                top, left = i * (height + gap), j * (width + gap)
                self.image[top : top + height, left : left + width] = large if large.ndim == 3 else large[..., None]

    def _repr_png_(self) -> bytes:
        return png_bytes(self.image)


@_drawn
def ledger_states(counts: Mapping[str, Mapping[str, int]]) -> BookFigure:
    """How many rows of the ledger stand where, one bar for each table or figure of the paper.

    Args:
        counts: `counts[item][status]`, with the statuses of the ledger's rows.

    Errors: `InputError` for an unknown status.
    Chapter: 8.
    """
    figure, axes = _figure(height=0.5 * len(counts) + 1.7)
    ax: Axes = axes[0, 0]
    there = [state for state in _STATES if any(state in by_state for by_state in counts.values())]
    unknown = {state for by_state in counts.values() for state in by_state} - set(_STATES)
    if unknown:
        raise InputError(f"unknown status {', '.join(sorted(unknown))}, wanted {', '.join(_STATES)}")
    left = np.zeros(len(counts))
    for state in there:
        face, ink = _STATES[state]
        length = np.array([by_state.get(state, 0) for by_state in counts.values()], dtype=float)
        color = "#e2e2e2" if face == "light" else COLORS[face]
        bars = ax.barh(range(len(counts)), length, left=left, color=color, height=0.62, label=state)
        ax.bar_label(bars, [f"{n:.0f}" if n >= 3 else "" for n in length], label_type="center", color=ink, fontsize=9)
        left += length
    ax.set_yticks(range(len(counts)), list(counts))
    ax.invert_yaxis()
    ax.grid(False)
    ax.set_xlabel("rows of the ledger")
    figure.legend(loc="outside lower center", ncols=3, columnspacing=1)
    figure.alt = "; ".join(
        f"{item}: " + ", ".join(f"{n} {state}" for state, n in by_state.items()) for item, by_state in counts.items()
    )
    return figure


@_drawn
def differences(groups: Mapping[str, Mapping[str, float]], *, band: float, xlabel: str, label: str) -> BookFigure:
    """Differences to published numbers, a mark each, with a band that explains small ones.

    Args:
        groups: `groups[method][cell]`, in the unit of the axis.
        band: differences up to this, of either sign, are shaded.
        xlabel: with its unit.
        label: of the band.

    Chapter: 8.
    """
    cells = list(dict.fromkeys(cell for values in groups.values() for cell in values))
    figure, axes = _figure(height=0.3 * len(cells) + 1.6)
    ax: Axes = axes[0, 0]
    ax.axvspan(-band, band, color=COLORS["sky"], alpha=0.25, linewidth=0, label=label)
    ax.axvline(0, color="#444444", linewidth=1)
    for k, (method, values) in enumerate(groups.items()):
        at = [cells.index(cell) + (k - (len(groups) - 1) / 2) * 0.25 for cell in values]
        ax.plot(list(values.values()), at, "osD^v"[k % 5], label=method)
    ax.set_yticks(range(len(cells)), [_wrap(cell, 24) for cell in cells], fontsize=9.5)
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1, handletextpad=0.4)
    figure.alt = f"{xlabel}. " + "; ".join(
        f"{method}: " + ", ".join(f"{cell} {value:+.4f}" for cell, value in values.items())
        for method, values in groups.items()
    ).replace("-", "−")
    return figure
