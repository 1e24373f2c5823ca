"""The self-ensemble: a network's answers to the eight symmetries of its input, averaged."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .symmetry import orient, orient_back


class SelfEnsemble(nn.Module):
    """The mean of a network's eight answers to a picture turned and mirrored, each turned back.

    It commutes with all eight symmetries of the square, bit for bit in float32: the answers are the same eight, and
    their sum is taken in float64, where the order does not matter. It costs eight runs of the network, and sees as far.

    Args:
        network: `(N, 1, H, W)` → the same size.

    Source: Timofte et al. 2016, section 3.6; Lim et al. 2017, section 3.4 ("geometric self-ensemble"). Chapter: 9.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def answers(self, interpolated: Tensor) -> Tensor:
        """The eight answers, turned back: `(N, 1, H, W)` → `(8, N, 1, H, W)`; the first is the network's own."""
        return torch.stack([orient_back(self.network(orient(interpolated, k)), k) for k in range(8)])

    def forward(self, interpolated: Tensor) -> Tensor:
        """Their mean, `(N, 1, H, W)`."""
        return self.answers(interpolated).double().mean(0).to(interpolated.dtype)
