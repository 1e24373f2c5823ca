"""Figures of receptive fields: which pixels reach an output, and how strongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .style import COLORS, WIDTH, BookFigure, colors_of, drawn, network_color, new_figure, slider_figure


@drawn
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
    figure, axes = new_figure(height=0.62 * (len(kernels) + 1) + 0.5)
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


@drawn
def receptive_field_growth(depth: int, kernel: int) -> BookFigure:
    """The field of a chain of equal layers, as nested squares: each layer adds a frame.

    Args:
        depth: number of layers, ≥ 1.
        kernel: their odd side.

    Paper: section 3.1. Chapter: 2.
    """
    sides = [1 + layer * (kernel - 1) for layer in range(depth + 1)]
    side = sides[-1]
    figure = slider_figure(5.0, (0.1, 0.1, 0.1, 0.1))
    ax = figure.add_subplot()
    half = max(26.0, side / 2 + 5)  # VDSR's square always fits, and most frames have one scale
    ax.set(xlim=(-half, half), ylim=(-half * 4.8 / 5.2, half * 4.8 / 5.2), aspect="equal")
    ax.set_axis_off()
    # Frames in two tones, so that each layer can be counted.
    for layer in range(depth, 0, -1):
        _square(ax, sides[layer], fill=True, color=COLORS["sky"] if layer % 2 else "#d6ecf8")
    _square(ax, 1, fill=True, color=COLORS["orange"])
    for size, name, dash in ((13, "SRCNN", "--"), (41, "VDSR", ":")):
        color = network_color(name)
        _square(ax, size, fill=False, color=color, linestyle=dash, linewidth=1.6)
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        ax.text(0, size / 2 + 2, f"{name} {size}", ha="center", color=color, fontsize=10, bbox=label)
    below = max(-side / 2 - 2, -half * 0.91)
    ax.text(0, below, f"{side} × {side}", ha="center", va="top", color=COLORS["blue"], fontsize=12, bbox=label)
    weights = depth * kernel**2
    layers = "1 layer" if depth == 1 else f"{depth} layers"
    sees = "sees" if depth == 1 else "see"
    figure.alt = (
        f"{layers} of {kernel}×{kernel} {sees} {side}×{side} = {side**2:,} pixels. That takes {weights:,} weights for "
        f"each pair of channels; one kernel of that width would take {side**2:,}."
    )
    return figure


def _square(ax: Axes, side: float, **options: Any) -> None:
    ax.add_patch(Rectangle((-side / 2, -side / 2), side, side, linewidth=options.pop("linewidth", 0), **options))


@drawn
def reached_pixels(masks: Mapping[str, np.ndarray]) -> BookFigure:
    """Which input pixels have a non-zero gradient, panel beside panel, all to one scale.

    Args:
        masks: `(H, W)` bool each, by label.

    Chapter: 2.
    """
    figure, axes = new_figure(1, len(masks), height=WIDTH / len(masks) + 0.35)
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


@drawn
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


@drawn
def profiles(
    distance: np.ndarray, values: Mapping[str, np.ndarray], *, xlabel: str, ylabel: str, log: bool = False,
    marks: Mapping[str, float] | None = None, bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> BookFigure:  # fmt: skip
    """A few curves over one axis.

    Args:
        distance: `(N,)`, the axis.
        values: `(N,)` each, by label; the first is solid, the others dashed, so that colour is not all that tells.
        xlabel, ylabel: with units.
        log: a logarithmic vertical axis.
        marks: places on the axis to mark, by label.
        bands: `(low, high)` around a curve, by its label.

    Chapter: 2.
    """
    figure, axes = new_figure(height=3.2)
    ax: Axes = axes[0, 0]
    for (label, series), dash, color in zip(values.items(), ("-", "--", "-.", ":"), colors_of(values), strict=False):
        (line,) = ax.plot(distance, series, dash, color=color, label=label)
        if bands and label in bands:
            ax.fill_between(distance, *bands[label], color=line.get_color(), alpha=0.2, linewidth=0)
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


@drawn
def growth_laws(depths: Sequence[int], series: Mapping[str, Sequence[float]], measured: str) -> BookFigure:
    """Widths against depth on two logarithmic axes, where a power law is a straight line.

    Args:
        depths: `(N,)`.
        series: `(N,)` each, in pixels, by label.
        measured: the label that is drawn as points; the others are lines.

    Source: Luo et al. 2016, figure 2. Chapter: 2.
    """
    figure, axes = new_figure(height=3.3)
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
