"""Muon: the orthogonal step against the singular value decomposition, and its Adam against torch's."""

import pytest
import torch
from torch import nn

from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.training import TrainingConfig, make_optimizer
from vdsr_lib.training.muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(64, 576), (576, 64), (16, 16), (8, 9)])
def test_the_step_keeps_the_singular_vectors_and_levels_the_values(shape):
    torch.manual_seed(0)
    # A gradient as they are: singular values that fall over two decades.
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    falling = torch.logspace(0, -2, min(shape))
    result = orthogonalize(u @ torch.diag(falling) @ v)
    levelled = u.mT @ result @ v.mT  # in the basis of its own singular vectors
    off = levelled - torch.diag(levelled.diagonal())
    assert off.abs().max() < 1e-4
    assert levelled.diagonal().min() > 0.65
    assert levelled.diagonal().max() < 1.25


def test_a_zero_gradient_moves_nothing():
    assert torch.equal(orthogonalize(torch.zeros(4, 6)), torch.zeros(4, 6))


def test_a_step_moves_a_kernel_by_about_the_rate_whatever_the_gradient_s_scale():
    moves = []
    for scale in (1e-6, 1.0, 1e6):
        torch.manual_seed(0)
        kernel = nn.Parameter(torch.zeros(8, 8, 3, 3))
        kernel.grad = scale * torch.randn(8, 8, 3, 3)
        Muon([kernel], [], lr=0.02).step()
        moves.append(torch.linalg.matrix_norm(kernel.detach().reshape(8, 72), 2))
    assert all(0.65 * 0.02 < float(move) < 1.25 * 0.02 for move in moves)
    assert float(moves[0]) == pytest.approx(float(moves[2]), rel=1e-4)


def test_a_kernel_is_the_matrix_of_output_channels_by_all_else():
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(4, 6, 3, 3))
    kernel.grad = torch.randn(4, 6, 3, 3)
    Muon([kernel], [], lr=1.0).step()
    assert torch.allclose(-kernel.detach().reshape(4, 54), orthogonalize(kernel.grad.reshape(4, 54)), atol=1e-5)


def test_momentum_looks_ahead_by_nesterov():
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(3, 3, 1, 1))
    first, second = torch.randn(3, 3, 1, 1), torch.randn(3, 3, 1, 1)
    optimizer = Muon([kernel], [], lr=1.0, momentum=0.5)
    kernel.grad = first
    optimizer.step()
    before = kernel.detach().clone()
    kernel.grad = second
    optimizer.step()
    average = 0.5 * (0.5 * first) + 0.5 * second
    ahead = 0.5 * second + 0.5 * average
    assert torch.allclose(before - kernel.detach(), orthogonalize(ahead.reshape(3, 3)).reshape(3, 3, 1, 1), atol=1e-5)


def test_all_else_is_moved_as_torch_s_adam_moves_it():
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    muon, adam = Muon([], [ours], lr=0.02), torch.optim.Adam([theirs], lr=0.001, betas=(0.9, 0.99))
    for _ in range(5):
        ours.grad = theirs.grad = torch.randn(5)
        muon.step()
        adam.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_hidden_kernels_alone_are_made_orthogonal():
    config = TrainingConfig(optimizer="muon", learning_rate=0.02, momentum=0.95, clip="none")
    hidden, others = make_optimizer(VDSR(5, 8), config).param_groups
    assert [tuple(p.shape) for p in hidden["params"]] == [(8, 8, 3, 3)] * 3
    assert len(others["params"]) == 2 + 5  # first and last kernel, all biases
    assert others["lr"] == pytest.approx(0.001)
    hidden, _ = make_optimizer(SRCNN(), config).param_groups
    assert [tuple(p.shape) for p in hidden["params"]] == [(32, 64, 1, 1)]
    with pytest.raises(InputError, match="last_layer_factor"):
        make_optimizer(VDSR(3, 8), TrainingConfig(optimizer="muon", last_layer_factor=0.1))


def test_a_stack_of_matrices_is_made_orthogonal_one_by_one():
    stack = (
        torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10, 100])[:, None, None]
    )
    for tall in (stack, stack.mT):
        assert torch.allclose(orthogonalize(tall), torch.stack([orthogonalize(matrix) for matrix in tall]), atol=1e-5)


def test_a_tall_kernel_s_step_is_longer_by_the_root_of_its_shape():
    kernel = nn.Parameter(torch.zeros(16, 1, 2, 2))
    kernel.grad = torch.randn(16, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    optimizer = Muon([kernel], [], lr=1.0, momentum=0.5)
    optimizer.step()
    wanted = -2 * orthogonalize(kernel.grad.reshape(16, 4)).reshape(16, 1, 2, 2)
    assert torch.allclose(kernel.detach(), wanted, atol=1e-4)


def test_adam_s_small_number_is_added():
    bias = nn.Parameter(torch.zeros(1))
    bias.grad = torch.full((1,), 1e-8)
    Muon([], [bias], lr=1.0, adam_ratio=1.0).step()
    assert bias.item() == pytest.approx(-0.5, rel=1e-3)
