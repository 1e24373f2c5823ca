"""PSNR and SSIM against scikit-image and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage import data, metrics
from skimage.util import random_noise

from vdsr_lib.errors import InputError
from vdsr_lib.metrics import power_spectrum, psnr, shave, ssim, ssim_map

PAIR = st.tuples(st.integers(11, 30), st.integers(11, 30), st.integers(0, 2**32 - 1), st.floats(0.1, 80))


def pair(rows: int, columns: int, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    reference = random.random((rows, columns)) * 255
    return np.clip(reference + random.normal(0, noise, reference.shape), 0, 255), reference


def skimage_map(image: np.ndarray, reference: np.ndarray, peak: float = 255) -> np.ndarray:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, full = metrics.structural_similarity(image, reference, data_range=peak, full=True, **options)
    return full[5:-5, 5:-5]  # the valid area


@given(PAIR)
def test_ssim_is_scikit_images_on_the_valid_area(drawn):
    image, reference = pair(*drawn)
    np.testing.assert_allclose(
        ssim_map(image, reference, data_range=255), skimage_map(image, reference), rtol=0, atol=1e-7
    )
    assert ssim(image, reference, data_range=255) == pytest.approx(skimage_map(image, reference).mean(), abs=1e-7)


def test_ssim_is_scikit_images_on_a_photograph():
    reference = data.camera()
    image = random_noise(reference, var=0.01, rng=0) * 255
    theirs = skimage_map(image, reference.astype(float))
    assert ssim(image, reference, data_range=255) == pytest.approx(theirs.mean(), abs=1e-7)
    assert ssim(image / 255, reference / 255, data_range=1) == pytest.approx(theirs.mean(), abs=1e-7)


@given(PAIR)
def test_psnr_is_scikit_images(drawn):
    image, reference = pair(*drawn)
    theirs = metrics.peak_signal_noise_ratio(reference, image, data_range=255)
    assert psnr(image, reference, data_range=255) == pytest.approx(theirs, abs=1e-9)


def test_psnr_by_hand():
    # One level off everywhere: 20 log10(255) dB. Ten levels off: 20 dB less.
    flat = np.full((4, 5), 100, np.uint8)
    assert psnr(flat + np.uint8(1), flat) == pytest.approx(48.1308036)
    assert psnr(flat - np.uint8(10), flat) == pytest.approx(28.1308036)
    assert psnr(flat / 255, (flat + 1) / 255, data_range=1) == pytest.approx(48.1308036)
    assert psnr(flat, flat) == math.inf
    # uint8 must not wrap around: 0 − 255 is −255.
    assert psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == pytest.approx(0, abs=1e-12)
    assert psnr(np.array([[True, False]]), np.array([[True, True]]), data_range=1) == pytest.approx(10 * math.log10(2))


def test_ssim_by_hand_on_flat_images():
    # No variance: what is left is (2·a·b + c1) / (a² + b² + c1).
    a, b, c1 = 100.0, 120.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(np.full((11, 11), a), np.full((11, 11), b), data_range=255) == pytest.approx(expected, abs=1e-9)


@given(PAIR)
def test_both_are_symmetric_and_best_for_equal_images(drawn):
    image, reference = pair(*drawn)
    assert psnr(image, reference, data_range=255) == psnr(reference, image, data_range=255)
    assert ssim(image, reference, data_range=255) == pytest.approx(ssim(reference, image, data_range=255), abs=1e-12)
    assert ssim(image, image, data_range=255) == pytest.approx(1, abs=1e-12)
    assert ssim(image, reference, data_range=255) <= 1


def test_shave():
    image = np.arange(30).reshape(5, 6)
    assert shave(image, 2).tolist() == [[14, 15]]
    assert shave(image, 0).tolist() == image.tolist()
    assert shave(np.zeros((5, 6, 3)), 1).shape == (3, 4, 3)


@pytest.mark.parametrize("border", [-1, 3, 100, 1.0, None])
def test_shave_that_leaves_nothing_or_makes_no_sense(border):
    with pytest.raises(InputError, match="border"):
        shave(np.zeros((6, 6)), border)


GOOD = np.zeros((12, 12))
BAD = [
    (GOOD, np.zeros((12, 11)), 255, "one shape"),
    (np.zeros((0, 12)), np.zeros((0, 12)), 255, "empty"),
    (np.full((12, 12), np.nan), GOOD, 255, "NaN"),
    (GOOD, np.full((12, 12), np.inf), 255, "infinity"),
    (GOOD, GOOD, 0, "data_range must be a number > 0"),
    (GOOD, GOOD, math.nan, "data_range must be a number > 0"),
]


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize(("image", "reference", "peak", "says"), BAD)
def test_errors_name_what_came_in(metric, image, reference, peak, says):
    with pytest.raises(InputError, match=says):
        metric(image, reference, data_range=peak)


@pytest.mark.parametrize("shape", [(10, 40), (40, 10), (12, 12, 3), (12,)])
def test_ssim_wants_a_plane_as_large_as_its_window(shape):
    with pytest.raises(InputError, match="both sides >= 11"):
        ssim(np.zeros(shape), np.zeros(shape), data_range=255)


@pytest.mark.parametrize("cycles", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("axis", [0, 1])
def test_power_of_stripes_is_at_their_frequency(cycles, axis):
    wave = 100 + 20 * np.cos(2 * np.pi * cycles * np.arange(200))
    stripes = np.broadcast_to(wave, (150, 200)) if axis else np.broadcast_to(wave[:, None], (200, 150))
    frequency, power = power_spectrum(stripes)
    assert frequency[[0, -1]].tolist() == [0, 0.5]
    assert frequency[power.argmax()] == pytest.approx(cycles)
    far = abs(frequency - cycles) > 0.03
    assert power[far].max() < 1e-3 * power.max()


def test_power_of_white_noise_is_flat_and_of_the_known_height():
    noise = np.random.default_rng(0).normal(0, 3, (256, 320))
    _, power = power_spectrum(noise)
    # Each coefficient's mean power is the variance times the sum of the squared window, 3/8 of the pixels an axis.
    height = 9 * (3 / 8) ** 2 * noise.size
    np.testing.assert_allclose(power[10:] / height, 1, atol=0.4)  # a ring has few coefficients near the middle
    assert power[5:].mean() == pytest.approx(height, rel=0.02)


@pytest.mark.parametrize(("shape", "bins"), [((120, 120, 3), 50), ((60,), 5), ((60, 60), 0), ((0, 60), 1)])
def test_power_spectrum_wants_a_plane_and_a_step(shape, bins):
    with pytest.raises(InputError, match=rf"^wanted \(H, W\) and at least one step, got .* and {bins} steps$"):
        power_spectrum(np.zeros(shape), bins)


@pytest.mark.parametrize(("shape", "bins"), [((5, 5), 5), ((1, 1), 1), ((9, 9), 30)])
def test_a_step_without_a_frequency_is_refused(shape, bins):
    with pytest.raises(InputError, match=rf"^wanted fewer steps than {bins}: .* holds no frequency$"):
        power_spectrum(np.zeros(shape), bins)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("metric", [psnr, ssim])
def test_tensors_that_are_learnt_are_scored_too(metric, dtype):
    x, y = (torch.from_numpy(image).to(dtype) for image in (data.camera()[:20, :20], data.camera()[1:21, :20]))
    wanted = metric(x.double().numpy(), y.double().numpy(), data_range=255)
    if dtype.is_floating_point:
        x.requires_grad_()
    assert metric(x, y, data_range=255) == wanted
    assert math.isfinite(wanted)


def test_power_spectrum_at_its_bounds_and_of_any_type():
    image = data.camera()[:40, :40]
    wanted = power_spectrum(image.astype(np.float64), 20)[1]
    for dtype in (np.uint8, np.float32):
        assert np.array_equal(power_spectrum(image.astype(dtype), 20)[1], wanted)
    for rows, columns, bins in ((40, 40, 20), (39, 41, 19), (10, 33, 5), (11, 23, 5), (2, 3, 1)):
        # No ring without a coefficient: nothing is divided by zero.
        assert np.isfinite(power_spectrum(image[:rows, :columns] + 1.0, bins)[1]).all()
    frequency, power = power_spectrum(image, 1)
    assert frequency.tolist() == [0, 0.5]
    assert (power > 0).all()


def test_both_images_say_what_white_is():
    whole, real = np.zeros((12, 12), np.uint8), np.zeros((12, 12))
    for pair in ((whole, real), (real, whole)):
        with pytest.raises(InputError, match="data_range"):
            psnr(*pair)
    with pytest.raises(InputError, match=r"^images must not hold NaN or infinity$"):
        psnr(np.full((3, 3), np.nan), np.zeros((3, 3)), data_range=1)
