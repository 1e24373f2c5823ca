"""The book's figures: one function a figure, each returning it, all in one style.

The style is put on inside each function and taken off again, so importing or calling this module leaves
matplotlib's settings as they were. A figure knows how to show itself in a notebook, as vectors, and
carries its text alternative in `.alt`. Nothing here computes a result: that is the other modules' work.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .resize import axis_weights, cubic

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
def style() -> Iterator[None]:
    """The book's matplotlib settings, for the time of a `with` block."""
    with rc_context(STYLE):  # type: ignore[arg-type]
        yield


class BookFigure(Figure):
    """A matplotlib figure that belongs to no window, and shows itself as SVG.

    Attributes:
        alt: what the figure shows, in words.
        text_as: how letters are written: `"path"`, as drawn here, or `"none"`, in the reader's own font.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.alt = ""
        self.text_as = "path"
        FigureCanvasSVG(self)

    def _repr_svg_(self) -> str:
        file = io.StringIO()
        # Without a date the same figure is the same file.
        empty = {"Date": None, "Creator": None, "Format": None, "Type": None}
        with style(), rc_context({"svg.fonttype": self.text_as}):
            self.savefig(file, format="svg", metadata=empty)
        return file.getvalue()


def _drawn(function: Callable[..., BookFigure]) -> Callable[..., BookFigure]:
    @wraps(function)
    def styled(*arguments: Any, **options: Any) -> BookFigure:
        with style():
            return function(*arguments, **options)

    return styled


def _frame(height: float, margins: tuple[float, float, float, float]) -> BookFigure:
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


def _figure(rows: int = 1, columns: int = 1, *, height: float = 3.2, **options: Any) -> tuple[BookFigure, np.ndarray]:
    figure = BookFigure(figsize=(WIDTH, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


# --- chapter 1 ---------------------------------------------------------------------------------------


@_drawn
def cubic_kernels(slopes: Mapping[str, float]) -> BookFigure:
    """Keys' kernel for several slopes a.

    Args:
        slopes: a by label, such as `{"MATLAB, a = −0.5": -0.5}`.

    Source: Keys 1981, eq. 15. Chapter: 1.
    """
    figure, axes = _figure(height=2.9)
    ax: Axes = axes[0, 0]
    x = np.linspace(-2.4, 2.4, 481)
    for (label, a), dash in zip(slopes.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(x, cubic(x, a), dash, label=label)
    ax.axhline(0, color="#444444", linewidth=0.8)
    ax.set(xlabel="distance in pixels", ylabel="weight", xticks=range(-2, 3))
    ax.legend(loc="upper right", handlelength=1.6, borderaxespad=0)
    figure.alt = f"Cubic kernels with {', '.join(slopes)}: 1 at distance 0, 0 at distances 1 and 2, negative between."
    return figure


@_drawn
def bicubic_weights(scale: float, antialias: bool = True) -> BookFigure:
    """The weight matrix of one axis, and one of its rows as bars over the input pixels.

    Args:
        scale: output pixels per input pixel, > 0; 16 input pixels are drawn.
        antialias: see `resize.imresize`.

    Chapter: 1.
    """
    in_size = 16
    out_size = max(1, round(in_size * scale))
    matrix = axis_weights(in_size, out_size, scale, antialias=antialias).matrix()
    row = out_size // 2
    figure = _frame(4.9, (0.75, 0.55, 0.1, 0.1))
    top, bottom = figure.subplots(2, 1, height_ratios=[1.35, 1])
    largest = np.abs(matrix).max()
    extent = (0.5, in_size + 0.5, out_size + 0.5, 0.5)
    top.imshow(matrix, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto", extent=extent)
    top.axhspan(row + 0.5, row + 1.5, fill=False, edgecolor=COLORS["orange"], linewidth=2)
    top.set(ylabel="output pixel", yticks=sorted({1, row + 1, out_size}), xticks=[1, 4, 8, 12, 16])
    top.grid(False)
    bottom.bar(np.arange(1, in_size + 1), matrix[row], color=COLORS["blue"], width=0.7)
    bottom.axhline(0, color="#444444", linewidth=0.8)
    bottom.set(
        xlabel="input pixel", ylabel="weight", xlim=(0.5, in_size + 0.5), ylim=(-0.2, 1.1), xticks=[1, 4, 8, 12, 16]
    )
    figure.align_ylabels()
    taps = int(np.count_nonzero(np.abs(matrix[row]) > 1e-12))
    figure.alt = (
        f"{in_size} pixels become {out_size}. Output pixel {row + 1} mixes {taps} input pixel"
        f"{'s' if taps != 1 else ''}, with weights from {matrix[row].min():.2f} to {matrix[row].max():.2f}."
    )
    return figure


@_drawn
def spectra(frequency: np.ndarray, power: Mapping[str, np.ndarray], cutoffs: Mapping[str, float]) -> BookFigure:
    """Power against spatial frequency, on a logarithmic axis.

    Args:
        frequency: `(F,)`, cycles per pixel.
        power: `(F,)` each, by label.
        cutoffs: frequencies to mark, by label.

    Chapter: 1.
    """
    figure, axes = _figure(height=3.3)
    ax: Axes = axes[0, 0]
    for (label, values), dash in zip(power.items(), ("-", "--", "-.", ":"), strict=False):
        ax.semilogy(frequency, values, dash, label=label)
    for label, at in cutoffs.items():
        ax.axvline(at, color="#767676", linewidth=1)
        ax.annotate(label, (at, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=10)
    ax.set(xlabel="spatial frequency (cycles per pixel)", ylabel="power", xlim=(0, 0.5))
    ax.legend(loc="lower left")
    figure.alt = f"Power by spatial frequency of {', '.join(power)}; above its mark each falls far below the first."
    return figure


@_drawn
def slip_costs(costs: Mapping[str, Mapping[str, float]], unit: str = "dB") -> BookFigure:
    """What each departure from a protocol adds to the score or takes from it.

    Args:
        costs: `costs[group][slip]`, such as `costs["×2"]["RGB in place of Y"] = -1.9`; the groups share their slips.
        unit: of the numbers.

    Chapter: 1.
    """
    slips = list(next(iter(costs.values())))
    figure, axes = _figure(height=0.62 * len(slips) + 1.1)
    ax: Axes = axes[0, 0]
    ax.axvline(0, color="#444444", linewidth=1)
    for k, (group, values) in enumerate(costs.items()):
        offset = (k - (len(costs) - 1) / 2) * 0.22
        ax.plot([values[s] for s in slips], np.arange(len(slips)) + offset, "osD^v"[k % 5], label=group)
    ax.set_yticks(range(len(slips)), [_wrap(s, 24) for s in slips], fontsize=9.5)
    ax.invert_yaxis()
    ax.set_xlabel(f"change in {unit}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.35, -0.16), ncols=len(costs), handletextpad=0.2, columnspacing=1)
    figure.alt = f"Change in {unit} for each slip: " + "; ".join(
        f"{s} {', '.join(f'{v[s]:+.2f} at {g}' for g, v in costs.items())}" for s in slips
    )
    return figure


@_drawn
def quality_bars(names: Sequence[str], psnr: Sequence[float], ssim: Sequence[float]) -> BookFigure:
    """PSNR and SSIM of the same pictures, side by side.

    Chapter: 1.
    """
    figure, axes = _figure(1, 2, height=0.42 * len(names) + 0.8, sharey=True)
    for ax, values, label, form in zip(axes[0], (psnr, ssim), ("PSNR (dB)", "SSIM"), ("%.1f", "%.2f"), strict=True):
        bars = ax.barh(
            np.arange(len(names)), values, color=COLORS["blue" if ax is axes[0, 0] else "orange"], height=0.6
        )
        ax.bar_label(bars, fmt=form, padding=3, fontsize=10)
        ax.set(xlabel=label, xlim=(0, 1.28 * max(values)))
        ax.grid(False)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    figure.alt = "; ".join(f"{n}: {p:.1f} dB, SSIM {s:.2f}" for n, p, s in zip(names, psnr, ssim, strict=True))
    return figure


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))


# --- chapter 2 ---------------------------------------------------------------------------------------


@_drawn
def layer_cone(kernels: Sequence[int], dilations: Sequence[int] | None = None) -> BookFigure:
    """One row of pixels through a chain of layers: which of them reach one output pixel.

    Args:
        kernels: odd kernel sides, first layer first.
        dilations: of each layer; 1 unless given.

    Chapter: 2.
    """
    dilations = list(dilations or [1] * len(kernels))
    reached = [{0}]  # offsets that matter, from the output down to the input
    for kernel, dilation in zip(reversed(kernels), reversed(dilations), strict=True):
        taps = [dilation * t for t in range(-(kernel // 2), kernel // 2 + 1)]
        reached.append({x + t for x in reached[-1] for t in taps})
    reach = max(reached[-1])
    figure, axes = _figure(height=0.62 * (len(kernels) + 1) + 0.5)
    ax: Axes = axes[0, 0]
    everywhere = np.arange(-reach - 1, reach + 2)
    for level, offsets in enumerate(reversed(reached)):
        ax.plot(everywhere, np.full(len(everywhere), level), "o", color="#d0d0d0", markersize=4)
        ax.plot(sorted(offsets), np.full(len(offsets), level), "o", color=COLORS["blue"], markersize=6)
        if level:
            kernel, dilation = kernels[level - 1], dilations[level - 1]
            taps = [dilation * t for t in range(-(kernel // 2), kernel // 2 + 1)]
            for x in sorted(offsets):
                for tap in taps:
                    ax.plot([x, x + tap], [level, level - 1], "-", color=COLORS["sky"], linewidth=0.8, zorder=1)
    names = ["input"] + [f"{k}" if d == 1 else f"{k}, dil. {d}" for k, d in zip(kernels, dilations, strict=True)]
    widths = [len(offsets) for offsets in reversed(reached)]
    ax.set_yticks(range(len(names)), names)
    right = ax.secondary_yaxis("right")
    right.set_yticks(range(len(widths)), [str(w) for w in widths])  # type: ignore[arg-type]
    right.set_ylabel("pixels used")
    right.spines["right"].set_visible(False)
    ax.tick_params(length=0)
    right.tick_params(length=0)
    ax.set(ylabel="kernel of the layer", xticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(False)
    figure.alt = (
        f"Layers with kernels {', '.join(map(str, kernels))} and dilations {', '.join(map(str, dilations))}: "
        f"one output pixel uses {len(reached[-1])} input pixels, over a span of {2 * reach + 1}."
    )
    return figure


@_drawn
def receptive_field_growth(depth: int, kernel: int) -> BookFigure:
    """The field of a chain of equal layers, as nested squares: each layer adds a frame.

    Args:
        depth: number of layers, ≥ 1.
        kernel: their odd side.

    Paper: section 3.1. Chapter: 2.
    """
    sides = [1 + layer * (kernel - 1) for layer in range(depth + 1)]
    side = sides[-1]
    figure = _frame(5.0, (0.1, 0.1, 0.1, 0.1))
    ax = figure.add_subplot()
    half = 64
    ax.set(xlim=(-half, half), ylim=(-half * 4.8 / 5.2, half * 4.8 / 5.2), aspect="equal")
    ax.set_axis_off()
    # Frames in two tones, so that each layer can be counted.
    for layer in range(depth, 0, -1):
        _square(ax, sides[layer], fill=True, color=COLORS["sky"] if layer % 2 else "#d6ecf8")
    _square(ax, 1, fill=True, color=COLORS["orange"])
    for size, name, color, dash in ((13, "SRCNN", "orange", "--"), (41, "VDSR", "black", ":")):
        _square(ax, size, fill=False, color=COLORS[color], linestyle=dash, linewidth=1.6)
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(0, size / 2 + 2, f"{name} {size}", ha="center", color=COLORS[color], fontsize=10, bbox=label)
    below = max(-side / 2 - 2, -half * 0.91)
    ax.text(0, below, f"{side} × {side}", ha="center", va="top", color=COLORS["blue"], fontsize=12, bbox=label)
    weights = depth * kernel**2
    layers = "1 layer" if depth == 1 else f"{depth} layers"
    figure.alt = (
        f"{layers} of {kernel}×{kernel} see {side}×{side} = {side**2:,} pixels. That takes {weights:,} weights for each "
        f"pair of channels; one kernel of that width would take {side**2:,}."
    )
    return figure


def _square(ax: Axes, side: float, **options: Any) -> None:
    ax.add_patch(Rectangle((-side / 2, -side / 2), side, side, linewidth=options.pop("linewidth", 0), **options))


@_drawn
def reached_pixels(masks: Mapping[str, np.ndarray]) -> BookFigure:
    """Which input pixels have a non-zero gradient, panel beside panel.

    Args:
        masks: `(H, W)` bool each, by label.

    Chapter: 2.
    """
    figure, axes = _figure(1, len(masks), height=WIDTH / len(masks) + 0.35)
    for ax, (label, mask) in zip(axes[0], masks.items(), strict=True):
        ax.imshow(np.where(mask, 0.75, 0.08), cmap="Blues", vmin=0, vmax=1)
        ax.set(title=label, xticks=[], yticks=[])
        ax.grid(False)
    figure.alt = "; ".join(f"{label}: {int(m.sum())} pixels of {m.size} are used" for label, m in masks.items())
    return figure


@_drawn
def gradient_maps(
    maps: Mapping[str, np.ndarray], decades: float = 4, squares: Mapping[str, int] | None = None
) -> BookFigure:
    """How strongly each input pixel acts on the centre, in powers of ten of the strongest.

    Args:
        maps: `(H, W)` non-negative each, by label, with H and W odd and the output pixel in the middle.
        decades: powers of ten that are shown; what is weaker, or zero, is left white.
        squares: side of a square to draw around the middle, by label of the map.

    Source: Luo et al. 2016, figure 1. Chapter: 2.
    """
    columns = min(len(maps), 3)
    rows = -(-len(maps) // columns)
    figure = BookFigure(figsize=(WIDTH, WIDTH / columns * rows + 0.45 * rows + 0.55))
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.ravel()[len(maps) :]:
        ax.set_visible(False)
    for ax, (label, values) in zip(axes.ravel(), maps.items(), strict=False):
        with np.errstate(divide="ignore"):
            level = np.log10(values / values.max())
        level = np.ma.masked_less(level, -decades)
        reach = (values.shape[0] - 1) / 2 + 0.5
        image = ax.imshow(level, vmin=-decades, vmax=0, cmap="cividis", extent=(-reach, reach, reach, -reach))
        side = (squares or {}).get(label)
        if side:
            a = side / 2
            ax.plot([-a, a, a, -a, -a], [-a, -a, a, a, -a], "--", color=COLORS["orange"], linewidth=1.5)
        ax.set(title=label, xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(True)
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.7, aspect=30, pad=0.02)
    exponents = list(range(-int(decades), 1))
    bar.set_ticks(exponents, labels=[f"$10^{{{k}}}$" if k else "1" for k in exponents])
    bar.set_label("share of the strongest pixel's gradient")
    figure.alt = "Maps of gradient strength around the output pixel, brightest in the middle: " + ", ".join(maps)
    return figure


@_drawn
def profiles(
    distance: np.ndarray, values: Mapping[str, np.ndarray], *, xlabel: str, ylabel: str, log: bool = False,
    marks: Mapping[str, float] | None = None,
) -> BookFigure:  # fmt: skip
    """A few curves over one axis.

    Args:
        distance: `(N,)`, the axis.
        values: `(N,)` each, by label; the first is solid, the others dashed, so that colour is not all that tells.
        xlabel, ylabel: with units.
        log: a logarithmic vertical axis.
        marks: places on the axis to mark, by label.

    Chapter: 2.
    """
    figure, axes = _figure(height=3.2)
    ax: Axes = axes[0, 0]
    for (label, series), dash in zip(values.items(), ("-", "--", "-.", ":"), strict=False):
        ax.plot(distance, series, dash, label=label)
    for label, at in (marks or {}).items():
        ax.axvline(at, color="#767676", linewidth=1)
        ax.annotate(label, (at, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=10)
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(values) > 1:
        ax.legend()
    figure.alt = f"{ylabel} over {xlabel}: {', '.join(values)}."
    return figure


@_drawn
def growth_laws(depths: Sequence[int], series: Mapping[str, Sequence[float]], measured: str) -> BookFigure:
    """Widths against depth on two logarithmic axes, where a power law is a straight line.

    Args:
        depths: `(N,)`.
        series: `(N,)` each, in pixels, by label.
        measured: the label that is drawn as points; the others are lines.

    Source: Luo et al. 2016, figure 2. Chapter: 2.
    """
    figure, axes = _figure(height=3.3)
    ax: Axes = axes[0, 0]
    for (label, values), dash in zip(series.items(), ("-", "--", "-.", ":"), strict=False):
        ax.loglog(depths, values, "o" if label == measured else dash, label=label)
    ax.set(xlabel="depth (layers)", ylabel="pixels")
    ax.set_xticks(list(depths), [str(d) for d in depths])
    ax.minorticks_off()
    lowest, highest = min(map(min, series.values())), max(map(max, series.values()))
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200) if lowest / 1.5 <= t <= highest * 1.5]
    ax.set_yticks(ticks, [str(t) for t in ticks])
    ax.legend()
    figure.alt = f"Against depth, on logarithmic axes: {', '.join(series)}."
    return figure


# --- pictures ----------------------------------------------------------------------------------------


def signed_picture(difference: np.ndarray, gain: float = 1.0) -> np.ndarray:
    """A signed image as one that can be shown: grey is zero, brighter is more.

    Args:
        difference: `(H, W)` on the 8-bit scale, any sign.
        gain: to make small differences visible.

    Returns: uint8 `(H, W)`; what leaves [0, 255] is clamped.
    """
    return np.clip(np.rint(128 + gain * np.asarray(difference, dtype=np.float64)), 0, 255).astype(np.uint8)


def colored_picture(values: np.ndarray, low: float, high: float, cmap: str = "cividis") -> np.ndarray:
    """A map of numbers as an RGB image, pixel by pixel.

    Args:
        values: `(H, W)`.
        low, high: the numbers at the two ends of the colours.
        cmap: a matplotlib colour map; the default reads well for every kind of colour vision.

    Returns: uint8 `(H, W, 3)`.
    """
    from matplotlib import colormaps

    share = np.clip((np.asarray(values, dtype=np.float64) - low) / (high - low), 0, 1)
    return (colormaps[cmap](share)[..., :3] * 255 + 0.5).astype(np.uint8)


def framed_picture(image: np.ndarray, squares: Mapping[str, tuple[int, int, int]], zoom: int = 1) -> np.ndarray:
    """An image with square outlines drawn into it, each in a colour of its own.

    Args:
        image: `(H, W)` or `(H, W, 3)` on the 8-bit scale.
        squares: `(row, column, side)` of the middle pixel, by name of a colour in `COLORS`; odd sides.
        zoom: the picture is first enlarged by this whole number, so that the outline lies between pixels.

    Returns: uint8 `(H·zoom, W·zoom, 3)`.
    """
    image = np.asarray(image)
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8).repeat(zoom, axis=0).repeat(zoom, axis=1)
    for name, (row, column, side) in squares.items():
        color = [int(COLORS[name][k : k + 2], 16) for k in (1, 3, 5)]
        top, left = (row - side // 2) * zoom, (column - side // 2) * zoom
        bottom, right = top + side * zoom - 1, left + side * zoom - 1
        rows, columns = slice(max(top, 0), max(bottom + 1, 0)), slice(max(left, 0), max(right + 1, 0))
        for edge in (top, bottom):
            for line in (edge, edge + (1 if edge == top else -1)):
                if 0 <= line < rgb.shape[0]:
                    rgb[line, columns] = color
        for edge in (left, right):
            for line in (edge, edge + (1 if edge == left else -1)):
                if 0 <= line < rgb.shape[1]:
                    rgb[rows, line] = color
    return rgb
