"""How much context a network needs: the window that holds its whole field gives what the whole picture gives."""

import numpy as np
import pytest
import torch

from data_scripts.run import context
from vdsr_lib.evaluation import predict_luma
from vdsr_lib.models import VDSR


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VDSR(3, 4).eval()


@pytest.mark.parametrize("surroundings", context.SURROUNDINGS)
def test_a_window_as_large_as_the_field_is_enough(network, surroundings):
    picture = np.random.default_rng(0).uniform(16, 235, (24, 24))
    spots = np.array([[8, 9], [12, 11]])
    whole = predict_luma(network, picture, data_range=255)[tuple(spots.T)]
    np.testing.assert_allclose(context.restored(network, picture, spots, 7, surroundings), whole, atol=1e-3)
    np.testing.assert_allclose(context.restored(network, picture, spots, 9, "mirrored"), whole, atol=1e-3)
    assert abs(context.restored(network, picture, spots, 3, surroundings) - whole).max() > 1e-2


def test_gain_and_loss_are_ratios_of_errors():
    bicubic, window, whole = np.full(50, 4.0), np.full(50, 2.0), np.full(50, 1.0)
    found = context.compared(bicubic, whole, window)
    for name in ("gain", "gain_low", "gain_high", "lost", "lost_low", "lost_high"):
        assert found[name] == pytest.approx(10 * np.log10(2), abs=1e-3)
