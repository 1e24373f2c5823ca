"""Scores of a further set: added when they are whole, and of the very weights of the record."""

import json

import pytest

from data_scripts.run import experiments, reproduce, score
from data_scripts.run.experiments import get_experiment, miniature
from vdsr_lib import datasets, evaluation, pretrained, runs

NAME = "table1-field-residual-lr0.1"


@pytest.fixture
def finished(tmp_path, monkeypatch):
    from skimage import data

    experiment = miniature(get_experiment(NAME))
    places = reproduce.Folders(*(tmp_path / part for part in ("runs", "weights", "kept", "checkpoints")))
    reproduce.run(experiment, places, progress=False)
    monkeypatch.setattr(score, "get_experiment", lambda name: experiment)
    pictures = {"a": data.astronaut()[:40, :44], "b": data.coffee()[:36, :40]}
    monkeypatch.setattr(datasets, "load_set", lambda name: pictures)
    return places, pictures


def test_the_record_gets_the_scores_of_the_new_set_and_keeps_the_old(finished):
    places, pictures = finished
    before = runs.read_run(places.record(NAME))
    record = score.add_scores(NAME, "Urban100", (2, 3), places, progress=False)
    assert record == runs.read_run(places.record(NAME))
    assert record.scores[experiments.PARTS] == before.scores[experiments.PARTS]
    network = pretrained.load_file(places.weight_file(get_experiment(NAME)))
    for scale in (2, 3):
        for name, image in pictures.items():
            wanted = evaluation.score(image, scale, network)
            assert record.scores["Urban100"][str(scale)][name]["psnr"] == pytest.approx(wanted.psnr, abs=1e-6)
    assert not list(places.checkpoints.iterdir())


def test_a_stopped_command_goes_on_and_the_record_waits_until_the_set_is_whole(finished, monkeypatch):
    places, _ = finished
    real, calls = evaluation.score, []

    def stops(*arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(evaluation, "score", stops)
    with pytest.raises(KeyboardInterrupt):
        score.add_scores(NAME, "Urban100", (2, 3), places, progress=False)
    assert "Urban100" not in runs.read_run(places.record(NAME)).scores
    calls.append("one more, so that it stops no longer")
    score.add_scores(NAME, "Urban100", (2, 3), places, progress=False)
    assert len(calls) == 5  # the two of the first time, the mark, and the two that were missing
    assert set(runs.read_run(places.record(NAME)).scores["Urban100"]["3"]) == {"a", "b"}


def test_what_a_stopped_command_left_of_other_weights_is_not_gone_on_from(finished):
    places, _ = finished
    notes = places.checkpoints / f"score-{NAME}-Urban100.json"
    of_others = {"weights": 64 * "0", "scores": {"2": {"a": {"psnr": 99.0, "ssim": 1.0}}}}
    notes.write_text(json.dumps(of_others), encoding="utf-8")
    record = score.add_scores(NAME, "Urban100", (2,), places, progress=False)
    assert record.scores["Urban100"]["2"]["a"]["psnr"] < 60
    assert not notes.exists()


def test_other_weights_than_the_records_are_refused(finished, capsys):
    places, _ = finished
    weights = places.weight_file(get_experiment(NAME))
    network = pretrained.load_file(weights)
    pretrained.save(network, weights, note="another file")
    out = str(places.runs.parent)
    assert score.main([NAME, "--out", out, "--no-progress"]) == 2
    assert "wanted a finished run with its own weights" in capsys.readouterr().err
