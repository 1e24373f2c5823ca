"""The queue: miniatures of every experiment, resuming, and the ledger."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from data_scripts import ROOT
from data_scripts.run import experiments, ledger, reproduce
from vdsr_lib import datasets, pretrained, runs
from vdsr_lib.book import paper
from vdsr_lib.errors import InputError
from vdsr_lib.models import SRCNN


def folders(tmp_path) -> reproduce.Folders:
    return reproduce.Folders(*(tmp_path / part for part in ("runs", "weights", "kept", "checkpoints")))


def test_experiments_are_named_frozen_and_complete():
    names = list(experiments.EXPERIMENTS)
    assert len(names) == len(set(names))
    rows = [e for e in experiments.EXPERIMENTS.values() if e.shows == "table 1" and not e.config.seed]
    assert {(e.model["residual"], e.config.learning_rate) for e in rows} == {
        (kind, rate) for kind in (True, False) for rate in (0.1, 0.01, 0.001)
    }
    assert {e.scales for e in experiments.EXPERIMENTS.values() if e.shows == "table 2"} == set(experiments.SCALE_SETS)
    # The ×2 patches of T91: 80 epochs are about 3,300 steps.
    assert rows[0].config.total_steps(2675) == 3344
    with pytest.raises(AttributeError):
        rows[0].name = "other"
    with pytest.raises(InputError, match="no experiment named"):
        experiments.get_experiment("table9")


def test_a_shortened_run_is_the_papers_schedule_made_shorter():
    whole = {n: e for n, e in experiments.EXPERIMENTS.items() if n.endswith(experiments.WHOLE)}
    assert len(whole) == 7 + len(experiments.SCALE_SETS)
    for name, experiment in whole.items():
        short = experiments.get_experiment(name.removesuffix(experiments.WHOLE))
        assert (short.model, short.shows) == (experiment.model, experiment.shows)
        assert (experiment.config.epochs, experiment.config.drop_epochs) == (80, 20)
        assert short.config.epochs == 4 * short.config.drop_epochs == (12 if short.shows == "table 2" else 24)


def test_no_test_image_is_trained_on_or_chosen_by():
    for experiment in experiments.EXPERIMENTS.values():
        assert experiment.training_set in ("T91", "291")
        if experiment.name == "vdsr-291":
            assert experiment.held_out
            assert experiment.curve[0] == "held-out"


def test_split_is_disjoint_and_whole():
    images = {f"{k:02d}": k for k in range(20)}
    training, held_out = datasets.hold_out(images, 8)
    assert set(training) | set(held_out) == set(images)
    assert not set(training) & set(held_out)
    assert len(held_out) == 2
    assert datasets.hold_out(images, 0) == (images, {})


@pytest.mark.parametrize(
    "name", ["theta-1e-4-lr0.1", "vdsr-291", "srcnn-915", "srcnn-291", "table2-24", "plain-depth-20"]
)
def test_a_miniature_of_each_kind_runs(name, tmp_path):
    experiment = experiments.miniature(experiments.get_experiment(name))
    record = reproduce.run(experiment, folders(tmp_path), progress=False)
    assert record.status == "done"
    assert record.steps_done == record.steps_planned == 6
    assert runs.read_run(folders(tmp_path).record(name)) == record
    scales = experiment.final[0][1]
    assert all(2 < record.mean(experiments.PARTS, scale) < 45 for scale in scales)
    network = pretrained.load(str(folders(tmp_path).weight_file(experiment)))
    if isinstance(network, SRCNN):
        assert network.padding == "replicate"
    again = reproduce.score_sets(network, {experiments.PARTS: (reproduce.load_images(experiments.PARTS), scales)})
    # The reloaded weights lie in memory in another order, and so are summed in another order.
    for scale in scales:
        for image, score in again[experiments.PARTS][str(scale)].items():
            assert score == pytest.approx(record.scores[experiments.PARTS][str(scale)][image], abs=1e-4)
    cools = experiment.config.schedule == "cooldown"
    kept = [folders(tmp_path).before_cooldown(name)] if cools else []
    assert list((tmp_path / "checkpoints").iterdir()) == kept


def test_srcnn_of_the_modern_recipe_starts_by_hes_rule(tmp_path, monkeypatch):
    seen = []

    def look(model, *_, **__):
        seen.append(float(model.convs[0].weight.detach().std()))
        raise InputError("seen enough")

    monkeypatch.setattr(reproduce, "train", look)
    for name in ("srcnn-291", "srcnn-915"):
        with pytest.raises(InputError, match="seen enough"):
            reproduce.run(experiments.miniature(experiments.get_experiment(name)), folders(tmp_path), progress=False)
    assert seen[0] == pytest.approx((2 / 81) ** 0.5, rel=0.1)
    assert seen[1] == pytest.approx(1e-3, rel=0.1)


def test_a_run_begins_with_what_another_left_before_its_cooldown(tmp_path):
    places = folders(tmp_path)
    shorter, longer = (experiments.miniature(experiments.get_experiment(n)) for n in ("vdsr-291", "vdsr-291-long"))
    longer = replace(longer, begins_with="vdsr-291", config=replace(longer.config, steps=10))
    assert reproduce.run(shorter, places, progress=False).status == "done"
    assert places.beginning(longer) == places.before_cooldown("vdsr-291")
    record = reproduce.run(longer, places, progress=False)
    assert record.steps_done == 10
    # Up to the shorter run's cooldown the two are one run: the same losses, to the last digit.
    assert [e["loss"] for e in record.curve if e.get("step") in (2, 4) and "loss" in e] == [
        e["loss"] for e in runs.read_run(places.record("vdsr-291")).curve if e.get("step") in (2, 4) and "loss" in e
    ]
    assert places.beginning(longer) == places.before_cooldown("vdsr-291")


def test_the_command_line_runs_skips_and_lists(tmp_path, capsys):
    command = ["table1-residual-lr0.1", "--profile", "quick", "--out", str(tmp_path), "--no-progress"]
    assert reproduce.main(command) == 0
    assert "done, 6 steps" in capsys.readouterr().err
    assert reproduce.main(command) == 0
    assert "done already" in capsys.readouterr().err
    assert reproduce.main(["--status", "--out", str(tmp_path)]) == 0
    line = next(text for text in capsys.readouterr().out.splitlines() if text.startswith("table1-residual-lr0.1 "))
    assert line.split()[1:3] == ["done", "6/6"]
    assert reproduce.main(["nonsense"]) == 2
    assert capsys.readouterr().err.startswith("error: no experiment named 'nonsense'")
    with pytest.raises(SystemExit):
        reproduce.main(["--queue", "--profile", "quick"])


def test_a_run_asked_to_stop_leaves_a_partial_record_and_goes_on(tmp_path):
    name = "table1-residual-lr0.1"
    code = (
        "from dataclasses import replace\n"
        "from data_scripts.run import experiments as e, reproduce as r\n"
        "from pathlib import Path\n"
        f"x = e.miniature(e.get_experiment({name!r}))\n"
        "x = replace(x, config=replace(x.config, steps=4000))\n"
        f"p = Path({str(tmp_path)!r})\n"
        "f = r.Folders(*(p / part for part in ('runs', 'weights', 'kept', 'checkpoints')))\n"
        "r.run(x, f, progress=False, checkpoint_seconds=0.1)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ})
    checkpoint = folders(tmp_path).checkpoint(name)
    deadline = time.monotonic() + 90
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    record = runs.read_run(folders(tmp_path).record(name))
    assert record.status == "partial"
    assert 0 < record.steps_done < 4000
    assert checkpoint.exists()
    # The same command goes on from there; a shorter end shows that it did not begin anew.
    experiment = experiments.miniature(experiments.get_experiment(name))
    longer = replace(experiment, config=replace(experiment.config, steps=4000))
    assert reproduce.ended(longer, folders(tmp_path)) == reproduce.settle(longer, folders(tmp_path)) == ""
    assert checkpoint.exists()
    with pytest.raises(StopIteration):
        _one_more_step(longer, tmp_path, record.steps_done)


def _one_more_step(experiment, tmp_path, reached):
    from vdsr_lib.training import train

    def look(state):
        assert state.step == reached + 1
        seen.append(state.step)
        raise StopIteration

    seen: list[int] = []
    patches, _ = reproduce.prepare(experiment)
    model = pretrained.build(experiment.model)
    train(model, patches, experiment.config, [look], resume=folders(tmp_path).checkpoint(experiment.name))
    assert seen == [reached + 1]
    raise StopIteration


def test_operations_of_a_step_by_hand():
    # Depth 2: two layers of 576 weights; forward two products, backward three (none for the first layer's input).
    tiny = replace(experiments.get_experiment("table1-residual-lr0.1"), model=experiments.vdsr(2))
    assert experiments.step_flop(tiny) == 2 * 64 * 41 * 41 * 576 * 5
    # The paper's net: 664,704 weights, three products each but for the first layer's 576.
    whole = replace(tiny, model=experiments.vdsr(20))
    assert experiments.step_flop(whole) == 2 * 64 * 41 * 41 * (3 * 664_704 - 576)
    srcnn = experiments.get_experiment("srcnn-915")
    maps = 81 * 64 * 25**2, 64 * 32 * 25**2, 25 * 32 * 21**2
    assert experiments.step_flop(srcnn) == 2 * 64 * (2 * maps[0] + 3 * maps[1] + 3 * maps[2])


def test_the_estimate_counts_what_is_left(data, capsys):
    data("T91")
    data("BSD200")
    assert reproduce.main(["--estimate", "1e15"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines["paper-291"][1] == "67,740"
    assert float(lines["the"][-2]) > 25  # the last run alone is 29 PFLOP


def test_ledger_rows_say_what_was_reached():
    printed = paper.Value(36.90, True)
    arguments = {"command": "python -m x"}

    def status(found, **more):
        return ledger.make_row("t", "r", "psnr", printed, found, 0.15, **arguments, **more).status

    done = runs.RunRecord("a", "done", 10, 10)
    partial = runs.RunRecord("a", "partial", 4, 10)
    assert status([]) == "not yet run"
    assert status([], missing="not run here") == "not run here"
    assert status([(36.80, done)]) == "reproduced"
    assert status([(36.80, done)], recomputed=True) == "recomputed"
    assert status([(36.50, done)], recomputed=True) == "below"
    assert status([(37.20, done)]) == "above"
    assert status([(36.50, done)]) == "below"
    assert status([(36.90, partial)]) == "partial"
    assert status([(36.90, partial)], reached=True) == "reproduced"
    assert status([(36.90, done)], shortened=True) == "shortened"
    assert status([(36.90, partial)], shortened=True) == "partial"
    row = ledger.make_row("t", "r", "psnr", printed, [(36.8, done), (37.0, done)], 0.15, **arguments)
    assert row.ours == 36.9
    assert row.spread == pytest.approx(0.1414, abs=1e-4)
    assert row.seeds == [36.8, 37.0]


def test_nothing_is_called_reproduced_that_was_not_trained_here_or_only_by_its_ssim():
    rows = {(row.row, row.metric): row for row in ledger.table3()}
    for (cell, _), row in rows.items():
        if row.status == "reproduced":
            assert rows[cell, "psnr"].status == "reproduced"
            assert cell.startswith("bicubic") or row.steps_planned
        if cell.startswith("the authors' weights"):
            assert row.status in ("recomputed", "not yet run")
    psnr = ledger.make_row("t", "r", "psnr", paper.Value(37.5, True), [(37.0, runs.RunRecord("a", "done"))], 0.15,
                           command="x")  # fmt: skip
    ssim = ledger.make_row("t", "r", "ssim", paper.Value(0.95, True), [(0.95, runs.RunRecord("a", "done"))], 0.0005,
                           command="x")  # fmt: skip
    assert (ssim.status, ledger.with_its_psnr(psnr, ssim).status) == ("reproduced", "below")


def test_ledger_is_what_the_stored_runs_say(tmp_path):
    rows = ledger.write(tmp_path / "ledger.json")
    assert (tmp_path / "ledger.json").read_text() == ledger.LEDGER.read_text(), "run python -m data_scripts.ledger"
    assert {row.item for row in rows} == {"table 1", "table 2", "table 3", "depth figure"}
    assert len([row for row in rows if row.item == "table 1"]) == 48
    assert len([row for row in rows if row.item == "table 2"]) == 21
    assert all(row.command for row in rows)
    assert json.loads(ledger.LEDGER.read_text())[0]["item"] == "table 1"
    text = ledger.markdown(rows, commands=True)
    assert text.count("\n") == len(rows) + 1
    assert "Urban100 | 4" in ledger.results_table(rows)
