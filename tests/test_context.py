"""How much context a network needs: the window that holds its whole field gives what the whole picture gives."""

import shutil

import numpy as np
import pytest
import torch

from data_scripts.run import context
from vdsr_lib import pretrained
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


def test_a_record_by_the_same_weights_is_kept_and_another_is_measured(tmp_path, monkeypatch):
    name = f"context-{pretrained.DEFAULT}.json"
    shutil.copy(context.ASSETS / "runs" / name, tmp_path)
    before = (tmp_path / name).read_bytes()

    def measured(*_):
        raise InterruptedError

    monkeypatch.setattr(context, "restored", measured)
    assert context.record(pretrained.DEFAULT, tmp_path).curve
    assert (tmp_path / name).read_bytes() == before
    with pytest.raises(InterruptedError):
        context.record(pretrained.DEFAULT, tmp_path, widths=(3,))
    with pytest.raises(InterruptedError):
        context.record("table1-residual-lr0.1", tmp_path)


def test_places_that_are_many_are_restored_a_part_at_a_time(network, monkeypatch):
    picture = np.random.default_rng(0).uniform(16, 235, (24, 24))
    spots = np.argwhere(np.ones((10, 10))) + 7
    monkeypatch.setattr(context, "TOGETHER", 100)
    whole = context.restored(network, picture, spots, 5)
    monkeypatch.setattr(context, "TOGETHER", 7)
    np.testing.assert_allclose(context.restored(network, picture, spots, 5), whole, atol=1e-4)
