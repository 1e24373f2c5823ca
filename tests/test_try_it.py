"""What the page Try it is given, and its arithmetic without a browser; the page itself is in tests/site."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from data_scripts import ROOT
from data_scripts.run import try_it
from data_scripts.site.notebooks import BOOK
from vdsr_lib import exporting, pretrained
from vdsr_lib.images import read_image
from vdsr_lib.models import VDSR
from vdsr_lib.upscaling import upscale

PAGE = BOOK / "_root" / "try_it"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(try_it, "CACHE", tmp_path / "cache")


def small(seed=0, **options):
    torch.manual_seed(seed)
    return VDSR(3, 4, **options).eval()


def lay_out(folder, networks):
    folder.mkdir()
    try_it.lay_out(folder, networks)
    return json.loads((folder / "models.json").read_text(encoding="utf-8"))


def test_networks_and_samples_are_laid_out(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    network = small()
    content = lay_out(tmp_path / "page", {"VDSR": network})
    assert content["missing"] == ["SRCNN"]
    (entry,) = content["networks"]
    assert (entry["name"], entry["label"], entry["margin"]) == ("vdsr", "VDSR", 3)
    check = entry["check"]
    x = np.float32(check["input"]).reshape(1, 1, check["rows"], check["columns"])
    session = runtime.InferenceSession(tmp_path / "page" / entry["file"], providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {exporting.INPUT: x})
    np.testing.assert_allclose(found.ravel(), check["output"], atol=1e-6)
    assert np.abs(found - x).max() > 0.01, "an answer that is the question checks nothing"
    assert len(content["samples"]) == len(try_it.SAMPLES)
    for sample in content["samples"]:
        pixels = read_image(tmp_path / "page" / sample["file"])
        assert 90 < min(pixels.shape[:2]) <= max(pixels.shape[:2]) < 200
        assert sample["alt"]
        truth = read_image(tmp_path / "page" / sample["truth"])
        assert truth.shape[:2] == (3 * pixels.shape[0], 3 * pixels.shape[1])
    ready = content["samples"][0]["ready"]
    first = read_image(tmp_path / "page" / content["samples"][0]["file"])
    for method, shown in (("bicubic", None), ("vdsr", network)):
        assert np.array_equal(read_image(tmp_path / "page" / ready[method]), upscale(first, 3, shown))


def test_without_networks_the_list_says_which_are_missing(tmp_path):
    content = lay_out(tmp_path / "page", {})
    assert content["networks"] == []
    assert content["missing"] == ["SRCNN", "VDSR"]


def test_a_network_is_exported_again_only_when_it_changes(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(try_it.exporting, "export_onnx", lambda network, path: (calls.append(path), path.touch()))
    for network in (small(), small(), small(1), small(residual=False)):
        try_it.exported(network)
    assert len(calls) == len(set(calls)) == 3


def test_only_what_ships_is_offered(monkeypatch):
    monkeypatch.setattr(try_it.pretrained, "shipped", lambda: ["another", pretrained.DEFAULT])
    monkeypatch.setattr(try_it.pretrained, "load", lambda name: name)
    assert try_it.shipped() == {"VDSR": pretrained.DEFAULT}


# --- the arithmetic, in JavaScript ---------------------------------------------------------------------

# The network is one number and another, so its rounding to float32, what it is given, and the way through YCbCr and
# back are tested too.
RUN = """
import fs from "fs";
import { fillHiddenColour, outputShape, tiles, upscaleTile } from "./upscale.js";
const answers = [];
for (const { data, height, width, scale, network } of JSON.parse(fs.readFileSync("cases.json"))) {
  const picture = { data: Uint8ClampedArray.from(data), width, height };
  fillHiddenColour(picture);
  const [rows, columns] = outputShape(height, width, scale);
  const result = new Uint8Array(rows * columns * 4);
  for (const tile of tiles(rows, columns, 50)) {
    const [top, left, bottom, right] = tile;
    const other = network ? async (luma) => luma.map((v) => 0.75 * v + 0.05) : null;
    const pixels = await upscaleTile(picture, scale, tile, other, 3);
    for (let row = top; row < bottom; row++) {
      const stride = (right - left) * 4, from = (row - top) * stride;
      result.set(pixels.subarray(from, from + stride), (row * columns + left) * 4);
    }
  }
  answers.push({ rows, columns, data: Array.from(result) });
}
fs.writeFileSync("answers.json", JSON.stringify(answers));
"""


def test_the_page_interpolates_as_the_library(tmp_path):
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("needs node, which comes with the extra `book`")
    for name in ("imresize.js", "upscale.js"):
        shutil.copy(PAGE / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(RUN)
    noise = np.random.default_rng(0).integers(0, 256, (17, 23, 4), np.uint8)
    noise[..., 3] = 255
    noise[:, 15:] = 0  # hidden pixels, whose colour is the nearest visible one's
    edges = np.kron(np.eye(4, dtype=np.uint8), np.full((3, 3), 255, np.uint8))  # beyond black and white on the way up
    row = data.camera()[:1, :100]  # times 1.1 in double precision: more than 110
    pictures = [data.astronaut()[10:40, 100:140], noise, data.camera()[:1, :9], edges, row]
    cases, wanted = [], []
    for pixels in pictures:
        rgb = pixels[..., None].repeat(3, axis=2) if pixels.ndim == 2 else pixels
        rgba = rgb if rgb.shape[2] == 4 else np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        for scale in (1, 1.1, 1.7, 2, 2.3, 3, 3.9, 4):
            for network in (None, lambda x: 0.75 * x + 0.05):
                height, width = pixels.shape[:2]
                case = {"data": rgba.ravel().tolist(), "height": height, "width": width, "scale": scale}
                cases.append(case | {"network": network is not None})
                wanted.append(upscale(rgba, scale, network, tile=None) if scale > 1 else rgba)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    subprocess.run([node, "run.js"], cwd=tmp_path, check=True, timeout=120)
    answers = json.loads((tmp_path / "answers.json").read_text())
    for case, answer, expected in zip(cases, answers, wanted, strict=True):
        found = np.uint8(answer["data"]).reshape(answer["rows"], answer["columns"], 4)
        visible = expected[..., 3] > 0 if case["scale"] == 1 else np.ones(expected.shape[:2], bool)
        differences = np.abs(found[visible].astype(int) - expected[visible])
        # One step where the last bit of a double decides a half, and that is rare.
        assert differences.max() <= 1, case["scale"]
        assert np.mean(differences > 0) < 1e-3, case["scale"]


ENCODE = """
import fs from "fs";
import { encodePng } from "./png.js";
for (const { name, data, height, width } of JSON.parse(fs.readFileSync("cases.json"))) {
  const file = await encodePng({ data: Uint8ClampedArray.from(data), width, height });
  fs.writeFileSync(name, Buffer.from(await file.arrayBuffer()));
}
"""


def test_the_page_writes_pngs_with_the_channels_that_a_picture_needs(tmp_path):
    """Grey or colour, and alpha where it is needed: what comes back is the picture, under its transparent parts too."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    encoder = ROOT / "node_modules" / "pngjs" / "browser.js"
    if node is None or not encoder.exists():
        pytest.skip("needs node, which comes with the extra `book`, and npm's packages")
    (tmp_path / "pngjs").mkdir()
    shutil.copy(encoder, tmp_path / "pngjs")
    shutil.copy(PAGE / "png.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(ENCODE)
    values = np.random.default_rng(0).integers(0, 256, (7, 9, 4), np.uint8)
    values[0, 0] = (200, 100, 50, 0)
    pictures = {"L": values[..., 0], "LA": values[..., 2:], "RGB": values[..., :3], "RGBA": values}
    cases = []
    for mode, pixels in pictures.items():
        rgba = np.array(Image.fromarray(pixels).convert("RGBA"))
        cases.append({"name": f"{mode}.png", "data": rgba.ravel().tolist(), "height": 7, "width": 9})
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    subprocess.run([node, "run.js"], cwd=tmp_path, check=True, timeout=120)
    for mode, pixels in pictures.items():
        with Image.open(tmp_path / f"{mode}.png") as found:
            assert found.mode == mode
            assert np.array_equal(np.asarray(found), pixels)
