"""The two networks: counts, initialisation, the residual, shapes and errors."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR, count_parameters, silence_


@pytest.mark.parametrize(
    ("model", "weights", "biases"),
    [
        (VDSR(), 664_704, 1_217),
        (VDSR(bias=False), 664_704, 0),
        (SRCNN(), 8_032, 97),
        (SRCNN((9, 5, 5)), 57_184, 97),
        (SRCNN((9, 1, 1, 5), (64, 32, 16)), 81 * 64 + 64 * 32 + 32 * 16 + 25 * 16, 64 + 32 + 16 + 1),
        (VDSR(2, 3), 54, 4),
    ],
)
def test_parameters_are_the_papers(model, weights, biases):
    assert count_parameters(model) == (weights, biases)
    assert sum(p.numel() for p in model.parameters()) == weights + biases


@pytest.mark.parametrize("depth", [2, 5, 20])
def test_layers_of_vdsr(depth):
    model = VDSR(depth, 8)
    assert len(model.convs) == depth
    assert [conv.in_channels for conv in model.convs] == [1] + [8] * (depth - 1)
    assert [conv.out_channels for conv in model.convs] == [8] * (depth - 1) + [1]
    assert all(conv.kernel_size == (3, 3) and conv.padding == (1, 1) for conv in model.convs)


def test_initialisation_is_he_by_fan_in():
    torch.manual_seed(0)
    model = VDSR()
    for conv in model.convs:
        fan_in = 9 * conv.in_channels
        # The spread of a sample of n normal numbers is known to 1 part in √(2n); 5 times that is allowed.
        tolerance = 5 / math.sqrt(2 * conv.weight.numel())
        assert conv.weight.std(correction=0).item() == pytest.approx(math.sqrt(2 / fan_in), rel=tolerance)
        assert not conv.bias.any()
    # The last layer has 64 inputs and one output: by fan-out it would be √(2/9).
    assert model.convs[-1].weight.std().item() == pytest.approx(math.sqrt(2 / 576), rel=0.15)


def test_initialisation_of_srcnn_is_a_thousandth():
    torch.manual_seed(0)
    for conv in SRCNN((9, 5, 5)).convs:
        assert conv.weight.std().item() == pytest.approx(1e-3, rel=5 / math.sqrt(2 * conv.weight.numel()))
        assert not conv.bias.any()


def test_one_seed_gives_one_network_and_another_seed_another():
    def first(seed):
        torch.manual_seed(seed)
        return VDSR(3, 4).convs[1].weight

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_residual_adds_the_input():
    torch.manual_seed(0)
    model, x = VDSR(4, 8), torch.rand(2, 1, 9, 7)
    assert torch.equal(model(x), x + model.predict_residual(x))
    plain = VDSR(4, 8, residual=False)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(plain(x), model.predict_residual(x))


def test_a_chain_of_zeros_leaves_the_image_as_it_is():
    model, x = VDSR(3, 4), torch.rand(1, 1, 6, 6)
    for p in model.parameters():
        nn.init.zeros_(p)
    assert torch.equal(model(x), x)


def test_forward_is_the_chain_by_hand():
    torch.manual_seed(0)
    model, x = VDSR(3, 5).double(), torch.rand(1, 1, 8, 8, dtype=torch.float64)
    features = x
    for k, conv in enumerate(model.convs):
        features = nn.functional.conv2d(features, conv.weight, conv.bias, padding=1)
        features = features.clamp(min=0) if k < 2 else features
    assert torch.allclose(model(x), x + features, atol=1e-12)


def test_input_is_not_changed_and_gradients_reach_it():
    model, x = VDSR(3, 4), torch.rand(1, 1, 6, 6, requires_grad=True)
    before = x.detach().clone()
    model(x).sum().backward()
    assert torch.equal(x.detach(), before)
    assert x.grad is not None
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 1, 5, 9), (1, 1, 41, 41)])
@pytest.mark.parametrize(
    "model", [VDSR(3, 4), SRCNN(), SRCNN(padding="replicate"), VDSR(2, 1, residual=False, bias=False)]
)
def test_size_stays(model, shape):
    assert model(torch.rand(shape)).shape == shape


def test_valid_srcnn_is_the_middle_of_the_padded_one():
    torch.manual_seed(0)
    same, valid, x = SRCNN(), SRCNN(padding="valid"), torch.rand(1, 1, 33, 30)
    valid.load_state_dict(same.state_dict())
    assert valid(x).shape == (1, 1, 21, 18)
    assert torch.allclose(valid(x), same(x)[..., 6:-6, 6:-6], atol=1e-6)


@pytest.mark.parametrize(("kernels", "widths"), [((5, 1, 3), (4, 3)), ((5, 1, 1, 3), (4, 3, 2))])
def test_replicating_srcnn_repeats_the_edge_before_each_layer(kernels, widths):
    torch.manual_seed(0)
    network, x = SRCNN(kernels, widths, padding="replicate").double(), torch.rand(1, 1, 9, 7).double()
    for conv in network.convs:
        nn.init.normal_(conv.weight)
        nn.init.normal_(conv.bias)
    features = x.numpy()[0]
    for k, conv in enumerate(network.convs):
        banks, biases = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        features = np.stack(
            [
                sum(
                    ndimage.correlate(channel, kernel, mode="nearest")
                    for channel, kernel in zip(features, bank, strict=True)
                )
                for bank in banks
            ]
        )
        features += biases[:, None, None]
        features = np.maximum(features, 0) if k < len(kernels) - 1 else features
    assert np.allclose(network(x).detach().numpy()[0], features, atol=1e-12)


@pytest.mark.parametrize("arguments", [(1,), (0,), (-3,), (2.5,), (20, 0), (20, 6.4), ("20",)])
def test_vdsr_names_wrong_arguments(arguments):
    with pytest.raises(InputError, match="depth"):
        VDSR(*arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kernels": (9, 5)}, "kernels"),
        ({"kernels": (9, 2, 5)}, "kernels"),
        ({"kernels": (9, 1.0, 5)}, "kernels"),
        ({"widths": (64,)}, "widths"),
        ({"kernels": (9, 1, 1, 5)}, "widths must be 3 whole numbers"),
        ({"widths": (64, 0)}, "widths"),
        ({"padding": "reflect"}, "reflect"),
    ],
)
def test_srcnn_names_wrong_arguments(arguments, says):
    with pytest.raises(InputError, match=says):
        SRCNN(**arguments)


@pytest.mark.parametrize("model", [VDSR(2, 2), SRCNN()])
@pytest.mark.parametrize(
    "x", [torch.rand(1, 3, 8, 8), torch.rand(8, 8), torch.rand(1, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.uint8)]
)
def test_wrong_input_is_named(model, x):
    with pytest.raises(InputError, match="float luma batch"):
        model(x)


@pytest.mark.parametrize("bias", [True, False])
def test_a_silenced_network_returns_its_input(bias):
    model = VDSR(3, 4, bias=bias)
    if bias:
        nn.init.ones_(model.convs[-1].bias)
    before = model.convs[0].weight.clone()
    x = torch.rand(1, 1, 6, 7)
    assert not torch.equal(model(x), x)
    silence_(model)
    assert torch.equal(model(x), x)
    assert torch.equal(model.convs[0].weight, before)
    assert count_parameters(model) == count_parameters(VDSR(3, 4, bias=bias))


def test_one_channel_is_a_width():
    assert VDSR(2, 1)(torch.zeros(1, 1, 4, 4)).shape == (1, 1, 4, 4)
    with pytest.raises(InputError, match="width"):
        VDSR(2, 0)


def test_an_srcnn_pads_as_it_is_told():
    assert SRCNN(widths=(1, 1))(torch.zeros(1, 1, 9, 9)).shape == (1, 1, 9, 9)
    for padding, mode in (("same", "zeros"), ("replicate", "replicate")):
        assert {conv.padding_mode for conv in SRCNN(padding=padding).convs} == {mode}
