"""Records against the weights that they speak of: checksums, steps, and the scores that the weights give now."""

import hashlib
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from skimage import data as pictures

from data_scripts.run.reproduce import padded
from vdsr_lib import pretrained, runs
from vdsr_lib.ensemble import SelfEnsemble
from vdsr_lib.evaluation import psnr_real, score

ROOT = Path(__file__).parents[1]
WEIGHTS = {
    path.stem: path
    for folder in ("vdsr_lib/assets/weights", "data_scripts/weights")
    for path in sorted((ROOT / folder).glob("*.safetensors"))
}
# What the weights give on parts of scikit-image's pictures, which are at hand everywhere: PSNR and SSIM by the authors'
# protocol, of the file with that SHA-256. `python -m tests.test_stored_results` writes it.
EXPECTED = Path(__file__).with_name("stored_scores.json")
# dB. Convolutions differ between machines in the last digit, and with them a pixel or two of what is rounded to 8 bits.
NEAR = 0.003

RECORDS = {name: runs.load_run(name) for name in runs.run_names()}
SCORED = [name for name, record in RECORDS.items() if record.scores]


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _network(name: str):
    """The network of a record, and how it scores: `(network, the function of image and scale)`."""
    record = RECORDS[name]
    if name.startswith("fractional-"):
        network = _named(name.removeprefix("fractional-"))
        return lambda image, scale: psnr_real(image, float(scale), network)
    network = _named(name.split("-")[1] if name.startswith("slip-") else name)
    protocol = record.protocol
    return lambda image, scale: score(image, int(scale), network, protocol).psnr


def _named(name: str):
    if name == "bicubic":
        return None
    if name == "authors-ensemble":
        return SelfEnsemble(pretrained.load("authors"))
    return padded(pretrained.load(str(WEIGHTS[name]) if name in WEIGHTS else name))


def _embedded(scale: int) -> dict[str, np.ndarray]:
    return {"camera": pictures.camera()[100:180, 190:270], "astronaut": pictures.astronaut()[60:132, 150:222]}


def _embedded_scores(name: str) -> dict:
    network, scale = _named(name), 3 if "srcnn" in name else 2
    scores = {key: score(image, scale, network) for key, image in _embedded(scale).items()}
    return {key: {"psnr": round(s.psnr, 5), "ssim": round(s.ssim, 6)} for key, s in scores.items()}


def test_each_kept_network_has_a_record_and_each_record_that_names_weights_has_them():
    named = {name for name, record in RECORDS.items() if record.checksums.get("weights")}
    assert set(WEIGHTS) == named


@pytest.mark.parametrize("name", WEIGHTS)
def test_record_and_weights_speak_of_one_run(name):
    record, path = RECORDS[name], WEIGHTS[name]
    assert record.checksums["weights"] == _checksum(path)
    with safe_open(str(path), framework="np") as file:
        about, model = (json.loads(file.metadata()[key]) for key in ("about", "model"))
    assert about["experiment"] == name == record.name
    assert about["steps"] == record.steps_done
    assert about["samples"] == record.samples
    assert record.status == "done"
    assert record.steps_done == record.steps_planned
    # A network that was trained without padding is kept with it, so that it keeps a picture's size.
    assert {key: value for key, value in model.items() if key != "padding"} == {
        key: value for key, value in record.model.items() if key != "padding"
    }
    assert record.curve[-1]["step"] == record.steps_done


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_give_on_embedded_pictures_what_they_gave(name):
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))[name]
    assert expected["sha256"] == _checksum(WEIGHTS[name]), "other weights: score them anew, and look at what changed"
    for key, found in _embedded_scores(name).items():
        assert found["psnr"] == pytest.approx(expected["scores"][key]["psnr"], abs=NEAR)
        assert found["ssim"] == pytest.approx(expected["scores"][key]["ssim"], abs=NEAR / 50)


def _cells(name: str) -> list[tuple[str, str, str]]:
    """Every `(set, scale, image)` of a record."""
    return [(s, scale, image) for s, by in RECORDS[name].scores.items() for scale in by for image in by[scale]]


def _check(name: str, cells: list[tuple[str, str, str]], images) -> None:
    scored = _network(name)
    for set_name, scale, image in cells:
        picture = images(set_name, [image])[image]
        stored = RECORDS[name].scores[set_name][scale][image]["psnr"]
        assert scored(picture, scale) == pytest.approx(stored, abs=NEAR + 0.005), (name, set_name, scale, image)


def _cell_of_set5(name: str) -> list[tuple[str, str, str]]:
    """One, which changes from record to record, and is not the largest picture."""
    cells = [cell for cell in _cells(name) if cell[0] == "Set5" and cell[2] != "baby_GT"]
    return [cells[zlib.crc32(name.encode()) % len(cells)]] if cells else []


def _can_be_scored(name: str) -> bool:
    base = name.removeprefix("fractional-").removeprefix("slip-").split("-")[0]
    return name in WEIGHTS or base in ("authors", "bicubic") or name.removeprefix("fractional-") in WEIGHTS


CHECKED = [name for name in SCORED if _can_be_scored(name)]


# Eight runs of a network for each picture, and three for a picture in colour, wait for the slow tests.
@pytest.mark.parametrize("name", [name for name in CHECKED if not name.startswith(("slip-", "authors-ensemble"))])
def test_a_record_says_of_set5_what_its_weights_give(name, images, authors):
    _check(name, _cell_of_set5(name), images)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_a_record_says_of_every_picture_of_set5_what_its_weights_give(name, images, authors):
    cells = [cell for cell in _cells(name) if cell[0] == "Set5"]
    others = [cell for cell in _cells(name) if cell[0] != "Set5"]
    _check(name, cells + others[:: max(1, len(others) // 6)], images)


def test_a_raised_record_is_seen(images, authors, monkeypatch):
    name = "bicubic"
    raised = json.loads(json.dumps(RECORDS[name].scores))
    for by_image in raised["Set5"].values():
        for entry in by_image.values():
            entry["psnr"] += 0.5
    monkeypatch.setitem(RECORDS, name, runs.RunRecord(name, "done", scores=raised))
    with pytest.raises(AssertionError):
        _check(name, _cell_of_set5(name), images)


def main() -> None:
    """Write `stored_scores.json` anew."""
    content = {name: {"sha256": _checksum(path), "scores": _embedded_scores(name)} for name, path in WEIGHTS.items()}
    EXPECTED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
