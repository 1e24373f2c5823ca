"""Degrading and scoring by any real scale: at whole scales it is what the protocols do."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from data_scripts.run import fractional
from vdsr_lib import pretrained, runs
from vdsr_lib.degradation import degrade, degrade_real
from vdsr_lib.errors import InputError, WeightsError
from vdsr_lib.evaluation import psnr_real, score
from vdsr_lib.patches import Patches, loss_by_scale

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (48, 60, 3)).astype(np.uint8)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_at_whole_scales_it_is_degrade(scale):
    image = RNG.uniform(0, 255, (48, 60))
    wanted, got = degrade(image, scale), degrade_real(image, scale)
    np.testing.assert_allclose(got.low_res, wanted.low_res, atol=1e-9)
    np.testing.assert_allclose(got.interpolated, wanted.interpolated, atol=1e-9)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("image", [COLOUR, COLOUR[..., 0]], ids=["colour", "grey"])
def test_at_whole_scales_it_scores_as_the_protocol_in_float(image, scale):
    assert psnr_real(image, scale) == pytest.approx(score(image, scale, None, "float").psnr, abs=1e-9)


def test_the_small_picture_has_the_nearest_number_of_rows():
    image = torch.rand(1, 1, 240, 100)
    low_res, interpolated = degrade_real(image, 2.75)
    assert low_res.shape == (1, 1, 87, 36)
    assert interpolated.shape == image.shape


def test_a_network_is_asked():
    assert psnr_real(COLOUR, 2.5, lambda x: x) == pytest.approx(psnr_real(COLOUR, 2.5))
    assert psnr_real(COLOUR, 2.5, lambda x: 0 * x) < psnr_real(COLOUR, 2.5)


@pytest.mark.parametrize("scale", [0.5, 0, -2, float("nan"), float("inf"), "2", True])
def test_other_scales_are_refused(scale):
    with pytest.raises(InputError, match="scale must be a finite number >= 1"):
        degrade_real(np.zeros((20, 20)), scale)


def test_a_picture_that_would_vanish_is_refused():
    with pytest.raises(InputError, match="too small for the scale 9"):
        degrade_real(np.zeros((4, 40)), 9)
    assert degrade_real(np.full((4, 40), 7.0), 8).low_res.shape == (1, 5)  # half a row is rounded up


def test_loss_by_scale_is_half_the_squared_residual():
    high_res = torch.zeros(3, 1, 2, 2)
    interpolated = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    assert loss_by_scale(Patches(interpolated, high_res, torch.tensor([2, 2, 4]))) == {2: 5.0, 4: 18.0}


def test_a_record_is_made_once_and_goes_on(tmp_path, monkeypatch):
    first = fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2, 2.5])
    assert first.status == "done"
    assert set(first.scores[fractional.MIDDLES]) == {"2", "2.5"}
    image = fractional.images_of(fractional.MIDDLES)["camera"]
    assert image.shape == (240, 240)
    assert first.scores[fractional.MIDDLES]["2.5"]["camera"]["psnr"] == pytest.approx(psnr_real(image, 2.5), abs=1e-5)
    monkeypatch.setattr(fractional, "psnr_real", lambda *_: pytest.fail("computed again"))
    again = fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2, 2.5])
    assert again.scores == first.scores == runs.read_run(tmp_path / "fractional-bicubic.json").scores


def test_a_whole_record_is_not_touched_when_nothing_is_computed(tmp_path):
    fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2])
    path = tmp_path / "fractional-bicubic.json"
    old = replace(runs.read_run(path), finished="2020-01-01T00:00:00Z", machine="another")
    runs.write_run(old, path)
    before = path.read_bytes()
    assert fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2]) == runs.read_run(path)
    assert path.read_bytes() == before
    more = fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2, 3])
    assert more.finished > old.finished
    assert set(more.scores[fractional.MIDDLES]) == {"2", "3"}


def test_other_weights_are_scored_anew(tmp_path):
    first = fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2])
    wrong = {fractional.MIDDLES: {"2": {"camera": {"psnr": 1.0}}}}
    stale = replace(first, config={"weights_sha256": "of others"}, scores=wrong)
    runs.write_run(stale, tmp_path / "fractional-bicubic.json")
    assert fractional.record("bicubic", tmp_path, sets=[fractional.MIDDLES], scales=[2]).scores == first.scores


@pytest.mark.parametrize("name", [name for name in pretrained.shipped() if name.startswith("vdsr")])
def test_the_stored_record_is_of_the_weights_that_ship(name):
    checksum = hashlib.sha256(pretrained.locate(name).read_bytes()).hexdigest()
    assert runs.find_run(f"fractional-{name}").config == {"weights_sha256": checksum}


def test_unknown_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match="no-such"):
        fractional.record("no-such", tmp_path)
