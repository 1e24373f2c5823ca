"""imresize against MATLAB's own files, Pillow and torch; numpy against torch; properties."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vdsr_lib import datasets
from vdsr_lib.errors import InputError
from vdsr_lib.images import read_image
from vdsr_lib.resize import KERNELS, axis_weights, cubic, imresize, output_size, rows_axis

SIDES = st.integers(1, 40)
SCALES = st.floats(0.1, 4.5)


def planes(image: np.ndarray) -> torch.Tensor:
    """`(H, W[, C])` numpy → `([C,] H, W)` torch."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, 2, 0) if image.ndim == 3 else image))


def back(tensor: torch.Tensor) -> np.ndarray:
    return np.moveaxis(tensor.numpy(), 0, 2) if tensor.ndim == 3 else tensor.numpy()


def picture(shape: tuple[int, ...], dtype=np.float64, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random(shape)
    top = {"uint8": 255, "uint16": 65535}.get(np.dtype(dtype).name, 1)
    return (values * top).astype(dtype)


# MATLAB's own files


def golden_pairs(folder, scale):
    for high in sorted((folder / f"x{scale}").glob("*_HR.png")):
        yield high.name, read_image(high), read_image(high.with_name(high.name.replace("_HR", "_LR")))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("name", "count"), [("Set5", 5), ("Set14", 14)])
def test_every_pixel_of_the_matlab_files(data, name, count, scale):
    done = 0
    for file, high, low in golden_pairs(data(f"goldens/imresize/{name}"), scale):
        ours = imresize(high, 1 / scale, edge="repeat")
        assert ours.dtype == np.uint8, file
        assert ours.shape == low.shape, file
        assert np.array_equal(ours, low), f"{file}: {(ours != low).sum()} of {low.size} values differ"
        if name == "Set5":  # torch equals numpy by the property below too; this is time
            assert np.array_equal(back(imresize(planes(high), 1 / scale, edge="repeat")), low), f"{file}, torch"
        done += 1
    assert done == count


def test_the_matlab_files_tell_the_edges_the_kernels_and_the_middle_rounding_apart(data):
    _, high, low = next(golden_pairs(data("goldens/imresize/Set5"), 3))
    rounded_once = np.clip(np.floor(imresize(high.astype(float), 1 / 3, edge="repeat") + 0.5), 0, 255)
    others = {
        "mirrored edges": imresize(high, 1 / 3),
        "a = -0.75": imresize(high, 1 / 3, kernel="bicubic-0.75", edge="repeat"),
        "no antialiasing": imresize(high, 1 / 3, antialias=False, edge="repeat"),
        "rounded once": rounded_once,
    }
    for what, other in others.items():
        assert not np.array_equal(other, low), what


def test_all_57_golden_pairs_are_registered():
    names = [name for name in datasets.registry() if name.startswith("goldens/imresize/")]
    assert sum(name.endswith("_LR.png") for name in names) == 57
    assert sum(name.endswith("_HR.png") for name in names) == 57


# Other people's code


@pytest.mark.parametrize(("shape", "size"), [((96, 80), (48, 40)), ((97, 80), (31, 37)), ((50, 40), (110, 93))])
@pytest.mark.parametrize(
    ("kernel", "theirs"),
    [("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR), ("box", Image.Resampling.BOX)],
)
def test_pillow_agrees_inside(shape, size, kernel, theirs):
    # Pillow leaves out and renormalises what lies over the edge, so only pixels far from it can agree.
    image = picture(shape, np.float32)
    pillow = np.asarray(Image.fromarray(image).resize((size[1], size[0]), theirs))
    inside = (slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(imresize(image, size=size, kernel=kernel)[inside], pillow[inside], atol=1e-6)


@pytest.mark.parametrize(("shape", "size"), [((96, 80), (48, 40)), ((97, 80), (31, 37)), ((50, 40), (110, 93))])
def test_torch_agrees_inside_with_antialiasing_and_everywhere_without(shape, size):
    image = picture(shape)
    resize = torch.nn.functional.interpolate
    batch, inside = torch.from_numpy(image)[None, None], (slice(6, -6), slice(6, -6))
    theirs = resize(batch, size, mode="bicubic", antialias=True)[0, 0].numpy()
    np.testing.assert_allclose(imresize(image, size=size)[inside], theirs[inside], atol=1e-12)
    theirs = resize(batch, size, mode="bicubic")[0, 0].numpy()
    ours = imresize(image, size=size, kernel="bicubic-0.75", antialias=False, edge="repeat")
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


# numpy and torch


@given(st.tuples(SIDES, SIDES), SCALES, st.sampled_from(sorted(KERNELS)), st.booleans(), st.booleans())
def test_torch_equals_numpy(shape, scale, kernel, antialias, mirror):
    options = {"kernel": kernel, "antialias": antialias, "edge": "mirror" if mirror else "repeat"}
    image = picture((*shape, 2))
    ours = imresize(image, scale, **options)
    np.testing.assert_allclose(back(imresize(planes(image), scale, **options)), ours, rtol=0, atol=1e-6)
    # float32 on the 8-bit scale, within 1e-4 of 255.
    single = back(imresize(planes((image * 255).astype(np.float32)), scale, **options))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, ours * 255, rtol=0, atol=1e-4 * 255)
    np.testing.assert_allclose(imresize(image.astype(np.float32), scale, **options), ours, rtol=0, atol=1e-4)


@given(st.tuples(SIDES, SIDES), SCALES, st.sampled_from([np.uint8, np.uint16]))
def test_torch_equals_numpy_in_integers(shape, scale, dtype):
    image = picture(shape, dtype)
    assert np.array_equal(imresize(torch.tensor(image), scale).numpy(), imresize(image, scale))


@given(st.tuples(st.integers(1, 3), st.integers(1, 2), SIDES, SIDES), SCALES)
def test_a_batch_is_its_images_one_by_one(shape, scale):
    batch = torch.from_numpy(picture(shape))
    together = imresize(batch, scale)
    for n in range(shape[0]):
        for c in range(shape[1]):
            assert torch.equal(together[n, c], imresize(batch[n, c], scale))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.5, 1 / 3, 2.7])
def test_cuda_equals_numpy(dtype, scale):
    image = picture((61, 47), dtype) * (1 if dtype == np.uint8 else 255)
    ours = imresize(torch.from_numpy(image.astype(dtype)).cuda(), scale).cpu().numpy()
    tolerance = {np.uint8: 0, np.float32: 1e-4 * 255, np.float64: 1e-6}[dtype]
    np.testing.assert_allclose(ours, imresize(image.astype(dtype), scale), rtol=0, atol=tolerance)


def test_gradients_flow_through():
    image = torch.rand(7, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, 1.7), image)


# Properties


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(sorted(KERNELS)), st.booleans(), st.booleans())
def test_rows_of_the_matrix_sum_to_one(in_size, out_size, kernel, antialias, mirror):
    edge = "mirror" if mirror else "repeat"
    weights = axis_weights(in_size, out_size, kernel=kernel, antialias=antialias, edge=edge)
    assert weights.matrix().shape == (out_size, in_size)
    np.testing.assert_allclose(weights.matrix().sum(axis=1), 1, atol=1e-12)
    assert weights.indices.min() >= 0
    assert weights.indices.max() < in_size


@given(st.tuples(SIDES, SIDES), SCALES)
def test_two_matrix_products_are_the_resize(shape, scale):
    image = picture(shape)
    down, across = (axis_weights(n, output_size(n, scale), scale).matrix() for n in shape)
    np.testing.assert_allclose(imresize(image, scale), down @ image @ across.T, atol=1e-12)


@given(st.integers(1, 60), SCALES, st.data())
def test_a_window_of_the_weights_gives_its_part(in_size, scale, draw):
    weights = axis_weights(in_size, output_size(in_size, scale), scale)
    start = draw.draw(st.integers(0, weights.out_size - 1))
    stop = draw.draw(st.integers(start + 1, weights.out_size))
    part, first, last = weights.window(start, stop)
    line = picture((in_size,))
    assert np.array_equal(part.apply(line[first:last], 0), weights.apply(line, 0)[start:stop])
    # No pixel more than is read, and the same matrix.
    assert {part.indices.min(), part.indices.max()} == {0, last - first - 1}
    assert np.array_equal(part.matrix(), weights.matrix()[start:stop, first:last])


@given(st.tuples(SIDES, SIDES), SCALES)
def test_size_is_the_ceiling(shape, scale):
    rows, columns = imresize(picture(shape), scale).shape
    assert abs(rows - shape[0] * scale) < 1 or rows == 1
    assert (rows, columns) == (output_size(shape[0], scale), output_size(shape[1], scale))


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_size_is_what_was_asked_for(shape, size):
    assert imresize(picture(shape), size=size).shape == size


@given(st.tuples(SIDES, SIDES), st.sampled_from([np.uint8, np.uint16, np.float32, np.float64]))
def test_scale_one_changes_nothing(shape, dtype):
    image = picture(shape, dtype)
    result = imresize(image, 1)
    assert np.array_equal(result, image)
    assert result.dtype == image.dtype
    assert not np.shares_memory(result, image)


@given(st.tuples(SIDES, SIDES), SCALES, st.sampled_from(sorted(KERNELS)), st.integers(0, 255))
def test_a_constant_image_stays_constant(shape, scale, kernel, value):
    assert (imresize(np.full(shape, value, np.uint8), scale, kernel=kernel) == value).all()
    assert (imresize(np.full(shape, value * 257, np.uint16), scale, kernel=kernel) == value * 257).all()
    np.testing.assert_allclose(imresize(np.full(shape, value / 255), scale, kernel=kernel), value / 255, atol=1e-12)


@given(st.tuples(SIDES, SIDES), SCALES)
def test_a_flipped_image_gives_the_flipped_result(shape, scale):
    # Only where the output fills the whole input: else MATLAB's grid starts at the left and ends beyond the right.
    image, size = picture(shape), (output_size(shape[0], scale), output_size(shape[1], scale))
    flipped = imresize(image[::-1, ::-1], size=size)
    np.testing.assert_allclose(flipped, imresize(image, size=size)[::-1, ::-1], atol=1e-9)


@given(st.tuples(st.integers(20, 40), st.integers(20, 40)))
def test_a_ramp_comes_through_exactly_inside(shape):
    # Keys' kernel reproduces polynomials of degree 2 (a = −0.5 alone does), so a ramp stays one.
    ramp = np.broadcast_to(np.arange(shape[1], dtype=float), shape)
    doubled = imresize(ramp, 2)
    expected = (np.arange(2 * shape[1]) - 0.5) / 2
    np.testing.assert_allclose(doubled[:, 6:-6], np.broadcast_to(expected, doubled.shape)[:, 6:-6], atol=1e-9)
    parabola = imresize(ramp**2, 2)[:, 6:-6]
    np.testing.assert_allclose(parabola, np.broadcast_to(expected**2, doubled.shape)[:, 6:-6], atol=1e-9)


# Numbers by hand


@pytest.mark.parametrize(
    ("in_size", "scale", "out"),
    [
        (10, 1.1, 11),
        (10, 0.5, 5),
        (11, 0.5, 6),
        (5, 1 / 3, 2),
        (255, 1 / 3, 85),
        (3, 1 / 3, 1),
        (1, 0.1, 1),
        (7, 2, 14),
    ],
)
def test_output_size_is_matlabs(in_size, scale, out):
    assert output_size(in_size, scale) == out


def test_cubic_by_hand():
    np.testing.assert_allclose(cubic(np.array([0, 0.5, 1, 1.5, 2, 3, -0.5])), [1, 0.5625, 0, -0.0625, 0, 0, 0.5625])
    assert cubic(np.array(1.5), a=-0.75) == pytest.approx(-0.09375)


def test_halving_by_hand():
    # Keys' kernel stretched by 2, at distances 0.25, 0.75, 1.25, 1.75 of the middle.
    row = axis_weights(16, 8).matrix()[4]
    near = cubic(np.array([0.25, 0.75, 1.25, 1.75])) / 2
    np.testing.assert_allclose(row[5:13], [*near[::-1], *near], atol=1e-15)
    assert np.count_nonzero(row) == 8


@pytest.mark.parametrize(("edge", "wanted"), [("mirror", [1, 0, 0, 1, 2, 2, 1]), ("repeat", [0, 0, 0, 1, 2, 2, 2])])
def test_edges_by_hand(edge, wanted):
    # Doubling reads two pixels beyond each edge. The line padded by hand gives the same, without its own edges.
    line = np.array([10.0, 20.0, 40.0])
    inside = imresize(line[wanted][None], size=(1, 14))[0, 4:10]
    np.testing.assert_allclose(imresize(line[None], size=(1, 6), edge=edge)[0], inside, atol=1e-12)


# Awkward input


def test_views_read_only_and_single_pixels():
    image = picture((12, 10), np.uint8)
    image.setflags(write=False)
    before = image.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(imresize(image[::-1, ::2], 1.5), imresize(image[::-1, ::2].copy(), 1.5))
        assert np.array_equal(imresize(image.T, 0.4), imresize(np.ascontiguousarray(image.T), 0.4))
        imresize(torch.rand(9, 9).T[::2], 0.7)
        assert imresize(np.array([[7]], np.uint8), 3.3).tolist() == [[7] * 4] * 4
        assert imresize(np.zeros((1, 5)), 1 / 5).shape == (1, 1)
    assert np.array_equal(image, before)


BAD = [
    (np.zeros((4, 4), bool), {"scale": 2}, "bool"),
    (np.zeros((4, 4), np.int64), {"scale": 2}, "int64"),
    (np.zeros((4, 4), np.float16), {"scale": 2}, "float16"),
    (np.zeros(4), {"scale": 2}, "shape"),
    (np.zeros((2, 3, 4, 5)), {"scale": 2}, "shape"),
    (np.zeros((0, 4)), {"scale": 2}, "empty"),
    (torch.zeros(4), {"scale": 2}, "shape"),
    ([[1, 2]], {"scale": 2}, "list"),
    (np.zeros((4, 4)), {}, "either"),
    (np.zeros((4, 4)), {"scale": 2, "size": (2, 2)}, "either"),
    (np.zeros((4, 4)), {"scale": 0}, "scale"),
    (np.zeros((4, 4)), {"scale": -1}, "scale"),
    (np.zeros((4, 4)), {"scale": math.nan}, "scale"),
    (np.zeros((4, 4)), {"scale": math.inf}, "scale"),
    (np.zeros((4, 4)), {"scale": "2"}, "'2'"),
    (np.zeros((4, 4)), {"scale": 1e-12}, "weights"),
    (np.zeros((4, 4)), {"scale": 1e12}, "weights"),
    (np.zeros((4, 4)), {"size": (0, 3)}, "size"),
    (np.zeros((4, 4)), {"size": (2.5, 3)}, "size"),
    (np.zeros((4, 4)), {"size": 8}, "size"),
    (np.zeros((4, 4)), {"scale": 2, "kernel": "lanczos"}, "lanczos"),
    (np.zeros((4, 4)), {"scale": 2, "edge": "wrap"}, "wrap"),
]


@pytest.mark.parametrize(("image", "arguments", "says"), BAD)
def test_errors_name_what_came_in(image, arguments, says):
    with pytest.raises(InputError, match=says):
        imresize(image, **arguments)


def test_sizes_below_one_are_refused():
    with pytest.raises(InputError, match="0"):
        axis_weights(0, 3)
    with pytest.raises(InputError, match="0"):
        output_size(0, 2)


def test_rows_axis():
    assert rows_axis(np.zeros((3, 4, 3))) == 0
    assert rows_axis(torch.zeros(5, 2, 3, 4)) == 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_the_type_stays(dtype):
    image = np.arange(30).reshape(5, 6).astype(dtype)
    assert imresize(image, 2).dtype == image.dtype
    if dtype != "uint16":
        tensor = torch.from_numpy(image)
        assert imresize(tensor, 2).dtype == tensor.dtype


def test_the_message_says_which_shape_was_wanted():
    with pytest.raises(InputError, match=r"^image must be a torch tensor \(\.\.\., H, W\), got shape \(3,\)$"):
        imresize(torch.zeros(3), 2)
    with pytest.raises(InputError, match=r"^image must be a numpy array \(H, W\) or \(H, W, C\), got shape \(3,\)$"):
        imresize(np.zeros(3), 2)


def test_rounding_is_forgiven_in_proportion_to_the_length():
    assert output_size(2690, 2.2) == 5918  # 2690 * 2.2 is 5918.000000000001 in double precision


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_edge_between_black_and_white_overshoots_into_neither(dtype):
    edge = np.repeat([[0] * 6 + [np.iinfo(dtype).max] * 6], 12, axis=0).astype(dtype)
    for image in (edge, edge.T):
        large = imresize(image, 2).astype(int)
        assert (large.min(), large.max()) == (0, np.iinfo(dtype).max)
        assert (np.diff(large, axis=0) >= 0).all()
        assert (np.diff(large, axis=1) >= 0).all()
