"""What the page Playground is given, and its arithmetic without a browser; the page itself is in tests/site."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from data_scripts.run import playground
from data_scripts.site import plain_notebooks
from data_scripts.site.notebooks import BOOK
from vdsr_lib.degradation import degrade, modcrop
from vdsr_lib.images import luma, to_uint8
from vdsr_lib.metrics import psnr, shave
from vdsr_lib.models import VDSR, count_parameters
from vdsr_lib.patches import extract_patches
from vdsr_lib.training import TrainingConfig

PROBES = Path(__file__).parent / "js" / "playground.js"


def probe(name, **inputs):
    """What a function of tests/js/playground.js answers."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("needs node, which comes with the extra `book`")
    command = [node, str(PROBES), name]
    done = subprocess.run(command, input=json.dumps(inputs), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plane(pixels):
    return {"data": pixels.ravel().tolist(), "rows": pixels.shape[0], "columns": pixels.shape[1]}


def test_pictures_and_graphs_are_laid_out(tmp_path):
    playground.lay_out(tmp_path)
    content = json.loads((tmp_path / "pictures.json").read_text())
    entries = [*content["train"], content["test"]]
    for entry, part in zip(entries, [*playground.TRAIN, playground.TEST], strict=True):
        stored = np.frombuffer((tmp_path / entry["file"]).read_bytes(), np.uint8)
        pixels = stored.reshape(entry["rows"], entry["columns"])
        assert np.array_equal(pixels, playground.picture(*part))
        assert pixels.std() > 20
    assert content["test"]["rows"] % 12 == 0, "nothing of it is cropped at ×2, ×3, ×4"
    assert len({entry["file"] for entry in entries}) == 3
    assert (tmp_path / "graphs" / "step-12.onnx").exists()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 500_000


@pytest.mark.parametrize("scales", [[2], [3], [4], [2, 3, 4]], ids=str)
def test_the_page_makes_the_patches_of_the_library(scales):
    pictures = [to_uint8(luma(data.astronaut()[:97, 100:211]), data_range=255), data.camera()[100:164, 130:201]]
    found = probe("patches", pictures=[plane(p) for p in pictures], scales=scales, size=21)
    wanted = extract_patches(pictures, scales, size=21, stride=21)
    assert found["shape"] == list(wanted.interpolated.shape)
    for got, tensor in ((found["x"], wanted.interpolated), (found["y"], wanted.high_res)):
        np.testing.assert_allclose(got, tensor.flatten(), atol=1e-6, rtol=0)


def test_the_page_scores_as_the_library():
    pixels = data.coffee()[100:172, 200:296]
    truth = to_uint8(luma(pixels), data_range=255)
    rgba = np.dstack([pixels, np.full(truth.shape, 255, np.uint8)])
    found = probe("scores", rgba=rgba.ravel().tolist(), **plane(truth))
    assert found["luma"] == truth.ravel().tolist()
    for scale, score in zip((2, 3, 4), found["scores"], strict=True):
        image = modcrop(truth / 255, scale)
        output = to_uint8(degrade(image, scale).interpolated, data_range=1)
        wanted = psnr(shave(output, scale), shave(to_uint8(image, data_range=1), scale))
        assert score == pytest.approx(wanted, abs=1e-6)


def test_weights_start_as_the_librarys_do():
    for entry in probe("weights", shapes=[[3, 4], [6, 16], [12, 10]]):
        model = VDSR(entry["depth"], entry["width"])
        he, small = np.array(entry["he"]), np.array(entry["small"])
        assert entry["count"] == sum(count_parameters(model)) == len(he)
        at = 0
        for conv in model.convs:
            kernel = slice(at, at + conv.weight.numel())
            bias = slice(kernel.stop, kernel.stop + len(conv.bias))
            sigma = float(np.sqrt(2 / (9 * conv.in_channels)))
            assert np.std(he[kernel]) == pytest.approx(sigma, rel=4 / np.sqrt(2 * conv.weight.numel()))
            assert not he[bias].any()
            np.testing.assert_allclose(small[kernel] * sigma, he[kernel] / 1000, rtol=1e-5)
            at = bias.stop


def test_batches_are_shuffled_passes_cut_without_regard_to_seams():
    batches = probe("batches", seed=1, steps=list(range(8)), count=30, batch=8)
    stream = [index for batch in batches for index in batch]
    assert sorted(stream[:30]) == sorted(stream[30:60]) == list(range(30))
    assert list(range(30)) != stream[:30] != stream[30:60]
    assert probe("batches", seed=1, steps=[5], count=30, batch=8) == [stream[40:48]], "no step depends on those before"
    assert probe("batches", seed=2, steps=[0], count=30, batch=8) != [stream[:8]]


def test_an_address_holds_the_settings():
    found = probe("address")
    assert found["usual"] == ""
    assert found["lost"] == []
    assert found["faulty"]["settings"]["depth"] == 6
    assert [fault.split(":")[0] for fault in found["faulty"]["faults"]] == [
        "Skip connection", "Depth", "Width", "θ of the clip by value", "Seed"
    ]  # fmt: skip
    assert (found["nearest"]["rate"], found["nearest"]["depth"]) == (0.013, 4)
    assert found["words"].startswith("Clip: none")
    config = TrainingConfig(learning_rate=0.1, drop_epochs=100, batch_size=1)
    rates = [now["rate"] for now in found["dropped"]]
    assert rates == pytest.approx([config.rate(step, 1) for step in (0, 99, 100, 250)])
    # θ/γ: the bound grows as γ falls.
    assert [now["bound"] * now["rate"] for now in found["dropped"]] == pytest.approx([2e-4] * 4)
    values = found["values"]
    for name, ends in {"depth": (3, 12), "width": (4, 16), "patch": (15, 41)}.items():
        assert (values[name][0], values[name][-1]) == ends
    for name in ("rate", "theta", "norm"):
        steps = np.diff(np.log10(values[name]))
        assert 0.06 < steps.min() < steps.max() < 0.13, "ten values a decade"


def test_a_run_is_told_in_words():
    look = {"step": 300, "psnr": 30.86, "added": 0.1, "spread": 0.2}
    found = probe("story", look=look, floor=29.99)
    assert found["good"] == "Step 300: 30.86 dB, +0.87 against bicubic. It sees more than bicubic interpolation does."
    assert "one and the same number" in found["constant"]
    assert "its output is its input" in found["same"]
    assert "no picture any more" in found["none"]
    assert "−5.00 against bicubic. It is still learning to hand the picture on." in found["plain"]
    assert found["ready"].startswith("Ready: bicubic has 29.99 dB")
    assert "moved a weight by 2·10⁴" in found["end"]
    assert "no clip held it" in found["end"]


def test_the_faster_device_is_named_and_one_that_errs_refused():
    fast = {"card": 4.26, "processor": 15.2, "equal": True, "faster": True}
    words = probe(
        "timed", cases=[fast, fast | {"card": 152, "faster": False}, fast | {"equal": False}, fast | {"card": None}]
    )
    assert words == [
        "A step takes 4.3 ms on the graphics card and 15 ms on the processor. The card computes.",
        "A step takes 152 ms on the graphics card and 15 ms on the processor. The processor computes.",
        "The graphics card computes something else here. The processor computes.",
        "The graphics card cannot be used here. The processor computes.",
    ]


def test_no_typical_gradient_is_drawn_above_the_largest():
    """In an explosion the mean of the squares is infinite while the gradients are not."""
    drawn = probe("layers", largest=[1e20, 3e19], typical=[None, None], share=[0, 0], bound=None)
    dots = [float(y) for y in re.findall(r'class="typical" cx="[^"]+" cy="([^"]+)"', drawn)]
    bars = [float(y) for y in re.findall(r'class="largest" d="M\S+ ([\d.]+)h14"', drawn)]
    assert dots == pytest.approx(bars, abs=0.1)
    assert bars[0] < bars[1]
    drawn = probe("layers", largest=[1e-2, 1e-3], typical=[1e-3, 1e-4], share=[0.5, 0], bound=2e-3)
    dots = [float(y) for y in re.findall(r'class="typical" cx="[^"]+" cy="([^"]+)"', drawn)]
    bars = [float(y) for y in re.findall(r'class="largest" d="M\S+ ([\d.]+)h14"', drawn)]
    bound = float(re.search(r'class="bound" d="M\S+ ([\d.]+)H', drawn)[1])
    assert bars[0] < bound < bars[1] < dots[1], "the bound cuts the first layer's"
    assert (dots[0] - bars[0], "50%" in drawn) == (pytest.approx(bars[1] - bars[0], abs=0.1), True)


def test_curves_have_few_points_and_each_is_a_mean():
    losses = np.random.default_rng(0).random(3000)
    found = probe("record", losses=losses.tolist(), ended=False)
    steps, means = np.array(found["loss"]).T
    assert found["step"] == 3000
    assert 60 < len(steps) < 100, "few enough to draw, many enough to see"
    assert steps[:5].tolist() == [1, 2, 3, 4, 5]
    assert means[:5].tolist() == losses[:5].tolist()
    starts = [0, *steps[:-1].astype(int)]
    assert means.tolist() == pytest.approx([losses[a:b].mean() for a, b in zip(starts, steps.astype(int), strict=True)])


def test_the_last_finite_step_is_kept():
    found = probe("record", losses=[4, 2, None], ended=True)
    assert found == {"loss": [[1, 4], [2, 2]], "step": 3, "ended": 3, "moment": None}


def verdicts(exercise, *queries, rules=()):
    cases = [
        {"exercise": exercise, "address": q if "/" in q else f"playground.html?{q}", "rules": rules} for q in queries
    ]
    return probe("exercises", cases=cases)


DIES = {"ended": 7, "psnr": None}


def test_the_largest_rate_lives_and_the_next_one_does_not():
    rules = [{"when": {"rate": 0.00016}, "then": DIES}, {"when": {"rate": 0.01}, "then": DIES}]
    right, larger, smaller, clipped, deeper = verdicts(
        "largest", "clip=none&rate=1.3e-4", "clip=none&rate=1.6e-4", "clip=none&rate=1e-4", "rate=1.3e-4",
        "clip=none&rate=1.3e-4&depth=3", rules=rules,
    )  # fmt: skip
    assert right["passed"]
    assert "γ is 769 times larger" in right["words"]
    assert (larger["passed"], larger["words"]) == (False, "At γ = 1.6·10⁻⁴ the loss is no number at step 7.")
    assert (smaller["passed"], smaller["words"]) == (False, "At γ = 10⁻⁴ it lives, but at 1.3·10⁻⁴ too.")
    assert not clipped["passed"]
    assert clipped["words"] == "The clip is still on."
    assert not deeper["passed"]
    assert deeper["words"].startswith("Depth must stay “6 layers”")


def test_the_clip_by_norm_must_learn():
    right, weak, none, slower = verdicts(
        "norm", "clip=norm&norm=0.04", "clip=norm&norm=1", "", "clip=norm&norm=0.04&rate=0.01",
        rules=[{"when": {"norm": 1, "clip": "norm"}, "then": {"psnr": 30.2}}],
    )  # fmt: skip
    assert right["passed"]
    assert [answer["passed"] for answer in (weak, none, slower)] == [False] * 3
    assert "0.20 dB above bicubic at step 300; wanted are 0.3 dB above" in weak["words"]
    assert none["words"] == "The clip must be the one by norm."


def test_the_small_network_must_be_small_and_good_on_each_scale():
    right, large, one, bad = verdicts(
        "small", "scales=234&depth=4&width=8", "scales=234&width=12", "depth=4&width=8",
        "scales=234&depth=3&width=8", rules=[{"when": {"depth": 3, "test": 3}, "then": {"psnr": 29.9}}],
    )  # fmt: skip
    assert right["passed"]
    assert right["words"].startswith("Right: 1321 weights")
    assert [answer["passed"] for answer in (large, one, bad)] == [False] * 3
    assert "5461 weights" in large["words"]
    assert bad["words"] == "On ×3 it stands 0.10 dB below bicubic at step 600."


def test_what_is_no_address_of_the_playground_is_refused():
    for address, words in {
        "https://example.org/book/try_it.html": "no address of the playground",
        "https://": "This is no address",
        "https://example.org/book/playground.html?depth=40": "wanted 3 to 12",
    }.items():
        (answer,) = verdicts("largest", address)
        assert not answer["passed"]
        assert words in answer["words"]


def test_no_preset_solves_an_exercise():
    """Whatever its run comes to; what *Small γ instead* comes to is seen in a browser."""
    for preset in probe("presets"):
        for exercise in ("largest", "norm", "small"):
            rules = [{"when": {"clip": "none", "rate": 0.1}, "then": DIES}]
            (answer,) = verdicts(exercise, preset["query"], rules=rules)
            assert not answer["passed"], (preset["key"], exercise)


LINK = re.compile(r"\{playground\}`[^`<]+<([^`>]+)>`")


def test_chapters_4_to_7_link_here_each_with_a_question():
    asked = {}
    for path in sorted(BOOK.glob("*.md")):
        for query in LINK.findall(path.read_text(encoding="utf-8")):
            found = probe("link", query=query)
            assert found["faults"] == [], path.name
            assert found["changed"], "the setting of its own argument"
            asked[path.name[:2]] = found["ask"]
    assert asked == {"04": "deep", "05": "residual", "06": "clip", "07": "scales"}


def test_a_link_has_a_plain_form():
    text = plain_notebooks.plain_text("{playground}`Train so <clip=none&ask=clip>`.", {})
    assert text == f"[Train so]({plain_notebooks.page_of('playground')}?clip=none&ask=clip)."
