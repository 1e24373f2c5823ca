"""The two networks of the paper: `VDSR`, and `SRCNN` to compare it with.

Both take the *interpolated* luma `(N, 1, H, W)` in [0, 1] and return the high-resolution luma of the
same size. Nothing here knows of scales, colours or training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .errors import InputError


class VDSR(nn.Module):
    """A chain of 3×3 convolutions that predicts the residual, and adds it to its input.

    Args:
        depth: number of convolutions, ≥ 2. The paper's is 20; its receptive field is 2·depth + 1.
        width: channels of the hidden layers. The paper's is 64.
        residual: add the input to the output (the paper's `r = y − x`). False gives the
            "non-residual" network of table 1, which must carry the whole image through its layers.
        bias: convolutions have biases, as in the authors' release.

    The default has 664,704 weights and 1,217 biases.

    Paper: sections 3.1 and 3.2. Chapters: 4, 5.
    """

    def __init__(self, depth: int = 20, width: int = 64, *, residual: bool = True, bias: bool = True):
        super().__init__()
        if not (isinstance(depth, int) and isinstance(width, int) and depth >= 2 and width >= 1):
            raise InputError(f"depth must be a whole number >= 2 and width >= 1, got depth={depth!r}, width={width!r}")
        self.depth, self.width, self.residual = depth, width, residual
        channels = [1] + [width] * (depth - 1) + [1]
        self.convs = nn.ModuleList(
            nn.Conv2d(channels[k], channels[k + 1], kernel_size=3, padding=1, bias=bias) for k in range(depth)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He initialisation with the fan-in: σ = √(2 / (9·channels in)); biases zero.

        Paper: section 5.2, citing He et al. 2015. Chapter: 4.
        """
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d)
            nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)

    def predict_residual(self, interpolated: Tensor) -> Tensor:
        """The chain alone, without the sum: `(N, 1, H, W)` → `(N, 1, H, W)`."""
        check_luma_batch(interpolated)
        features = interpolated  # (N, 1, H, W)
        for conv in self.convs[:-1]:
            features = torch.relu_(conv(features))  # (N, width, H, W)
        return self.convs[-1](features)  # (N, 1, H, W)

    def forward(self, interpolated: Tensor) -> Tensor:
        """High-resolution luma from interpolated luma, both `(N, 1, H, W)` in [0, 1]."""
        prediction = self.predict_residual(interpolated)
        return interpolated + prediction if self.residual else prediction


def silence_(network: nn.Module) -> None:
    """Zero a network's last convolution, so that a VDSR begins at the interpolated image.

    Chapters: 5, 9.
    """
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


class SRCNN(nn.Module):
    """Dong et al.'s three layers: patch extraction, non-linear mapping, reconstruction; or more, as they tried.

    Args:
        kernels: side of each kernel, odd; three or more. (9, 1, 5) has 8,032 weights and sees 13×13 pixels;
            (9, 5, 5) has 57,184 weights and sees 17×17; (9, 1, 1, 5) is one of the deeper ones.
        widths: channels after each layer but the last.
        padding: `"same"` pads with zeros so that the size stays; `"replicate"` repeats the edge before each
            layer, as the original did in testing; `"valid"` does not pad, as the original did in
            training, and returns `sum(kernels) − len(kernels)` pixels less on each axis.

    Errors: `InputError` for fewer kernels, even ones, another number of widths, or another padding.

    Source: Dong et al. 2014, section 3; deeper: Dong et al. 2016, section 4.3.3.
    Paper: section 2.1. Chapter: 3.
    """

    def __init__(
        self,
        kernels: tuple[int, ...] = (9, 1, 5),
        widths: tuple[int, ...] = (64, 32),
        *,
        padding: str = "same",
    ):
        super().__init__()
        if len(kernels) < 3 or not all(isinstance(k, int) and k >= 1 and k % 2 == 1 for k in kernels):
            raise InputError(f"kernels must be three or more odd sides, got {kernels!r}")
        if len(widths) != len(kernels) - 1 or not all(isinstance(w, int) and w >= 1 for w in widths):
            raise InputError(f"widths must be {len(kernels) - 1} whole numbers >= 1, got {widths!r}")
        if padding not in ("same", "replicate", "valid"):
            raise InputError(f"padding must be 'same', 'replicate' or 'valid', got {padding!r}")
        self.kernels, self.widths, self.padding = kernels, widths, padding
        channels = (1, *widths, 1)
        self.convs = nn.ModuleList(
            nn.Conv2d(
                channels[k],
                channels[k + 1],
                kernels[k],
                padding=0 if padding == "valid" else kernels[k] // 2,
                padding_mode="replicate" if padding == "replicate" else "zeros",
            )
            for k in range(len(kernels))
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Gaussian with σ = 0.001, biases zero (Dong et al. 2016, section 3.4)."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            nn.init.normal_(conv.weight, std=1e-3)
            nn.init.zeros_(conv.bias)

    def forward(self, interpolated: Tensor) -> Tensor:
        """High-resolution luma from interpolated luma, `(N, 1, H, W)` in [0, 1]."""
        check_luma_batch(interpolated)
        *inner, last = self.convs
        described = interpolated
        for conv in inner:
            described = torch.relu_(conv(described))  # (N, 64, H, W), then (N, 32, H, W)
        return last(described)  # (N, 1, H, W)


def check_luma_batch(x: Tensor) -> None:
    """Raise `InputError` unless `x` is `(N, 1, H, W)` floating point."""
    if x.ndim != 4 or x.shape[1] != 1 or not x.is_floating_point():
        raise InputError(f"wanted a float luma batch (N, 1, H, W), got {tuple(x.shape)} {x.dtype}")


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """`(weights, biases)` of a model's convolutions, as the paper counts them."""
    weights = sum(p.numel() for name, p in model.named_parameters() if name.endswith("weight"))
    return weights, sum(p.numel() for p in model.parameters()) - weights
