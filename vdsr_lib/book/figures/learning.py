"""Figures of training: what flows through a network, curves of runs, the clip, the choice of a rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...analysis.gradient_flow import Flow
from ...errors import InputError
from ..display import power_of_ten
from .style import (
    COLORS,
    MARKS,
    BookFigure,
    Handle,
    colors_of,
    draw_levels,
    drawn,
    network_color,
    new_figure,
    slider_figure,
)


def _size(value: float) -> str:
    """A number in two digits, the way people write it."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    return power_of_ten(f"{value:.0e}")


# The axis of sizes in `chain_energies`: what training can use, and a few decades more.
ENERGY_AXIS = (1e-6, 1e4)


@drawn
def chain_energies(measured: Flow, expected: Flow, band: tuple[Flow, Flow] | None = None) -> BookFigure:
    """Typical sizes, layer by layer: the signal, the error that comes back, and the weights' gradient.

    Args:
        measured: drawn as points.
        expected: drawn as lines; NaN is left out.
        band: two flows between which most draws lie.

    All frames of a slider have the same axes; a point beyond them is a triangle at their edge.

    Source: He et al. 2015, section 2.2. Chapter: 4.
    """
    figure, axes = new_figure(3, 1, height=5.6, sharex=True)
    layers = np.arange(1, len(measured) + 1)
    panels = (("signal", "signal", "blue"), ("error", "error", "orange"), ("weight", "weights'\ngradient", "green"))
    for ax, (name, label, color) in zip(axes[:, 0], panels, strict=True):
        values, line = np.sqrt(getattr(measured, name)), np.sqrt(getattr(expected, name))
        low, high = ENERGY_AXIS
        for here, mark in ((values < low, "v"), (values > high, "^")):
            if here.any():
                ax.semilogy(layers[here], np.clip(values, low, high)[here], mark, color=COLORS[color], clip_on=False)
        inside = (values >= low) & (values <= high)
        ax.semilogy(layers[inside], values[inside], "o", color=COLORS[color], label="measured")
        if band is not None:
            edges = (np.sqrt(getattr(flow, name)) for flow in band)
            ax.fill_between(layers, *edges, color=COLORS[color], alpha=0.2, linewidth=0, label="most draws")
        if np.isfinite(line).all():
            ax.semilogy(layers, line, "-", color="#444444", linewidth=1.4, label="expected")
        ax.set(ylim=ENERGY_AXIS, xlim=(0.5, len(layers) + 0.5))
        ax.set_ylabel(label)
        ax.minorticks_off()
    axes[0, 0].legend(loc="best", ncols=3, handletextpad=0.3)
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


@drawn
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
    figure, axes = new_figure(len(curves), 1, height=2.6 * len(curves) + 0.7)
    for ax, (xlabel, runs) in zip(axes[:, 0], curves.items(), strict=True):
        marks = zip(runs.items(), ("o-", "s--", "D-.", "^:", "v-"), colors_of(runs), strict=False)
        for (label, (x, y)), mark, color in marks:
            ax.plot(x, y, mark, color=color, markersize=4, label=label)
        draw_levels(ax, level)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if lowest is not None:
            ax.set_ylim(bottom=lowest)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    last = next(iter(curves.values()))
    figure.alt = f"{ylabel} over {' and over '.join(curves)}. At the end: " + "; ".join(
        f"{label} {y[-1]:.1f}" for label, (_, y) in last.items()
    )
    return figure


_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)), (0, (8, 2)))


def _finite(x: Sequence[float], y: Sequence[float], most: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """The points that can be drawn."""
    points = np.array([x, y], dtype=np.float64).reshape(2, -1)
    return tuple(points[:, np.isfinite(points[1]) & (np.abs(points[1]) <= most)])  # type: ignore[return-value]


@drawn
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
    figure, axes = new_figure(height=3.3)
    ax: Axes = axes[0, 0]
    words = []
    colors = colors_of(curves)
    for k, (label, points) in enumerate(curves.items()):
        x, y = _finite(*points, 1e12)
        mark = "osD^v<>"[k % 7] if markers else None
        ax.plot(x, y, color=colors[k], linestyle=_DASHES[k % len(_DASHES)], marker=mark, label=label)
        if len(y):
            words.append(f"{label}: from {y[0]:.3g} to {y[-1]:.3g}")
    draw_levels(ax, levels)
    words += [f"{label} is at {value:.3g}" for label, value in (levels or {}).items()]
    if log:
        ax.set_yscale("log")
    if all(float(x).is_integer() for along, _ in curves.values() for x in along):
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if curves:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1.2)
    figure.alt = f"{ylabel} over {xlabel}. {'; '.join(words) or 'No run yet'}."
    return figure


@drawn
def two_runs(
    runs: Mapping[str, tuple[Sequence[float], Sequence[float]]], first: str, second: str, *, xlabel: str, ylabel: str,
    low: float, high: float,
) -> BookFigure:  # fmt: skip
    """Two runs that the reader has picked, before all the others.

    Args:
        runs: `(x, y)` by name; what is not finite is left out.
        first, second: names of the two; the same one twice is one run.
        xlabel, ylabel: with units.
        low, high: of the vertical axis; what lies below is drawn at the lower edge.

    Errors: `InputError` for a name that is no run's.
    Chapter: 8.
    """
    for name in (first, second):
        if name not in runs:
            raise InputError(f"wanted a run of {', '.join(runs)}, got {name!r}")
    figure = slider_figure(3.7, (0.75, 0.5, 0.15, 0.6))
    ax: Axes = figure.subplots()
    points = {name: _finite(*run) for name, run in runs.items()}
    for x, y in points.values():
        ax.plot(x, np.maximum(y, low), color="#cccccc", linewidth=1)
    looks = {second: ("orange", "--"), first: ("blue", "-")}
    lines = {}
    for name in dict.fromkeys((second, first)):  # the first one lies on top
        (color, dash), (x, y) = looks[name], points[name]
        (lines[name],) = ax.plot(x, np.maximum(y, low), color=COLORS[color], linestyle=dash)
    last = max((float(x.max()) for x, _ in points.values() if len(x)), default=1.0)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, last), ylim=(low, high))
    names = list(dict.fromkeys((first, second)))
    ax.legend([lines[name] for name in names], names, loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0)
    ends = {name: points[name][1][-1] for name in names if len(points[name][1])}
    words = "; ".join(f"{name} ends at {end:.2f}" for name, end in ends.items()) or "neither has a number to show"
    if len(ends) == 2:
        apart = ends[first] - ends[second]
        words += f". The first one is {abs(apart):.2f} {'below' if apart < 0 else 'above'} the second"
    figure.alt = f"{ylabel} over {xlabel}: {words}."
    return figure


def _turn(before: np.ndarray, after: np.ndarray) -> float:
    """The largest angle between rows, in degrees."""
    cosine = (before * after).sum(axis=1) / (np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max())


@drawn
def clip_shapes(gradients: np.ndarray, bound: float, bounds: Sequence[float] = ()) -> BookFigure:
    """What a clip by value and a clip by norm make of gradients of two weights.

    Args:
        gradients: `(N, 2)`, none of them zero.
        bound: half the side of the square, and the radius of the circle.
        bounds: the values of a slider `bound`; its square and circle can be dragged to them.

    Source: Pascanu et al. 2013, figure 6, for the norm. Chapter: 6.
    """
    figure = slider_figure(3.1, (0.5, 0.45, 0.1, 0.3))
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
        if bounds:
            figure.handles.append(Handle("bound", ax, "x", {value: [value, -value] for value in bounds}))
    axes[0, 0].set_ylabel("weight 2")
    cut = [int((after != gradients).any(axis=1).sum()) for after in (by_value, by_norm)]
    figure.alt = (
        f"Gradients of two weights, and the bound {bound:g}. By value {cut[0]} of {len(gradients)} are cut, and turn "
        f"by up to {_turn(gradients, by_value):.0f}°; by norm {cut[1]} are cut, and none turns."
    )
    return figure


@drawn
def parabola_steps(path: Sequence[float], curvature: float, words: str) -> BookFigure:
    """Gradient descent of one weight in the bowl ½λw²: where each step lands.

    Args:
        path: the weight before the first step and after each; what leaves the picture is not drawn.
        curvature: λ.
        words: what was chosen, for the text alternative.

    Chapter: 6.
    """
    figure = slider_figure(3.2, (0.75, 0.5, 0.15, 0.1))
    ax: Axes = figure.subplots()
    w = np.linspace(-3, 3, 201)
    ax.plot(w, curvature * w**2 / 2, color=COLORS["grey"], linewidth=1)
    points = np.array(path, dtype=float)
    away = np.abs(points) > 3
    last = int(away.argmax()) if away.any() else len(points)
    shown = points[:last]
    ax.plot(shown, curvature * shown**2 / 2, "o-", color=COLORS["blue"], linewidth=1, markersize=5)
    if last < len(points):
        ax.annotate(f"step {last} leaves the picture", (0.5, 0.9), xycoords="axes fraction", ha="center", fontsize=9.5)
    ax.plot(shown[:1], curvature * shown[:1] ** 2 / 2, "o", color=COLORS["orange"], markersize=7)
    ax.set(xlim=(-3, 3), ylim=(-0.2, curvature * 4.5), xlabel="weight", ylabel="loss")
    end = f"after {len(points) - 1} steps the weight is at {points[-1]:.2g}"
    figure.alt = f"{words}: {f'step {last} leaves the picture' if last < len(points) else end}.".replace("-", "−")
    return figure


@drawn
def gain_paths(paths: Mapping[str, Sequence[Sequence[float]]], words: str) -> BookFigure:
    """Gradient descent on ½(ab − 1)², the loss of a chain of two gains: lines of equal loss, and where each step lands.

    Args:
        paths: by name, the pair `(a, b)` before the first step and after each, `(steps + 1, 2)`; what leaves the
            picture is not drawn.
        words: what was chosen, for the text alternative.

    Chapter: 6.
    """
    figure = slider_figure(3.9, (0.65, 0.5, 0.15, 0.1))
    ax: Axes = figure.subplots()
    low, high = np.array([-0.6, -1.2]), np.array([3.6, 2.0])
    a, b = np.meshgrid(np.linspace(low[0], high[0], 211), np.linspace(low[1], high[1], 161))
    ax.contour(a, b, (a * b - 1) ** 2 / 2, levels=[0.02, 0.1, 0.3, 0.8, 2, 4, 8], colors=COLORS["grey"], linewidths=0.8)
    valley = np.linspace(1 / high[1], high[0], 101)
    ax.plot(valley, 1 / valley, color=COLORS["green"], linewidth=1.5, label="loss 0")
    ends = []
    for (name, path), color, mark in zip(paths.items(), ("orange", "blue"), "so", strict=False):
        points = np.array(path, dtype=float)
        away = ~((points >= low) & (points <= high)).all(axis=1)
        last = int(away.argmax()) if away.any() else len(points)
        ax.plot(*points[:last].T, f"{mark}-", color=COLORS[color], linewidth=1.2, markersize=4.5, label=name)
        if last < len(points):
            ends.append(f"{name}, step {last} leaves the picture")
        else:
            ends.append(
                f"{name}, the loss is {_size(((points[-1].prod() - 1) ** 2) / 2)} after {len(points) - 1} steps"
            )
    ax.plot(*np.array(next(iter(paths.values())))[:1].T, "o", color="#444444", markersize=7)
    ax.legend(loc="upper right", fontsize=9)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="first gain, a", ylabel="second gain, b")
    figure.alt = f"{words}: {'; '.join(ends)}."
    return figure


@drawn
def clip_explorer(
    sizes: np.ndarray, bound: float | None, losses: Sequence[float], floor: float, words: str,
    bounds: Mapping[Any, float | None] | None = None,
) -> BookFigure:  # fmt: skip
    """Sizes of a gradient's elements with the clip's bound, and below it the loss of the run that used it.

    Args:
        sizes: `(N,)` absolute values of the first step's gradient; zeros count, but have no place on the axis.
        bound: θ/γ; None for no clip.
        losses: one per step; may end early, or not be finite. A batch's loss jumps about, so their mean over five
            steps is drawn too.
        floor: loss of the bicubic picture, to compare with.
        words: what was chosen, for the text alternative.
        bounds: for each value of a slider `θ` the bound that it makes; the bound can be dragged to them, and that
            of no clip lies at the right end.

    Chapter: 6.
    """
    figure = slider_figure(4.6, (0.75, 0.5, 0.15, 0.1))
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
    if bounds:
        places = {value: [3.0 if made is None else float(np.log10(made))] for value, made in bounds.items()}
        figure.handles = [Handle("θ", top, "x", places)]
    ticks = range(-6, 3, 2)
    top.set_xticks(list(ticks), [f"$10^{{{t}}}$" for t in ticks])
    top.set(xlim=(-6, 3), ylim=(0, 0.16), yticks=[0, 0.1], ylabel="share", xlabel="size of a gradient element")
    steps, drawn = _finite(range(1, len(losses) + 1), losses, 1e3)
    bottom.semilogy(steps, drawn, color=COLORS["sky"], linewidth=1, label="each step")
    smooth = [drawn[max(0, k - 4) : k + 1].mean() for k in range(len(drawn))]
    bottom.semilogy(steps, smooth, color=COLORS["blue"], label="mean of the last five")
    bottom.legend(loc="upper right", fontsize=9)
    bottom.axhline(floor, color=COLORS["grey"], linewidth=1)
    lost = len(drawn) < len(losses) or not np.isfinite(losses[-1])
    if lost:
        bottom.text(0.5, 0.5, "diverged", transform=bottom.transAxes, ha="center", color=COLORS["orange"])
    bottom.set(ylim=(0.02, 1e3), xlabel="step", ylabel="loss")
    if not lost:
        bottom.set_xlim(0, len(losses))
    clip = f"{share:.0%} of the first gradient is clipped" if bound is not None else "nothing is clipped"
    end = (
        "the run diverges"
        if lost
        else f"over the last five steps the mean loss is {drawn[-5:].mean():.3g}, bicubic has {floor:.3g}"
    )
    figure.alt = f"{words}: {clip}; {end}."
    return figure


@drawn
def residual_histogram(picture: np.ndarray, residual: np.ndarray, words: str, limit: float = 64) -> BookFigure:
    """Histogram of a residual, on a logarithmic axis, with a bell curve of the same spread.

    Args:
        picture: `(H, W)` on the 8-bit scale, that the residual is of; only its spread is told.
        residual: `(H, W)` on the 8-bit scale.
        words: what was chosen, for the text alternative.
        limit: of the axis, in levels.

    Chapter: 5.
    """
    figure = slider_figure(3.3, (0.75, 0.5, 0.15, 0.1))
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


@drawn
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
    figure = slider_figure(3.6, (0.75, 0.5, 0.15, 0.35))
    ax: Axes = figure.subplots()
    told = []
    for name, dash, marker in (("residual", "-", "o"), ("non-residual", "--", "s")):
        color = network_color(name)
        x, y = _finite(*ours.get(name, ((), ())), 1e12)
        label = f"{name}, here" if len(y) else f"{name}: not run yet"
        ax.plot(x, y if low is None else np.maximum(y, low), linestyle=dash, color=color, label=label)
        told.append(f"{name} here ends at {y[-1]:.4g} after {x[-1]:.3g} epochs" if len(y) else label)
        if paper.get(name):
            said = ", ".join(f"{value:.2f}{'' if confirmed else '?'}" for _, value, confirmed in paper[name])
            told.append(f"the paper's {name}: {said}")
        for epoch, value, confirmed in paper.get(name, ()):
            face = color if confirmed else "white"
            shown = value if low is None else max(value, low)
            ax.plot(epoch, shown, marker, color=color, markerfacecolor=face, markersize=7)
    if level:
        ax.axhline(level[1], color=COLORS["grey"], linewidth=1)
        ax.annotate(level[0], (0.99, level[1]), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=9)
    if log:
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel=ylabel, xlim=(0, 82), xticks=[0, 20, 40, 60, 80])
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0, columnspacing=1)
    figure.alt = f"{words}. {'; '.join(told)}."
    return figure


@drawn
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
    figure, axes = new_figure(height=3.4)
    ax: Axes = axes[0, 0]
    words = []
    colors = colors_of(runs)
    for k, (label, by_rate) in enumerate(runs.items()):
        rates = sorted(by_rate)
        color = colors[k]
        means = [float(np.mean(by_rate[r])) for r in rates]
        ax.plot(rates, means, ("-", "--", "-.", ":")[k % 4], color=color)
        for r in rates:
            ax.plot([r] * len(by_rate[r]), by_rate[r], MARKS[k], color=color, label=label if r == rates[0] else None)
        best = rates[int(np.argmax(means))]
        words.append(f"{label} ends highest at {best:g}, with {max(means):.2f}")
    draw_levels(ax, level)
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1.2)
    figure.alt = f"{ylabel} against {xlabel}. {'; '.join(words)}."
    return figure
