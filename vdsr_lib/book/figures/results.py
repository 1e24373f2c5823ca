"""Figures of results: scores, what a protocol costs, where the ledger's rows stand, what a machine can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ...errors import InputError
from .style import COLORS, MARKS, BookFigure, colors_of, draw_levels, drawn, new_figure, wrapped


@drawn
def slip_costs(costs: Mapping[str, Mapping[str, float]], unit: str = "dB") -> BookFigure:
    """What each departure from a protocol adds to the score or takes from it.

    Args:
        costs: `costs[group][slip]`, such as `costs["×2"]["RGB instead of Y"] = -1.9`; the groups share their slips.
        unit: of the numbers.

    Chapter: 1.
    """
    slips = list(next(iter(costs.values())))
    figure, axes = new_figure(height=0.62 * len(slips) + 1.1)
    ax: Axes = axes[0, 0]
    ax.axvline(0, color="#444444", linewidth=1)
    for k, (group, values) in enumerate(costs.items()):
        offset = (k - (len(costs) - 1) / 2) * 0.22
        ax.plot([values[s] for s in slips], np.arange(len(slips)) + offset, "osD^v"[k % 5], label=group)
    ax.set_yticks(range(len(slips)), [wrapped(s, 24) for s in slips], fontsize=9.5)
    ax.invert_yaxis()
    ax.set_xlabel(f"change in {unit}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.35, -0.16), ncols=len(costs), handletextpad=0.2, columnspacing=1)
    figure.alt = f"Change in {unit} for each slip: " + "; ".join(
        f"{s} {', '.join(f'{v[s]:+.2f} at {g}' for g, v in costs.items())}" for s in slips
    )
    return figure


@drawn
def quality_bars(names: Sequence[str], psnr: Sequence[float], ssim: Sequence[float]) -> BookFigure:
    """PSNR and SSIM of the same pictures, side by side.

    Chapter: 1.
    """
    figure, axes = new_figure(1, 2, height=0.42 * len(names) + 0.8, sharey=True)
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


@drawn
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
    figure, axes = new_figure(height=3.2)
    ax: Axes = axes[0, 0]
    marks = zip(scores.items(), ("o-", "s--", "D-.", "^:"), colors_of(scores), strict=False)
    for (label, (depths, values)), mark, color in marks:
        ax.plot(depths, values, mark, color=color, label=label)
    draw_levels(ax, level)
    ax.set(xlabel="depth (layers)", ylabel=ylabel)
    ax.set_xticks(sorted({d for depths, _ in scores.values() for d in depths}))
    ax.legend()
    figure.alt = f"{ylabel} against depth. " + "; ".join(
        f"{label}: " + ", ".join(f"{v:.1f} at {d}" for d, v in zip(depths, values, strict=True))
        for label, (depths, values) in scores.items()
    )
    return figure


@drawn
def score_by_time(points: Mapping[str, tuple[float, float]], *, xlabel: str, ylabel: str) -> BookFigure:
    """Quality against time, one point a method.

    Args:
        points: `(seconds, score)` by label; seconds > 0.
        xlabel, ylabel: with units.

    Paper: figure 1. Chapter: 8.
    """
    figure, axes = new_figure(height=3.2)
    ax: Axes = axes[0, 0]
    for (label, (seconds, score)), mark, color in zip(points.items(), MARKS, colors_of(points), strict=False):
        ax.plot([seconds], [score], mark, color=color, markersize=9, label=label)
    ax.set_xscale("log")
    ax.margins(0.12)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1.2)
    figure.alt = f"{ylabel} against {xlabel}. " + "; ".join(
        f"{label}: {score:.2f} in {seconds:.2g}" for label, (seconds, score) in points.items()
    )
    return figure


# How a row of the ledger stands: its colour, and the colour of the number on it.
_STATES = {
    "reproduced": ("blue", "white"),
    "recomputed": ("sky", "black"),
    "above": ("green", "white"),
    "below": ("orange", "white"),
    "run": ("black", "white"),
    "shortened": ("purple", "black"),
    "partial": ("yellow", "black"),
    "not yet run": ("light", "black"),
    "not run here": ("grey", "white"),
}


@drawn
def paper_against_here(groups: Mapping[str, Sequence[tuple[float, float]]], *, low: float, unit: str) -> BookFigure:
    """Published numbers against measured ones: a mark on the diagonal came out again.

    Args:
        groups: pairs `(published, measured)` by what was measured.
        low: what lies below is drawn at the lower edge, as a triangle.
        unit: of both axes.

    Chapter: 8.
    """
    figure, axes = new_figure(height=4.4)
    ax: Axes = axes[0, 0]
    top = max(max(pair) for pairs in groups.values() for pair in pairs) + 0.5
    ax.plot([low, top], [low, top], color="#444444", linewidth=1)
    told = []
    for k, (label, pairs) in enumerate(groups.items()):
        x, y = np.array(pairs, dtype=float).reshape(-1, 2).T
        (line,) = ax.plot(x[y >= low], y[y >= low], MARKS[k % len(MARKS)], label=label, markersize=5, alpha=0.8)
        ax.plot(x[y < low], np.full((y < low).sum(), low), "v", color=line.get_color(), markersize=6)
        if len(x):
            told.append(f"{label}: {len(x)} numbers, differences from {(y - x).min():+.2f} to {(y - x).max():+.2f}")
    ax.set(
        xlabel=f"the paper ({unit})", ylabel=f"here ({unit})", xlim=(low, top), ylim=(low - 0.3, top), aspect="equal"
    )
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1, handletextpad=0.4)
    figure.alt = f"Measured against published numbers, in {unit}. {'; '.join(told)}.".replace("-", "−")
    return figure


@drawn
def gain_map(gains: Mapping[str, np.ndarray], rows: Sequence[str], columns: Sequence[str], unit: str) -> BookFigure:
    """Gains over a common start as coloured tables, one above the other, on one scale of colours.

    Args:
        gains: `(rows, columns)` each, by title; NaN where nothing was run.
        rows, columns: their names.
        unit: of the gains.

    Chapter: 7.
    """
    figure, axes = new_figure(len(gains), height=1.7 * len(gains) + 0.5)
    limit = max(float(np.nanmax(np.abs(values))) for values in gains.values())
    told = []
    for ax, (title, values) in zip(axes[:, 0], gains.items(), strict=True):
        ax.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        for i, j in np.ndindex(values.shape):
            text = "not run" if np.isnan(values[i, j]) else f"{values[i, j]:+.1f}".replace("-", "−")
            dark = abs(np.nan_to_num(values[i, j])) > 0.55 * limit
            ax.text(j, i, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
        ax.set_xticks(range(len(columns)), columns, fontsize=9)
        ax.set_yticks(range(len(rows)), rows)
        ax.grid(False)
        ax.set_title(f"{title} ({unit})", loc="left", fontsize=10)
        cells = [f"{columns[j]} at {rows[i]} {values[i, j]:+.1f}" for i, j in np.ndindex(values.shape)]
        told.append(f"{title}: {', '.join(cells)}")
    figure.alt = ". ".join(told).replace("-", "−").replace("+nan", "not run").replace("nan", "not run")
    return figure


@drawn
def ledger_states(counts: Mapping[str, Mapping[str, int]]) -> BookFigure:
    """How many rows of the ledger stand where, one bar for each table or figure of the paper.

    Args:
        counts: `counts[item][status]`, with the statuses of the ledger's rows.

    Errors: `InputError` for an unknown status.
    Chapter: 8.
    """
    figure, axes = new_figure(height=0.5 * len(counts) + 1.7)
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


@drawn
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
    figure, axes = new_figure(height=0.3 * len(cells) + 1.6)
    ax: Axes = axes[0, 0]
    ax.axvspan(-band, band, color=COLORS["sky"], alpha=0.25, linewidth=0, label=label)
    ax.axvline(0, color="#444444", linewidth=1)
    colors = colors_of(groups)
    for k, (method, values) in enumerate(groups.items()):
        at = [cells.index(cell) + (k - (len(groups) - 1) / 2) * 0.25 for cell in values]
        ax.plot(list(values.values()), at, "osD^v"[k % 5], color=colors[k], label=method)
    ax.set_yticks(range(len(cells)), [wrapped(cell, 24) for cell in cells], fontsize=9.5)
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1, handletextpad=0.4)
    figure.alt = f"{xlabel}. " + "; ".join(
        f"{method}: " + ", ".join(f"{cell} {value:+.4f}" for cell, value in values.items())
        for method, values in groups.items()
    ).replace("-", "−")
    return figure


@drawn
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
    figure, axes = new_figure(height=3.8)
    ax: Axes = axes[0, 0]
    words = []
    for k, (label, (x, y)) in enumerate(sets.items()):
        # Many marks are drawn light, few dark.
        color = COLORS[("sky", "orange", "black")[k % 3]]
        ax.plot(x, y, MARKS[k], color=color, markersize=5, alpha=0.85, label=label)
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


@drawn
def roofline(peak: float, bandwidth: float, points: Mapping[str, tuple[float, float]]) -> BookFigure:
    """What a machine can reach against how much is computed for each byte, and where some layers stand.

    Args:
        peak: in FLOP/s.
        bandwidth: in bytes/s.
        points: `(FLOP for each byte, FLOP/s reached)` by label.

    Source: Williams et al. 2009, figure 1. Chapter: 10.
    """
    figure, axes = new_figure(height=3.6)
    ax: Axes = axes[0, 0]
    reach = [x for x, _ in points.values()] + [peak / bandwidth]
    x = np.geomspace(min(reach) / 4, max(reach) * 4, 200)
    ax.loglog(x, np.minimum(peak, bandwidth * x) / 1e9, color=COLORS["black"], label="the roof")
    words = [f"The roof rises to {peak / 1e9:.0f} GFLOP/s at {peak / bandwidth:.1f} FLOP a byte"]
    for k, (label, (intensity, reached)) in enumerate(points.items()):
        color = list(COLORS.values())[k % 6]
        ax.plot(intensity, reached / 1e9, MARKS[k % 7], color=color, markersize=8, label=label)
        share = reached / min(peak, bandwidth * intensity)
        words.append(f"{label}: {intensity:.1f} FLOP a byte, {reached / 1e9:.0f} GFLOP/s, {share:.0%} of the roof")
    ax.minorticks_off()
    ax.set(xlabel="FLOP for each byte moved", ylabel="GFLOP/s")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3, columnspacing=1)
    figure.alt = "; ".join(words) + "."
    return figure
