"""Colour by known numbers and against scikit-image; files good and bad; atomic writes."""

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage import color

from vdsr_lib import images
from vdsr_lib.errors import ImageError, InputError
from vdsr_lib.files import write_atomically
from vdsr_lib.image_files import read_picture
from vdsr_lib.images import (
    as_array,
    luma,
    open_image,
    read_image,
    read_pipe,
    rgb_to_ycbcr,
    round_half_up,
    to_uint8,
    ycbcr_to_rgb,
)

# MATLAB's rgb2ycbcr of uint8 colours, from the matrix in its documentation (ITU-R BT.601).
MATLAB = {
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
    (255, 255, 0): (210, 16, 146),
    (0, 255, 255): (170, 166, 16),
    (255, 0, 255): (106, 202, 222),
    (0, 0, 0): (16, 128, 128),
    (255, 255, 255): (235, 128, 128),
    (128, 128, 128): (126, 128, 128),
}
RGB = arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


@pytest.mark.parametrize(("rgb", "ycbcr"), MATLAB.items())
def test_pure_colours_are_matlabs(rgb, ycbcr):
    assert tuple(to_uint8(rgb_to_ycbcr(np.array(rgb), data_range=255), data_range=255)) == ycbcr


def test_luma_weights_digit_by_digit():
    # Other code has 64.738 for 65.738, or 65.738 for 65.481: a red too dark or too light by one part in 64.
    pure = rgb_to_ycbcr(255.0 * np.eye(3), data_range=255)[:, 0] - 16
    np.testing.assert_allclose(pure, [65.481, 128.553, 24.966], atol=1e-9)
    assert rgb_to_ycbcr([255, 255, 255], data_range=255)[0] == pytest.approx(235, abs=1e-9)


@given(RGB)
def test_scikit_image_agrees_before_rounding(rgb):
    np.testing.assert_allclose(rgb_to_ycbcr(rgb, data_range=255), color.rgb2ycbcr(rgb), atol=1e-9)
    np.testing.assert_allclose(ycbcr_to_rgb(color.rgb2ycbcr(rgb), data_range=255), rgb, atol=1e-9)


@given(RGB)
def test_there_and_back_in_floats(rgb):
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(rgb, data_range=255), data_range=255), rgb, atol=1e-9)


def test_there_and_back_in_8_bits_loses_at_most_two_levels():
    # The price of step 4 of the protocol: YCbCr has fewer 8-bit colours than RGB.
    levels = np.arange(0, 256, 5)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1).astype(np.uint8)
    back = to_uint8(
        ycbcr_to_rgb(to_uint8(rgb_to_ycbcr(rgb, data_range=255), data_range=255), data_range=255), data_range=255
    )
    error = np.abs(back.astype(int) - rgb)
    assert 1 <= error.max() <= 2


def test_colour_leaves_its_argument_alone():
    rgb = np.full((2, 2, 3), 100.0)
    rgb_to_ycbcr(rgb, data_range=255)
    ycbcr_to_rgb(rgb, data_range=255)
    assert (rgb == 100).all()


def test_luma_of_grey_is_itself_and_of_rgb_is_y():
    grey = np.array([[0, 255]], np.uint8)
    assert luma(grey, data_range=255).tolist() == [[0, 255]]
    assert luma(grey, data_range=255).dtype == np.float64
    assert luma(np.full((1, 1, 3), 255), data_range=255)[0, 0] == pytest.approx(235)


@pytest.mark.parametrize("function", [rgb_to_ycbcr, ycbcr_to_rgb, luma])
@pytest.mark.parametrize("shape", [(), (4,), (2, 2, 4), (2, 2, 1), (1, 2, 2, 2, 4)])
def test_wrong_channels_are_named(function, shape):
    with pytest.raises(InputError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        function(np.zeros(shape))


def test_rounding_is_half_up_and_clamped():
    assert round_half_up(np.array([0.5, 1.5, 2.5, -0.5])).tolist() == [1, 2, 3, 0]
    values = np.array([-1.0, -0.5, 0.49, 0.5, 2.5, 254.5, 300.0, np.inf, -np.inf])
    assert to_uint8(values, data_range=255).tolist() == [0, 0, 0, 1, 3, 255, 255, 255, 0]
    assert to_uint8(np.array([300, -4, 7]), data_range=255).tolist() == [255, 0, 7]
    with pytest.raises(InputError, match="1 NaN"):
        to_uint8(np.array([0.0, np.nan]), data_range=255)


# Files


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (9, 7), **options) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise).convert(mode)
    image.save(path, **options)
    return image


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("1", (7, 9)), ("L", (7, 9)), ("LA", (7, 9, 3)), ("P", (7, 9, 3)), ("RGB", (7, 9, 3)), ("RGBA", (7, 9, 3))],
)
def test_read_image_of_each_kind(tmp_path, mode, shape):
    original = save(tmp_path / "a.png", mode)
    result = read_image(tmp_path / "a.png")
    assert result.shape == shape
    assert result.dtype == np.uint8
    assert np.array_equal(result, np.asarray(original.convert("L" if len(shape) == 2 else "RGB")))
    result[...] = 0  # yours to write to


def test_exif_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    save(tmp_path / "a.png", exif=exif)
    assert open_image(tmp_path / "a.png").size == (7, 9)
    plain = save(tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.rot90(np.asarray(plain), -1))


def test_profile_is_kept(tmp_path):
    save(tmp_path / "a.png", icc_profile=b"not really a profile")
    assert open_image(tmp_path / "a.png").info["icc_profile"] == b"not really a profile"


def header_only_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def one_line(path: Path, says: str, read=read_image) -> None:
    with pytest.raises(ImageError) as caught:
        read(path)
    message = str(caught.value)
    assert says in message
    assert str(path) in message
    assert "\n" not in message


def test_bad_files_are_one_clear_line(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image at all")
    (tmp_path / "bomb.png").write_bytes(header_only_png(100_000, 100_000))
    (tmp_path / "large.png").write_bytes(header_only_png(20_001, 20_000))
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    one_line(tmp_path / "missing.png", "no such file")
    one_line(tmp_path, "directory")
    one_line(tmp_path / "empty.png", "empty")
    one_line(tmp_path / "text.png", "not an image")
    # The limit that is named is the one that was passed: Pillow's, not ours.
    one_line(tmp_path / "bomb.png", f"{2 * Image.MAX_IMAGE_PIXELS} pixels")
    one_line(tmp_path / "large.png", "pixels")
    one_line(tmp_path / "deep.png", "8-bit")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "gif", "bmp"])
def test_a_file_cut_short_anywhere_is_an_image_error_or_still_an_image(tmp_path, suffix):
    save(tmp_path / f"whole.{suffix}", size=(40, 30))
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    path, refused = tmp_path / f"cut.{suffix}", 0
    for length in range(1, len(content), max(1, len(content) // 100)):
        path.write_bytes(content[:length])
        try:
            assert read_image(path).shape == (30, 40, 3)
        except ImageError:
            refused += 1
    assert refused > 40


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "gif", "bmp"])
def test_a_file_with_wrong_bytes_is_an_image_error_or_still_an_image(tmp_path, suffix):
    save(tmp_path / f"whole.{suffix}", size=(40, 30))
    content = (tmp_path / f"whole.{suffix}").read_bytes()
    random, path, refused = np.random.default_rng(0), tmp_path / f"wrong.{suffix}", 0
    for _ in range(150):
        broken = bytearray(content)
        for position in random.integers(0, min(len(content), 400), 3):
            broken[position] = int(random.integers(256))
        path.write_bytes(broken)
        try:
            assert read_image(path).dtype == np.uint8
        except ImageError:
            refused += 1
    assert refused > 0


@pytest.mark.filterwarnings("error")
def test_no_warning_of_pillows_comes_through(tmp_path, monkeypatch):
    save(tmp_path / "large.png", size=(40, 30))
    # Between its limit and twice its limit Pillow warns, and opens.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(tmp_path / "large.png").close()
    for read in (read_image, open_image, read_picture):
        read(tmp_path / "large.png")
    before = list(warnings.filters)
    read_image(tmp_path / "large.png")
    assert list(warnings.filters) == before


# Writing


def test_write_atomically_writes_all_or_nothing(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_atomically(target, fail)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]

    def write(temporary: Path) -> None:
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
        assert target.read_text() == "old"
        temporary.write_text("new")

    write_atomically(target, write)
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["out.txt"]
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask


def test_write_atomically_into_no_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "out.txt", lambda p: p.write_text("x"))


def test_limit_of_pixels_is_a_large_photograph():
    assert images.MAX_PIXELS >= 16 * 6000 * 4000


def test_a_tensor_of_whole_numbers_stays_one():
    assert as_array(torch.zeros(2, 3, dtype=torch.uint8)).dtype == np.uint8
    assert as_array(torch.zeros(2, 3, dtype=torch.bfloat16, requires_grad=True)).dtype == np.float64


def test_a_pipe_is_read_whole_and_no_further(tmp_path, monkeypatch):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def send(content):
        thread = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
        thread.start()
        return thread

    thread = send(b"123456")
    assert read_pipe(path) == b"123456"
    thread.join()
    monkeypatch.setattr(images, "MAX_PIPE", 5)
    thread = send(b"123456")
    with pytest.raises(ImageError, match=r"pipe: sends more than 5 bytes; wanted a file"):
        read_pipe(path)
    thread.join()


def test_pipes_at_their_bounds(tmp_path, monkeypatch):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(images, "MAX_PIPE", 3)
    for content in (b"1", b"123"):
        thread = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
        thread.start()
        assert read_pipe(path) == content
        thread.join()
    with pytest.raises(ImageError, match=r"^/dev/null: is a device, wanted an image file or a pipe$"):
        read_pipe("/dev/null")
    (tmp_path / "empty").touch()
    with pytest.raises(ImageError, match=r"empty: is empty, wanted an image file$"):
        read_pipe(tmp_path / "empty")
    (tmp_path / "one").write_bytes(b"1")
    assert read_pipe(tmp_path / "one") is None


@pytest.mark.parametrize("mode", ["F", "I", "I;16"])
def test_a_file_of_more_than_8_bits_is_refused(tmp_path, mode):
    Image.new(mode, (3, 2)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=f"mode {mode} is not 8-bit, wanted an 8-bit image$"):
        read_image(tmp_path / "a.tif")


def test_any_image_comes_out_in_double_precision():
    for image in (np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float16), np.zeros((2, 2), np.uint16)):
        assert images.to_8_bit_scale(image, None if image.dtype == np.uint16 else 1).dtype == np.float64


def test_what_is_uint8_already_is_handed_through():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert images.to_uint8(image) is image
    assert images.to_uint8(image, data_range=255) is image


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_of_an_endless_pipe_no_more_is_read_than_tells_that_it_is_too_long(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    asked = []

    class Endless(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return b"x"

    monkeypatch.setattr(images, "open", lambda *_: Endless(), raising=False)
    assert images.read_pipe(tmp_path / "pipe") == b"x"
    assert asked == [images.MAX_PIPE + 1]
