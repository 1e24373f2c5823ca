"""The network as a drawing: its layers, and what goes from each to the next."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from ...errors import InputError
from .style import COLORS, BookFigure, drawn, new_figure


def _arrow(ax: Axes, *points: tuple[float, float], color: str = "#444444") -> None:
    """A line through points, with a head at its end."""
    for start, end in pairwise(points[:-1]):
        ax.plot(*zip(start, end, strict=True), color=color, linewidth=1.6, solid_capstyle="projecting")
    ax.add_patch(
        FancyArrowPatch(
            *points[-2:], arrowstyle="-|>", mutation_scale=13, color=color, linewidth=1.6, shrinkA=0, shrinkB=0
        )
    )


def _box(ax: Axes, middle: tuple[float, float], width: float, height: float, words: str, face: str) -> None:
    x, y = middle
    style = "round,pad=0,rounding_size=0.12"
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=face, edgecolor="#444444", linewidth=1.2)
    )
    ax.text(x, y, words, ha="center", va="center")


@drawn
def network_drawing(depth: int, width: int, kernel: int = 3) -> BookFigure:
    """VDSR from its input to its output, with the shapes on the arrows, each layer's weights, and the field so far.

    Args:
        depth: number of layers, at least 3.
        width: channels between layers.
        kernel: side of the kernels, odd.

    Errors: `InputError` for fewer than three layers.
    Paper: section 3.1, figure 2. Chapter: 5.
    """
    if depth < 3:
        raise InputError(f"wanted at least 3 layers to draw, got {depth}")
    area, per_layer = kernel**2, kernel - 1
    field = [1 + per_layer * layers for layers in (1, depth - 1, depth)]
    inner = depth - 2
    total = 2 * area * width + inner * area * width**2
    rows = (
        ("layer 1", f"{kernel} × {kernel}, 1 → {width}, ReLU", f"{area * width:,}", field[0]),
        (f"layers 2 to {depth - 1}", f"{kernel} × {kernel}, {width} → {width}, ReLU",
         f"{inner} × {area * width * width:,}", field[1]),
        (f"layer {depth}", f"{kernel} × {kernel}, {width} → 1", f"{area * width:,}", field[2]),
    )  # fmt: skip
    figure, axes = new_figure(height=5.3)
    ax: Axes = axes[0, 0]
    ax.set(xlim=(0, 10.6), ylim=(0.1, 10.5), xticks=[], yticks=[])
    ax.axis("off")
    middle, tall = 4.3, 1.15
    heights = (7.75, 5.4, 3.05)
    one, many = "1 × H × W", f"{width} × H × W"
    ax.text(middle, 10.2, "x, the interpolated luma", ha="center", va="center")
    ax.text(8.3, 9.45, "weights", ha="center", va="center", color="#555555")
    ax.text(9.95, 9.45, "field", ha="center", va="center", color="#555555")
    _arrow(ax, (middle, 9.9), (middle, heights[0] + tall / 2))
    ax.text(middle + 0.2, 9.0, one, va="center", color=COLORS["blue"])
    for k, (name, what, weights, side) in enumerate(rows):
        y = heights[k]
        if k == 1:  # several layers: sheets behind the front one
            for shift in (0.24, 0.12):
                corner = (middle - 2.35 + shift, y - tall / 2 + shift)
                style = "round,pad=0,rounding_size=0.12"
                ax.add_patch(
                    FancyBboxPatch(
                        corner, 4.7, tall, boxstyle=style, facecolor="#e3f1fa", edgecolor="#444444", linewidth=1
                    )
                )
        _box(ax, (middle, y), 4.7, tall, f"{name}\n{what}", "#e3f1fa")
        ax.text(8.3, y, weights, ha="center", va="center")
        ax.text(9.95, y, f"{side}", ha="center", va="center")
        below = heights[k + 1] + tall / 2 + (0.24 if k == 0 else 0) if k < 2 else 1.5
        _arrow(ax, (middle, y - tall / 2), (middle, below))
        label = many if k < 2 else f"{one}, the residual"
        ax.text(middle + 0.2, (y - tall / 2 + below) / 2, label, va="center", color=COLORS["blue"])
    ax.add_patch(Circle((middle, 1.2), 0.3, facecolor="white", edgecolor="#444444", linewidth=1.2))
    ax.text(middle, 1.2, "+", ha="center", va="center", fontsize=14)
    _arrow(ax, (middle, 9.55), (0.85, 9.55), (0.85, 1.2), (middle - 0.3, 1.2), color=COLORS["orange"])
    ax.text(0.55, 5.4, "x, unchanged", rotation=90, ha="center", va="center", color=COLORS["orange"])
    _arrow(ax, (middle, 0.9), (middle, 0.55))
    ax.text(middle, 0.3, f"ŷ = x + f(x), {one}", ha="center", va="center")
    ax.text(8.3, 1.2, f"{total:,}", ha="center", va="center", weight="bold")
    ax.text(9.95, 1.2, f"{field[2]}", ha="center", va="center", weight="bold")
    ax.plot([7.2, 10.4], [1.58, 1.58], color="#444444", linewidth=1)
    figure.alt = (
        f"From above: the interpolated luma, {one}, goes into layer 1, which makes {many} of it. Layers 2 to "
        f"{depth - 1} keep that shape; layer {depth} makes {one} of it, the residual. Beside the layers runs a line "
        f"with the input, unchanged; at the end both are added. The {depth} layers have {total:,} weights; the field "
        f"grows from {field[0]} after layer 1 to {field[2]}."
    )
    return figure
