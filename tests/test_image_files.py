"""Every kind of image file, in and out: what is read, what is kept, what is refused."""

import builtins
import io
import os
import struct
import threading
import time
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from vdsr_lib.errors import ImageError, InputError
from vdsr_lib.image_files import FORMATS, Picture, check_fits, images_in, read_picture, readable, write_picture
from vdsr_lib.upscaling_files import upscale_file

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (6, 9, 3), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# A header is all that tells a grey profile: bytes 16 to 20 name the colour space.
GREY_PROFILE = SRGB[:16] + b"GRAY" + SRGB[20:]


def _png(pixels: np.ndarray, colour: int) -> bytes:
    """A 16-bit PNG of any colour type, by hand, to check the reading with."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


# --- reading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_lossless_rgb_rgba_and_grey(tmp_path, suffix):
    for pixels in (RGB, np.dstack([RGB, np.maximum(ALPHA, 1)]), RGB[..., 0]):
        path = tmp_path / f"in{suffix}"
        Image.fromarray(pixels).save(path, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
        read = read_picture(path).pixels
        expected = np.dstack([pixels] * 3) if suffix == ".webp" and pixels.ndim == 2 else pixels
        assert np.array_equal(read, expected)


def test_jpeg(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.jpg")
    assert np.array_equal(read_picture(tmp_path / "in.jpg").pixels, np.asarray(Image.open(tmp_path / "in.jpg")))


def test_grey_and_alpha(tmp_path):
    pixels = np.dstack([RGB[..., 0], ALPHA])
    Image.fromarray(pixels).save(tmp_path / "in.png")
    assert np.array_equal(read_picture(tmp_path / "in.png").pixels, pixels)


def test_one_bit(tmp_path):
    bits = RGB[..., 0] > 127
    for name in ("in.png", "in.tif"):
        Image.fromarray(bits).save(tmp_path / name)
        assert np.array_equal(read_picture(tmp_path / name).pixels, bits * np.uint8(255))


def test_palette(tmp_path):
    Image.fromarray(RGB).quantize(200).save(tmp_path / "in.png")
    image = Image.open(tmp_path / "in.png")
    assert image.mode == "P"
    assert np.array_equal(read_picture(tmp_path / "in.png").pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("transparency", [3, bytes(range(0, 250, 10))])
def test_palette_with_transparency(tmp_path, transparency):
    Image.fromarray(RGB).quantize(25).save(tmp_path / "in.png", transparency=transparency)
    pixels = read_picture(tmp_path / "in.png").pixels
    index = np.asarray(Image.open(tmp_path / "in.png"))
    expected = np.where(index == 3, 0, 255) if transparency == 3 else index * 10
    assert pixels.shape == (6, 9, 4)
    assert np.array_equal(pixels[..., 3], expected)


def test_a_colour_key_becomes_alpha(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "rgb.png", transparency=tuple(int(v) for v in RGB[2, 3]))
    Image.fromarray(RGB[..., 0]).save(tmp_path / "grey.png", transparency=int(RGB[2, 3, 0]))
    for name, channels in (("rgb.png", 4), ("grey.png", 2)):
        pixels = read_picture(tmp_path / name).pixels
        assert pixels.shape[2] == channels
        assert pixels[2, 3, -1] == 0
        assert pixels[..., -1].max() == 255


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_16_bit_grey(tmp_path, name):
    Image.fromarray(RGB16[..., 0]).save(tmp_path / name)
    assert np.array_equal(read_picture(tmp_path / name).pixels, RGB16[..., 0])


def test_16_bit_grey_of_the_other_byte_order(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", RGB16[..., 0], byteorder=">")
    read = read_picture(tmp_path / "in.tif").pixels
    assert read.dtype == np.uint16
    assert np.array_equal(read, RGB16[..., 0])


@pytest.mark.parametrize(("colour", "channels"), [(2, [0, 1, 2]), (6, [0, 1, 2, 0]), (4, [0, 1])])
def test_16_bit_colour_png(tmp_path, colour, channels):
    pixels = RGB16[..., channels]
    (tmp_path / "in.png").write_bytes(_png(pixels, colour))
    assert np.array_equal(read_picture(tmp_path / "in.png").pixels, pixels)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "byteorder": ">"},
        {"planarconfig": "separate"},
        {"tile": (16, 16)},
    ],
)
def test_16_bit_colour_tiff(tmp_path, options):
    pixels = np.moveaxis(RGB16, 2, 0) if "planarconfig" in options else RGB16
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", **options)
    assert np.array_equal(read_picture(tmp_path / "in.tif").pixels, RGB16)


def test_16_bit_colour_with_multiplied_alpha_is_refused(tmp_path):
    pixels = np.dstack([RGB16, RGB16[..., :1]])
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    with pytest.raises(ImageError, match="multiplied with alpha"):
        read_picture(tmp_path / "in.tif")


def test_a_fourth_channel_that_is_no_transparency(tmp_path):
    for pixels in (RGB, RGB16):
        four = np.dstack([pixels, pixels[..., :1]])
        tifffile.imwrite(tmp_path / "in.tif", four, photometric="rgb", extrasamples=["unspecified"])
        assert np.array_equal(read_picture(tmp_path / "in.tif").pixels, pixels)


def test_16_bit_colour_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "in.png").write_bytes(_png(RGB16, 2))
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "imagecodecs":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImageError, match=r"pip install 'vdsr-lib\[color16\]'"):
        read_picture(tmp_path / "in.png")
    with pytest.raises(ImageError, match=r"pip install 'vdsr-lib\[color16\]'"):
        write_picture(Picture(RGB16), tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_exif_rotation(tmp_path, orientation, deep):
    """Both paths must agree with the eight cases of the EXIF standard, written out."""
    pixels = RGB16 if deep else RGB
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels.transpose(1, 0, 2), 2),
        8: np.rot90(pixels, 1),
    }[orientation]
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    assert np.array_equal(read_picture(path).pixels, upright)


def test_exif_rotation_of_a_jpeg_reaches_the_output(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RGB).save(tmp_path / "in.jpg", exif=exif)
    upscale_file(tmp_path / "in.jpg", tmp_path / "out.jpg", 2)
    out = Image.open(tmp_path / "out.jpg")
    assert out.size == (12, 18)
    assert 274 not in out.getexif()


def test_cmyk_without_a_profile(tmp_path):
    image = Image.fromarray(RGB).convert("CMYK")
    image.save(tmp_path / "in.tif")
    picture = read_picture(tmp_path / "in.tif")
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert picture.notes == ("CMYK became RGB",)
    assert picture.profile is None


def test_cmyk_with_a_broken_profile_becomes_rgb_all_the_same(tmp_path):
    image = Image.fromarray(RGB).convert("CMYK")
    image.save(tmp_path / "in.jpg", icc_profile=b"not a profile", quality=95)
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.pixels.shape == RGB.shape
    assert picture.profile is None


def test_several_frames(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "in.tif", save_all=True, append_images=frames[1:])
    picture = read_picture(tmp_path / "in.tif")
    assert np.array_equal(picture.pixels, RGB)
    assert picture.notes == ("only the first of 2 frames",)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [(np.zeros((3, 3), np.float32), "floating-point"), (np.full((3, 3), 70000, np.int32), "32-bit")],
)
def test_numbers_that_are_no_picture(tmp_path, pixels, message):
    Image.fromarray(pixels).save(tmp_path / "in.tif")
    with pytest.raises(ImageError, match=message):
        read_picture(tmp_path / "in.tif")


def test_a_colour_space_that_pillow_cannot_turn_into_rgb(tmp_path, monkeypatch):
    def refuse(self, mode, *args):
        raise ValueError("conversion not supported")

    Image.new("LAB", (4, 4)).save(tmp_path / "in.tif")
    monkeypatch.setattr(Image.Image, "convert", refuse)
    with pytest.raises(ImageError, match="LAB cannot become RGB"):
        read_picture(tmp_path / "in.tif")


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [(lambda content: b"", "is empty"), (lambda content: b"text, not pixels" * 9, "not an image"), (_cut, "in")],
)
def test_spoilt_files(tmp_path, suffix, spoil, message):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"in{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ImageError, match=message) as caught:
        read_picture(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_truncated_16_bit_png(tmp_path):
    noise = np.random.default_rng(1).integers(0, 65536, (64, 64, 3), dtype=np.uint16)
    (tmp_path / "in.png").write_bytes(_cut(_png(noise, 2)))
    with pytest.raises(ImageError, match="cannot be read"):
        read_picture(tmp_path / "in.png")


# --- writing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [None, [0], [0, 1], [0, 1, 2], [0, 1, 2, 0]])
@pytest.mark.parametrize("source", [RGB, RGB16])
def test_lossless_formats_give_back_what_was_written(tmp_path, suffix, channels, source):
    pixels = source[..., 0] if channels is None else source[..., channels]
    path = tmp_path / f"out{suffix}"
    assert write_picture(Picture(pixels), path) == ()
    expected = (
        pixels[..., [0, 0, 0, 1]]
        if channels == [0, 1] and source is RGB16
        else pixels.reshape(pixels.shape[:2] + pixels.shape[2:] * (channels != [0]))
    )
    assert np.array_equal(read_picture(path).pixels, expected)


@pytest.mark.parametrize("pixels", [RGB, RGB[..., 0], RGB16, RGB16[..., 0], np.dstack([RGB, ALPHA])])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_profile_and_resolution_are_kept(tmp_path, pixels, suffix):
    if suffix == ".jpg" and pixels.ndim == 3 and pixels.shape[2] == 4:
        pytest.skip("JPEG holds no alpha")
    profile = SRGB if pixels.ndim == 3 else GREY_PROFILE
    path = tmp_path / f"out{suffix}"
    write_picture(Picture(pixels, profile, (300.0, 150.0)), path)
    read = read_picture(path)
    assert read.profile == profile
    assert read.dpi == pytest.approx((300, 150), abs=0.02)


def test_a_whole_round_keeps_profile_and_resolution(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.jpg", icc_profile=SRGB, dpi=(240, 240))
    upscale_file(tmp_path / "in.jpg", tmp_path / "out.webp", 1.5)
    assert Image.open(tmp_path / "out.webp").info["icc_profile"] == SRGB
    upscale_file(tmp_path / "in.jpg", tmp_path / "out.tif", 1.5)
    assert Image.open(tmp_path / "out.tif").info["dpi"] == (240, 240)


def test_a_profile_of_another_colour_space_is_dropped(tmp_path):
    for pixels, profile in ((RGB, GREY_PROFILE), (RGB[..., 0], SRGB)):
        write_picture(Picture(pixels, profile), tmp_path / "out.png")
        assert read_picture(tmp_path / "out.png").profile is None


def test_impossible_resolutions_are_dropped(tmp_path):
    for dpi in ((0, 0), (1e9, 1e9)):
        Image.fromarray(RGB).save(tmp_path / "in.tif", dpi=dpi)
        assert read_picture(tmp_path / "in.tif").dpi is None


def test_16_bits_become_8_where_the_format_has_no_more(tmp_path):
    deep = np.repeat(np.arange(0, 65536, 257, dtype=np.uint16)[:, None], 4, axis=1)
    notes = write_picture(Picture(np.minimum(deep, 65535)), tmp_path / "out.webp", quality=100)
    assert notes == ("WEBP holds 8 of 16 bits",)
    read = read_picture(tmp_path / "out.webp").pixels
    assert np.abs(read[..., 0].astype(int) - np.arange(256)[:, None]).max() <= 3  # WebP's own loss


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("value", [0, 128, 129, 32767, 65406, 65407, 65535])
def test_8_of_16_bits_are_the_nearest(tmp_path, suffix, value):
    # White became black where NumPy, before 2, added in 16 bits.
    write_picture(Picture(np.full((16, 16, 3), value, np.uint16)), tmp_path / f"out{suffix}", quality=100)
    read = read_picture(tmp_path / f"out{suffix}").pixels
    assert np.abs(read.astype(int) - round(value / 257)).max() <= 1  # the formats' own loss


def test_webp_with_alpha_and_grey(tmp_path):
    pixels = np.dstack([np.full((6, 9), 90, np.uint8), ALPHA])
    write_picture(Picture(pixels), tmp_path / "out.webp")
    read = read_picture(tmp_path / "out.webp").pixels
    assert np.array_equal(read[..., 3], ALPHA)


def test_quality_matters(tmp_path):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for suffix in (".jpg", ".webp"):
        sizes = []
        for quality in (20, 95):
            write_picture(Picture(noise), tmp_path / f"out{suffix}", quality=quality)
            sizes.append((tmp_path / f"out{suffix}").stat().st_size)
        assert sizes[1] > 1.5 * sizes[0]


@pytest.mark.parametrize("name", ["out.gif", "out.PN", "out", "out.svg"])
def test_unknown_suffix(name):
    with pytest.raises(ImageError, match=r"ends in \.png, \.jpg"):
        check_fits(name, (2, 2), False)


def test_what_does_not_fit():
    assert check_fits("OUT.JPG", (65_500, 3), False) == "JPEG"
    with pytest.raises(ImageError, match="3x65501 pixels"):
        check_fits("out.jpg", (65_501, 3), False)
    with pytest.raises(ImageError, match="no transparency"):
        check_fits("out.jpeg", (3, 3), True)
    for quality in (0, 101, 9.5, None):
        with pytest.raises(InputError, match="quality"):
            check_fits("out.jpg", (3, 3), False, quality)


def test_our_png_of_16_bits_is_read_alike_by_two_decoders(tmp_path):
    path = Path(tmp_path / "out.png")
    write_picture(Picture(RGB16, SRGB, (72.0, 72.0)), path)
    assert np.array_equal(imagecodecs.png_decode(path.read_bytes()), RGB16)
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.verify()  # checks the CRC of every chunk
    assert np.array_equal(np.asarray(Image.open(path)), (RGB16 >> 8).astype(np.uint8))


# --- what goes with the pixels -----------------------------------------------------------------------


def _exif() -> bytes:
    exif = Image.Exif()
    exif[271], exif[306], exif[274] = "Cam", "2020:01:02 03:04:05", 6
    exif[0x8769] = {36867: "2020:01:02 03:04:06", 40962: 9, 40963: 6}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif.tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6">title</r></x:xmpmeta>'
UPRIGHT_XMP = XMP.replace(b'tiff:Orientation="6"', b"")


def _with_metadata(path: Path) -> Path:
    image = Image.fromarray(RGB)
    if path.suffix == ".jpg":
        segment = b"http://ns.adobe.com/xap/1.0/\0" + XMP
        extra = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
        image.save(path, exif=_exif(), extra=extra, comment=b"hello")
    elif path.suffix == ".webp":
        image.save(path, exif=_exif(), xmp=XMP, lossless=True)
    elif path.suffix == ".png":
        path.write_bytes(_png_with([(b"eXIf", _exif()[6:]), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]))
    else:
        exif = Image.Exif()
        exif.load(_exif())
        exif[700] = XMP
        image.save(path, exif=exif)
    return path


def _png_with(chunks: list[tuple[bytes, bytes]], pixels: np.ndarray = RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    png = file.getvalue()
    extra = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return png[:33] + extra + png[33:]


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_date_camera_place_and_xmp_are_kept_where_the_format_can(tmp_path, source, target):
    done = upscale_file(_with_metadata(tmp_path / f"in{source}"), tmp_path / f"out{target}", 2)
    with Image.open(tmp_path / f"out{target}") as out:
        assert out.size == (12, 18)  # upright
        out.load()
        exif = out.getexif()
    assert (exif[271], exif[306]) == ("Cam", "2020:01:02 03:04:05")
    assert 274 not in exif
    more, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    if target == ".tif":
        assert "TIFF keeps no more of its EXIF than make, model, date and texts" in done.notes
    else:
        assert more[36867] == "2020:01:02 03:04:06"
        assert not {40962, 40963} & set(more)  # the size was another
        assert place[1] == "N"
    assert read_picture(tmp_path / f"out{target}").xmp == UPRIGHT_XMP
    told = [note for note in done.notes if "comment" in note]
    assert told == ([f"{FORMATS[target]} has no place for its comment"] if (source, target) in (
        (".jpg", ".webp"), (".jpg", ".tif")) else [])  # fmt: skip
    assert len(done.notes) == len(told) + (target == ".tif")


def test_a_comment_is_kept_in_jpeg_and_png(tmp_path):
    for name in ("out.jpg", "out.png"):
        assert upscale_file(_with_metadata(tmp_path / "in.jpg"), tmp_path / name, 2, overwrite=True).notes == ()
    assert Image.open(tmp_path / "out.jpg").info["comment"] == b"hello"
    assert Image.open(tmp_path / "out.png").text["Comment"] == "hello"


GAMMA = (b"gAMA", struct.pack(">I", 100_000))
CICP = (b"cICP", bytes([12, 13, 0, 1]))  # Display P3
AUTHOR = (b"tEXt", b"Author\0x")


@pytest.mark.parametrize("pixels", [RGB, np.dstack([RGB, ALPHA])])
@pytest.mark.parametrize("chunk", [GAMMA, CICP, AUTHOR])
def test_marks_of_colour_and_texts_are_kept_in_png_and_told_elsewhere(tmp_path, chunk, pixels):
    (tmp_path / "in.png").write_bytes(_png_with([chunk], pixels))
    assert upscale_file(tmp_path / "in.png", tmp_path / "out.png", 2).notes == ()
    assert read_picture(tmp_path / "out.png").chunks == (chunk,)
    (note,) = upscale_file(tmp_path / "in.png", tmp_path / "out.webp", 2).notes
    assert {b"gAMA": "its gAMA, and colours may", b"cICP": "its cICP, and colours may", b"tEXt": "its texts"}[
        chunk[0]
    ] in note


def test_marks_that_mean_srgb_are_dropped_in_silence(tmp_path):
    for chunk in ((b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455)), (b"cICP", bytes([1, 13, 0, 1]))):
        (tmp_path / "in.png").write_bytes(_png_with([chunk]))
        assert upscale_file(tmp_path / "in.png", tmp_path / "out.jpg", 2, overwrite=True).notes == ()


def test_16_bit_colour_keeps_them_too(tmp_path):
    picture = Picture(RGB16, exif=_exif()[6:], xmp=XMP, chunks=(CICP, GAMMA, AUTHOR))
    assert write_picture(picture, tmp_path / "out.png") == ()
    read = read_picture(tmp_path / "out.png")
    assert read.chunks == picture.chunks
    assert read.xmp == UPRIGHT_XMP
    exif = Image.Exif()
    exif.load(read.exif)
    assert exif[271] == "Cam"
    notes = write_picture(picture, tmp_path / "out.tif")
    assert notes == (
        "TIFF of 16-bit colour keeps nothing of its EXIF",
        "TIFF has no place for its texts",
        "TIFF has no place for its cICP, and colours may look different",
    )
    assert read_picture(tmp_path / "out.tif").xmp == UPRIGHT_XMP


def test_damaged_exif_costs_the_exif_and_no_more(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x87\x69" * 40)
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.pixels.shape == RGB.shape
    assert write_picture(picture, tmp_path / "out.jpg") == ()


def test_metadata_too_long_for_a_jpeg_is_told(tmp_path):
    exif = Image.Exif()
    exif[270] = "x" * 70_000
    picture = Picture(RGB, exif=exif.tobytes()[6:], xmp=b"x" * 70_000, comment=b"x" * 70_000)
    notes = write_picture(picture, tmp_path / "out.jpg")
    assert notes == tuple(f"its {what} is too long for JPEG" for what in ("EXIF", "XMP", "comment"))
    assert write_picture(picture, tmp_path / "out.png") == ()


def test_iptc_is_told(tmp_path):
    exif = Image.Exif()
    exif[33723] = b"\x1c\x02\x50\0\x01x"
    Image.fromarray(RGB).save(tmp_path / "in.tif", exif=exif)
    assert read_picture(tmp_path / "in.tif").notes == ("its Photoshop and IPTC entries were left out",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.ppm", b"P6 # a comment\n9 6\n65535\n" + RGB16.astype(">u2").tobytes()),
        ("in.sgi", struct.pack(">HBBHHHHII", 474, 0, 2, 3, 9, 6, 3, 0, 65535).ljust(512, b"\0")
         + np.ascontiguousarray(RGB16[::-1].transpose(2, 0, 1)).astype(">u2").tobytes()),
    ],
)  # fmt: skip
def test_16_bits_that_pillow_cuts_are_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    picture = read_picture(tmp_path / name)
    assert picture.notes == ("16 bits became 8",)
    assert np.abs(picture.pixels.astype(int) - RGB16 / 257).max() <= 1


# --- alpha -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [np.dstack([RGB, 0 * ALPHA + 255]), np.dstack([RGB[..., 0], 0 * ALPHA + 255])])
def test_alpha_that_is_full_everywhere_goes_without_a_word(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "in.png")
    assert upscale_file(tmp_path / "in.png", tmp_path / "out.jpg", 2).notes == ()
    opaque = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    Image.fromarray(opaque).save(tmp_path / "opaque.png")
    upscale_file(tmp_path / "opaque.png", tmp_path / "wanted.jpg", 2)
    assert (tmp_path / "out.jpg").read_bytes() == (tmp_path / "wanted.jpg").read_bytes()
    assert write_picture(Picture(pixels), tmp_path / "plain.jpg") == ()


def test_transparent_parts_are_named_and_laid_on_a_background(tmp_path):
    pixels = np.dstack([RGB, ALPHA])
    Image.fromarray(pixels).save(tmp_path / "in.png")
    for refuse in (
        lambda: upscale_file(tmp_path / "in.png", tmp_path / "out.jpg", 2, progress=lambda tiles: pytest.fail("work")),
        lambda: write_picture(Picture(pixels), tmp_path / "out.jpg"),
    ):
        with pytest.raises(ImageError, match=r"parts of the image are transparent; .* or give a background colour"):
            refuse()
    upscale_file(tmp_path / "in.png", tmp_path / "out.png", 1, background="#ff8000")
    share = ALPHA[..., None] / 255
    wanted = RGB * share + np.array([255, 128, 0]) * (1 - share)
    read = read_picture(tmp_path / "out.png").pixels
    assert read.shape == RGB.shape
    assert np.abs(read - wanted).max() <= 0.5


def test_backgrounds_of_grey_and_of_16_bits():
    grey = Picture(np.dstack([RGB16[..., 0], RGB16[..., 1]]))
    assert grey.without_alpha("white").pixels.shape == (6, 9)
    assert grey.without_alpha("red").pixels.shape == (6, 9, 3)
    nothing = Picture(np.dstack([RGB16, 0 * RGB16[..., 0]]))
    assert (nothing.without_alpha("white").pixels == 65535).all()
    assert (nothing.without_alpha("black").pixels == 0).all()
    assert nothing.without_alpha("white").pixels.dtype == np.uint16


def test_a_background_that_is_no_colour(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.png")
    with pytest.raises(InputError, match="background must be a colour such as 'white'"):
        upscale_file(tmp_path / "in.png", tmp_path / "out.png", 2, background="blurple")
    assert os.listdir(tmp_path) == ["in.png"]


# --- where it comes from -----------------------------------------------------------------------------


def test_a_folder_is_searched_for_whatever_the_reader_takes(tmp_path):
    """Every suffix that Pillow reads and also writes: a folder gives what each file gives by its name."""
    written = []
    for suffix, kind in Image.registered_extensions().items():
        if kind not in Image.OPEN or kind not in Image.SAVE or kind in ("EPS", "IM"):
            continue
        for mode in ("RGB", "L", "1", "P"):
            try:
                Image.fromarray(RGB).resize((64, 64)).convert(mode).save(tmp_path / f"a{suffix}", format=kind)
                read_picture(tmp_path / f"a{suffix}")
            except (OSError, ValueError, ImageError, KeyError):  # not this mode
                (tmp_path / f"a{suffix}").unlink(missing_ok=True)
                continue
            written.append(f"a{suffix}")
            break
    assert {".jfif", ".jpe", ".tga", ".pbm", ".pgm", ".bmp", ".dds"} <= {name[1:] for name in written}
    files, note = images_in(tmp_path)
    assert [path.name for path in files] == sorted(written)
    assert note == ""


def test_what_a_folder_leaves_out_is_said_in_one_line(tmp_path):
    for name in ("a.png", "b.txt", "c.xmp", "d", "e.eps", "f.doc", ".hidden.png", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "inside").mkdir()
    files, note = images_in(tmp_path)
    assert [path.name for path in files] == ["a.png"]
    assert note == (
        f"{tmp_path}: left out .hidden.png (hidden); inside (a folder); "
        "b.txt, c.xmp, d and 2 more (no image by its name)"
    )
    (tmp_path / "a.png").unlink()
    with pytest.raises(ImageError, match="is a folder without images; left out"):
        images_in(tmp_path)
    assert ".eps" not in readable()


def test_postscript_is_not_run(tmp_path):
    (tmp_path / "in.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 6\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match="is EPS, drawn by a program"):
        read_picture(tmp_path / "in.png")


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
@pytest.mark.parametrize("name", ["rgb.png", "deep.png", "deep.tif"])
def test_a_pipe_is_read_whole(tmp_path, name):
    write_picture(Picture(RGB if name == "rgb.png" else RGB16, SRGB), tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    content = (tmp_path / name).read_bytes()
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content])
    writer.start()
    picture = read_picture(tmp_path / "pipe")
    writer.join()
    assert np.array_equal(picture.pixels, read_picture(tmp_path / name).pixels)
    assert picture.profile == SRGB


@pytest.mark.skipif(os.name != "posix", reason="POSIX devices and pipes")
def test_devices_and_empty_pipes(tmp_path):
    for device in ("/dev/null", "/dev/zero"):
        with pytest.raises(ImageError, match=f"{device}: is a device"):
            read_picture(device)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[b""])
    writer.start()
    with pytest.raises(ImageError, match="is empty"):
        read_picture(tmp_path / "pipe")
    writer.join()


def test_a_pipe_without_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr("vdsr_lib.images.MAX_PIPE", 1000)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[b"x" * 1001])
    writer.start()
    with pytest.raises(ImageError, match="sends more than 1,000 bytes"):
        read_picture(tmp_path / "pipe")
    writer.join()


# --- headers that ask for too much -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "value"), [("TileLength", 1), ("TileWidth", 16), ("ImageWidth", 4_000_000), ("RowsPerStrip", 1)]
)
def test_a_tiff_whose_header_asks_for_segments_that_are_not_there(tmp_path, tag, value):
    """Expected 1,044,481 segments, got 1: such a file took longer than a minute."""
    pixels = np.zeros((64, 64, 3), np.uint16)
    options = {"tile": (64, 64)} if tag.startswith("Tile") else {}
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", compression="zlib", **options)
    with tifffile.TiffFile(tmp_path / "in.tif", mode="r+") as file:
        page = file.pages.first
        for name in ("ImageWidth", "ImageLength"):
            page.tags[name].overwrite(2**14)
        page.tags[tag].overwrite(value)
    began = time.process_time()
    with pytest.raises(ImageError):
        read_picture(tmp_path / "in.tif")
    assert time.process_time() - began < 10
