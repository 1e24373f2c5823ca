"""Arrays as pictures: signed, coloured, framed, set in a grid; pixels to be looked at, not drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...errors import InputError
from ..display import png_bytes
from .style import COLORS


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


def filter_mosaic(weights: np.ndarray, columns: int = 8) -> np.ndarray:
    """Filters side by side as one picture: red adds, blue takes away, white is zero; each in its own range.

    Args:
        weights: `(N, k, k)`.
        columns: filters in a row.

    Returns: uint8 `(rows·(k+1) − 1, columns·(k+1) − 1, 3)`; the lines between the filters are grey.
    Chapter: 3.
    """
    count, side, _ = weights.shape
    rows = -(-count // columns)
    mosaic = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1, 3), 170, dtype=np.uint8)
    for k, weight in enumerate(weights):
        top, left = (k // columns) * (side + 1), (k % columns) * (side + 1)
        strongest = np.abs(weight).max() or 1.0
        mosaic[top : top + side, left : left + side] = colored_picture(weight, -strongest, strongest, "RdBu_r")
    return mosaic


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
