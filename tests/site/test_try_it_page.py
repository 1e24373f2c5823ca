"""The page Try it in a real browser: the library's own pictures, to one step of 255, and every way to go wrong.

The networks are those that ship; for one that does not yet, random weights of the same shape stand in.
"""

import gzip
import io
import shutil
import struct
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage import data
from visiting import Visit, no_stand_still, serving

from data_scripts.run import try_it
from data_scripts.site import book, serve
from vdsr_lib.images import luma, to_uint8
from vdsr_lib.metrics import psnr, shave
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.upscaling import upscale

pytestmark = pytest.mark.site

LABELS = list(try_it.NETWORKS)
# Runs in the page, with the page's own modules.
OPEN = """async ([label, options]) => {
  const { openNetwork } = await import(new URL("try_it/network.js", location));
  const { networks } = await (await fetch("try_it/models.json")).json();
  window.network = await openNetwork(networks.find((about) => about.label === label), options);
  return network.device;
}"""
RUN = """async ([luma, rows, columns]) => {
  const start = performance.now();
  const restored = await network.run(Float32Array.from(luma), rows, columns);
  return [Array.from(restored), (performance.now() - start) / 1000];
}"""


def random_network(label):
    """A network whose residual is as strong as a trained one's."""
    torch.manual_seed(0)
    if label == "VDSR":
        network = VDSR(20, 64)
        with torch.no_grad():
            network.convs[-1].weight /= 16
        return network.eval()
    network = SRCNN()
    with torch.no_grad():
        for conv in network.convs:  # one channel hands the picture on, the others disturb it
            conv.weight[0, 0, conv.kernel_size[0] // 2, conv.kernel_size[0] // 2] = 1
            conv.weight += 0.01 * torch.randn_like(conv.weight)
    return network.eval()


@pytest.fixture(scope="session")
def networks():
    shipped = try_it.shipped()
    return {label: shipped.get(label) or random_network(label) for label in LABELS}


def copy_page(folder, networks):
    """The built site with these networks on the page."""
    shutil.copytree(book.HTML / "try_it", folder / "try_it", ignore=shutil.ignore_patterns("ort", "*.onnx"))
    (folder / "try_it" / "ort").symlink_to(book.HTML / "try_it" / "ort")
    for path in book.HTML.iterdir():
        if path.name != "try_it":
            (folder / path.name).symlink_to(path)
    try_it.lay_out(folder / "try_it", networks)
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory, networks):
    assert (book.HTML / "try_it.html").exists(), "nothing is built: `make book`"
    return copy_page(tmp_path_factory.mktemp("try-it"), networks)


@pytest.fixture(scope="session")
def site(folder):
    with serving(serve.serve(0, folder)) as address:
        yield address


@pytest.fixture
def visit(browser, site):
    with Visit(browser, site) as visit:
        yield visit


def open_page(visit, query="?device=cpu"):
    """The page, ready, with every network chosen."""
    page = visit.open(f"try_it.html{query}")
    page.wait_for_selector("#try-it-app[data-ready]")
    if page.locator("input[name=network][value=all]").count():
        page.locator("input[name=network][value=all]").check(force=True)
    return page


def part(page, name):
    return page.locator(f"[data-part={name}]")


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def tiff(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="TIFF")
    return file.getvalue()


def pick(page, pixels, name="picture.png"):
    content = pixels if isinstance(pixels, bytes) else png(pixels)
    part(page, "file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def picked(page, pixels, name="picture.png"):
    pick(page, pixels, name)
    wait_for_status(page, f"{name}: ")
    page.wait_for_function("() => !document.querySelector('[data-part=start]').disabled")


def set_scale(page, scale):
    part(page, "scale").evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", str(scale))


def status(page):
    return part(page, "status").inner_text()


def wait_for_status(page, words, seconds=120):
    page.wait_for_function(
        "(words) => document.querySelector('[data-part=status]').textContent.startsWith(words)",
        arg=words,
        timeout=1000 * seconds,
    )


def saved(page, label):
    page.locator(f"[data-method={label.lower()}]").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save the {label} picture").click()
    return np.array(Image.open(download.value.path())), download.value.suggested_filename


def cut_out():
    """A picture with transparent pixels on the right."""
    pixels = np.dstack([data.coffee()[150:190, 200:248], np.full((40, 48), 255, np.uint8)])
    pixels[:, 30:] = 0
    return pixels


PICTURES = {
    "two tiles": lambda: data.coffee()[100:150, 150:246],
    "grey": lambda: data.camera()[80:120, 200:250],
    "transparent": cut_out,
}


@pytest.mark.parametrize("picture", PICTURES)
def test_the_page_makes_what_the_library_makes(visit, networks, picture):
    pixels = PICTURES[picture]()
    page = open_page(visit)
    picked(page, pixels)
    for scale in (3, 1.6):
        set_scale(page, scale)
        part(page, "start").click()
        wait_for_status(page, f"Done: Bicubic, SRCNN, VDSR, ×{scale}.")
        answers = []
        for label in ("Bicubic", *LABELS):
            found, name = saved(page, label)
            wanted = upscale(pixels, scale, networks.get(label))
            assert found.shape == wanted.shape  # grey stays grey
            assert np.abs(found.astype(int) - wanted).max() <= (0 if label == "Bicubic" else 1), label
            assert name == f"picture-x{scale}-{label.lower()}.png"
            answers.append(found)
        for i in range(3):  # or nothing was tested
            assert np.abs(answers[i].astype(int) - answers[i - 1]).max() > 2
    assert visit.wrong == []


@pytest.mark.parametrize("label", LABELS)
def test_a_network_gives_the_same_luma(visit, networks, label):
    luma = torch.rand(1, 1, 48, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = try_it.rounded(networks[label])(luma).flatten().numpy()
    page = open_page(visit)
    page.evaluate(OPEN, [label, {"device": "cpu"}])
    found, _ = page.evaluate(RUN, [luma.flatten().tolist(), 48, 64])
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=0)


def test_a_graphics_card_gives_the_same_luma(launch, site, networks):
    """By WebGPU, on a card that Chromium plays: correct, and far too slow for VDSR."""
    browser = launch("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    luma = torch.rand(1, 1, 24, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = try_it.rounded(networks["SRCNN"])(luma).flatten().numpy()
    with Visit(browser, site) as visit:
        page = open_page(visit, "")
        if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
            pytest.skip("this Chromium has no WebGPU")
        assert page.evaluate(OPEN, ["SRCNN", {}]) == "graphics card"
        found, _ = page.evaluate(RUN, [luma.flatten().tolist(), 24, 20])
    browser.close()
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("moved", "right"), [(5e-5, True), (2e-4, False)])
def test_a_network_that_answers_otherwise_is_refused(visit, moved, right):
    """The known answer is compared with, to a ten-thousandth; so a wrong one must be noticed."""
    page = open_page(visit)
    words = page.evaluate(
        """async (moved) => {
          const { openNetwork } = await import(new URL("try_it/network.js", location));
          const { networks } = await (await fetch("try_it/models.json")).json();
          const about = networks.find(({label}) => label === "SRCNN");
          about.check.output[7] += moved;
          return await openNetwork(about, {device: "cpu"}).then(() => "", (error) => error.message);
        }""",
        moved,
    )
    assert words == ("" if right else "The network srcnn does not compute here as it should.")


def test_a_file_s_name_is_text(visit):
    name = "<img src=x onerror='window.bad = 1'>.png"
    page = open_page(visit)
    picked(page, data.coffee()[:12, :12], name)
    assert status(page) == f"{name}: 12×12 pixels."
    pick(page, b"no picture", name)
    part(page, "problem").wait_for(state="visible")
    assert part(page, "problem").inner_text().startswith(f"{name}: ")
    assert page.evaluate("window.bad") is None
    assert page.locator("#try-it-app img[src=x]").count() == 0


def test_how_long_256_by_256_takes(visit, capsys):
    """Measured and printed; a shared machine's clock proves nothing."""
    times = {}
    for threads in (1, 2):
        page = open_page(visit)  # anew: a runtime that has started keeps its threads
        assert page.evaluate("crossOriginIsolated")
        page.evaluate(OPEN, ["VDSR", {"device": "cpu", "threads": threads}])
        runs = [page.evaluate(RUN, [[0.5] * 256**2, 256, 256])[1] for _ in range(2)]
        times[threads] = min(runs)
    with capsys.disabled():
        print(f"\nVDSR in Chromium, 256×256: {times[1]:.2f} s on 1 thread, {times[2]:.2f} s on 2")


def test_a_photograph_does_not_freeze_the_page_and_can_be_cancelled(visit, tmp_path):
    # From a file, as a reader does: playwright would hand bytes over by a long script in the page.
    photograph = tmp_path / "photograph.png"
    photograph.write_bytes(png(np.tile(data.astronaut(), (3, 4, 1))[:1500, :2000]))
    page = open_page(visit)
    with no_stand_still(visit, page):
        part(page, "file").set_input_files(photograph)
        wait_for_status(page, "photograph.png: 2000×1500 pixels.")
        set_scale(page, 1.1)
        part(page, "start").click()
        wait_for_status(page, "VDSR", 600)
        page.wait_for_selector("[data-method=vdsr]")
    # At once: it waits for nothing that is being computed.
    assert page.evaluate(
        """async () => {
          document.querySelector("[data-part=cancel]").click();
          await new Promise((done) => setTimeout(done));
          return document.querySelector("[data-part=status]").textContent;
        }"""
    ) == "Cancelled."  # fmt: skip
    assert page.locator("[data-method]").evaluate_all("all => all.map((e) => e.dataset.method)") == [
        "bicubic", "srcnn", "original", "difference"
    ]  # fmt: skip
    assert saved(page, "SRCNN")[0].shape == (1650, 2200, 3)
    # After that the page works as before.
    picked(page, data.coffee()[:20, :30])
    part(page, "start").click()
    wait_for_status(page, "Done")
    assert visit.wrong == []


@pytest.mark.slow
def test_a_photograph_is_finished_without_freezing_the_page(visit, networks, tmp_path, capsys):
    """2000×1500 pixels at ×2, every method, to the end; a part of the result is compared with the library's."""
    photograph = tmp_path / "photograph.png"
    pixels = np.tile(data.astronaut(), (3, 4, 1))[:1500, :2000]
    photograph.write_bytes(png(pixels))
    page = open_page(visit)
    with no_stand_still(visit, page):
        part(page, "file").set_input_files(photograph)
        wait_for_status(page, "photograph.png: 2000×1500 pixels.")
        set_scale(page, 2)
        start = time.monotonic()
        part(page, "start").click()
        wait_for_status(page, "Done", 1500)
        seconds, longest = time.monotonic() - start, page.evaluate("window.longest")
    with capsys.disabled():
        print(f"\n2000×1500 at ×2: {seconds:.0f} s, the page stood still for {longest:.0f} ms at most")
    result, _ = saved(page, "VDSR")
    assert result.shape == (3000, 4000, 3)
    # 24 pixels of margin: VDSR sees 20, and the interpolation reads two more of the small picture.
    inner = np.s_[48:-48, 48:-48]
    expected = upscale(pixels[700:800, 1100:1220], 2, networks["VDSR"])[inner]
    got = result[1400:1600, 2200:2440][inner]
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1
    assert visit.wrong == []


def test_what_cannot_be_done_is_said(visit):
    page = open_page(visit)
    one_colour = io.BytesIO()
    Image.new("L", (6000, 6000)).save(one_colour, format="PNG")
    for content, words in (
        (b"no picture", "bad.png: This file is no picture that this browser can read."),
        (png(data.coffee())[:2000], "bad.png: This file is no picture"),
        (b"", "bad.png: The file is empty."),
        (tiff(data.coffee()[:20, :20]), "bad.png: This is a TIFF file, which this browser does not read."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "bad.png: This is an SVG drawing. It has no pixels"),
        (one_colour.getvalue(), "bad.png: The picture has 36 million pixels; this page takes up to 32 million."),
    ):
        pick(page, content, "bad.png")
        page.wait_for_function(
            "(words) => document.querySelector('[data-part=problem]').textContent.startsWith(words)", arg=words
        )
        assert part(page, "problem").is_visible()
        assert part(page, "start").is_disabled()
    assert {"tif", "svg"}.isdisjoint(part(page, "file").get_attribute("accept").replace(".", "").split(","))
    large = np.zeros((2000, 2000), np.uint8)
    set_scale(page, 2)
    picked(page, large)
    assert not part(page, "problem").is_visible()
    set_scale(page, 4)
    assert part(page, "start").is_disabled()
    assert part(page, "start").inner_text().startswith("More than 32 million pixels: choose a part")
    # A part is taken instead.
    box = part(page, "map").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.up()
    assert part(page, "start").is_enabled()
    part(page, "whole").click()
    assert part(page, "start").is_disabled()
    set_scale(page, 2)
    assert part(page, "start").inner_text() == "Upscale"


def test_open_and_something_is_there_before_anything_is_fetched_to_compute(browser, site, folder, networks):
    asked = []
    with Visit(browser, site) as visit:
        visit.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        page = visit.open("try_it.html?device=cpu")
        page.wait_for_selector("#try-it-app[data-ready]")
        assert part(page, "caption").inner_text().startswith("Bicubic | VDSR")
        assert not [name for name in asked if name.endswith((".wasm", ".onnx"))]
        truth = np.array(Image.open(folder / "try_it" / "samples" / "astronaut-truth.webp"))
        small = np.array(Image.open(folder / "try_it" / "samples" / "astronaut.png"))
        for label, network in (("Bicubic", None), *networks.items()):
            found, _ = saved(page, label)
            assert np.array_equal(found, upscale(small, 3, network)), label
            one, other = (shave(to_uint8(luma(p), data_range=255), 3) for p in (found, truth))
            score = psnr(one, other)
            assert page.locator(f"[data-method={label.lower()}]").inner_text().endswith(f"{score:.2f} dB")
        assert visit.wrong == []


def seen(page):
    """What the view shows, at the screen's own pixels."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return np.array(Image.open(io.BytesIO(part(page, "canvas").screenshot())).convert("RGB")).astype(int)


def test_the_wipe_shows_one_picture_left_and_another_right(visit):
    page = open_page(visit)
    page.evaluate("document.querySelector('[data-part=divider]').style.opacity = 0")  # it lies on the picture
    page.locator("[data-method=bicubic]").click()
    bicubic = seen(page)
    page.keyboard.press("3")
    page.locator("[data-part=wipe]").uncheck()
    vdsr = seen(page)
    assert np.abs(bicubic - vdsr).max() > 10
    page.locator("[data-part=wipe]").check()
    wiped = seen(page)
    middle = wiped.shape[1] // 2
    assert np.array_equal(wiped[:, : middle - 3], bicubic[:, : middle - 3])
    assert np.array_equal(wiped[:, middle + 3 :], vdsr[:, middle + 3 :])
    divider = part(page, "divider")
    divider.focus()
    page.keyboard.press("Home")
    assert np.array_equal(seen(page)[:, 3:], vdsr[:, 3:])
    page.keyboard.press("End")
    assert np.array_equal(seen(page)[:, :-3], bicubic[:, :-3])
    assert divider.get_attribute("aria-valuenow") == "100"
    # By the mouse.
    box, canvas = divider.bounding_box(), part(page, "canvas").bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(canvas["x"] + canvas["width"] / 4, box["y"] + 40)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "25"
    # Number keys flip; the place is kept.
    for key, name in (("1", "bicubic"), ("2", "srcnn"), ("3", "vdsr")):
        page.keyboard.press(key)
        assert page.locator(f"[data-method={name}]").get_attribute("aria-pressed") == "true"
    assert visit.wrong == []


def test_on_a_phone_what_starts_it_and_what_went_wrong_are_in_sight(browser, site):
    with Visit(browser, site, 390, has_touch=True) as visit:
        visit.page.set_viewport_size({"width": 390, "height": 844})
        page = open_page(visit)
        page.evaluate("scrollTo(0, 0)")
        start = part(page, "start").bounding_box()
        assert start["y"] + start["height"] <= 844
        pick(page, b"no picture")
        part(page, "problem").wait_for(state="visible")
        page.wait_for_function(
            """() => {
              const box = document.querySelector("[data-part=problem]").getBoundingClientRect();
              const at = document.elementFromPoint(box.left + 20, box.bottom - 5);
              return at?.dataset.part === "problem";
            }"""
        )


def test_blinking_shows_one_picture_and_then_the_other_at_one_place(visit):
    page = open_page(visit)
    blink, wipe = part(page, "blink"), part(page, "wipe")
    seen_now = "() => document.querySelector('[data-part=canvas]').toDataURL()"
    wipe.uncheck()
    pictures = []
    for name in ("bicubic", "vdsr"):
        page.locator(f"[data-method={name}]").click()
        seen(page)  # it is drawn by now
        assert blink.is_visible() == (name != "bicubic")  # which does not take turns with itself
        pictures.append(page.evaluate(seen_now))
    assert pictures[0] != pictures[1]
    wipe.check()
    seen(page)
    wiped = page.evaluate(seen_now)
    page.keyboard.press("b")
    assert blink.get_attribute("aria-pressed") == "true"
    for picture in (*pictures, *pictures):
        page.wait_for_function(f"(picture) => ({seen_now})() === picture", arg=picture)
    blink.click()
    assert blink.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(1000)
    assert page.evaluate(seen_now) == wiped
    assert part(page, "caption").inner_text().startswith("Bicubic | VDSR")
    assert visit.wrong == []


def test_a_small_result_is_seen_whole_and_as_large_as_it_fits(visit):
    page = open_page(visit)
    picked(page, data.coffee()[:30, :40])
    set_scale(page, 3)
    part(page, "start").click()
    wait_for_status(page, "Done")
    canvas, views = part(page, "canvas").bounding_box(), part(page, "views").bounding_box()
    zoom = int(part(page, "zoom").inner_text().removesuffix("×"))
    assert zoom > 1
    assert (canvas["width"], canvas["height"]) == (120 * zoom, 90 * zoom)
    assert canvas["height"] <= views["height"] <= canvas["height"] + 1, "an empty band"
    assert canvas["width"] <= views["width"]


def test_a_part_is_enlarged_as_the_library_does_and_old_results_are_marked(visit, networks):
    pixels = data.coffee()[100:180, 150:270]
    page = open_page(visit)
    picked(page, pixels)
    part(page, "map").focus()
    for key in ("Shift+ArrowLeft",) * 8 + ("Shift+ArrowUp",) * 8 + ("ArrowRight",) * 2:
        page.keyboard.press(key)
    assert part(page, "part").inner_text() == "A part of 72×48 pixels."
    set_scale(page, 2)
    part(page, "start").click()
    wait_for_status(page, "Done: Bicubic, SRCNN, VDSR, ×2.")
    found, _ = saved(page, "VDSR")
    assert np.abs(found.astype(int) - upscale(pixels[:48, 12:84], 2, networks["VDSR"])).max() <= 1
    assert not part(page, "old").is_visible()
    assert "by the last run here" in part(page, "sizes").inner_text()
    set_scale(page, 3)
    assert part(page, "old").inner_text().startswith("These are the results at ×2")
    assert visit.wrong == []


def test_what_is_seen_is_computed_first(visit):
    page = open_page(visit)
    order = page.evaluate(
        """async () => {
          const worker = new Worker(new URL("try_it/worker.js", location), {type: "module"});
          const picture = new ImageData(400, 300), tiles = [];
          return await new Promise((done) => {
            worker.onmessage = ({data}) => {
              if (data.tile) tiles.push(data.tile);
              if (data.finished !== undefined) done(tiles);
            };
            worker.postMessage({task: "take", picture});
            worker.postMessage({task: "upscale", scale: 4, part: {left: 0, top: 0, width: 400, height: 300},
              centre: [0.9, 0.9], method: {name: "bicubic", margin: 0}, options: {}});
          });
        }"""
    )
    assert len({tuple(tile) for tile in order}) == len(order) == 35
    distances = [np.hypot((left + right) / 2 - 0.9 * 1600, (top + bottom) / 2 - 0.9 * 1200)
                 for top, left, bottom, right in order]  # fmt: skip
    assert distances == sorted(distances)


def test_the_first_visit_is_light(browser, site, folder):
    """All that is asked for, the page's own chrome included, until every network is open on the processor."""
    asked = set()
    with Visit(browser, site, 390) as visit:
        visit.context.on("response", lambda response: asked.add(urlsplit(response.url).path.lstrip("/")))
        page = open_page(visit)
        for label in LABELS:
            page.evaluate(OPEN, [label, {"device": "cpu"}])
        assert visit.wrong == []
    weights = {path: len(gzip.compress((folder / path).read_bytes(), 6)) for path in asked if (folder / path).is_file()}
    assert "try_it/ort/ort-wasm-simd-threaded.wasm" in weights
    assert len([path for path in weights if path.endswith(".onnx")]) == len(LABELS)
    assert sum(weights.values()) < 6e6, sorted(weights.items(), key=lambda item: -item[1])[:8]


def test_cancel_then_upscale_at_once(visit):
    """Twenty times, with no pause: the worker that replaces the one cancelled must have the picture first."""
    page = open_page(visit)
    picked(page, data.coffee()[:200, :300])
    for _ in range(20):
        part(page, "start").click()
        page.wait_for_selector("[data-method=bicubic]")
        page.evaluate(
            """() => {
              const find = (name) => document.querySelector(`[data-part=${name}]`);
              find("cancel").click();
              const start = find("start");
              new MutationObserver((_, watch) => { if (!start.disabled) { watch.disconnect(); start.click(); } })
                .observe(start, {attributes: true});
            }"""
        )
        page.wait_for_selector("[data-method=srcnn]")
        assert not part(page, "problem").is_visible(), part(page, "problem").inner_text()
        part(page, "cancel").click()
        wait_for_status(page, "Cancelled.")
    assert visit.wrong == []


def tagged(kind, orientation, form):
    """A file with an EXIF orientation, as `vdsr` sees it upright, and the file itself."""
    stored = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    tag = 0x0112
    exif = {
        "II": b"II*\0\x08\0\0\0" + b"\x01\0" + struct.pack("<HHIHH", tag, 3, 1, orientation, 0) + b"\0" * 4,
        "MM": b"MM\0*\0\0\0\x08" + b"\0\x01" + struct.pack(">HHIHH", tag, 3, 1, orientation, 0) + b"\0" * 4,
    }[form]
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}, "PNG": {}}[kind]
    file = io.BytesIO()
    Image.fromarray(stored).save(file, kind, exif=(b"Exif\0\0" if kind == "JPEG" else b"") + exif, **options)
    file.seek(0)
    picture = Image.open(file)
    assert picture.getexif().get(tag) == orientation  # or nothing is tested
    return file.getvalue(), np.array(ImageOps.exif_transpose(picture))


def test_a_picture_stands_upright_by_its_own_tag(visit):
    """Each of the eight orientations, in each format that carries one, in both orders of bytes."""
    page = open_page(visit)
    # The page's own modules, without the rest of it.
    read = """async (bytes) => {
      const worker = new Worker(new URL("try_it/worker.js", location), {type: "module"});
      const answer = await new Promise((heard) => {
        worker.onmessage = ({data}) => heard(data);
        worker.postMessage({task: "read", file: new File([Uint8Array.from(bytes)], "picture")});
      });
      worker.terminate();
      const {width, height, data} = answer.picture;
      return [height, width, Array.from(data)];
    }"""
    for kind in ("JPEG", "PNG", "WEBP"):
        for orientation in range(1, 9):
            content, wanted = tagged(kind, orientation, "II" if orientation % 2 else "MM")
            rows, columns, rgba = page.evaluate(read, list(content))
            found = np.array(rgba, np.uint8).reshape(rows, columns, 4)[..., :3]
            assert found.shape == wanted.shape, (kind, orientation)
            # Two decoders of JPEG round in their own ways.
            assert np.abs(found.astype(int) - wanted).max() <= (4 if kind == "JPEG" else 0), (kind, orientation)
    assert visit.wrong == []


def test_dropping_pasting_and_samples(visit):
    page = open_page(visit)
    for kind in ("drop", "paste"):
        page.evaluate(
            """async ([kind, bytes]) => {
              const files = new DataTransfer();
              files.items.add(new File([Uint8Array.from(bytes)], `${kind}.png`, {type: "image/png"}));
              const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: files, bubbles: true})
                : new ClipboardEvent("paste", {clipboardData: files, bubbles: true});
              document.querySelector("[data-part=samples]").dispatchEvent(event);
            }""",
            [kind, list(png(data.coffee()[:20, :30]))],
        )
        wait_for_status(page, f"{kind}.png: 30×20 pixels.")
    for button in part(page, "samples").get_by_role("button").all():
        button.focus()
        page.keyboard.press("Enter")
        wait_for_status(page, button.get_by_role("img").get_attribute("src").split("/")[-1])
    assert visit.wrong == []


@pytest.mark.parametrize("touch", [False, True], ids=["keys and mouse", "touch"])
def test_the_picture_moves_and_zooms_in_whole_pixels_and_keeps_its_place(browser, site, touch):
    with Visit(browser, site, 390 if touch else 1280, has_touch=touch) as visit:
        page = open_page(visit)
        shown = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
          const canvas = document.querySelector("[data-part=canvas]");
          done([canvas.toDataURL(), canvas.style.width, canvas.width, devicePixelRatio]);
        })))"""

        def changed(action, before):
            action()
            after = page.evaluate(shown)
            assert after[0] != before[0]
            zoom = float(after[1].removesuffix("px")) / after[2] * after[3]
            assert zoom == pytest.approx(round(zoom))
            return after

        def press(button):
            return lambda: part(page, button).tap() if touch else part(page, button).click()

        before = changed(press("closer"), page.evaluate(shown))
        before = changed(press("closer"), before)
        assert part(page, "zoom").inner_text() == "3×"
        part(page, "views").focus()
        for key in ("ArrowRight", "ArrowDown", "-", "+"):
            before = changed(lambda key=key: page.keyboard.press(key), before)
        here = page.evaluate(shown)
        page.keyboard.press("1")
        assert page.evaluate(shown)[0] != here[0]
        page.keyboard.press("3")
        assert page.evaluate(shown)[0] == here[0], "the place is kept"
        box = part(page, "views").bounding_box()
        if touch:
            pinch = """async ([x, y]) => {
              const root = document.querySelector("[data-part=views]");
              root.setPointerCapture = () => {};
              const send = (kind, id, at) => root.dispatchEvent(new PointerEvent(kind, {
                pointerId: id, pointerType: "touch", clientX: at, clientY: y, bubbles: true}));
              send("pointerdown", 11, x - 20); send("pointerdown", 12, x + 20);
              send("pointermove", 11, x - 60); send("pointermove", 12, x + 60);
              send("pointerup", 11, x - 60); send("pointerup", 12, x + 60);
            }"""
            before = changed(lambda: page.evaluate(pinch, [box["x"] + 60, box["y"] + 60]), before)
        else:
            place = (box["x"] + 60, box["y"] + 60)
            page.mouse.move(*place)
            before = changed(lambda: page.mouse.wheel(0, -120), before)

            def drag():
                page.mouse.down()
                page.mouse.move(place[0] + 15, place[1] + 10)
                page.mouse.up()

            changed(drag, before)
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert visit.wrong == []


class Plain(serve.Handler):
    """A host that sets no headers, as most do."""

    def end_headers(self):
        SimpleHTTPRequestHandler.end_headers(self)


def test_where_the_host_sets_no_headers_a_service_worker_does(browser, folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Plain, directory=str(folder)))
    with serving(server) as address, Visit(browser, address) as visit:
        page = visit.open("notation.html")
        assert not page.evaluate("crossOriginIsolated")
        page.goto(f"{address}try_it.html?device=cpu")
        page.wait_for_function("() => crossOriginIsolated && document.querySelector('#try-it-app[data-ready]')")
        assert page.evaluate(OPEN, ["SRCNN", {"device": "cpu", "threads": 2}]) == "2 threads"
        scopes = "async () => (await navigator.serviceWorker.getRegistrations()).map(({scope}) => scope)"
        assert page.evaluate(scopes) == [f"{address}try_it"]
        policy = "async (path) => (await fetch(path)).headers.get('Cross-Origin-Embedder-Policy')"
        assert page.evaluate(policy, "try_it.html") == "require-corp"
        assert page.evaluate(policy, "notation.html") is None  # what is not its own goes by untouched
        page.goto(f"{address}notation.html")
        assert page.evaluate("[crossOriginIsolated, navigator.serviceWorker.controller]") == [False, None]
        assert visit.wrong == []


def test_without_trained_weights_there_is_bicubic_and_the_page_says_so(browser, tmp_path):
    folder = copy_page(tmp_path, {})
    with serving(serve.serve(0, folder)) as address, Visit(browser, address) as visit:
        page = open_page(visit)
        assert part(page, "missing").inner_text().startswith("No trained weights ship with the library yet")
        picked(page, data.coffee()[:20, :30])
        part(page, "start").click()
        wait_for_status(page, "Done: Bicubic, ×3.")
        assert visit.wrong == []


def test_as_a_file_the_page_says_what_it_needs(browser):
    page = browser.new_page()
    page.goto((book.HTML / "try_it.html").as_uri())
    assert "This page needs a web server" in page.locator("#try-it-file").inner_text()
    page.close()
