"""Counts of operations and bytes: by hand, and against torch's own counter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vdsr_lib.analysis.cost import in_turn, layer_costs, step_flop, working_bytes
from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR


def test_a_small_network_by_hand():
    first, last = layer_costs(VDSR(2, 5), torch.rand(1, 1, 6, 7))
    assert first.flop == 2 * 9 * 1 * 5 * 42
    assert first.read == 4 * (42 + 45)
    assert first.written == 4 * 5 * 42
    assert first.intensity == first.flop / (first.read + first.written)
    assert (last.flop, last.read, last.written) == (2 * 9 * 5 * 42, 4 * (5 * 42 + 45), 4 * 42)
    assert step_flop([first, last]) == 2 * first.flop + 3 * last.flop
    assert working_bytes([first, last], 360) == 360 + 4 * (6 * 42 + 45)


@pytest.mark.parametrize("network", [VDSR(4, 6), SRCNN(padding="valid"), VDSR(3, 4, bias=False)])
def test_counts_are_those_of_torch(network):
    x = torch.rand(2, 1, 24, 20)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        network(x)
    costs = layer_costs(network, x)
    assert sum(c.flop for c in costs) == forward.get_total_flops()
    with FlopCounterMode(display=False) as step:
        network(x).sum().backward()
    assert step_flop(costs) == step.get_total_flops()


def test_the_network_is_left_alone():
    network = VDSR(2, 3)
    layer_costs(network, torch.rand(1, 1, 4, 4))
    assert all(not m._forward_hooks for m in network.modules())
    with pytest.raises(InputError):
        layer_costs(network, torch.rand(1, 3, 4, 4))
    assert all(not m._forward_hooks for m in network.modules())


def test_what_has_no_convolution_is_told():
    with pytest.raises(InputError, match="Identity"):
        layer_costs(torch.nn.Identity(), torch.rand(1))


def test_actions_run_in_turn():
    order = []
    times = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert "".join(order) == "ababab"
    assert times.keys() == {"a", "b"}
    assert all(t >= 0 for t in times.values())
    with pytest.raises(InputError, match="0"):
        in_turn({}, rounds=0)
