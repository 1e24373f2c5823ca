"""Self-checks: what a batch is made of, and how its parts add up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_loss_shares(answer: Callable[[Any], Mapping[int, float]]) -> str:
    """The share of the loss that each scale has in a set of patches, `loss_shares(patches)`, for f = 0."""
    import torch

    from ...patches import Patches

    function = as_function(answer)
    generator = torch.Generator().manual_seed(7)
    # Not as many patches of each scale, so that a mean and a sum are told apart.
    scale = torch.tensor([2] * 5 + [3] * 3 + [4] * 2)
    high_res = torch.rand(10, 1, 9, 9, generator=generator)
    interpolated = high_res + 0.02 * scale.view(-1, 1, 1, 1) * torch.randn(10, 1, 9, 9, generator=generator)
    patches = Patches(interpolated, high_res, scale)
    squares = (high_res - interpolated).square().sum(dim=(1, 2, 3))
    sums = {s: float(squares[scale == s].sum()) for s in (2, 3, 4)}
    means = {s: float(squares[scale == s].mean()) for s in (2, 3, 4)}
    got = answered(function(patches))
    if not isinstance(got, Mapping) or {int(k) for k in got} != {2, 3, 4}:
        raise WrongAnswer("a dictionary from scale to share is wanted, with the scales of the patches as keys.")
    given = {int(k): as_number(v) for k, v in got.items()}
    if abs(sum(given.values()) - 1) > 1e-3:
        raise WrongAnswer(f"the shares sum to {sum(given.values()):.3f}, wanted 1.")
    wanted = {s: v / sum(sums.values()) for s, v in sums.items()}
    by_mean = {s: v / sum(means.values()) for s, v in means.items()}
    if max(abs(given[s] - wanted[s]) for s in wanted) > 1e-3:
        if max(abs(given[s] - by_mean[s]) for s in by_mean) < 1e-3:
            raise WrongAnswer(
                "those are the shares if each scale had as many patches. Sum over the patches, so "
                "that a scale with more of them counts more."
            )
        raise WrongAnswer(
            f"for a test set it gives {given[2]:.3f}, {given[3]:.3f}, {given[4]:.3f}, wanted "
            f"{wanted[2]:.3f}, {wanted[3]:.3f}, {wanted[4]:.3f}."
        )
    return "A mixture in equal numbers is not one in equal weights."


@exercise
def check_balanced_batch(answer: Callable[[Any, int, Any], Any]) -> str:
    """A batch with as many patches of each scale, `balanced(scale, each, generator)`: their indices."""
    import torch

    function = as_function(answer)
    scale = torch.tensor([2, 3, 4, 2, 2, 4, 3, 2, 4, 3, 2, 2, 3, 4, 4, 2])
    seen: set[int] = set()
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        got = answered(function(scale.clone(), 3, generator))
        index = torch.as_tensor(got).reshape(-1)
        if len(index) != 9 or index.is_floating_point() or int(index.min()) < 0 or int(index.max()) >= len(scale):
            raise WrongAnswer(f"3 of each of 3 scales are 9 indices in [0, {len(scale)}), got {index.tolist()}.")
        counts = {s: int((scale[index] == s).sum()) for s in (2, 3, 4)}
        if set(counts.values()) != {3}:
            raise WrongAnswer(f"patches of the scales 2, 3, 4: {list(counts.values())}, wanted 3 of each.")
        if len(set(index.tolist())) != 9:
            raise WrongAnswer("a patch comes twice in the same batch. Shuffle those of a scale, and take the first.")
        again = torch.as_tensor(function(scale.clone(), 3, torch.Generator().manual_seed(seed))).reshape(-1)
        if not torch.equal(index, again):
            raise WrongAnswer("the same seed gives another batch. Draw from the generator that is handed over.")
        seen |= set(index.tolist())
    if seen != set(range(len(scale))):
        raise WrongAnswer(
            f"patches {sorted(set(range(len(scale))) - seen)} never come up in 40 batches. Draw at random."
        )
    return "Now each batch has the same mixture, to the patch."


@exercise
def check_unequal_batches(answer: Callable[[Sequence[np.ndarray], Sequence[int]], np.ndarray]) -> str:
    """The batch's gradient from those of unequal parts, `combine(gradients, counts)`, each a mean over its samples."""
    function = as_function(answer)
    rng = np.random.default_rng(11)
    samples = rng.normal(size=(16, 3)) + np.arange(16)[:, None]
    for total, cuts in ((16, [8]), (16, [5, 10]), (11, [1, 4])):
        parts = np.split(samples[:total], cuts)
        gradients, counts = [part.mean(0) for part in parts], [len(part) for part in parts]
        got = np.asarray(answered(function(gradients, counts)), dtype=float)
        if got.shape != (3,):
            raise WrongAnswer(f"wanted a gradient of the shape of each, (3,), got {got.shape}.")
        if np.allclose(got, samples[:total].mean(0)):
            continue
        if np.allclose(got, np.mean(gradients, axis=0)):
            raise WrongAnswer(
                f"for parts of {counts} samples the plain mean gives a small part's samples too much weight."
            )
        if np.allclose(got, samples[:total].sum(0)):
            raise WrongAnswer("that is the sum over the samples. Divide by how many there are.")
        raise WrongAnswer(f"for parts of {counts} samples: weigh each gradient by its share of the samples.")
    return ""
