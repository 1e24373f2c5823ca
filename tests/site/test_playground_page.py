"""The playground in a real browser: the library's steps, each preset as its sentence says, every way to go wrong."""

import gzip
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from visiting import Visit, no_stand_still

from data_scripts import ROOT
from data_scripts.run import playground
from vdsr_lib.models import VDSR
from vdsr_lib.patches import extract_patches
from vdsr_lib.training import TrainingConfig, batch_indices, default_fabric, train

pytestmark = pytest.mark.site

PROBES = Path(__file__).parents[1] / "js" / "playground_page.js"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RECORD = json.loads(playground.RECORD.read_text(encoding="utf-8"))
APP = "#playground-app"


@pytest.fixture
def visit(browser, site):
    with Visit(browser, site) as visit:
        yield visit


def open_page(visit, query=""):
    page = visit.open(f"playground.html{query}")
    page.wait_for_selector(f"{APP}[data-state=paused]")
    page.add_script_tag(path=PROBES)
    return page


def part(page, name):
    return page.locator(f"[data-part={name}]")


def state(page, wanted):
    page.wait_for_selector(f"{APP}[data-state={wanted}]")


def step_of(page):
    return int(page.locator(APP).get_attribute("data-step"))


def reach(page, step):
    page.wait_for_function(f"Number(document.querySelector('{APP}').dataset.step) >= {step}")


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def compare_twenty_steps(visit, clip, residual, depth=6, width=12, device="cpu"):
    """Twenty steps of the library's loop, and the same of the page's on a device."""
    torch.manual_seed(0)
    model = VDSR(depth, width, residual=residual)
    start = flat(model)
    rate = {"value": 0.1, "norm": 0.01, "none": 1e-4}[clip]
    config = TrainingConfig(
        steps=20, batch_size=8, learning_rate=rate, clip=clip, theta=1e-4, max_norm=0.5, precision="fp32", log_every=1
    )
    patches = extract_patches([data.camera()[40:124, 180:264]], (2, 3), size=21, stride=21)
    state = train(model, patches, config, fabric=default_fabric("fp32", accelerator="cpu"))
    batches = []
    for k in range(20):
        x, y = patches.batch(batch_indices(config, len(patches), k)[0])
        batches.append({"x": x.flatten().tolist(), "y": y.flatten().tolist(), "shape": list(x.shape)})
    bounds = {"value": {"bound": 1e-4 / rate}, "norm": {"maxNorm": 0.5}, "none": {}}[clip]
    about = {"width": width, "residual": residual, "momentum": 0.9, "decay": 1e-4}
    page = open_page(visit)
    inputs = {"depth": depth, "about": about, "weights": start.tolist(), "batches": batches}
    found = page.evaluate("inputs => probes.steps(inputs)", inputs | {"now": {"rate": rate} | bounds, "device": device})
    assert found["by"] == {"cpu": "wasm", "gpu": "webgpu"}[device]
    np.testing.assert_allclose(found["losses"], [entry["loss"] for entry in state.history], rtol=1e-4)
    wanted = flat(model)
    assert np.linalg.norm(found["weights"] - wanted) < 1e-4 * np.linalg.norm(wanted - start)
    assert visit.wrong == []


@pytest.mark.parametrize("residual", [True, False], ids=["residual", "plain"])
@pytest.mark.parametrize("clip", ["value", "norm", "none"])
def test_twenty_steps_are_those_of_the_library(visit, clip, residual):
    compare_twenty_steps(visit, clip, residual)


@pytest.fixture(scope="module")
def with_card(launch):
    """Chromium with a graphics card that it plays by itself: correct, and slow."""
    browser = launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    yield browser
    browser.close()


def open_with_card(visit):
    page = open_page(visit)
    if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
        pytest.skip("this Chromium has no WebGPU")
    return page


# Chromium's own card takes a minute for each.
@pytest.mark.parametrize("clip", ["value", *(pytest.param(clip, marks=pytest.mark.slow) for clip in ("norm", "none"))])
def test_twenty_steps_on_a_graphics_card_are_those_of_the_library(with_card, site, clip):
    with Visit(with_card, site) as visit:
        open_with_card(visit)
        compare_twenty_steps(visit, clip, True, depth=3, width=4, device="gpu")


def test_processor_and_card_are_timed_and_the_faster_goes_on(with_card, site, visit):
    page = open_page(visit)
    page.locator("summary", has_text="More settings").click()
    assert not part(page, "devices").is_visible(), "there is no card"
    with Visit(with_card, site) as visit:
        page = open_with_card(visit)
        page.goto(f"{page.url}?depth=3&width=4&patch=15&batch=4")
        page.locator("summary", has_text="More settings").click()
        part(page, "devices").get_by_label("graphics card").click()
        words = part(page, "device-words")
        page.wait_for_function(
            "() => document.querySelector('[data-part=device-words]').textContent.endsWith(' computes.')"
        )
        # Only where both have computed the same.
        timed = r"A step takes [\d.]+ ms on the graphics card and [\d.]+ ms on the processor. The \w+ computes."
        assert re.fullmatch(timed, words.inner_text())
        part(page, "start").click()
        reach(page, 5)
        part(page, "devices").get_by_label("processor").click()
        state(page, "running")
        assert words.inner_text() == ""
        assert visit.wrong == []


@pytest.mark.slow
def test_a_card_that_is_faster_goes_on_with_the_same_run(with_card, site):
    """Chromium's own card is slow, so it is taken for the faster one here."""

    def taken(route):
        answer = route.fetch()
        text = answer.text()
        assert text.count("equal && card < processor") == 1
        route.fulfill(response=answer, body=text.replace("equal && card < processor", "equal"))

    with Visit(with_card, site) as visit:
        visit.page.route("**/playground/worker.js", taken)
        page = open_with_card(visit)
        page.goto(f"{page.url}?depth=3&width=4&patch=15&batch=4")
        page.locator("summary", has_text="More settings").click()
        numbers = {}
        for device in ("processor", "graphics card"):
            part(page, "devices").get_by_label(device).click()
            state(page, "paused")
            for step in (1, 2, 3):
                part(page, "step").click()
                reach(page, step)
            page.wait_for_function("document.querySelector('[data-part=status]').textContent.startsWith('Step 3:')")
            numbers[device] = part(page, "status").inner_text()
        assert part(page, "device-words").inner_text().endswith("The card computes.")
        assert numbers["graphics card"] == numbers["processor"], "to a hundredth of a decibel"
        assert visit.wrong == []


def trial(page, query, *marks):
    """The step at which a run ended, and what it was like at each of these steps."""
    seen = page.evaluate("inputs => probes.trial(inputs)", {"query": query, "steps": marks[-1], "marks": list(marks)})
    looks = {int(step): look | {"gain": look["psnr"] - seen["floor"]} for step, look in seen["seen"].items()}
    return seen["ended"], looks


def test_presets_do_what_their_sentences_say(visit):
    """As measured over three seeds; here with the first."""
    page = open_page(visit)
    _, clipped = trial(page, "", 100, 200, 300)
    assert clipped[100]["gain"] > 0
    assert clipped[300]["gain"] > 0.5
    ended, _ = trial(page, "clip=none", 20)
    assert 1 < ended <= 5
    _, small = trial(page, "clip=none&rate=1e-4", 300)
    assert abs(small[300]["gain"]) < 0.2
    _, plain = trial(page, "kind=plain", 200)
    assert plain[200]["gain"] < -1 < 0 < clipped[200]["gain"]
    _, deep = trial(page, "depth=12&init=small", 200)
    assert deep[200]["added"] < 2e-3
    assert deep[200]["spread"] < 1e-3
    _, scale = trial(page, "scales=4", 300)
    assert scale[300]["gain"] < -1
    _, crawls = trial(page, "theta=1e-5", 100, 200, 300)
    assert crawls[200]["gain"] < 0
    assert crawls[300]["loss"] < crawls[200]["loss"] < crawls[100]["loss"], "it still falls"
    _, dead = trial(page, "theta=0.01", 200)
    assert dead[200]["spread"] < 1e-3 < dead[200]["added"], "one and the same number"
    assert visit.wrong == []


def test_the_record_bears_the_sentences_out():
    """Three seeds each: what the presets' sentences say is true of every run that was measured."""
    runs = {key: list(seeds.values()) for key, seeds in RECORD.items()}
    assert {len(seeds) for seeds in runs.values()} == {3}
    assert all(run["gain"]["100"] > 0 and run["gain"]["300"] > 0.5 for run in runs["clipped"])
    assert all(0 < run["ended"] <= 10 for run in runs["explodes"])
    assert all(run["ended"] == 0 and abs(run["gain"]["300"]) < 0.2 for run in runs["small-rate"])
    assert all(run["gain"]["200"] < -1 for run in runs["plain"])
    assert all(run["added"]["200"] < 2e-3 for run in runs["deep"])
    assert all(run["gain"]["300"] < -1 for run in runs["scale"])
    for run in runs["theta-small"]:
        assert run["loss"]["300"] < run["loss"]["200"] < run["loss"]["100"]
        assert run["gain"]["200"] < 0
    assert all(run["spread"]["200"] < 1e-3 < run["added"]["200"] for run in runs["theta-large"])


def test_each_preset_is_pressed_said_and_shared(visit):
    page = open_page(visit)
    buttons = part(page, "presets").get_by_role("button").all()
    assert [button.get_attribute("data-preset") for button in buttons] == list(RECORD)
    sentences, queries = set(), set()
    for button in buttons:
        button.click()
        reach(page, 1)  # or nothing is left of it
        assert button.get_attribute("aria-pressed") == "true"
        assert part(page, "presets").locator("[aria-pressed=true]").count() == 1
        sentences.add(part(page, "sentence").inner_text())
        queries.add(page.url)
    assert len(sentences) == len(queries) == len(buttons)
    assert part(page, "ghosts").locator("li").count() == 5, "four earlier runs stay"
    page.reload()
    state(page, "paused")
    assert buttons[-1].get_attribute("aria-pressed") == "true"
    assert step_of(page) == 0
    assert visit.wrong == []


def test_an_explosion_is_told_and_the_last_finite_network_kept(visit):
    page = open_page(visit, "?clip=none")
    part(page, "start").click()
    state(page, "ended")
    told = part(page, "status").inner_text()
    assert told.startswith(f"Step {step_of(page)}: the loss is not a number any more.")
    assert "no clip held it" in told
    page.wait_for_function("document.querySelector('[data-part=number-loss]').textContent === 'no number'")
    assert part(page, "number-psnr").inner_text().endswith(")"), "the picture before it"
    assert part(page, "step").is_disabled()
    part(page, "start").click()  # "Start again"
    state(page, "ended")
    assert visit.wrong == []


def test_start_pause_step_reset_seed(visit):
    page = open_page(visit)
    start = part(page, "start")
    part(page, "step").click()
    reach(page, 1)
    part(page, "step").click()
    reach(page, 2)
    assert step_of(page) == 2
    start.click()
    reach(page, 30)
    assert start.inner_text() == "Pause"
    start.click()
    state(page, "paused")
    page.wait_for_function(
        f"document.querySelector('[data-part=status]').textContent.startsWith("
        f"'Step ' + document.querySelector('{APP}').dataset.step + ':')"
    )
    stopped = step_of(page)
    page.wait_for_timeout(300)
    assert step_of(page) == stopped
    numbers = part(page, "number-psnr").inner_text()
    part(page, "reset").click()
    state(page, "paused")
    assert step_of(page) == 0
    # The same address gives the same run.
    for _ in range(2):
        part(page, "step").click()
        page.wait_for_timeout(100)
    reach(page, 2)
    part(page, "next-seed").click()
    page.wait_for_url("**/playground.html?seed=2")
    state(page, "paused")
    assert part(page, "number-psnr").inner_text() != numbers
    assert visit.wrong == []


def test_the_first_steps_are_shown_one_by_one_however_often_a_run_is_stopped(visit):
    seen = open_page(visit).evaluate("probes.messages({query: 'depth=3&width=4', steps: 60})")
    steps = [(step, count) for step, count in seen if count]
    assert [step for step, _ in steps[:10]] == list(range(1, 11)), "or nobody would see a run explode"
    assert max(count for _, count in steps[10:]) > 1, "several steps a message"
    assert all(step == before + count for (before, _), (step, count) in pairwise(steps))
    assert visit.wrong == []


def test_a_run_that_is_started_comes_into_sight(browser, site):
    with Visit(browser, site, 390) as visit:
        page = open_page(visit)
        page.evaluate("scrollTo(0, 0)")
        sight = "document.querySelector('[data-part=psnr]').getBoundingClientRect().bottom <= innerHeight"
        assert not page.evaluate(sight)
        part(page, "presets").get_by_role("button", name="Explodes").click()
        state(page, "ended")
        page.wait_for_function(sight)
        assert part(page, "start").is_visible()
        assert visit.wrong == []


def check(page, exercise, address=None):
    """What an exercise says of an address, or of the page as it is."""
    form = page.locator(f"form[data-exercise={exercise}]")
    if address is None:
        form.get_by_role("button", name="Take this page's").click()
    else:
        form.get_by_role("textbox").fill(address)
    form.get_by_role("button", name="Check").click()
    form.locator("output[class]:not([class=''])").wait_for()
    return form.locator("output").get_attribute("class"), form.locator("output").inner_text()


def test_exercises_train_what_an_address_describes(visit):
    page = open_page(visit)
    assert check(page, "largest") == ("failed", "The clip is still on.")
    assert check(page, "norm", "no address")[0] == "failed"
    verdict, words = check(page, "largest", page.url + "?clip=none&rate=1e-4")  # a preset's
    assert (verdict, words) == ("failed", "At γ = 10⁻⁴ it lives, but at 1.3·10⁻⁴ too.")
    verdict, words = check(page, "norm", page.url + "?clip=norm&norm=0.04")
    assert verdict == "passed", words
    verdict, words = check(page, "norm", page.url + "?clip=norm&norm=1")
    assert verdict == "failed", words
    assert visit.wrong == []


@pytest.mark.slow
def test_exercises_have_solutions(visit):
    page = open_page(visit)
    for exercise, query in {"largest": "clip=none&rate=1.3e-4", "small": "scales=234&depth=4&width=8"}.items():
        verdict, words = check(page, exercise, f"{page.url}?{query}")
        assert verdict == "passed", words


QUESTIONS = {
    "deep": "depth=12&init=small",
    "residual": "kind=plain",
    "clip": "clip=none",
    "scales": "scales=4",
}


@pytest.mark.parametrize("key", QUESTIONS)
def test_a_question_is_answered_by_the_run(visit, key):
    page = open_page(visit, f"?{QUESTIONS[key]}&ask={key}")
    options = part(page, "options").get_by_role("radio").all()
    assert part(page, "see").is_disabled(), "predict first"
    assert not part(page, "sentence").is_visible(), "it would tell"
    options[{"deep": 0, "residual": 2, "clip": 0, "scales": 1}[key]].check()
    part(page, "see").click()
    page.wait_for_function("document.querySelector('[data-part=answer]').textContent")
    words = part(page, "answer").inner_text()
    wanted = {
        "deep": "As you said: nothing that could be seen.",
        "residual": "As you said: more than 1 dB below bicubic.",
        "clip": "As you said: for ten at most.",
        "scales": "Not as you said, but: below bicubic.",
    }[key]
    assert wanted in words
    assert part(page, "sentence").is_visible()
    assert visit.wrong == []


def picture(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def pick(page, content, name="own.png"):
    part(page, "file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def test_what_cannot_be_done_is_said(visit):
    page = open_page(visit, "?depth=99&width=none&rate=0.01")
    problem = part(page, "problem")
    assert "Depth: the address has “99”, wanted 3 to 12; taken is 6." in problem.inner_text()
    assert "Width: the address has “none”, wanted 4 to 16; taken is 16." in problem.inner_text()
    assert page.url.endswith("?rate=0.01")
    for content, words in (
        (b"no picture", "This file is no picture that this browser can read."),
        (b"", "The file is empty."),
        (
            picture(np.zeros((6000, 6000), np.uint8)),
            "The picture has 36 million pixels; this page takes up to 32",
        ),
        (picture(data.camera()[:20, :300]), "The picture is too small: 20 pixels across, and a patch needs 21."),
    ):
        pick(page, content)
        page.wait_for_function(
            "words => document.querySelector('[data-part=problem]').textContent.startsWith(words)", arg=words
        )
        assert problem.is_visible()
    assert visit.wrong == []


def test_a_picture_of_the_reader_is_trained_on(visit):
    page = open_page(visit)
    page.locator("summary", has_text="More settings").click()
    pick(page, picture(data.chelsea()))
    part(page, "own-words").wait_for()
    assert part(page, "own-words").inner_text().startswith("Training on your picture, 451 × 300 pixels")
    state(page, "paused")
    page.wait_for_function("document.querySelector('[data-part=sizes]').textContent.includes('252 patches')")
    part(page, "start").click()
    reach(page, 3)
    part(page, "embedded").click()
    page.wait_for_function("document.querySelector('[data-part=sizes]').textContent.includes('288 patches')")
    assert visit.wrong == []


def test_the_largest_setting_neither_freezes_the_page_nor_fills_its_memory(visit):
    page = open_page(visit)
    page.goto(f"{page.url}?depth=12&width=16&patch=41&batch=16&scales=234")
    state(page, "paused")
    with no_stand_still(visit, page):
        part(page, "start").click()
        reach(page, 5)
    used = page.evaluate("performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes)")
    assert used < 500e6
    part(page, "start").click()  # pause
    state(page, "paused")
    assert visit.wrong == []


@pytest.mark.parametrize("touch", [False, True], ids=["keys and mouse", "touch"])
def test_wiping_and_settings_by_hand_and_by_keys(browser, site, touch):
    with Visit(browser, site, 390 if touch else 1280, has_touch=touch) as visit:
        page = open_page(visit)
        shown = "() => document.querySelector('[data-part=picture]').toDataURL()"
        part(page, "step").click()
        reach(page, 1)
        canvas = part(page, "picture")
        canvas.scroll_into_view_if_needed()
        page.wait_for_timeout(1200)  # until all is drawn
        before, box = page.evaluate(shown), canvas.bounding_box()
        place = (box["x"] + 0.2 * box["width"], box["y"] + 40)
        page.touchscreen.tap(*place) if touch else page.mouse.click(*place)
        page.wait_for_function(f"before => ({shown})() !== before", arg=before)
        assert part(page, "wipe").input_value() == "20"
        before = page.evaluate(shown)
        part(page, "other").get_by_label("the original").check()
        page.wait_for_function(f"before => ({shown})() !== before", arg=before)
        if not touch:
            part(page, "wipe").focus()
            before = page.evaluate(shown)
            page.keyboard.press("End")
            page.wait_for_function(f"before => ({shown})() !== before", arg=before)
            rate = page.get_by_label("Learning rate γ")
            rate.focus()
            page.keyboard.press("ArrowLeft")
            page.wait_for_url("**?rate=0.079")
            assert rate.get_attribute("aria-valuetext") == "0.079"
        clip = page.locator("[data-field=clip]")
        none = clip.get_by_role("radio", name="none")
        none.tap() if touch else none.click()
        page.wait_for_url("**clip=none**")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert visit.wrong == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_trained_page_is_accessible(browser, site, width):
    with Visit(browser, site, width, bypass_csp=True) as visit:
        page = open_page(visit, "?clip=none&ask=clip")
        part(page, "start").click()
        state(page, "ended")
        part(page, "presets").get_by_role("button", name="Clipped").click()
        page.locator("summary", has_text="More settings").click()
        reach(page, 20)
        page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
        for mode in ("light", "dark"):
            page.evaluate("mode => { document.documentElement.dataset.theme = mode; }", mode)
            found = page.evaluate("() => axe.run('article', {resultTypes: ['violations']})")
            assert [f"{mode}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]] == []
        words = part(page, "layers-words").text_content()
        assert words.startswith("Largest gradient, layer by layer: ")
        assert "The clip holds them to 0.002" in words


def test_the_page_is_light_beside_the_runtime(browser, site):
    """What this page loads and *Try it* does not, compressed."""
    asked = []
    with Visit(browser, site) as visit:
        visit.page.on("response", lambda response: asked.append(response))
        page = open_page(visit)
        part(page, "step").click()
        reach(page, 1)
        own = [response for response in asked if "/ort/" not in response.url]
        weight = sum(len(gzip.compress(response.body())) for response in own if response.ok)
    assert any("step-6.onnx" in response.url for response in own)
    assert weight < 2_000_000
