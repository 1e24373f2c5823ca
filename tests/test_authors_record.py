"""The record of bicubic and the authors' weights: resumed image by image, and honest on what it lacks."""

import numpy as np
import pytest
from skimage import data as pictures

from data_scripts.run import authors_record
from vdsr_lib import datasets, evaluation, pretrained, runs
from vdsr_lib.errors import DataError
from vdsr_lib.models import VDSR

IMAGES = {name: pictures.astronaut()[k : k + 24, :26] for k, name in enumerate("abc")}


@pytest.fixture
def scored(monkeypatch) -> list[tuple[int, bool]]:
    """Two sets of three small images, one set that cannot be had, and a list of what was scored."""

    def load_set(name: str) -> dict[str, np.ndarray]:
        if name == "Urban100":
            raise DataError("no network")
        return IMAGES

    calls: list[tuple[int, bool]] = []
    real = evaluation.score

    def score(image, scale, network=None):
        calls.append((scale, network is not None))
        return real(image, scale, network)

    monkeypatch.setattr(datasets, "load_set", load_set)
    monkeypatch.setattr(evaluation, "score", score)
    monkeypatch.setattr(pretrained, "load", lambda name: VDSR(2, 2))
    return calls


def test_a_record_holds_every_image_and_says_what_is_missing(tmp_path, scored, capsys):
    result = authors_record.record("bicubic", tmp_path, sets=("Set5", "Urban100"), progress=False)
    assert result == runs.read_run(tmp_path / "bicubic.json")
    assert result.status == "done"
    assert "Urban100" in result.notes
    assert "Urban100: not run here (no network)" in capsys.readouterr().err
    assert result.scores.keys() == {"Set5"}
    assert {scale: list(images) for scale, images in result.scores["Set5"].items()} == {s: list("abc") for s in "234"}
    expected = evaluation.score(IMAGES["b"], 3)
    assert result.scores["Set5"]["3"]["b"] == {
        "psnr": pytest.approx(expected.psnr, abs=1e-5),
        "ssim": pytest.approx(expected.ssim, abs=1e-6),
    }
    assert result.commit is not None
    assert result.torch_version
    assert result.machine
    assert "authors_record" in result.command


def test_what_is_stored_is_not_scored_again(tmp_path, scored):
    authors_record.record("authors", tmp_path, sets=("Set5",), scales=(2,), progress=False)
    assert scored == [(2, True)] * 3
    authors_record.record("authors", tmp_path, sets=("Set5",), scales=(2, 3), progress=False)
    assert scored[3:] == [(3, True)] * 3
    assert runs.read_run(tmp_path / "authors.json").model["kind"] == "VDSR"


def test_a_stop_in_the_middle_keeps_what_was_done(tmp_path, scored, monkeypatch):
    real, seen = evaluation.score, []

    def stops(*arguments):
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", stops)
        with pytest.raises(KeyboardInterrupt):
            authors_record.record("bicubic", tmp_path, sets=("Set5",), scales=(2,), progress=False)
    half = runs.read_run(tmp_path / "bicubic.json")
    assert half.status == "partial"
    assert list(half.scores["Set5"]["2"]) == ["a", "b"]
    assert [f.name for f in tmp_path.iterdir()] == ["bicubic.json"]
    scored.clear()
    whole = authors_record.record("bicubic", tmp_path, sets=("Set5",), scales=(2,), progress=False)
    assert len(scored) == 1
    assert whole.status == "done"


def test_the_command_prints_each_cell_beside_the_paper(tmp_path, scored, capsys):
    assert authors_record.main(["--methods", "bicubic", "--sets", "Set5", "--out", str(tmp_path), "--no-progress"]) == 0
    output = capsys.readouterr().out
    assert "Set5 x2" in output
    assert "33.66" in output
    with pytest.raises(SystemExit) as stopped:
        authors_record.main(["--sets", "Set6"])
    assert stopped.value.code == 2


def test_weights_that_cannot_be_had_are_one_line(tmp_path, scored, monkeypatch, capsys):
    def fail(name):
        raise DataError("cannot be downloaded")

    monkeypatch.setattr(pretrained, "load", fail)
    assert authors_record.main(["--methods", "authors", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: cannot be downloaded\n"
