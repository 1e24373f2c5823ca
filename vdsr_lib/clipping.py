"""Gradient clipping: the paper's adjustable clip by value, and the usual clip by norm to compare with."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .errors import InputError


@torch.no_grad()
def clip_by_value_(parameters: Iterable[nn.Parameter], theta: float, learning_rate: float) -> Tensor:
    """Hold each gradient element to [−θ/γ, θ/γ], in place.

    The bound grows as the learning rate γ falls, so that the largest possible step, γ · θ/γ = θ,
    stays the same for the whole training. To be called after the backward pass and before weight
    decay and momentum.

    Args:
        parameters: parameters with `.grad`; those without are passed over.
        theta: θ > 0, the largest change of a weight in a plain gradient step. Not in the paper.
        learning_rate: γ > 0, the current rate.

    Returns: scalar tensor on the gradients' device: the share of elements that were clipped, in [0, 1].
    Errors: `InputError` unless θ and γ are > 0 (NaN included).
    Paper: section 3.2, "Adjustable Gradient Clipping". Chapter: 6.
    """
    if not theta > 0 or not learning_rate > 0:
        raise InputError(f"theta and learning_rate must be > 0, got {theta!r} and {learning_rate!r}")
    bound = theta / learning_rate
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    clipped = torch.stack([(g.abs() > bound).sum() for g in gradients]).sum()
    for gradient in gradients:
        gradient.clamp_(-bound, bound)
    return clipped / sum(g.numel() for g in gradients)


@torch.no_grad()
def clip_by_norm_(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients together so that their joint L2 norm is at most `max_norm`, in place.

    Returns: scalar tensor, the norm before clipping.
    Errors: `InputError` unless `max_norm` > 0.
    Source: Pascanu et al. 2013, algorithm 1. Chapter: 6.
    """
    if not max_norm > 0:
        raise InputError(f"max_norm must be > 0, got {max_norm!r}")
    return nn.utils.clip_grad_norm_(list(parameters), max_norm)
