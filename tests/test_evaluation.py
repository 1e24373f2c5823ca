"""The protocols: the paper's own cells from bicubic and from the authors' weights, and each step by hand."""

import numpy as np
import pytest
import torch
from skimage import data as pictures
from torch import nn

from vdsr_lib import runs
from vdsr_lib.book import paper
from vdsr_lib.ensemble import SelfEnsemble
from vdsr_lib.errors import InputError
from vdsr_lib.evaluation import (
    PROTOCOLS,
    Protocol,
    Score,
    evaluate,
    get_protocol,
    mean_score,
    predict_luma,
    psnr_real,
    reconstruct,
    score,
)
from vdsr_lib.images import rgb_to_ycbcr, to_uint8, ycbcr_to_rgb
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.resize import imresize
from vdsr_lib.symmetry import apply_symmetry, orient

# The paper prints two and four digits. PSNR may be off by one unit of its last digit, SSIM by three.
PSNR, SSIM = 0.01, 0.0003
# The same arithmetic on another machine: a few 8-bit values may round the other way.
SAME_PSNR, SAME_SSIM = 0.001, 1e-5

SET5_X2 = {
    "baby_GT": 38.752, "bird_GT": 42.420, "butterfly_GT": 34.493, "head_GT": 35.933, "woman_GT": 36.050
}  # fmt: skip

# Mean PSNR on Set5 at ×2, ×3, ×4, as measured by an implementation that is not this one.
BICUBIC = {
    "authors": (33.66, 30.39, 28.42),
    "bicubic-0.75-up": (33.98, 30.63, 28.63),
    "no-antialias": (34.42, 29.62, 27.66),
    "jpeg-luma": (32.37,),
    "rgb": (31.82,),
}
AUTHORS = {
    "authors": (37.529, 33.664, 31.349),
    "float-output": (37.564, 33.675, 31.354),
    "float": (37.593, 33.685, 31.362),
    "float-no-shave": (37.542, 33.607, 31.262),
}
# Small images of the larger sets, one cell each; `bridge` is the grey one.
SUBSET = [
    ("Set14", "face", 2), ("Set14", "comic", 3), ("Set14", "bridge", 4), ("B100", "101085", 2), ("B100", "3096", 3)
]  # fmt: skip


def close_to_paper(mean: Score, set_name: str, scale: int, method: str) -> None:
    for ours, metric, tolerance in ((mean.psnr, "psnr", PSNR), (mean.ssim, "ssim", SSIM)):
        printed = paper.paper_table3(set_name, scale, method, metric).value
        assert ours == pytest.approx(printed, abs=tolerance), f"{method}, {set_name} x{scale}, {metric}"


def close_to_record(ours: Score, method: str, set_name: str, scale: int, image: str) -> None:
    stored = runs.load_run(method).scores[set_name][str(scale)][image]
    assert ours.psnr == pytest.approx(stored["psnr"], abs=SAME_PSNR), (set_name, image, scale)
    assert ours.ssim == pytest.approx(stored["ssim"], abs=SAME_SSIM), (set_name, image, scale)


# The paper's cells


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_of_set5_is_table_3(images, scale):
    close_to_paper(mean_score(evaluate(images("Set5"), [scale])[scale]), "Set5", scale, "Bicubic")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_authors_weights_on_set5_are_table_3(images, authors, scale):
    scores = evaluate(images("Set5"), [scale], authors)[scale]
    close_to_paper(mean_score(scores), "Set5", scale, "VDSR")
    assert mean_score(scores).psnr == pytest.approx(AUTHORS["authors"][scale - 2], abs=0.001)
    for name, result in scores.items():
        close_to_record(result, "authors", "Set5", scale, name)
        if scale == 2:
            assert result.psnr == pytest.approx(SET5_X2[name], abs=0.001), name


@pytest.mark.parametrize(("set_name", "image", "scale"), SUBSET)
def test_the_authors_weights_on_a_few_images_of_the_other_sets(images, authors, set_name, image, scale):
    picture = images(set_name, [image])[image]
    assert (picture.ndim == 2) == (image == "bridge")
    close_to_record(score(picture, scale, authors), "authors", set_name, scale, image)


@pytest.mark.parametrize("set_name", ["Set14", "B100"])
def test_bicubic_on_a_few_images_of_the_other_sets(images, set_name):
    names = {"Set14": ["bridge", "comic", "face"], "B100": ["101085", "3096"]}[set_name]
    for scale, by_name in evaluate(images(set_name, names), [2, 3, 4]).items():
        for name, result in by_name.items():
            close_to_record(result, "bicubic", set_name, scale, name)


@pytest.mark.parametrize("method", ["bicubic", "authors"])
def test_every_cell_of_the_record_is_the_papers(method):
    record = runs.load_run(method)
    assert record.status == "done"
    for set_name, count in (("Set5", 5), ("Set14", 14), ("B100", 100)):
        for scale in (2, 3, 4):
            assert len(record.scores[set_name][str(scale)]) == count
            mean = Score(record.mean(set_name, scale), record.mean(set_name, scale, "ssim"))
            close_to_paper(mean, set_name, scale, {"bicubic": "Bicubic", "authors": "VDSR"}[method])


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("set_name", ["Set14", "B100", "Urban100"])
def test_bicubic_of_the_whole_sets_is_table_3(images, set_name, scale):
    close_to_paper(mean_score(evaluate(images(set_name), [scale])[scale]), set_name, scale, "Bicubic")


@pytest.mark.slow
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_authors_weights_on_set14_are_table_3(images, authors, scale):
    close_to_paper(mean_score(evaluate(images("Set14"), [scale], authors)[scale]), "Set14", scale, "VDSR")


# What each slip costs


@pytest.mark.parametrize("protocol", BICUBIC)
def test_bicubic_of_set5_by_every_protocol(images, protocol):
    for scale, expected in zip((2, 3, 4), BICUBIC[protocol], strict=False):
        mean = mean_score(evaluate(images("Set5"), [scale], protocol=protocol)[scale])
        assert mean.psnr == pytest.approx(expected, abs=0.005 + 1e-6), f"x{scale}"


@pytest.mark.slow
@pytest.mark.parametrize("protocol", AUTHORS)
def test_the_authors_weights_on_set5_by_every_protocol(images, authors, protocol):
    for scale, expected in zip((2, 3, 4), AUTHORS[protocol], strict=True):
        mean = mean_score(evaluate(images("Set5"), [scale], authors, protocol)[scale])
        assert mean.psnr == pytest.approx(expected, abs=0.001), f"x{scale}"


# Each step by hand


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return pictures.astronaut()[0:62, 200:263]


@pytest.fixture(scope="module")
def colourful() -> np.ndarray:
    """Saturated blocks: interpolated, they leave RGB, so that the way to 8-bit colour and back costs something."""
    corners = np.random.default_rng(0).integers(0, 2, (11, 11, 3), dtype=np.uint8) * np.uint8(255)
    return corners.repeat(6, axis=0).repeat(6, axis=1)[:62, :63]  # no multiple of 4


def test_the_authors_protocol_step_by_step(colourful):
    rgb = colourful

    def network(x):
        seen.append(x)
        return x * 0.9 + 0.05

    seen: list[torch.Tensor] = []
    scale = 4
    cropped = rgb[:60, :60]
    ycbcr = np.floor(rgb_to_ycbcr(cropped) + 0.5).clip(0, 255)
    up = imresize(imresize(ycbcr, 1 / scale), scale)
    y = up[..., 0].clip(16, 235)
    output = (np.float32(y / 255) * np.float32(0.9) + np.float32(0.05)).astype(float) * 255
    colour = np.dstack(
        [to_uint8(output, data_range=255), to_uint8(up[..., 1], data_range=255), to_uint8(up[..., 2], data_range=255)]
    )
    saved = to_uint8(ycbcr_to_rgb(colour, data_range=255), data_range=255)
    read = np.floor(rgb_to_ycbcr(saved)[..., 0] + 0.5)

    assert np.mean(read != to_uint8(output, data_range=255)) > 0.1  # step 4 counts here
    result = reconstruct(rgb, scale, network)
    assert np.array_equal(result.truth, ycbcr[..., 0])
    assert np.array_equal(result.output, read)
    assert seen[0].shape == (1, 1, 60, 60)
    assert seen[0].dtype == torch.float32
    np.testing.assert_allclose(seen[0][0, 0], y / 255, atol=1e-6)
    inside = (slice(scale, -scale), slice(scale, -scale))
    expected = Score(
        psnr(read[inside], ycbcr[..., 0][inside], data_range=255),
        ssim(read[inside], ycbcr[..., 0][inside], data_range=255),
    )
    assert score(rgb, scale, network) == expected


def test_grey_is_its_own_luma_with_the_same_clamp():
    # Half black, half white. There is no colour step, and the input is clamped as if it were luma.
    grey = np.zeros((24, 24), np.uint8)
    grey[:, 12:] = 255
    result = reconstruct(grey, 2)
    assert np.array_equal(result.truth, grey)
    assert result.output.min() == 16
    assert result.output.max() == 235
    assert reconstruct(grey, 2, protocol="float").output.max() > 255


def test_the_clamp_is_seen_by_the_network_only_when_the_protocol_has_it(rgb):
    flat = np.zeros((16, 16), np.uint8)  # grey black is 0, below the clamp
    for name, lowest in (("authors", 16), ("float-output", 16), ("float", 0)):
        seen: list[torch.Tensor] = []
        reconstruct(flat, 2, lambda x, seen=seen: seen.append(x) or x, name)
        assert seen[0].min() * 255 == pytest.approx(lowest, abs=1e-4), name


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("grey", [True, False])
def test_every_protocol_runs_and_tells_the_network_from_bicubic(rgb, protocol, grey):
    image = rgb[..., 1].copy() if grey else rgb
    bicubic = score(image, 3, None, protocol)
    assert 15 < bicubic.psnr < 45
    assert 0.3 < bicubic.ssim < 1
    identity = score(image, 3, nn.Identity(), protocol)
    assert identity.psnr == pytest.approx(bicubic.psnr, abs=2e-3)  # float32 on the way
    assert score(image, 3, lambda x: x + 0.05, protocol).psnr < bicubic.psnr - 0.5
    result = reconstruct(image, 3, None, protocol)
    assert result.output.shape == result.truth.shape
    assert result.output.shape[:2] == (60, 63)


def test_the_border_is_cut_by_the_scale(rgb):
    result = reconstruct(rgb, 3)
    cut = (slice(3, -3), slice(3, -3))
    assert score(rgb, 3).psnr == psnr(result.output[cut], result.truth[cut], data_range=255)
    uncut = Protocol("here", "", cut_border=False)
    assert score(rgb, 3, protocol=uncut).psnr == psnr(result.output, result.truth, data_range=255)


def test_jpeg_luma_is_pillows_and_rgb_is_all_three(colourful):
    from PIL import Image

    rgb = colourful
    pillow = np.asarray(Image.fromarray(rgb).convert("YCbCr"))[:60, :60, 0]
    assert np.abs(reconstruct(rgb, 4, protocol="jpeg-luma").truth - pillow).max() <= 1
    all_three = reconstruct(rgb, 4, protocol="rgb")
    assert np.array_equal(all_three.truth, rgb[:60, :60])
    up = imresize(imresize(rgb[:60, :60].astype(np.float64), 1 / 4), 4)
    np.testing.assert_allclose(all_three.output, up, atol=1e-9)
    aliased = Protocol("here", "", channel="rgb", antialias=False)
    small = imresize(rgb[:60, :60].astype(np.float64), 1 / 4, antialias=False)
    np.testing.assert_allclose(reconstruct(rgb, 4, protocol=aliased).output, imresize(small, 4), atol=1e-9)


@pytest.mark.parametrize("channel", range(3))
def test_rgb_scores_hear_each_channel(colourful, channel):
    # A network that spoils one channel alone: told apart by the order in which the three come.
    calls = iter(range(3))
    plain = score(colourful, 2, None, "rgb")
    spoilt = score(colourful, 2, lambda x: x + 0.2 * (next(calls) == channel), "rgb")
    assert spoilt.psnr < plain.psnr - 0.5
    result = reconstruct(colourful, 2, None, "rgb")
    cut = (slice(2, -2), slice(2, -2))
    error = np.mean((result.output[cut] - result.truth[cut]) ** 2)
    assert plain.psnr == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
    each = [ssim(result.output[cut][..., k], result.truth[cut][..., k], data_range=255) for k in range(3)]
    assert plain.ssim == pytest.approx(np.mean(each), abs=1e-12)
    assert np.ptp(each) > 1e-4


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize(("value", "level"), [(3.0, 255), (-2.0, 0)])
def test_what_the_network_overshoots_is_clamped_where_the_output_has_8_bits(rgb, grey, value, level):
    image = rgb[:60, :60, 1].copy() if grey else rgb[:60, :60]
    result = reconstruct(image, 2, lambda x: 0 * x + value)
    assert result.output.min() >= 0
    assert result.output.max() <= 255
    if grey:
        assert (result.output == level).all()
    else:
        # Luma 255 or 0 with the picture's own colour, held to RGB, and its luma read back.
        ycbcr = to_uint8(rgb_to_ycbcr(image), data_range=255).astype(float)
        up = imresize(imresize(ycbcr, 0.5), 2)
        up[..., 0] = level
        saved = to_uint8(ycbcr_to_rgb(to_uint8(up, data_range=255)), data_range=255)
        assert np.array_equal(result.output, to_uint8(rgb_to_ycbcr(saved)[..., 0], data_range=255))
    assert reconstruct(image, 2, lambda x: 0 * x + value, "float-output").output.flat[0] == value * 255


def test_scale_one_of_grey_in_range_is_perfect():
    grey = np.random.default_rng(0).integers(16, 236, (20, 20), dtype=np.uint8)
    assert score(grey, 1) == Score(float("inf"), pytest.approx(1))


# The network's side


def test_predict_luma_keeps_type_device_and_training_mode_of_the_network():
    image = np.random.default_rng(0).random((8, 9)) * 255
    network = VDSR(2, 4).double().train()
    result = predict_luma(network, image, data_range=255)
    assert result.dtype == np.float64
    assert network.training
    expected = network(torch.from_numpy(image / 255)[None, None]).detach().numpy()[0, 0] * 255
    np.testing.assert_allclose(result, expected, atol=1e-9)
    assert np.array_equal(predict_luma(None, image, data_range=255), image)


def test_the_protocol_is_plain_float32_whatever_the_caller_s_setting(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen = []

    def spy(x):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return x

    predict_luma(spy, np.zeros((4, 4)), data_range=255)
    assert seen == [(False, False)]
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.gpu
def test_cuda_scores_as_the_cpu_does(rgb):
    torch.manual_seed(0)
    network = VDSR(4, 8)
    cpu = score(rgb, 2, network)
    assert score(rgb, 2, network.cuda()).psnr == pytest.approx(cpu.psnr, abs=0.01)


def test_one_network_gives_one_score(rgb):
    torch.manual_seed(0)
    network = VDSR(4, 8)
    assert score(rgb, 2, network) == score(rgb, 2, network)


# Sets


def test_evaluate_goes_through_scales_and_names_and_tells_the_progress(rgb):
    seen = []

    def progress(cells):
        for cell in cells:
            seen.append(cell)
            yield cell

    result = evaluate({"a": rgb, "b": rgb[::-1]}, (2, 3), progress=progress)
    assert seen == [(2, "a"), (2, "b"), (3, "a"), (3, "b")]
    assert {scale: list(scores) for scale, scores in result.items()} == {2: ["a", "b"], 3: ["a", "b"]}
    assert result[2]["a"] == score(rgb, 2)


def test_mean_score_is_a_mean_of_decibels():
    assert mean_score({"a": Score(30, 0.8), "b": Score(40, 1.0)}) == Score(35, pytest.approx(0.9))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: score(np.zeros((32, 32)), 2), "float64"),
        (lambda: score(np.zeros((32, 32, 4), np.uint8), 2), r"\(32, 32, 4\)"),
        (lambda: score(np.zeros((32, 32, 1), np.uint8), 2, protocol="rgb"), r"\(32, 32, 1\)"),
        (lambda: score(np.zeros((32, 32), np.uint8), 1.5), "1.5"),
        (lambda: score(np.zeros((1, 1), np.uint8), 2), "smaller than the scale"),
        (lambda: score(np.zeros((12, 12), np.uint8), 2), "both sides >= 11"),
        (lambda: score(np.zeros((32, 32), np.uint8), 2, protocol="mine"), "mine.*authors"),
        (lambda: score(np.zeros((32, 32), np.uint8), 2, SRCNN(padding="valid")), r"\(1, 1, 20, 20\)"),
        (lambda: score(np.zeros((32, 32), np.uint8), 2, lambda x: x * float("nan")), "NaN"),
        (lambda: evaluate({}, [2]), "0 images"),
        (lambda: evaluate({"a": np.zeros((32, 32), np.uint8)}, []), "nothing"),
    ],
)
def test_errors_name_what_came_in(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_get_protocol():
    own = Protocol("mine", "", round_output=False)
    assert get_protocol(own) is own
    assert get_protocol("authors").name == "authors"
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())


# --- self-ensemble -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lopsided() -> VDSR:
    """A network that treats left and right, up and down, rows and columns differently, as every random one does."""
    torch.manual_seed(9)
    return VDSR(4, 6)


@pytest.mark.parametrize("symmetry", range(8))
@pytest.mark.parametrize("shape", [(1, 1, 9, 14), (2, 1, 12, 12)])
def test_self_ensemble_commutes_with_every_symmetry_bit_for_bit(lopsided, symmetry, shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(symmetry))
    ensemble = SelfEnsemble(lopsided)
    with torch.inference_mode():
        assert torch.equal(ensemble(orient(x, symmetry)), orient(ensemble(x), symmetry))
        if symmetry:
            assert not torch.equal(lopsided(orient(x, symmetry)), orient(lopsided(x), symmetry))


def test_self_ensemble_is_the_mean_of_answers_and_gains_their_spread(lopsided):
    image = pictures.astronaut()[100:140, 100:152, 0].astype(np.float32) / 255
    x = torch.from_numpy(image)[None, None]
    y = x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    ensemble = SelfEnsemble(lopsided)
    with torch.inference_mode():
        answers, mean = ensemble.answers(x).double(), ensemble(x).double()
        assert torch.equal(answers[0], lopsided(x).double())
    assert answers.shape == (8, 1, 1, 40, 52)
    torch.testing.assert_close(mean, answers.mean(0), rtol=0, atol=1e-6)
    # The mean's error is the mean error, less the spread: an identity, for any answers.
    spread = (answers - mean).square().mean()
    assert float((answers - y).square().mean() - spread) == pytest.approx(float((mean - y).square().mean()), rel=1e-4)


def test_a_symmetric_network_gains_nothing(lopsided):
    symmetric = VDSR(3, 4)
    with torch.no_grad():
        for conv in symmetric.convs:
            kernels = [apply_symmetry(conv.weight, torch.full((len(conv.weight),), k)) for k in range(8)]
            conv.weight.copy_(torch.stack(kernels).mean(0))
        x = torch.rand(1, 1, 10, 16)
        torch.testing.assert_close(SelfEnsemble(symmetric)(x), symmetric(x), rtol=0, atol=1e-6)


def test_self_ensemble_works_wherever_a_network_does(lopsided):
    image = pictures.astronaut()[:40, :44]
    assert score(image, 2, SelfEnsemble(lopsided)) != score(image, 2, lopsided)


# What mutants lived through while no data set was at hand


def test_a_set_is_scored_by_its_network_and_protocol(rgb):
    network = lambda x: 0.9 * x + 0.04  # noqa: E731
    found = evaluate({"a": rgb}, [2, 3], network, "float")
    assert found == {scale: {"a": score(rgb, scale, network, "float")} for scale in (2, 3)}
    assert found[2]["a"] != score(rgb, 2, None, "float")
    assert found[2]["a"] != score(rgb, 2, network)


def test_rgb_follows_every_setting_of_its_protocol(rgb):
    image = rgb[:60, :60] * 0.997  # no whole numbers
    for rounded in (True, False):
        protocol = Protocol(
            "here", "", channel="rgb", kernel="bilinear", up_kernel="bicubic-0.75", antialias=False, round_truth=rounded
        )
        result = reconstruct(image, 2, None, protocol, data_range=255)
        truth = np.floor(image + 0.5) if rounded else image
        small = imresize(truth, 0.5, kernel="bilinear", antialias=False)
        assert np.array_equal(result.truth, truth)
        np.testing.assert_array_equal(result.output, imresize(small, 2, kernel="bicubic-0.75"))


def test_a_network_of_0_to_1_fills_the_range(rgb):
    white = lambda x: 0 * x + 1  # noqa: E731
    assert (reconstruct(rgb, 2, white, "rgb").output == 255).all()
    assert (reconstruct(rgb[..., 0].copy(), 2, white, "rgb").output == 255).all()
    grey = np.full((20, 20), 55, np.uint8)
    assert psnr_real(grey, 2.5, white) == pytest.approx(20 * np.log10(255 / 200), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "down", "up"),
    [
        ("bicubic-0.75-up", {}, {"kernel": "bicubic-0.75"}),
        ("no-antialias", {"kernel": "bicubic-0.75", "antialias": False}, {"kernel": "bicubic-0.75"}),
    ],
)
@pytest.mark.parametrize("scale", [2, 3])  # without antialiasing, ÷3 meets the old pixels, and any kernel does
def test_a_protocol_s_kernels_are_used_on_their_way(colourful, name, down, up, scale):
    y = rgb_to_ycbcr(colourful[:60, :60].astype(np.float64), data_range=255)[..., 0]
    wanted = imresize(imresize(y, 1 / scale, **down), scale, **up)
    np.testing.assert_allclose(reconstruct(colourful[:60, :60], scale, None, name).output, wanted, atol=1e-9)


def test_an_unknown_protocol_is_answered_with_those_that_there_are():
    with pytest.raises(InputError) as caught:
        get_protocol("nothing")
    assert str(caught.value) == f"no protocol named 'nothing'; there are {', '.join(PROTOCOLS)}"


def test_without_a_network_the_picture_is_returned_in_double_precision():
    picture = np.zeros((3, 4), np.float32)
    assert predict_luma(None, picture, data_range=255).dtype == np.float64
