"""Upscaling of arrays and files: tiles, colour, alpha, depth, and what must never happen to a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from torch import nn

from vdsr_lib.devices import choose_device
from vdsr_lib.errors import ImageError, InputError, WeightsError
from vdsr_lib.images import rgb_to_ycbcr
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.resize import imresize
from vdsr_lib.upscaling import output_shape, reach, upscale
from vdsr_lib.upscaling_files import UpscaledFile, plan, upscale_file

QUICK = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def network() -> VDSR:
    """A small random network whose residual is as large as a trained one's."""
    torch.manual_seed(0)
    model = VDSR(depth=5, width=8).eval()
    with torch.no_grad():
        model.convs[-1].weight *= 0.1
    return model


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return data.astronaut()[100:140, 150:203]  # 40×53 RGB


# --- tiles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tile", [1000, 64, 17])
def test_tiles_equal_the_whole(network, photo, tile, dtype):
    whole = upscale(photo.astype(dtype), 2.5, network, tile=None, data_range=255)
    tiled = upscale(photo.astype(dtype), 2.5, network, tile=tile, data_range=255)
    assert np.abs(tiled - whole).max() / 255 <= 1e-6


def test_tiles_of_the_papers_depth_equal_the_whole(photo):
    torch.manual_seed(1)
    model = VDSR(depth=20, width=16).eval()
    whole = upscale(photo.astype(float), 2, model, tile=None, data_range=255)
    assert np.abs(whole - upscale(photo.astype(float), 2, data_range=255)).max() > 1  # the network does something
    assert np.abs(upscale(photo.astype(float), 2, model, tile=33, data_range=255) - whole).max() / 255 <= 1e-6


def test_a_margin_one_pixel_short_leaves_a_seam(network, photo):
    whole = upscale(photo.astype(float), 2, network, tile=None, data_range=255)
    short = upscale(photo.astype(float), 2, network, tile=17, margin=reach(network) - 1, data_range=255)
    assert np.abs(short - whole).max() / 255 > 1e-5


def test_tiles_without_a_network_are_bit_for_bit_the_whole(photo):
    assert np.array_equal(upscale(photo, 3.3, tile=11), upscale(photo, 3.3, tile=None))


def test_reach_is_half_the_receptive_field():
    assert reach(VDSR(20, 4)) == 20
    assert reach(SRCNN((9, 1, 5), (4, 2))) == 6
    assert reach(SRCNN((9, 5, 5), (4, 2))) == 8
    assert reach(nn.Sequential(nn.Conv2d(1, 1, 3, padding=2, dilation=2), nn.Conv2d(1, 1, (1, 5), padding=(0, 2)))) == 4


@pytest.mark.parametrize("bad", [lambda x: x, nn.Conv2d(1, 1, 3, stride=2, padding=1), nn.Identity()])
def test_reach_is_not_guessed(bad):
    with pytest.raises(InputError, match="margin"):
        reach(bad)


def test_a_plain_function_needs_no_margin_untiled_and_takes_one_tiled(photo):
    lighter = lambda x: x + 0.01  # noqa: E731
    whole = upscale(photo, 2, lighter, tile=None)
    assert np.array_equal(whole, upscale(photo, 2, lighter, tile=9, margin=0))
    with pytest.raises(InputError):
        upscale(photo, 2, lighter, tile=9)


def test_progress_wraps_every_tile(photo):
    seen = []
    upscale(photo, 2, tile=40, progress=lambda tiles: seen.extend(tiles) or tiles)
    assert seen == [(0, 0), (0, 40), (0, 80), (40, 0), (40, 40), (40, 80)]


# --- what the output is ------------------------------------------------------------------------------


@QUICK
@given(
    image=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
            lambda hw: st.sampled_from([hw, (*hw, 1), (*hw, 2), (*hw, 3), (*hw, 4)])
        ),
    ),
    scale=st.floats(1, 4),
    tile=st.integers(3, 40),
)
def test_any_shape_and_scale(network, image, scale, tile):
    output = upscale(image, scale, network, tile=tile)
    assert output.dtype == image.dtype
    assert output.shape[:2] == output_shape(image.shape[:2], scale)
    assert output.shape[2:] == image.shape[2:]
    assert output.shape[0] >= image.shape[0]
    assert output.shape[1] >= image.shape[1]
    assert output.shape[0] < image.shape[0] * scale + 1


@QUICK
@given(value=st.integers(0, 255), scale=st.floats(1, 4), channels=st.sampled_from([1, 3]))
def test_a_flat_image_stays_flat_without_a_network(value, scale, channels):
    image = np.full((5, 6, channels), value, np.uint8)
    assert (upscale(image, scale) == value).all()


def test_without_a_network_it_is_matlabs_bicubic(photo):
    expected = np.clip(np.floor(imresize(photo.astype(float), 2.2) + 0.5), 0, 255)
    assert np.array_equal(upscale(photo, 2.2), expected)


def test_the_network_changes_luma_and_leaves_the_colour(network, photo):
    bicubic = rgb_to_ycbcr(upscale(photo.astype(float), 2, data_range=255), data_range=255)
    restored = rgb_to_ycbcr(upscale(photo.astype(float), 2, network, data_range=255), data_range=255)
    assert np.abs(restored[..., 0] - bicubic[..., 0]).max() > 1
    assert np.abs(restored[..., 1:] - bicubic[..., 1:]).max() < 1e-9


def test_luma_is_what_the_evaluation_gives_the_network(photo):
    seen = []
    upscale(photo, 2, lambda x: seen.append(x) or x, tile=None)
    luma = rgb_to_ycbcr(imresize(photo.astype(float), 2), data_range=255)[..., 0]
    assert np.abs(seen[0][0, 0].numpy() - np.clip(luma, 16, 235) / 255).max() < 1e-6


def test_grey_is_rgb_with_equal_channels(network, photo):
    grey = photo[..., 1].astype(float)
    as_rgb = upscale(np.dstack([grey] * 3), 2, network, data_range=255)
    assert np.abs(upscale(grey, 2, network, data_range=255) - as_rgb[..., 0]).max() < 1e-4
    assert np.ptp(as_rgb, axis=2).max() < 1e-4


def test_black_and_white_stay_black_and_white():
    image = np.zeros((8, 8), np.uint8)
    image[:, 4:] = 255
    output = upscale(image, 2, lambda x: x, tile=None)
    assert (output[:, :4] == 0).all()
    assert (output[:, -4:] == 255).all()


def test_16_bits_are_not_cut_to_8(network, photo):
    deep = photo.astype(np.uint16) * 257
    fine = upscale(deep, 2, network)
    assert np.unique(fine % 257).size > 100  # values between the 8-bit steps
    coarse = upscale(photo, 2, network).astype(int)
    assert np.abs(fine / 257 - coarse).max() <= 0.5 + 1e-3


def test_scale_one_returns_a_copy(network, photo):
    output = upscale(photo, 1.0, network)
    assert np.array_equal(output, photo)
    assert not np.shares_memory(output, photo)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("value", "extreme"), [(3.0, "max"), (-2.0, "min")])
def test_integers_are_clamped_after_the_network_and_do_not_wrap(photo, dtype, value, extreme):
    grey = (photo[..., 1] // 2 + 50).astype(dtype) * dtype(np.iinfo(dtype).max // 255)
    output = upscale(grey, 2, lambda x: 0 * x + value, tile=None)
    assert (output == getattr(np.iinfo(dtype), extreme)).all()


def test_the_input_is_left_alone(network):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (9, 9, 4), dtype=np.uint8)
    image[::2, :, 3] = 0
    before = image.copy()
    image.setflags(write=False)
    upscale(image, 2, network)
    assert np.array_equal(image, before)


# --- transparency ------------------------------------------------------------------------------------


def test_colour_under_alpha_0_has_no_influence(network, photo):
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[10:30, 12:40] = 255
    one, other = np.dstack([photo, alpha]), np.dstack([photo, alpha])
    other[alpha == 0, :3] = (255, 0, 255)
    assert np.array_equal(upscale(one, 2, network), upscale(other, 2, network))


def test_a_flat_colour_on_transparency_gets_no_fringe():
    image = np.zeros((12, 12, 4), np.uint8)  # transparent black
    image[3:9, 3:9] = (200, 100, 50, 255)
    output = upscale(image, 2.7)
    visible = output[..., 3] > 0
    assert visible.any()
    assert (output[visible][:, :3] == (200, 100, 50)).all()


def test_alpha_is_bicubic(network):
    rng = np.random.default_rng(1)
    image = rng.integers(1, 256, (10, 11, 2), dtype=np.uint8)
    assert np.array_equal(upscale(image, 2, network)[..., 1], upscale(image[..., 1], 2))


def test_an_image_with_nothing_visible(network):
    assert (upscale(np.zeros((4, 4, 4), np.uint8), 2, network)[..., 3] == 0).all()


# --- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.99, 0, -2, float("nan"), float("inf"), "2", None, True, 1j])
def test_bad_scale(photo, scale):
    with pytest.raises(InputError, match="scale"):
        upscale(photo, scale)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros((5, 0, 3), np.uint8),
        np.zeros((5, 5, 5), np.uint8),
        np.zeros((5, 5, 0), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((1, 5, 5, 3), np.uint8),
        np.zeros((5, 5), bool),
        np.zeros((5, 5), np.int64),
        np.array([["a"]]),
        None,
    ],
)
def test_bad_image(image):
    with pytest.raises(InputError, match="image must"):
        upscale(image, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(value):
    image = np.zeros((5, 5))
    image[2, 2] = value
    with pytest.raises(InputError, match="1 values that are NaN or infinite"):
        upscale(image, 2)


@pytest.mark.parametrize("tile", [0, -1, 2.5])
def test_bad_tile(photo, tile):
    with pytest.raises(InputError, match="tile"):
        upscale(photo, 2, tile=tile)


def test_an_output_that_is_too_large_is_refused_before_it_is_made():
    with pytest.raises(InputError, match="100000x100000 pixels, more than 400,000,000"):
        upscale(np.zeros((10, 10), np.uint8), 10_000)


def test_a_network_that_shrinks_its_input(photo):
    with pytest.raises(InputError, match="same size"):
        upscale(photo, 2, SRCNN((9, 1, 5), (4, 2), padding="valid"))


def test_a_network_that_gives_nan(photo):
    with pytest.raises(WeightsError, match="not finite"):
        upscale(photo, 2, lambda x: x * float("nan"), tile=None, data_range=255)


def test_device():
    assert choose_device("cpu").type == "cpu"
    assert choose_device().type in ("cpu", "cuda")
    for name in ("abacus", "cuda:99"):
        with pytest.raises(InputError, match=name):
            choose_device(name)


# --- files -------------------------------------------------------------------------------------------


@pytest.fixture
def png(tmp_path, photo) -> Path:
    path = tmp_path / "in.png"
    Image.fromarray(photo).save(path)
    return path


def test_file_to_file(png, photo, network):
    result = upscale_file(png, png.with_name("out.png"), 2, network)
    assert result == UpscaledFile(png.with_name("out.png"), (53, 40), (106, 80), ())
    assert np.array_equal(np.asarray(Image.open(result.path)), upscale(photo, 2, network))


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_input_is_never_overwritten(png, link):
    before = png.read_bytes()
    out = png
    if link:
        out = png.with_name("link.png")
        link(png, out)
    with pytest.raises(ImageError, match="is the input itself"):
        upscale_file(png, out, 2, overwrite=True)
    assert png.read_bytes() == before


def test_an_output_that_is_there_is_kept_unless_told(png):
    out = png.with_name("out.png")
    out.write_text("mine")
    with pytest.raises(ImageError, match="is there already"):
        upscale_file(png, out, 2)
    assert out.read_text() == "mine"
    upscale_file(png, out, 2, overwrite=True)
    assert Image.open(out).size == (106, 80)


def test_overwriting_a_link_leaves_what_it_points_to(png):
    kept, link = png.with_name("kept.png"), png.with_name("link.png")
    kept.write_text("mine")
    link.symlink_to(kept)
    upscale_file(png, link, 2, overwrite=True)
    assert kept.read_text() == "mine"
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [("out.gif", "ends in .png"), ("out", "ends in .png"), ("no/out.png", "no folder"), ("d.png", "is a directory")],
)
def test_bad_target(png, name, message):
    png.with_name("d.png").mkdir()
    with pytest.raises(ImageError, match=message):
        upscale_file(png, png.parent / name, 2)
    assert sorted(os.listdir(png.parent)) == ["d.png", "in.png"]


def test_bad_quality_is_told_before_the_work(png):
    with pytest.raises(InputError, match="quality"):
        upscale_file(png, png.with_name("out.jpg"), 2, quality=0, progress=lambda tiles: pytest.fail("worked"))


def test_too_long_a_side_is_told_before_the_work(tmp_path):
    Image.new("L", (9000, 1)).save(tmp_path / "in.png")
    for name in ("out.webp", "out.jpg"):
        with pytest.raises(ImageError, match="a side of"):
            upscale_file(tmp_path / "in.png", tmp_path / name, 8, progress=lambda tiles: pytest.fail("worked"))


WRITE = """
import resource, sys
from vdsr_lib.errors import ImageError
from vdsr_lib.upscaling_files import upscale_file
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
for path in sys.argv[2:]:
    try:
        upscale_file(sys.argv[1], path, 4, overwrite=True)
    except ImageError as error:
        print(error)
"""


def _python(code: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=True
    ).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_write_that_fails_half_way_leaves_the_old_file(png):
    # A file-size limit stops the write in its middle, as a full disk does.
    outputs = [png.with_name(name) for name in ("out.jpg", "out.png", "out.tif", "out.webp")]
    for out in outputs:
        out.write_text("old")
    lines = _python(WRITE, str(png), *map(str, outputs)).splitlines()
    assert len(lines) == len(outputs)
    for line, out in zip(lines, outputs, strict=True):
        assert line.startswith(f"{out}: cannot be written (")
        assert out.read_text() == "old"
    assert sorted(os.listdir(png.parent)) == ["in.png", *(out.name for out in outputs)]


def test_a_full_disk(png, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(ImageError, match=r"out.png: cannot be written \(No space left on device\)"):
        upscale_file(png, png.with_name("out.png"), 2)
    assert os.listdir(png.parent) == ["in.png"]


def test_a_read_only_folder(png, monkeypatch):
    # Root may write everywhere, so the system's answer is given here; test_cli asks it as another user.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ImageError, match=r"out.png: cannot be written, the folder is read-only"):
        upscale_file(png, png.with_name("out.png"), 2)


# --- which file goes where ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b.png", "a.JPG", "c.bmp", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "d.png").write_bytes(b"x")
    return tmp_path


def _names(pairs):
    return [(a.name, b.name) for a, b in pairs]


def test_a_folder_goes_to_a_folder(folder):
    pairs = plan([folder], folder / "out")
    assert _names(pairs) == [("a.JPG", "a.JPG"), ("b.png", "b.png"), ("c.bmp", "c.png")]
    assert {b.parent for _, b in pairs} == {folder / "out"}


def test_one_suffix_for_all(folder):
    assert _names(plan([folder], folder / "out", ".webp"))[0] == ("a.JPG", "a.webp")
    with pytest.raises(InputError, match="suffix"):
        plan([folder], folder / "out", ".gif")


def test_patterns_and_repeats(folder):
    assert _names(plan([f"{folder}/*.[pb]*", folder / "b.png"], folder / "out")) == [
        ("b.png", "b.png"),
        ("c.bmp", "c.png"),
    ]


def test_one_file_to_a_file_or_a_folder(folder):
    file = folder / "b.png"
    assert plan([file], folder / "x.tif") == [(file, folder / "x.tif")]
    assert plan([file], folder / "x") == [(file, folder / "x" / "b.png")]
    assert plan([file], f"{folder}/x.d/") == [(file, folder / "x.d" / "b.png")]
    assert plan([file], folder / "inside") == [(file, folder / "inside" / "b.png")]


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (["b.png", "a.JPG"], "x.png", "wanted a folder for 2"),
        (["b.png", "inside/../inside/d.png", "more/b.png"], "out", "both"),
        (["*.tiff"], "out", "no file has such a name"),
        (["empty"], "out", "without images"),
        ([], "out", "no input"),
    ],
)
def test_plans_that_cannot_be(folder, inputs, out, message):
    (folder / "empty").mkdir()
    with pytest.raises((ImageError, InputError), match=message):
        plan([folder / name for name in inputs], folder / out)


def test_memory_does_not_grow_with_the_features():
    # Untiled, the 32 channels of 2.25 million pixels are 288 MB, and there are at least two such layers at once.
    code = """
import resource
import numpy as np
from vdsr_lib.models import VDSR
from vdsr_lib.upscaling import upscale
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
network = VDSR(2, 32).eval()
upscale(np.zeros((150, 150), np.uint8), 2, network, tile=256)
before = peak()
upscale(np.zeros((750, 750), np.uint8), 2, network, tile=256)
print(peak() - before)
"""
    assert float(_python(code)) < 100
