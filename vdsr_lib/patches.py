"""From whole images to patch tensors that stay on the device; augmentation on the fly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .degradation import degrade, modcrop
from .errors import InputError
from .images import luma, to_uint8
from .symmetry import apply_symmetry


@dataclass(frozen=True, eq=False)
class Patches:
    """All training pairs, in tensors on one device.

    Attributes:
        interpolated: `(N, 1, P, P)` float32 in [0, 1], the network's input.
        high_res: `(N, 1, P, P)` float32 in [0, 1], the target.
        scale: `(N,)` int64, the scale that each pair was made with.
    """

    interpolated: Tensor
    high_res: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.scale)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.scale.device

    def to(self, device: torch.device | str) -> Patches:
        """The same patches on another device."""
        return Patches(self.interpolated.to(device), self.high_res.to(device), self.scale.to(device))

    def batch(self, index: Tensor, symmetry: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The pairs at `index`, each turned and flipped by its own element of the dihedral group.

        Args:
            index: `(B,)` int64 in [0, N).
            symmetry: `(B,)` int64 in [0, 8), or None for the patches as they are.

        Returns: `(interpolated, high_res)`, each `(B, 1, P, P)`.
        """
        index = index.to(self.device)
        pair = torch.cat([self.interpolated[index], self.high_res[index]], dim=1)  # (B, 2, P, P)
        if symmetry is not None:
            pair = apply_symmetry(pair, symmetry.to(self.device))
        return pair[:, :1], pair[:, 1:]


def extract_patches(
    images: Iterable[np.ndarray],
    scales: Sequence[int] = (2, 3, 4),
    *,
    size: int = 41,
    stride: int = 41,
    data_range: float | None = None,
) -> Patches:
    """Degrade whole images, then cut them into patches.

    The order matters: a patch cut first would be filtered with a made-up border, 4 pixels wide at ×2.

    Args:
        images: `(H, W)` or `(H, W, 3)`.
        scales: whole numbers ≥ 1; the patches of all of them come mixed in one set.
        size, stride: in pixels. The paper's patches are as large as the receptive field, 41, and do
            not overlap.
        data_range: of floats, 1 or 255; see `images.data_range_of`.

    Returns: `Patches` on the CPU, ordered by image, scale, row, column.
    Errors: `InputError` on a size or stride < 1, no scales, floats without their range, or when no image gives a patch.
    Paper: section 3.2, "Multi-Scale". Chapter: 7.
    """
    if size < 1 or stride < 1 or not scales:
        raise InputError(f"wanted size >= 1, stride >= 1 and scales, got {size}, {stride}, {tuple(scales)}")
    inputs, targets, of_scale = [], [], []
    for image in images:
        # The luma is rounded to 8 bits, as MATLAB's rgb2ycbcr gives it for an 8-bit image.
        y = to_uint8(luma(image, data_range=data_range), data_range=255).astype(np.float64) / 255
        for scale in scales:
            if min(y.shape) < max(size, scale):
                continue
            high_res = modcrop(y, scale)
            pair = torch.from_numpy(np.stack([degrade(high_res, scale).interpolated, high_res]).astype(np.float32))
            if min(high_res.shape) < size:
                continue
            tiles = pair.unfold(1, size, stride).unfold(2, size, stride)  # (2, rows, columns, P, P)
            tiles = tiles.reshape(2, -1, 1, size, size)
            inputs.append(tiles[0])
            targets.append(tiles[1])
            of_scale.append(torch.full((tiles.shape[1],), scale))
    if not inputs:
        raise InputError(f"no image is large enough for a {size}x{size} patch")
    return Patches(torch.cat(inputs), torch.cat(targets), torch.cat(of_scale))


def count_patches(
    shapes: Iterable[tuple[int, ...]], scales: Sequence[int] = (2, 3, 4), *, size: int = 41, stride: int = 41
) -> int:
    """How many patches `extract_patches` would make, from the images' shapes alone.

    Args:
        shapes: `(H, W, …)` of each image.
        scales, size, stride: as in `extract_patches`.
    """
    total = 0
    for shape in shapes:
        for scale in scales:
            rows, columns = ((side - side % scale - size) // stride + 1 for side in shape[:2])
            total += max(0, rows) * max(0, columns)
    return total


def loss_by_scale(patches: Patches) -> dict[int, float]:
    """The loss of a network that says nothing, ½‖y − x‖² averaged over the patches of each scale.

    Paper: section 3.2 mixes the scales in one set; what each then weighs is its part of the loss. Chapter: 7.
    """
    each = 0.5 * (patches.high_res - patches.interpolated).double().square().sum(dim=(1, 2, 3))
    return {int(s): float(each[patches.scale == s].mean()) for s in patches.scale.unique()}
