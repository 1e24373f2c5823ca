"""Floats come with their range, integers know it: no function guesses, and each gives one answer for one picture."""

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

from vdsr_lib.errors import InputError
from vdsr_lib.evaluation import PROTOCOLS, evaluate, predict_luma, psnr_real, reconstruct, score
from vdsr_lib.images import data_range_of, luma, rgb_to_ycbcr, to_uint8, ycbcr_to_rgb
from vdsr_lib.metrics import psnr, ssim, ssim_map
from vdsr_lib.patches import extract_patches
from vdsr_lib.upscaling import upscale

RGB = data.astronaut()[60:120, 150:212]
GREY = data.camera()[60:120, 150:212]
OTHER = data.camera()[61:121, 150:212]


class Brighter(nn.Module):
    """A network of [0, 1] that nobody takes for one of [0, 255]."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return 0.9 * x + 0.05 * self.weight


NETWORK = Brighter().double()

# Each takes `(colour picture, grey picture, another grey one, **range)`; `in_range` says that the result is a picture
# in the range that came in, all others give the same numbers for every range.
FUNCTIONS = {
    "psnr": lambda c, g, h, **r: psnr(g, h, **r),
    "ssim": lambda c, g, h, **r: ssim(g, h, **r),
    "ssim_map": lambda c, g, h, **r: ssim_map(g, h, **r),
    "luma": lambda c, g, h, **r: luma(c, **r),
    "luma of grey": lambda c, g, h, **r: luma(g, **r),
    "rgb_to_ycbcr": lambda c, g, h, **r: rgb_to_ycbcr(c, **r),
    "ycbcr_to_rgb": lambda c, g, h, **r: ycbcr_to_rgb(c, **r),
    "to_uint8": lambda c, g, h, **r: to_uint8(c, **r),
    "reconstruct": lambda c, g, h, **r: reconstruct(c, 2, NETWORK, "float", **r).output,
    "score": lambda c, g, h, **r: score(c, 2, NETWORK, **r).psnr,
    "evaluate": lambda c, g, h, **r: evaluate({"a": c}, [2], NETWORK, **r)[2]["a"].ssim,
    "psnr_real": lambda c, g, h, **r: psnr_real(c, 2.5, NETWORK, **r),
    "extract_patches": lambda c, g, h, **r: extract_patches([c], (2,), **r).interpolated.numpy(),
}
IN_RANGE = {
    "predict_luma": lambda c, g, h, **r: predict_luma(NETWORK, g, **r),
    "upscale": lambda c, g, h, **r: upscale(c, 1.5, NETWORK, tile=None, **r),
}


@pytest.mark.parametrize("name", [*FUNCTIONS, *IN_RANGE])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_without_their_range_are_refused_and_both_ranges_named(name, dtype):
    pictures = [picture.astype(dtype) / 255 for picture in (RGB, GREY, OTHER)]
    with pytest.raises(InputError, match=r"needs data_range=1 if .*, or data_range=255 if in \[0, 255\]"):
        (FUNCTIONS | IN_RANGE)[name](*pictures)


@pytest.mark.parametrize("name", [*FUNCTIONS, *IN_RANGE])
def test_one_picture_gives_one_answer_in_each_range(name):
    whole = (RGB, GREY, OTHER)
    function = (FUNCTIONS | IN_RANGE)[name]
    wanted = np.asarray(function(*(p.astype(np.float64) for p in whole), data_range=255), np.float64)
    small = np.asarray(function(*(p / 255 for p in whole), data_range=1), np.float64)
    deep = np.asarray(function(*(p.astype(np.uint16) * 257 for p in whole)), np.float64)
    eight = np.asarray(function(*whole), np.float64)
    known = np.asarray(function(*whole, data_range=255), np.float64)
    if name in IN_RANGE:
        small, deep = small * 255, deep / 257
    near = 0.51 if name == "upscale" else 1e-9  # integers are rounded
    assert np.ptp(wanted) > 1 or wanted.ndim == 0 or name in ("ssim_map", "extract_patches")
    np.testing.assert_allclose(small, wanted, rtol=0, atol=1e-5 if name == "extract_patches" else 1e-9)
    np.testing.assert_allclose(deep, wanted, rtol=0, atol=near)
    np.testing.assert_allclose(eight, wanted, rtol=0, atol=near)
    np.testing.assert_array_equal(known, eight)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_scores_a_picture_alike_in_each_range(protocol):
    wanted = score(RGB, 2, NETWORK, protocol)
    for picture, data_range in ((RGB / 255, 1), (RGB.astype(float), 255), (RGB.astype(np.uint16) * 257, None)):
        found = score(picture, 2, NETWORK, protocol, data_range=data_range)
        assert found.psnr == pytest.approx(wanted.psnr, abs=1e-9)
        assert found.ssim == pytest.approx(wanted.ssim, abs=1e-9)


def test_the_two_cases_of_the_report():
    # A PSNR of 59 dB where 10.9 is true, as the range of a picture in [0, 1] was taken for 255.
    x, y = GREY / 255, OTHER / 255
    assert psnr(x, y, data_range=1) == pytest.approx(psnr(GREY, OTHER), abs=1e-9)
    assert psnr(x, y, data_range=255) == pytest.approx(psnr(GREY, OTHER) + 20 * np.log10(255), abs=1e-9)


@pytest.mark.parametrize(
    ("images", "data_range", "says"),
    [
        ([GREY], 1, "uint8 holds up to 255, got data_range=1"),
        ([GREY, GREY / 255], 1, "uint8 and float64 holds up to 255, got data_range=1"),
        ([GREY, GREY / 1.0], None, "uint8 and float64 needs data_range=1"),
        ([GREY, GREY.astype(np.uint16)], None, "one range, got uint8 and uint16"),
        ([GREY.astype(int)], None, "int64 needs data_range"),
        ([GREY / 1.0], True, "number > 0, such as 1 or 255, got True"),
        ([GREY / 1.0], -1, "number > 0, such as 1 or 255, got -1"),
        ([GREY / 1.0], np.inf, "number > 0, such as 1 or 255, got inf"),
        ([GREY / 1.0], "255", "number > 0, such as 1 or 255, got '255'"),
    ],
)
def test_ranges_that_cannot_be(images, data_range, says):
    with pytest.raises(InputError, match=says):
        data_range_of(*images, data_range=data_range)


def test_what_each_type_knows():
    for dtype, top in ((bool, 1), (np.uint8, 255), (np.uint16, 65535)):
        assert data_range_of(np.zeros((2, 2), dtype)) == top
    assert data_range_of(np.zeros(2), np.zeros(2, np.uint8), data_range=255) == 255
