"""The eight symmetries of the square: for a batch, one each; for images of any shape; for pixels in a file's order.

A symmetry is a number in [0, 8): bit 0 flips left-right, bit 1 up-down, bit 2 transposes (after the flips), which makes
every rotation by 90°.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

EXIF = {1: 0, 2: 1, 3: 3, 4: 2, 5: 4, 6: 6, 7: 7, 8: 5}
"""What makes a picture upright, by the orientation that its file states."""


def apply_symmetry(images: Tensor, symmetry: Tensor) -> Tensor:
    """Transform each square image of a batch by one of the eight symmetries of the square.

    Args:
        images: `(B, C, P, P)`.
        symmetry: `(B,)` int64 in [0, 8).

    Paper: section 5.1, "rotation or flip". Chapter: 7.
    """
    import torch

    bit = symmetry.view(-1, 1, 1, 1)
    images = torch.where((bit & 1).bool(), images.flip(-1), images)
    images = torch.where((bit & 2).bool(), images.flip(-2), images)
    return torch.where((bit & 4).bool(), images.transpose(-1, -2), images)


def orient(images: Tensor, symmetry: int) -> Tensor:
    """Images turned or mirrored by one of the eight symmetries of the square; they need not be square.

    Args:
        images: `(..., H, W)`.
        symmetry: in [0, 8).

    Errors: `InputError` for another symmetry.
    """
    _check_symmetry(symmetry)
    flips = _flips(symmetry)
    images = images.flip(flips) if flips else images
    return images.transpose(-1, -2).contiguous() if symmetry & 4 else images


def orient_back(images: Tensor, symmetry: int) -> Tensor:
    """What `orient` did with the same symmetry, undone. Errors: see `orient`."""
    _check_symmetry(symmetry)
    images = images.transpose(-1, -2) if symmetry & 4 else images
    flips = _flips(symmetry)
    return images.flip(flips) if flips else images.contiguous()


def orient_pixels(pixels: np.ndarray, symmetry: int) -> np.ndarray:
    """`orient` for pixels as files hold them.

    Args:
        pixels: `(H, W)` or `(H, W, C)`.
        symmetry: in [0, 8), see `EXIF`.

    Errors: `InputError` for another symmetry.
    """
    _check_symmetry(symmetry)
    pixels = pixels[:: -1 if symmetry & 2 else 1, :: -1 if symmetry & 1 else 1]
    return np.ascontiguousarray(pixels.swapaxes(0, 1) if symmetry & 4 else pixels)


def _check_symmetry(symmetry: int) -> None:
    if symmetry not in range(8):
        raise InputError(f"symmetry must be a whole number in [0, 8), got {symmetry!r}")


def _flips(symmetry: int) -> list[int]:
    return [axis for axis, bit in ((-1, 1), (-2, 2)) if symmetry & bit]
