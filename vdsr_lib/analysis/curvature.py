"""How sharply the loss bends: the largest curvature, and the learning rate that it allows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..training import residual_loss


def largest_curvature(
    model: nn.Module, interpolated: Tensor, high_res: Tensor, *, iterations: int = 30, tolerance: float = 1e-2
) -> float:
    """The eigenvalue of the loss's Hessian that is largest in size, by power iteration.

    The Hessian itself is never formed: its product with a vector is the gradient of the product of the
    gradient with that vector, one more backward pass.

    Args:
        model: takes and returns `(B, 1, P, P)` in [0, 1]; its weights and gradients stay as they are.
        interpolated, high_res: `(B, 1, P, P)` float in [0, 1], the batch that the loss is taken on.
        iterations: at most so many products, ≥ 1.
        tolerance: stop when the value changes by less than this share of itself.

    Returns: the eigenvalue; below zero when the loss bends down most.
    Errors: `InputError` unless iterations is ≥ 1.
    Source: Pearlmutter 1994 for the product. Chapters: 5, 6.
    """
    if iterations < 1:
        raise InputError(f"iterations must be >= 1, got {iterations!r}")
    parameters = [p for p in model.parameters() if p.requires_grad]
    loss = residual_loss(model(interpolated), high_res)
    gradient = torch.autograd.grad(loss, parameters, create_graph=True)
    # A generator of our own: the same answer each time, and the global random numbers stay as they are.
    generator = torch.Generator().manual_seed(0)
    vector = [torch.randn(p.shape, generator=generator).to(p) for p in parameters]
    found = 0.0
    for _ in range(iterations):
        length = _inner(vector, vector).sqrt()
        if not length > 0:
            return 0.0
        vector = [v / length for v in vector]
        product = [h.detach() for h in torch.autograd.grad(gradient, parameters, vector, retain_graph=True)]
        before, found = found, float(_inner(vector, product))
        if abs(found - before) <= tolerance * abs(found):
            break
        vector = product
    return found


def _inner(one: list[Tensor], other: list[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(one, other, strict=True)]).sum()


def largest_stable_rate(curvature: float, momentum: float = 0.0) -> float:
    """The learning rate above which gradient descent with momentum leaves a bowl of this curvature: 2(1 + μ)/λ.

    Args:
        curvature: λ > 0, of the steepest direction.
        momentum: μ in [0, 1).

    Errors: `InputError` for a curvature that is not > 0 or a momentum outside [0, 1).
    Chapters: 5, 6.
    """
    if not curvature > 0 or not 0 <= momentum < 1:
        raise InputError(f"wanted curvature > 0 and momentum in [0, 1), got {curvature!r} and {momentum!r}")
    return 2 * (1 + momentum) / curvature
