"""The paper's clip against worked examples."""

import pytest
import torch
from torch import nn

from vdsr_lib.clipping import clip_by_norm_, clip_by_value_
from vdsr_lib.errors import InputError


def parameter(gradient: list[float]) -> nn.Parameter:
    p = nn.Parameter(torch.zeros(len(gradient)))
    p.grad = torch.tensor(gradient)
    return p


def test_clip_by_value_worked_by_hand():
    # θ = 0.02 and γ = 0.1 give the bound 0.2: of five elements, −0.5 and 0.3 lie outside it.
    a, b = parameter([-0.5, 0.1, 0.2]), parameter([0.3, -0.2])
    share = clip_by_value_([a, b], theta=0.02, learning_rate=0.1)
    assert torch.allclose(a.grad, torch.tensor([-0.2, 0.1, 0.2]))
    assert torch.allclose(b.grad, torch.tensor([0.2, -0.2]))
    assert float(share) == pytest.approx(2 / 5)


def test_the_bound_grows_as_the_rate_falls():
    for rate, expected in ((0.1, 0.001), (0.01, 0.01), (0.001, 0.1)):
        p = parameter([1.0])
        clip_by_value_([p], theta=1e-4, learning_rate=rate)
        assert float(p.grad) == pytest.approx(expected)
        assert rate * float(p.grad) == pytest.approx(1e-4)  # the largest step is θ at every rate


def test_by_value_changes_the_direction_and_by_norm_does_not():
    by_value, by_norm = parameter([3.0, 4.0]), parameter([3.0, 4.0])
    clip_by_value_([by_value], theta=0.35, learning_rate=0.1)
    norm = clip_by_norm_([by_norm], max_norm=1.0)
    assert torch.allclose(by_value.grad, torch.tensor([3.0, 3.5]))
    assert float(norm) == pytest.approx(5.0)
    assert torch.allclose(by_norm.grad, torch.tensor([0.6, 0.8]), atol=1e-5)


def test_parameters_without_gradient_are_passed_over():
    assert float(clip_by_value_([nn.Parameter(torch.zeros(2))], 1.0, 1.0)) == 0


@pytest.mark.parametrize(("theta", "rate"), [(0, 0.1), (-1, 0.1), (1e-4, 0), (float("nan"), 0.1), (1e-4, float("nan"))])
def test_bad_bounds(theta, rate):
    with pytest.raises(InputError, match="must be > 0"):
        clip_by_value_([parameter([1.0])], theta, rate)
    with pytest.raises(InputError, match="max_norm"):
        clip_by_norm_([parameter([1.0])], -theta if theta > 0 else theta)
