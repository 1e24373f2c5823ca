"""Figures of sampling: kernels, their weights, and what each does to frequencies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from ...errors import InputError
from ...resize import axis_weights, cubic
from .style import COLORS, BookFigure, Handle, colors_of, drawn, new_figure, slider_figure

# As many input pixels as a phone can show as columns.
BICUBIC_PIXELS = 16


@drawn
def cubic_kernels(slopes: Mapping[str, float]) -> BookFigure:
    """Keys' kernel for several slopes a.

    Args:
        slopes: a by label, such as `{"MATLAB, a = −0.5": -0.5}`.

    Source: Keys 1981, eq. 15. Chapter: 1.
    """
    figure, axes = new_figure(height=2.9)
    ax: Axes = axes[0, 0]
    x = np.linspace(-2.4, 2.4, 481)
    for (label, a), dash in zip(slopes.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(x, cubic(x, a), dash, label=label)
    ax.axhline(0, color="#444444", linewidth=0.8)
    ax.set(xlabel="distance in pixels", ylabel="weight", xticks=range(-2, 3))
    ax.legend(loc="upper right", handlelength=1.6, borderaxespad=0)
    figure.alt = f"Cubic kernels with {', '.join(slopes)}: 1 at distance 0, 0 at distances 1 and 2, negative between."
    return figure


def bicubic_rows(scale: float) -> range:
    """The rows that `bicubic_weights` can frame at a scale: its output pixels."""
    return range(max(1, round(BICUBIC_PIXELS * scale)))


@drawn
def bicubic_weights(scale: float, antialias: bool = True, row: int | None = None) -> BookFigure:
    """The weight matrix of one axis, and one of its rows as bars over the input pixels.

    Args:
        scale: output pixels per input pixel, > 0; 16 input pixels are drawn.
        antialias: see `resize.imresize`.
        row: the output pixel whose weights are the bars, one of `bicubic_rows(scale)`; the middle one unless given.

    Errors: `InputError` for a row that the matrix does not have.
    Chapter: 1.
    """
    in_size, rows = BICUBIC_PIXELS, bicubic_rows(scale)
    out_size = len(rows)
    matrix = axis_weights(in_size, out_size, scale, antialias=antialias).matrix()
    row = out_size // 2 if row is None else row
    if row not in rows:
        raise InputError(f"row must be from 0 to {out_size - 1} at scale {scale:g}, got {row!r}")
    figure = slider_figure(4.9, (0.75, 0.55, 0.1, 0.1))
    top, bottom = figure.subplots(2, 1, height_ratios=[1.35, 1])
    largest = np.abs(matrix).max()
    extent = (-0.5, in_size - 0.5, out_size - 0.5, -0.5)  # pixels are counted from 0, as in the text
    top.imshow(matrix, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto", extent=extent)
    top.axhspan(row - 0.5, row + 0.5, fill=False, edgecolor=COLORS["orange"], linewidth=2)
    top.set(ylabel="output pixel", yticks=sorted({0, row, out_size - 1}), xticks=[0, 4, 8, 12, 15])
    top.grid(False)
    bottom.bar(np.arange(in_size), matrix[row], color=COLORS["blue"], width=0.7)
    bottom.axhline(0, color="#444444", linewidth=0.8)
    bottom.set(
        xlabel="input pixel", ylabel="weight", xlim=(-0.5, in_size - 0.5), ylim=(-0.2, 1.1), xticks=[0, 4, 8, 12, 15]
    )
    figure.align_ylabels()
    figure.handles = [Handle("row", top, "y", {k: [k] for k in rows}, knob=0.97)]
    taps = int(np.count_nonzero(np.abs(matrix[row]) > 1e-12))
    figure.alt = (
        f"{in_size} pixels become {out_size}. Output pixel {row} mixes {taps} input pixel"
        f"{'s' if taps != 1 else ''}, with weights from {matrix[row].min():.2f} to {matrix[row].max():.2f}."
    ).replace("-", "−")
    return figure


@drawn
def spectra(frequency: np.ndarray, power: Mapping[str, np.ndarray], cutoffs: Mapping[str, float]) -> BookFigure:
    """Power against spatial frequency, on a logarithmic axis.

    Args:
        frequency: `(F,)`, cycles per pixel.
        power: `(F,)` each, by label.
        cutoffs: frequencies to mark, by label.

    Chapter: 1.
    """
    figure, axes = new_figure(height=3.3)
    ax: Axes = axes[0, 0]
    for (label, values), dash, color in zip(power.items(), ("-", "--", "-.", ":"), colors_of(power), strict=False):
        ax.semilogy(frequency, values, dash, color=color, label=label)
    for label, at in cutoffs.items():
        ax.axvline(at, color="#767676", linewidth=1)
        ax.annotate(label, (at, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=10)
    ax.set(xlabel="spatial frequency (cycles per pixel)", ylabel="power", xlim=(0, 0.5))
    ax.legend(loc="lower left")
    figure.alt = f"Power by spatial frequency of {', '.join(power)}; above its mark each falls far below the first."
    return figure


@drawn
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
    figure = slider_figure(3.5, (0.75, 0.5, 0.15, 0.4))
    ax: Axes = figure.subplots()
    ax.axhline(1, color=COLORS["black"], linewidth=1)
    told = []
    for (label, values), dash, color in zip(ratio.items(), ("-", "--", "-.", ":"), colors_of(ratio), strict=False):
        ax.semilogy(frequency, np.maximum(values, 1e-6), dash, color=color, label=label)
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
