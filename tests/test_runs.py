"""Records of runs: read, written, and what is refused."""

import json
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from data_scripts.run import records
from vdsr_lib import runs
from vdsr_lib.errors import DataError

RECORD = runs.RunRecord(
    name="toy",
    status="done",
    steps_done=3,
    steps_planned=3,
    scores={"Set5": {"2": {"a": {"psnr": 30.0, "ssim": 0.8}, "b": {"psnr": 32.0, "ssim": 0.9}}}},
    curve=[{"step": 1, "epoch": 0.5, "loss": 2.0}, {"step": 2, "epoch": 1.0, "psnr_x2": 31.0}],
)


def test_a_record_survives_writing_and_reading(tmp_path):
    path = tmp_path / "toy.json"
    runs.write_run(RECORD, path)
    assert runs.read_run(path) == RECORD
    assert [p.name for p in tmp_path.iterdir()] == ["toy.json"]


def test_means_and_series():
    assert RECORD.mean("Set5", 2) == 31.0
    assert RECORD.mean("Set5", 2, "ssim") == pytest.approx(0.85)
    assert RECORD.series("loss") == ([0.5], [2.0])
    assert RECORD.series("psnr_x2", by="step") == ([2], [31.0])
    with pytest.raises(DataError, match="no psnr on Set5 x3"):
        RECORD.mean("Set5", 3)


def test_bad_records(tmp_path):
    path = tmp_path / "bad.json"
    with pytest.raises(DataError, match="cannot be read"):
        runs.read_run(path)
    for text in ("{", '{"name": "x"}', '{"name": "x", "status": "great"}', '{"name": "x", "status": "done", "y": 1}'):
        path.write_text(text)
        with pytest.raises(DataError, match="is no run record"):
            runs.read_run(path)
    with pytest.raises(DataError, match="no stored run named 'nothing'"):
        runs.load_run("nothing")
    assert runs.find_run("nothing") is None
    with pytest.raises(DataError, match="status"):
        runs.write_run(runs.RunRecord("x", "odd"), path)


def test_every_stored_run_reads_and_names_itself():
    for name in runs.run_names():
        record = runs.load_run(name)
        assert record.name == name
        assert record.command
        assert json.dumps(record.scores)


def test_the_stored_speeds_are_those_that_the_bench_measures():
    speeds = runs.bench()
    source = (Path(__file__).parents[1] / "data_scripts" / "run" / "bench.py").read_text(encoding="utf-8")
    assert set(speeds) >= {"machine", "commit", "precision"}
    for name, value in speeds.items():
        assert f'"{name}"' in source, f"bench.py measures no {name!r}"
        assert isinstance(value, str) or value > 0, (name, value)


def test_what_moved_to_the_book_is_still_found_here_and_said_so():
    for name, (module, now) in runs._MOVED.items():
        with pytest.warns(DeprecationWarning, match=rf"runs\.{name} is now vdsr_lib\.book\.{module}\.{now}$"):
            assert getattr(runs, name) is getattr(import_module(f"vdsr_lib.book.{module}"), now)
    with pytest.raises(AttributeError, match="no attribute 'rumours'"):
        _ = runs.rumours


def test_a_record_says_whether_the_code_differed_from_its_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "ROOT", tmp_path)
    assert records.commit() == ""  # no checkout
    for folder in ("vdsr_lib", "data_scripts", "book"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("1")
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*name, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert records.commit() == head
    (tmp_path / "book" / "a.txt").write_text("2")  # a page is no code
    assert records.commit() == head
    (tmp_path / "vdsr_lib" / "a.txt").write_text("2")
    assert records.commit() == f"{head}+"
