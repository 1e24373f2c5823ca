"""Muon: momentum whose step is made orthogonal, one kernel at a time.

A gradient of a layer is a matrix, and a few of its directions are much larger than the rest. Adam
rescales single elements; Muon rescales the matrix's *directions*: each singular value of the step becomes
about one, so that no direction is starved. It comes after the paper, and is the optimiser of the
modern recipe, where it learned most for each sample that it saw.

Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
`torch.optim.Muon` takes matrices only, and rounds to bfloat16; here a kernel `(O, I, K, K)` is the
matrix `(O, I·K·K)`, and all is float32. Chapter: 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""a, b, c of X ← aX + b(XXᵀ)X + c(XXᵀ)²X, chosen by the authors for a steep start: it lifts small singular
values fast, and leaves all between about 0.7 and 1.2 instead of exactly at 1."""


def orthogonalize(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The matrix with the same singular vectors, and singular values near one.

    Args:
        matrix: `(M, N)` float, or a stack of such, `(..., M, N)`.
        iterations: of Newton and Schulz.

    Returns: the same shape; zeros for zeros.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrix / matrix.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-12)
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT  # the smaller Gram matrix
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Muon for the hidden kernels; Adam for what is no hidden matrix: first and last layer, and biases.

    Args:
        hidden: kernels `(O, I, K, K)` of the hidden layers.
        others: the other parameters.
        lr: of a hidden kernel: the spectral norm by which one step moves it is about this.
        momentum: of the gradient's moving average, with Nesterov's look-ahead.
        adam_ratio: Adam's learning rate as a share of `lr`.
    """

    def __init__(
        self,
        hidden: Iterable[Tensor],
        others: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        adam_ratio: float = 0.05,
    ):
        groups: list[dict[str, Any]] = [
            {"params": list(hidden), "orthogonal": True, "factor": 1.0},
            {"params": list(others), "orthogonal": False, "factor": adam_ratio},
        ]
        for group in groups:
            group["lr"] = lr * group["factor"]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": (0.9, 0.99), "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step along the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            move = self._orthogonal if group["orthogonal"] else self._adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(move(parameter.grad, self.state[parameter], group), alpha=-group["lr"])
        return loss

    @staticmethod
    def _orthogonal(gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(average, group["momentum"])
        rows = len(ahead)
        matrix = ahead.reshape(rows, -1)
        scale = max(1.0, rows / matrix.shape[1]) ** 0.5
        return scale * orthogonalize(matrix).reshape(gradient.shape)

    @staticmethod
    def _adam(gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
        if not state:
            state |= {"step": torch.zeros(()), "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
        first, second = group["betas"]
        state["step"] += 1
        mean = state["mean"].lerp_(gradient, 1 - first) / (1 - first ** float(state["step"]))
        square = state["square"].lerp_(gradient.square(), 1 - second) / (1 - second ** float(state["step"]))
        return mean / (square.sqrt() + group["eps"])
