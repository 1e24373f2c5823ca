"""The receptive field: the paper's numbers, and theory against the gradient for 200 random networks."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.receptive_field import (
    Field,
    Layer,
    effective,
    field,
    fields,
    layers_of,
    measured,
    output_size,
    support,
)


@pytest.mark.parametrize("depth", [2, 3, 10, 20])
def test_vdsr_sees_2d_plus_1(depth):
    assert field(VDSR(depth, 2)).side == 2 * depth + 1
    assert field([Layer(3)] * depth).side == 2 * depth + 1


@pytest.mark.parametrize(("kernels", "side"), [((9, 1, 5), 13), ((9, 5, 5), 17)])
def test_srcnn_sees_13_and_17(kernels, side):
    assert field(SRCNN(kernels)).side == side
    assert field(SRCNN(kernels, padding="valid")).side == side
    assert field(SRCNN(kernels, padding="replicate")) == field(SRCNN(kernels))
    assert measured(SRCNN(kernels)).sum() == side**2


def test_vdsr_measured_is_a_full_square_of_41():
    seen = measured(VDSR(20, 2), at=(25, 25), size=(51, 51))
    rows, columns = np.nonzero(seen)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 45, 5, 45)
    assert seen.sum() == 41**2


def test_the_recursion_layer_by_layer():
    # 3×3; then pooling 2 by 2, after which each pixel is two wide; then 3×3 with dilation 2 on that.
    chain = [Layer(3, padding=1), Layer(2, stride=2), Layer(3, dilation=2, padding=2)]
    assert fields(chain) == [
        Field((3, 3), (1, 1), (-1, -1)),
        Field((4, 4), (2, 2), (-1, -1)),
        Field((12, 12), (2, 2), (-5, -5)),
    ]


def test_axes_may_differ():
    found = field([Layer((1, 5), stride=(1, 2)), Layer((3, 3), dilation=(1, 4))])
    assert found.size == (3, 5 + 2 * 4 * 2)
    assert found.jump == (1, 2)
    with pytest.raises(InputError, match="not square"):
        assert found.side


def test_dilation_leaves_holes():
    holes = support([Layer(3, dilation=2)])
    assert holes.rows.tolist() == [0, 2, 4]
    assert holes.mask().sum() == 9
    assert holes.mask().shape == (5, 5)
    # Dilations 1 and 2 fill them; 2 and 2 do not.
    assert support([Layer(3), Layer(3, dilation=2)]).mask().all()
    assert support([Layer(3, dilation=2), Layer(3, dilation=2)]).rows.tolist() == [0, 2, 4, 6, 8]


def test_stride_wider_than_the_kernel_leaves_holes():
    assert support([Layer(1, stride=2), Layer(3)]).rows.tolist() == [0, 2, 4]


def test_support_moves_by_the_jump():
    chain = [Layer(3, stride=2, padding=1), Layer(3, stride=2, padding=1)]
    first, later = support(chain), support(chain, at=(3, 1))
    assert field(chain).jump == (4, 4)
    assert (later.rows == first.rows + 12).all()
    assert (later.columns == first.columns + 4).all()


def random_network(random: np.random.Generator) -> nn.Sequential:
    """Two to five layers; kernels, strides, dilations and paddings drawn for each axis, until the field is small."""
    while True:
        network = random_layers(random)
        if max(field(network).size) <= 64:
            return network


def random_layers(random: np.random.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 1

    def draw(low: int, high: int) -> tuple[int, int]:
        rows, columns = random.integers(low, high + 1, 2)
        return int(rows), int(columns)

    for _ in range(random.integers(2, 6)):
        kernel, stride, dilation = draw(1, 4), draw(1, 3), draw(1, 3)
        kind = random.choice(["conv", "conv", "conv", "max", "average"])
        if kind == "conv":
            out = int(random.integers(1, 4))
            layers.append(nn.Conv2d(channels, out, kernel, stride, draw(0, 3), dilation, bias=bool(random.integers(2))))
            channels = out
        else:
            padding = (int(random.integers(kernel[0] // 2 + 1)), int(random.integers(kernel[1] // 2 + 1)))
            layers.append(
                nn.MaxPool2d(kernel, stride, padding, dilation)
                if kind == "max"
                else nn.AvgPool2d(kernel, stride, padding)
            )
        layers.append(nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()) if random.integers(2) else nn.ReLU())
    return nn.Sequential(*layers)


@pytest.mark.parametrize("part", range(4))
def test_200_random_networks_see_what_the_theory_says(part):
    holes = cut = 0
    for seed in range(50 * part, 50 * part + 50):
        random = np.random.default_rng(seed)
        torch.manual_seed(seed)
        network = random_network(random)
        layers = layers_of(network)

        # In the open: the exact set, holes included, inside the box of the recursion.
        seen, box = measured(network), field(network)
        inside = support(layers)
        rows, columns = np.nonzero(seen)
        ours = seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.array_equal(ours, inside.mask()), f"seed {seed}: {network}"
        assert inside.mask().shape == box.size, f"seed {seed}"
        assert (inside.rows[0], inside.columns[0]) == box.start, f"seed {seed}"
        holes += not inside.mask().all()

        # At a random pixel of a random image: paths through the padding are cut off.
        size = (int(random.integers(30, 60)), int(random.integers(30, 60)))
        try:
            out = output_size(layers, size)
        except InputError:
            continue
        at = (int(random.integers(out[0])), int(random.integers(out[1])))
        expected = support(layers, at, size).on(size)
        assert np.array_equal(measured(network, at, size), expected), f"seed {seed}: {at} of {size}"
        assert network.eval()(torch.rand(1, 1, *size)).shape[-2:] == out, f"seed {seed}"
        cut += expected.sum() < inside.mask().sum()
    assert holes > 5  # the draw must hold the hard cases
    assert cut > 5


def test_a_path_through_padding_between_layers_is_cut():
    # Output 0 reads -1 and 2 of the middle. -1 would see pixel 0, but it is padding there; 2 sees 1, 2, 3.
    network = nn.Sequential(
        nn.Conv2d(1, 1, (3, 1), padding=(1, 0)), nn.Conv2d(1, 1, (2, 1), dilation=(3, 1), padding=(1, 0))
    )
    layers = layers_of(network)
    assert support(layers).rows.tolist() == [-2, -1, 0, 1, 2, 3]
    assert support(layers, (0, 0), (9, 9)).rows.tolist() == [1, 2, 3]
    assert np.nonzero(measured(network, (0, 0), (9, 9)))[0].tolist() == [1, 2, 3]


def test_padding_alone_is_seen_as_nothing():
    network = nn.Sequential(nn.Conv2d(1, 1, 1, padding=3))
    assert not measured(network, at=(0, 0), size=(5, 5)).any()
    assert support(layers_of(network), (0, 0), (5, 5)).mask().shape == (0, 0)


def test_measured_leaves_the_network_and_the_seed_alone():
    torch.manual_seed(0)
    network = VDSR(3, 4).train()
    before, seed = {k: v.clone() for k, v in network.state_dict().items()}, torch.random.get_rng_state()
    measured(network)
    effective(network, torch.ones(1, 1, 9, 9))
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert network.training
    assert torch.equal(torch.random.get_rng_state(), seed)


def test_measured_sees_through_dead_units_and_zero_weights():
    network = VDSR(4, 2)
    for conv in network.convs:
        nn.init.zeros_(conv.weight)
        nn.init.constant_(conv.bias, -100)
    assert measured(network).sum() == 81


def test_measured_refuses_a_chain_that_float64_cannot_follow():
    network = nn.Sequential(*[nn.Conv2d(1, 1, 21, padding=10) for _ in range(400)])
    with pytest.raises(InputError, match="float64"):
        measured(network, (10, 10), (21, 21))


def test_effective_by_hand():
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False))
    kernel = torch.tensor([[1.0, -2, 3], [0, 4, -5], [6, 7, -8]])
    with torch.no_grad():
        network[0].weight.copy_(kernel)
    expected = np.zeros((5, 7))
    expected[1:4, 2:5] = kernel.abs()
    assert np.array_equal(effective(network, torch.rand(3, 1, 5, 7)), expected)


def test_effective_is_a_bell_inside_the_theory():
    torch.manual_seed(0)
    heights = np.mean([effective(VDSR(10, 16, residual=False), torch.rand(1, 1, 31, 31)) for _ in range(8)], axis=0)
    distance = np.maximum(*np.abs(np.mgrid[-15:16, -15:16]))
    rings = [heights[distance == d].mean() for d in range(16)]
    assert rings[0] > rings[3] > rings[6] > rings[9] > 0
    assert rings[9] < 0.05 * rings[0]
    assert not heights[distance > 10].any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Layer(0), "kernel.*0"),
        (lambda: Layer(3, stride=0), "stride.*0"),
        (lambda: Layer(3, dilation=1.5), "dilation.*1.5"),
        (lambda: Layer(3, padding=-1), "padding.*-1"),
        (lambda: Layer((3, 3, 3)), "kernel"),
        (lambda: fields([]), "no layers"),
        (lambda: field(nn.Sequential(nn.ReLU())), "no layers"),
        (lambda: layers_of(nn.Linear(2, 2)), "Linear"),
        (lambda: layers_of(nn.ConvTranspose2d(1, 1, 3)), "ConvTranspose2d"),
        (lambda: layers_of(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")), "reflect"),
        (lambda: layers_of(nn.Conv2d(1, 1, 3, padding=2, dilation=2, padding_mode="replicate")), "dilation are 1"),
        (lambda: layers_of(nn.Conv2d(1, 1, 3, padding=3, padding_mode="replicate")), "narrower than the kernel"),
        (lambda: layers_of(nn.Conv2d(1, 1, 4, padding="same")), "one side"),
        (lambda: layers_of(nn.MaxPool2d(2, ceil_mode=True)), "ceil_mode"),
        (lambda: output_size([Layer(5)], (9, 4)), "4 pixels"),
        (lambda: output_size([Layer(1)], (0, 4)), "0"),
        (lambda: support([Layer(3)], (7, 0), (9, 9)), "pixel 7"),
        (lambda: measured(SRCNN(), (0, 20), (20, 20)), "pixel 20"),
        (lambda: effective(SRCNN(), torch.rand(3, 3)), r"\(3, 3\)"),
        (lambda: effective(SRCNN(), torch.rand(0, 1, 3, 3)), "empty"),
        (lambda: effective(SRCNN(), torch.rand(1, 1, 3, 3), (3, 0)), r"\(3, 0\)"),
    ],
)
def test_errors_name_what_came_in(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_layers_are_named_and_string_paddings_are_read():
    assert [layer.name for layer in layers_of(VDSR(3, 2))] == ["conv 1", "conv 2", "conv 3"]
    network = nn.Sequential(nn.Conv2d(1, 1, 5, padding="same", dilation=2), nn.Conv2d(1, 1, 3, padding="valid"))
    assert [layer.padding for layer in layers_of(network)] == [(4, 4), (0, 0)]


def test_what_cannot_be_read_is_named_with_what_was_wanted():
    says = (
        "cannot read the layers of a Linear, wanted a VDSR, an SRCNN or an nn.Sequential "
        "of Conv2d, MaxPool2d, AvgPool2d and layers that work on each pixel alone"
    )
    with pytest.raises(InputError, match=f"^{re.escape(says)}$"):
        layers_of(nn.Sequential(nn.Linear(2, 2)))


def test_layers_within_layers_are_named_by_both():
    nested = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 3)))
    assert [layer.name for layer in layers_of(nested)] == ["0", "1.1"]


def test_a_pooling_alone_is_measured_and_an_empty_field_is_a_mask():
    for pooling in (nn.MaxPool2d(3, 2), nn.AvgPool2d(2)):
        whole = measured(pooling, (1, 1), (9, 9))
        assert np.array_equal(whole, support(layers_of(pooling), (1, 1)).on((9, 9)))
        assert whole.any()
    nothing = support(layers_of(nn.Conv2d(1, 1, 1, padding=3)), (0, 0), (5, 5)).mask()
    assert (nothing.shape, nothing.dtype) == ((0, 0), np.bool_)


def test_what_lies_beside_the_image_is_left_out():
    corner = support([Layer(3, padding=1)], (0, 0))
    assert corner.rows.tolist() == [-1, 0, 1]
    seen = corner.on((1, 1))
    assert (seen.tolist(), seen.dtype) == ([[True]], np.bool_)
    assert corner.on((3, 2)).tolist() == [[True, True], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("network", "side"),
    [
        (VDSR(3, 2), 9),  # a pixel, a field of 7, a pixel
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), 5),
        (nn.Sequential(nn.Conv2d(1, 1, 2, stride=3), nn.Conv2d(1, 1, 2)), 9),  # starts where the first box may
    ],
)
def test_one_pixel_follows_the_field_by_default(network, side):
    assert measured(network).shape == (side, side)


def test_an_image_as_small_as_the_kernel_is_enough():
    assert support([Layer(3)], (0, 0), (3, 3)).mask().shape == (3, 3)
    assert support([Layer(1)], (0, 0), (1, 1)).mask().tolist() == [[True]]


def test_the_messages_of_chains_and_places():
    with pytest.raises(InputError, match=r"^the chain has no layers$"):
        fields([])
    with pytest.raises(InputError, match=r"^there is no output pixel 9 on an axis of 1 output pixels$"):
        support([Layer(3), Layer(3)], (9, 0), (5, 5))
    conv = nn.Conv2d(1, 1, 3, padding=3, padding_mode="replicate")
    with pytest.raises(InputError, match=r"wanted zeros, or 'replicate' where .* narrower than the kernel$"):
        layers_of(conv)
    assert [layer.name for layer in layers_of(nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2)))] == ["0", "1"]


def test_what_closes_or_turns_paths_is_measured_as_open():
    norm = nn.BatchNorm2d(1)
    nn.init.constant_(norm.weight, -1)
    network = nn.Sequential(nn.Conv2d(1, 1, 3), norm, nn.ReLU(), nn.Conv2d(1, 1, 3))
    assert measured(network, (1, 1), (9, 9)).sum() == 25


def test_a_chain_of_330_layers_is_within_the_range_of_float64():
    chain = nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(330)])
    assert measured(chain, (0, 0), (661, 661)).all()


def test_the_effective_field_leaves_the_network_as_it_was():
    network = VDSR(2, 3)
    effective(network, torch.rand(1, 1, 7, 7))
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_a_gradient_too_small_to_tell_from_none_is_refused():
    layers = [nn.Conv2d(1, 1, (3, 1), padding=(1, 0)) for _ in range(1150)]
    with pytest.raises(InputError, match="1150 layers leaves the range of float64"):
        measured(nn.Sequential(*layers))
