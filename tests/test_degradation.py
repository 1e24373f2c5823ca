"""Crop to a multiple of the scale, down and up."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vdsr_lib.degradation import degrade, modcrop
from vdsr_lib.errors import InputError
from vdsr_lib.metrics import psnr
from vdsr_lib.resize import imresize

SIDES = st.integers(1, 30)


@given(SIDES, SIDES, st.integers(1, 6), st.sampled_from([(), (3,)]))
def test_modcrop_keeps_the_largest_multiple_from_the_top_left(rows, columns, scale, channels):
    image = np.random.default_rng(0).random((rows, columns, *channels))
    if min(rows, columns) < scale:
        with pytest.raises(InputError, match="smaller than the scale"):
            modcrop(image, scale)
        return
    cropped = modcrop(image, scale)
    assert cropped.shape == (rows // scale * scale, columns // scale * scale, *channels)
    assert np.array_equal(cropped, image[: cropped.shape[0], : cropped.shape[1]])
    assert modcrop(torch.zeros(2, 1, rows, columns), scale).shape == (2, 1, *cropped.shape[:2])


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.sampled_from([(), (3,)]))
def test_degrade_has_the_sizes_of_its_input_and_of_a_scale_below(rows, columns, scale, channels):
    image = np.random.default_rng(0).random((rows * scale, columns * scale, *channels))
    low_res, interpolated = degrade(image, scale)
    assert low_res.shape == (rows, columns, *channels)
    assert interpolated.shape == image.shape


def test_degrade_is_two_resizes_by_matlabs_kernel():
    image = np.random.default_rng(0).random((24, 36))
    low_res, interpolated = degrade(image, 3)
    assert np.array_equal(low_res, imresize(image, 1 / 3))
    assert np.array_equal(interpolated, imresize(low_res, 3))
    other = degrade(image, 3, up_kernel="bicubic-0.75")
    assert np.array_equal(other.low_res, low_res)
    assert np.array_equal(other.interpolated, imresize(low_res, 3, kernel="bicubic-0.75"))
    aliased = degrade(image, 3, kernel="bilinear", antialias=False)
    assert np.array_equal(aliased.low_res, imresize(image, 1 / 3, kernel="bilinear", antialias=False))


def test_torch_equals_numpy():
    image = np.random.default_rng(0).random((24, 36))
    ours, theirs = degrade(image, 4), degrade(torch.tensor(image)[None, None], 4)
    np.testing.assert_allclose(theirs.low_res[0, 0], ours.low_res, atol=1e-12)
    np.testing.assert_allclose(theirs.interpolated[0, 0], ours.interpolated, atol=1e-12)


def test_scale_one_loses_nothing_and_larger_scales_lose_more():
    from skimage import data

    image = data.camera()[:240, :240].astype(float)
    assert np.array_equal(degrade(image, 1).interpolated, image)
    values = [psnr(degrade(image, scale).interpolated, image, data_range=255) for scale in (2, 3, 4)]
    assert values == sorted(values, reverse=True)
    assert 20 < values[2] < values[0] < 40


def test_8_bit_input_rounds_the_low_resolution_image():
    image = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    assert degrade(image, 2).low_res.dtype == np.uint8
    assert not np.array_equal(degrade(image, 2).low_res, degrade(image.astype(float), 2).low_res)


@pytest.mark.parametrize("scale", [0, -2, 1.5, 2.0, "2", math.nan])
def test_scales_that_are_no_whole_number_are_named(scale):
    with pytest.raises(InputError, match="whole number"):
        modcrop(np.zeros((8, 8)), scale)
    with pytest.raises(InputError, match="whole number"):
        degrade(np.zeros((8, 8)), scale)


def test_an_image_that_is_no_multiple_is_sent_to_modcrop():
    with pytest.raises(InputError, match=r"\(9, 8\).*modcrop"):
        degrade(np.zeros((9, 8)), 2)
    with pytest.raises(InputError, match="list"):
        degrade([[1, 2]], 1)
