"""Signal and gradient through a chain: what is measured is autograd's, what is expected is the mean over networks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from vdsr_lib.analysis import gradient_flow
from vdsr_lib.analysis.gradient_flow import HE, SRCNN_INIT, Flow, Init
from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.training import residual_loss


@pytest.fixture(autouse=True)
def one_thread():
    """Many tiny networks: a second thread costs more than it helps."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(7)
    y = torch.rand(1, 1, 9, 9, generator=generator)
    return y + 0.05 * torch.randn(y.shape, generator=generator), y


def chains(count, depth, width, init, pair, **options):
    generator = torch.Generator().manual_seed(1)
    network = VDSR(depth, width, **options)
    return [gradient_flow.measure(init.apply_(network, generator), *pair) for _ in range(count)]


def test_measured_energies_are_those_of_plain_autograd(pair):
    torch.manual_seed(0)
    network = VDSR(3, 5).double()
    x, y = (t.double() for t in pair)
    z1 = network.convs[0](x)
    z2 = network.convs[1](z1.relu())
    z3 = network.convs[2](z2.relu())
    loss = 0.5 * (x + z3 - y).square().sum()
    errors = torch.autograd.grad(loss, [z1, z2, z3], retain_graph=True)
    weights = torch.autograd.grad(loss, [c.weight for c in network.convs])
    flow = gradient_flow.measure(network, *pair)
    for got, wanted in ((flow.signal, (z1, z2, z3)), (flow.error, errors), (flow.weight, weights)):
        np.testing.assert_allclose(got, [float(t.detach().square().mean()) for t in wanted], rtol=1e-10)


def test_measuring_uses_the_training_loss_and_leaves_the_network_alone(pair):
    torch.manual_seed(0)
    network = VDSR(3, 5)
    before = copy.deepcopy(network.state_dict())
    residual_loss(network(pair[0]), pair[1]).backward()
    wanted = [float(c.weight.grad.square().mean()) for c in network.convs]
    gradient = network.convs[0].weight.grad.clone()
    np.testing.assert_allclose(gradient_flow.measure(network, *pair).weight, wanted, rtol=1e-4)
    assert torch.equal(network.convs[0].weight.grad, gradient)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())
    assert network.convs[0].weight.dtype == torch.float32
    assert not network.convs[0]._forward_hooks


@pytest.mark.parametrize("init", [HE, Init(1.0), Init(4.0), Init(std=0.05)])
def test_the_expected_signal_is_the_mean_over_networks_borders_included(pair, init):
    flows = chains(120, 3, 12, init, pair)
    expected = gradient_flow.expected(VDSR(3, 12), init, *pair)
    np.testing.assert_allclose(gradient_flow.average(flows).signal, expected.signal, rtol=0.35)
    # The last layer's error is known exactly; those before it in the limit of wide layers.
    np.testing.assert_allclose(gradient_flow.average(flows).error[-1], expected.error[-1], rtol=0.35)


def test_the_expected_error_is_right_for_wide_layers(pair):
    # A vanishing output decouples the error from the weights.
    init = Init(0.5)
    flows = chains(20, 3, 48, init, pair)
    expected = gradient_flow.expected(VDSR(3, 48), init, *pair)
    np.testing.assert_allclose(gradient_flow.average(flows).error, expected.error, rtol=0.25)


def test_without_borders_he_keeps_the_energy_and_twice_the_picture_s(pair):
    flat = torch.full((1, 1, 9, 9), 0.5), torch.full((1, 1, 9, 9), 0.5)
    flow = gradient_flow.expected(VDSR(20, 16), HE, *flat, border=False)
    np.testing.assert_allclose(flow.signal, 2 * 0.25, rtol=1e-6)
    with_border = gradient_flow.expected(VDSR(20, 16), HE, *flat)
    assert (np.diff(with_border.signal) < 0).all()
    assert gradient_flow.expected(VDSR(5, 16), Init(1.0), *flat, border=False).signal == pytest.approx(
        0.25 * 0.5 ** np.arange(5)
    )


def test_the_skip_changes_the_error_at_the_end_only(pair):
    plain, residual = (
        gradient_flow.expected(VDSR(6, 8, residual=r), Init(0.1), *pair, border=False) for r in (False, True)
    )
    assert plain.error[-1] > 5 * residual.error[-1]
    np.testing.assert_allclose(plain.signal, residual.signal)
    ratios = plain.error / residual.error
    np.testing.assert_allclose(ratios, ratios[-1], rtol=0.05)


def test_every_layer_feels_the_same_pull(pair):
    """Without biases the output grows in proportion to each layer's weights, so ⟨W, ∂L/∂W⟩ is the same in all."""
    torch.manual_seed(3)
    network = VDSR(6, 8).double()
    x, y = (t.double() for t in pair)
    prediction = network.predict_residual(x)
    prediction.retain_grad()
    residual_loss(x + prediction, y).backward()
    pulls = [float((c.weight.detach() * c.weight.grad).sum()) for c in network.convs]
    np.testing.assert_allclose(pulls, float((prediction.detach() * prediction.grad).sum()), rtol=1e-5)


def test_kernels_of_any_side_and_other_networks(pair):
    network = SRCNN((9, 1, 5), (8, 4))
    assert [gradient_flow.fan_in(c) for c in gradient_flow.convolutions(network)] == [81, 8, 100]
    generator = torch.Generator().manual_seed(5)
    flows = [gradient_flow.measure(SRCNN_INIT.apply_(network, generator), *pair) for _ in range(100)]
    expected = gradient_flow.expected(network, SRCNN_INIT, *pair)
    np.testing.assert_allclose(gradient_flow.average(flows).signal, expected.signal, rtol=0.35)
    sequential = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Sigmoid(), nn.Conv2d(3, 1, 3, padding=1))
    assert len(gradient_flow.measure(sequential, *pair)) == 2


def test_a_signal_too_small_for_single_precision_is_small_and_not_zero(pair):
    measured, expected = gradient_flow.chain_flow(16, SRCNN_INIT, *pair, width=8)
    assert 0 < measured.signal[-1] < 1e-60
    assert abs(np.log10(measured.signal[-1] / expected.signal[-1])) < 6


def test_chain_flow_is_a_function_of_its_seed_and_draws_no_global_numbers(pair):
    state = torch.get_rng_state()
    first, again, other = (gradient_flow.chain_flow(4, HE, *pair, width=8, seed=s)[0] for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first.signal, again.signal)
    assert not np.array_equal(first.signal, other.signal)


def test_narrow_networks_spread_more(pair):
    narrow, wide = (gradient_flow.spread(chains(20, 8, width, HE, pair))[1] for width in (4, 24))
    assert narrow > 1.5 * wide


def test_what_makes_no_sense_is_named(pair):
    with pytest.raises(InputError, match="gain and std"):
        Init(gain=0)
    with pytest.raises(InputError, match="gain and std"):
        Init(std=float("nan"))
    with pytest.raises(InputError, match="no convolution"):
        gradient_flow.measure(nn.ReLU(), *pair)
    with pytest.raises(InputError, match="stride"):
        gradient_flow.expected(nn.Conv2d(1, 1, 3, stride=2), HE, *pair)
    with pytest.raises(InputError, match="no flows"):
        gradient_flow.average([])
    one = Flow(*[np.ones(1)] * 3)
    with pytest.raises(InputError, match="two networks"):
        gradient_flow.spread([one, one])


def test_draws_are_what_chain_flow_averages(pair):
    draws, line = gradient_flow.chain_draws(4, HE, *pair, width=8, networks=3, seed=1)
    mean, again = gradient_flow.chain_flow(4, HE, *pair, width=8, networks=3, seed=1)
    np.testing.assert_array_equal(mean.signal, np.mean([d.signal for d in draws], axis=0))
    np.testing.assert_array_equal(line.error, again.error)
    median = gradient_flow.quantile(draws, 0.5)
    np.testing.assert_array_equal(median.weight, np.median([d.weight for d in draws], axis=0))
    seen = gradient_flow.from_the_end(draws[0])
    assert seen.error[-1] == 1
    np.testing.assert_allclose(seen.error * draws[0].error[-1], draws[0].error)
