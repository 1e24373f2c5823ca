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

from .gradients import Flow
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
    ).replace("-", "−")
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
    half = max(44.0, side / 2 + 4)  # one scale for all frames of the book's slider
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
        f"{layers} of {kernel}×{kernel} see {side}×{side} = {side**2:,} pixels. That takes {weights:,} weights for "
        f"each pair of channels; one kernel of that width would take {side**2:,}."
    )
    return figure


def _square(ax: Axes, side: float, **options: Any) -> None:
    ax.add_patch(Rectangle((-side / 2, -side / 2), side, side, linewidth=options.pop("linewidth", 0), **options))


@_drawn
def reached_pixels(masks: Mapping[str, np.ndarray]) -> BookFigure:
    """Which input pixels have a non-zero gradient, panel beside panel, all to one scale.

    Args:
        masks: `(H, W)` bool each, by label.

    Chapter: 2.
    """
    figure, axes = _figure(1, len(masks), height=WIDTH / len(masks) + 0.35)
    rows, columns = (max(mask.shape[axis] for mask in masks.values()) for axis in (0, 1))
    for ax, (label, mask) in zip(axes[0], masks.items(), strict=True):
        top, left = (rows - mask.shape[0]) / 2, (columns - mask.shape[1]) / 2
        extent = (left, left + mask.shape[1], top + mask.shape[0], top)
        ax.imshow(np.where(mask, 0.75, 0.12), cmap="Blues", vmin=0, vmax=1, extent=extent)
        ax.set(title=label, xticks=[], yticks=[], xlim=(-0.5, columns + 0.5), ylim=(rows + 0.5, -0.5))
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
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
        ax.legend(loc="best", framealpha=0.9, frameon=True, edgecolor="none")
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


# --- chapters 3 and 4 --------------------------------------------------------------------------------


@_drawn
def chain_energies(measured: Flow, expected: Flow) -> BookFigure:
    """Typical sizes, layer by layer: the signal, the error that comes back, and the weights' gradient.

    Args:
        measured: drawn as points.
        expected: drawn as lines; NaN is left out.

    Source: He et al. 2015, section 2.2. Chapter: 4.
    """
    figure, axes = _figure(3, 1, height=5.6, sharex=True)
    layers = np.arange(1, len(measured) + 1)
    panels = (("signal", "signal", "blue"), ("error", "error", "orange"), ("weight", "weights'\ngradient", "green"))
    for ax, (name, label, color) in zip(axes[:, 0], panels, strict=True):
        values, line = np.sqrt(getattr(measured, name)), np.sqrt(getattr(expected, name))
        ax.semilogy(layers, values, "o", color=COLORS[color], label="measured")
        if np.isfinite(line).all():
            ax.semilogy(layers, line, "-", color="#444444", linewidth=1.4, label="expected")
        low, high = np.log10(values.min()), np.log10(values.max())
        # At least three decades, so that noise looks like noise.
        spare = max(0.4, 0.06 * (high - low), (3 - (high - low)) / 2)
        ax.set(ylim=(10 ** (low - spare), 10 ** (high + spare)))
        ax.set_ylabel(label)
        ax.minorticks_off()
    axes[0, 0].legend(loc="best", ncols=2, handletextpad=0.3)
    figure.align_ylabels()
    axes[2, 0].set(xlabel="layer (the input is on the left)", xticks=layers[:: max(1, len(layers) // 10)])
    first, last = np.sqrt(measured.signal[[0, -1]])
    back, end = np.sqrt(measured.error[[0, -1]])
    figure.alt = (
        f"{len(layers)} layers. Signal: {_size(first)} after the first, {_size(last)} after the last. Error: "
        f"{_size(end)} at the last, {_size(back)} at the first. Weights' gradient: "
        f"{_size(np.sqrt(measured.weight.min()))} to {_size(np.sqrt(measured.weight.max()))}."
    )
    return figure


def _size(value: float) -> str:
    """A number in two digits, the way people write it."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    mantissa, exponent = f"{value:.0e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{digits}" if mantissa == "1" else f"{mantissa}·10{digits}"


@_drawn
def score_by_depth(
    scores: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    level: Mapping[str, float] | None = None,
    ylabel: str = "PSNR (dB)",
) -> BookFigure:
    """A score against depth, one line a kind of network.

    Args:
        scores: `(depths, values)` by label.
        level: values to draw as horizontal lines, by label.

    Chapter: 4.
    """
    figure, axes = _figure(height=3.2)
    ax: Axes = axes[0, 0]
    for (label, (depths, values)), mark in zip(scores.items(), ("o-", "s--", "D-.", "^:"), strict=False):
        ax.plot(depths, values, mark, label=label)
    _levels(ax, level)
    ax.set(xlabel="depth (layers)", ylabel=ylabel)
    ax.set_xticks(sorted({d for depths, _ in scores.values() for d in depths}))
    ax.legend()
    figure.alt = f"{ylabel} against depth. " + "; ".join(
        f"{label}: " + ", ".join(f"{v:.1f} at {d}" for d, v in zip(depths, values, strict=True))
        for label, (depths, values) in scores.items()
    )
    return figure


def _levels(ax: Axes, level: Mapping[str, float] | None) -> None:
    for label, at in (level or {}).items():
        ax.axhline(at, color="#767676", linewidth=1.2, linestyle=(0, (1, 1)), label=label)


@_drawn
def learning_curves(
    curves: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    level: Mapping[str, float] | None = None,
    *,
    ylabel: str = "PSNR (dB)",
    lowest: float | None = None,
) -> BookFigure:
    """The same training runs over several axes, one panel below the other.

    Args:
        curves: `curves[axis label][run] = (x, y)`, such as by step and by second.
        level: values to draw as horizontal lines, by label.
        lowest: the vertical axis begins here.

    Paper: section 2.1. Chapter: 3.
    """
    figure, axes = _figure(len(curves), 1, height=2.6 * len(curves) + 0.7)
    for ax, (xlabel, runs) in zip(axes[:, 0], curves.items(), strict=True):
        for (label, (x, y)), mark in zip(runs.items(), ("o-", "s--", "D-.", "^:", "v-"), strict=False):
            ax.plot(x, y, mark, markersize=4, label=label)
        _levels(ax, level)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if lowest is not None:
            ax.set_ylim(bottom=lowest)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    last = next(iter(curves.values()))
    figure.alt = f"{ylabel} over {' and over '.join(curves)}. At the end: " + "; ".join(
        f"{label} {y[-1]:.1f}" for label, (_, y) in last.items()
    )
    return figure


def filter_mosaic(weights: np.ndarray, columns: int = 8) -> np.ndarray:
    """Filters side by side as one picture, one pixel apart, each stretched to its own range; grey is zero.

    Args:
        weights: `(N, k, k)`.
        columns: filters in a row.

    Returns: uint8 `(rows·(k+1) − 1, columns·(k+1) − 1)`.
    Chapter: 3.
    """
    count, side, _ = weights.shape
    rows = -(-count // columns)
    mosaic = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1), 255, dtype=np.uint8)
    for k, weight in enumerate(weights):
        top, left = (k // columns) * (side + 1), (k % columns) * (side + 1)
        strongest = np.abs(weight).max() or 1.0
        mosaic[top : top + side, left : left + side] = signed_picture(weight, 127 / strongest)
    return mosaic


# --- chapters 5 and 6 --------------------------------------------------------------------------------


_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)), (0, (8, 2)))


def _finite(x: Sequence[float], y: Sequence[float], most: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """The points that can be drawn."""
    points = np.array([x, y], dtype=np.float64).reshape(2, -1)
    return tuple(points[:, np.isfinite(points[1]) & (np.abs(points[1]) <= most)])  # type: ignore[return-value]


@_drawn
def run_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, xlabel: str, ylabel: str, log: bool = False,
    levels: Mapping[str, float] | None = None, markers: bool = False,
) -> BookFigure:  # fmt: skip
    """Quantities of one or more runs, each over its own steps.

    Args:
        curves: `(x, y)` by label; what is not finite is left out.
        xlabel, ylabel: with units.
        log: a logarithmic vertical axis.
        levels: values to draw as horizontal lines, by label.
        markers: mark each point.

    Chapters: 5, 6.
    """
    figure, axes = _figure(height=3.3)
    ax: Axes = axes[0, 0]
    words = []
    for k, (label, points) in enumerate(curves.items()):
        x, y = _finite(*points, 1e12)
        ax.plot(x, y, linestyle=_DASHES[k % len(_DASHES)], marker="osD^v<>"[k % 7] if markers else None, label=label)
        if len(y):
            words.append(f"{label}: from {y[0]:.3g} to {y[-1]:.3g}")
    _levels(ax, levels)
    words += [f"{label} is at {value:.3g}" for label, value in (levels or {}).items()]
    if log:
        ax.set_yscale("log")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if curves:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1.2)
    figure.alt = f"{ylabel} over {xlabel}. {'; '.join(words) or 'No run yet'}."
    return figure


@_drawn
def clip_shapes(gradients: np.ndarray, bound: float) -> BookFigure:
    """What a clip by value and a clip by norm make of gradients of two weights.

    Args:
        gradients: `(N, 2)`.
        bound: half the side of the square, and the radius of the circle.

    Source: Pascanu et al. 2013, figure 6, for the norm. Chapter: 6.
    """
    figure = _frame(3.1, (0.5, 0.45, 0.1, 0.3))
    axes = figure.subplots(1, 2, squeeze=False, sharey=True)
    reach = 1.08 * np.abs(gradients).max()
    by_value = np.clip(gradients, -bound, bound)
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    by_norm = gradients * np.minimum(1, bound / norms)
    angle = np.linspace(0, 2 * np.pi, 121)
    shapes = {
        "by value": (by_value, bound * np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]])),
        "by norm": (by_norm, bound * np.array([np.cos(angle), np.sin(angle)])),
    }
    for ax, (title, (after, outline)) in zip(axes[0], shapes.items(), strict=True):
        ax.fill(*outline, color="#e3f1fa", zorder=0)
        ax.plot(*outline, color=COLORS["blue"], linewidth=1)
        for before, kept in zip(gradients, after, strict=True):
            ax.plot([0, before[0]], [0, before[1]], ":", color=COLORS["grey"], linewidth=1.2)
            ax.plot([0, kept[0]], [0, kept[1]], "-", color=COLORS["orange"], linewidth=2)
        ax.plot(*gradients.T, "o", color=COLORS["grey"], markersize=4)
        ax.plot(*after.T, "o", color=COLORS["orange"], markersize=5)
        ax.set(title=title, aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach), xlabel="weight 1")
        ax.set(xticks=[0], yticks=[0])
    axes[0, 0].set_ylabel("weight 2")
    figure.alt = (
        "Gradients of two weights. By value each is moved into a square, and long ones end near its corners; "
        "by norm each is shortened to a circle and keeps its direction."
    )
    return figure


@_drawn
def clip_explorer(
    sizes: np.ndarray, bound: float | None, losses: Sequence[float], floor: float, words: str
) -> BookFigure:
    """Sizes of a gradient's elements with the clip's bound, and below it the loss of the run that used it.

    Args:
        sizes: `(N,)` absolute values of the first step's gradient; zeros count, but have no place on the axis.
        bound: θ/γ; None for no clip.
        losses: one a step; may end early, or not be finite.
        floor: loss of the bicubic picture, to compare with.
        words: what was chosen, for the text alternative.

    Chapter: 6.
    """
    figure = _frame(4.6, (0.75, 0.5, 0.15, 0.1))
    top, bottom = figure.subplots(2, 1, height_ratios=[1, 1.3])
    figure.subplots_adjust(hspace=0.5)
    edges = np.linspace(-6, 3, 46)
    counts = np.histogram(np.log10(sizes[sizes > 0]), edges)[0] / len(sizes)
    top.stairs(counts, edges, fill=True, color=COLORS["sky"])
    share = 0.0
    if bound is not None:
        share = float(np.mean(sizes > bound))
        top.axvline(np.log10(bound), color=COLORS["orange"], linewidth=2)
        top.axvspan(np.log10(bound), 3, color=COLORS["orange"], alpha=0.15, linewidth=0)
    ticks = range(-6, 3, 2)
    top.set_xticks(list(ticks), [f"$10^{{{t}}}$" for t in ticks])
    top.set(xlim=(-6, 3), ylim=(0, 0.16), yticks=[0, 0.1], ylabel="share", xlabel="size of a gradient element")
    steps, drawn = _finite(range(1, len(losses) + 1), losses, 1e3)
    bottom.semilogy(steps, drawn, color=COLORS["blue"])
    bottom.axhline(floor, color=COLORS["grey"], linewidth=1)
    lost = len(drawn) < len(losses) or not np.isfinite(losses[-1])
    if lost:
        bottom.text(0.5, 0.5, "diverged", transform=bottom.transAxes, ha="center", color=COLORS["orange"])
    bottom.set(ylim=(0.02, 1e3), xlabel="step", ylabel="loss")
    if not lost:
        bottom.set_xlim(0, len(losses))
    clip = f"{share:.0%} of the first gradient is clipped" if bound is not None else "nothing is clipped"
    end = "the run diverges" if lost else f"the loss ends at {drawn[-5:].mean():.3g}, bicubic has {floor:.3g}"
    figure.alt = f"{words}: {clip}; {end}."
    return figure


@_drawn
def residual_histogram(picture: np.ndarray, residual: np.ndarray, words: str, limit: float = 64) -> BookFigure:
    """Histogram of a residual, on a logarithmic axis, with a bell curve of the same spread.

    Args:
        picture: `(H, W)` on the 8-bit scale, that the residual is of; only its spread is told.
        residual: `(H, W)` on the 8-bit scale.
        words: what was chosen, for the text alternative.
        limit: of the axis, in levels.

    Chapter: 5.
    """
    figure = _frame(3.3, (0.75, 0.5, 0.15, 0.1))
    ax: Axes = figure.subplots()
    edges = np.arange(-limit - 0.5, limit + 1)
    density = np.histogram(residual, edges)[0] / residual.size
    spread = float(residual.std())
    middle = (edges[1:] + edges[:-1]) / 2
    bell = np.exp(-0.5 * (middle / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    ax.stairs(np.maximum(density, 1e-9), edges, fill=True, color=COLORS["sky"], label="residual", baseline=1e-9)
    ax.plot(middle, bell, "--", color=COLORS["orange"], label="bell curve, same spread")
    ax.set(yscale="log", ylim=(1e-6, 1), xlim=(-limit, limit), xticks=[-50, -25, 0, 25, 50])
    ax.set(xlabel="residual (8-bit levels)", ylabel="share of pixels")
    ax.legend(loc="upper right", borderaxespad=0)
    energy = residual.var() / picture.var()
    figure.alt = (
        f"{words}: spread {spread:.1f} levels, {np.mean(np.abs(residual) < 1):.0%} of the pixels are off by less than "
        f"one level, {energy:.2%} of the picture's energy."
    )
    return figure


@_drawn
def table1_curves(
    ours: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    paper: Mapping[str, Sequence[tuple[float, float, bool]]],
    *, ylabel: str, words: str, level: tuple[str, float] | None = None, log: bool = False, low: float | None = None,
) -> BookFigure:  # fmt: skip
    """One learning rate of table 1: residual against plain, ours as lines, the paper's as marks.

    Args:
        ours: `(epochs, values)` by network; empty lists where nothing was run.
        paper: `(epoch, value, confirmed)` by network; what is not confirmed is drawn hollow.
        ylabel: with its unit.
        words: what was chosen, for the text alternative.
        level: a label and a value to compare with.
        log: a logarithmic vertical axis.
        low: what lies below is drawn at the lower edge.

    Paper: table 1, figure 4. Chapter: 5.
    """
    figure = _frame(3.6, (0.75, 0.5, 0.15, 0.35))
    ax: Axes = figure.subplots()
    told = []
    for name, color, dash, marker in (("residual", "blue", "-", "o"), ("non-residual", "orange", "--", "s")):
        x, y = _finite(*ours.get(name, ((), ())), 1e12)
        label = f"{name}, here" if len(y) else f"{name}: not run yet"
        ax.plot(x, y if low is None else np.maximum(y, low), linestyle=dash, color=COLORS[color], label=label)
        told.append(f"{name} here ends at {y[-1]:.4g} after {x[-1]:.3g} epochs" if len(y) else label)
        if paper.get(name):
            said = ", ".join(f"{value:.2f}{'' if confirmed else '?'}" for _, value, confirmed in paper[name])
            told.append(f"the paper's {name}: {said}")
        for epoch, value, confirmed in paper.get(name, ()):
            face = COLORS[color] if confirmed else "white"
            shown = value if low is None else max(value, low)
            ax.plot(epoch, shown, marker, color=COLORS[color], markerfacecolor=face, markersize=7)
    if level:
        ax.axhline(level[1], color=COLORS["grey"], linewidth=1)
        ax.annotate(level[0], (0.99, level[1]), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=9)
    if log:
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel=ylabel, xlim=(0, 82), xticks=[0, 20, 40, 60, 80])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0, columnspacing=1)
    figure.alt = f"{words}. {'; '.join(told)}."
    return figure
