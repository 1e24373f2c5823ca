"""The figures of chapters 9 and 10, in the style of `plots`: rates, gains, and the machine's roof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from .plots import COLORS, BookFigure, _drawn, _figure, _levels

_MARKS = "osD^v<>"


@_drawn
def rate_sweep(
    runs: Mapping[str, Mapping[float, Sequence[float]]], *, xlabel: str, ylabel: str,
    level: Mapping[str, float] | None = None,
) -> BookFigure:  # fmt: skip
    """How runs end against their learning rate, on a logarithmic axis: a mark a seed, a line through their means.

    Args:
        runs: `runs[method][rate]` is one value a seed.
        xlabel, ylabel: with units.
        level: values to draw as horizontal lines, by label.

    Chapter: 9.
    """
    figure, axes = _figure(height=3.4)
    ax: Axes = axes[0, 0]
    words = []
    for k, (label, by_rate) in enumerate(runs.items()):
        rates = sorted(by_rate)
        color = list(COLORS.values())[k]
        means = [float(np.mean(by_rate[r])) for r in rates]
        ax.plot(rates, means, ("-", "--", "-.", ":")[k % 4], color=color)
        for r in rates:
            ax.plot([r] * len(by_rate[r]), by_rate[r], _MARKS[k], color=color, label=label if r == rates[0] else None)
        best = rates[int(np.argmax(means))]
        words.append(f"{label} ends highest at {best:g}, with {max(means):.2f}")
    _levels(ax, level)
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1.2)
    figure.alt = f"{ylabel} against {xlabel}. {'; '.join(words)}."
    return figure


@_drawn
def gains(
    sets: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, xlabel: str, ylabel: str,
    named: Mapping[str, tuple[float, float]] | None = None,
) -> BookFigure:  # fmt: skip
    """What each image gains, against how hard it is: a mark an image, a shape a set.

    Args:
        sets: `(x, gain)` by set, the largest set first, so that the small ones lie on top.
        xlabel, ylabel: with units.
        named: images to name, with their place.

    Chapter: 9.
    """
    figure, axes = _figure(height=3.8)
    ax: Axes = axes[0, 0]
    words = []
    for k, (label, (x, y)) in enumerate(sets.items()):
        # Many marks are drawn light, few dark.
        color = COLORS[("sky", "orange", "black")[k % 3]]
        ax.plot(x, y, _MARKS[k], color=color, markersize=5, alpha=0.85, label=label)
        words.append(f"{label}: {len(y)} images, mean {np.mean(y):.2f}, from {min(y):.2f} to {max(y):.2f}")
    ax.axhline(0, color="#444444", linewidth=0.8)
    middle = np.mean(ax.get_xlim())
    for label, place in (named or {}).items():
        side = {"ha": "left", "xytext": (6, 0)} if place[0] < middle else {"ha": "right", "xytext": (-6, 0)}
        ax.annotate(label, place, textcoords="offset points", va="center", fontsize=10, **side)  # type: ignore[arg-type]
        words.append(f"{label} gains {place[1]:.2f}")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, borderaxespad=0.3, handletextpad=0.2)
    figure.alt = f"{ylabel} against {xlabel}. {'; '.join(words)}.".replace("-", "−")
    return figure


@_drawn
def roofline(peak: float, bandwidth: float, points: Mapping[str, tuple[float, float]]) -> BookFigure:
    """What a machine can reach against how much is computed for each byte, and where some layers stand.

    Args:
        peak: in FLOP/s.
        bandwidth: in bytes/s.
        points: `(FLOP for each byte, FLOP/s reached)` by label.

    Source: Williams et al. 2009, figure 1. Chapter: 10.
    """
    figure, axes = _figure(height=3.6)
    ax: Axes = axes[0, 0]
    reach = [x for x, _ in points.values()] + [peak / bandwidth]
    x = np.geomspace(min(reach) / 4, max(reach) * 4, 200)
    ax.loglog(x, np.minimum(peak, bandwidth * x) / 1e9, color=COLORS["black"], label="the roof")
    words = [f"The roof rises to {peak / 1e9:.0f} GFLOP/s at {peak / bandwidth:.1f} FLOP a byte"]
    for k, (label, (intensity, reached)) in enumerate(points.items()):
        color = list(COLORS.values())[k % 6]
        ax.plot(intensity, reached / 1e9, _MARKS[k % 7], color=color, markersize=8, label=label)
        share = reached / min(peak, bandwidth * intensity)
        words.append(f"{label}: {intensity:.1f} FLOP a byte, {reached / 1e9:.0f} GFLOP/s, {share:.0%} of the roof")
    ax.minorticks_off()
    ax.set(xlabel="FLOP for each byte moved", ylabel="GFLOP/s")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1)
    figure.alt = "; ".join(words) + "."
    return figure
