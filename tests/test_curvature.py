"""Curvature against Hessians that are known, and the stable rate against descent itself."""

import pytest
import torch
from torch import nn

from vdsr_lib.analysis.curvature import largest_curvature, largest_stable_rate
from vdsr_lib.errors import InputError
from vdsr_lib.models import VDSR
from vdsr_lib.training import residual_loss


def batch(seed=0, size=6):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 1, size, size, generator=generator), torch.rand(3, 1, size, size, generator=generator)


def full_hessian(model, x, y):
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(residual_loss(model(x), y), parameters, create_graph=True)
    flat = torch.cat([g.flatten() for g in gradient])
    rows = [torch.autograd.grad(g, parameters, retain_graph=True) for g in flat]
    return torch.stack([torch.cat([r.flatten() for r in row]) for row in rows])


def test_one_weight_worked_by_hand():
    # f(x) = w x has the loss ½ Σ (y − w x)² / B, and so the curvature Σ x² / B.
    x, y = batch()
    model = nn.Conv2d(1, 1, 1, bias=False)
    assert largest_curvature(model, x, y) == pytest.approx(float(x.square().sum() / 3), rel=1e-5)


@pytest.mark.parametrize("residual", [True, False])
def test_equals_the_full_hessian(residual):
    torch.manual_seed(1)
    x, y = batch(size=4)
    model = VDSR(2, 2, residual=residual)
    values = torch.linalg.eigvalsh(full_hessian(model, x, y))
    wanted = values[values.abs().argmax()]
    got = largest_curvature(model, x, y, iterations=60, tolerance=1e-4)
    assert got == pytest.approx(float(wanted), rel=1e-2)


def test_leaves_the_model_and_the_random_numbers_alone():
    x, y = batch()
    model = VDSR(3, 4)
    before = [p.detach().clone() for p in model.parameters()]
    state = torch.get_rng_state()
    assert largest_curvature(model, x, y) == largest_curvature(model, x, y)
    assert all(p.grad is None and torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descent_stays_below_the_stable_rate_and_leaves_above_it(momentum):
    for factor, stays in ((0.98, True), (1.02, False)):
        rate = factor * largest_stable_rate(7.0, momentum)
        weight, velocity = 1.0, 0.0
        for _ in range(2000):
            velocity = momentum * velocity + 7.0 * weight
            weight -= rate * velocity
        assert (abs(weight) < 1) is stays


def test_bad_input():
    x, y = batch()
    with pytest.raises(InputError, match="iterations"):
        largest_curvature(VDSR(2, 2), x, y, iterations=0)
    for curvature, momentum in ((0, 0), (-1, 0), (float("nan"), 0), (1, 1), (1, -0.1)):
        with pytest.raises(InputError, match="curvature > 0"):
            largest_stable_rate(curvature, momentum)
