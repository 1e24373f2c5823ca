"""`kill -9`, at random moments of a run and at each of its writes, loses nothing: the same command ends it the same."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from data_scripts.run import reproduce
from data_scripts.run.experiments import get_experiment, miniature
from vdsr_lib import runs
from vdsr_lib.files import clear_temporary_files, write_atomically

ROOT = Path(__file__).parents[1]

# One process imports everything once and forks a child for each run, for an import takes longer than a run.
HARNESS = textwrap.dedent(
    """
    import contextlib, io, os, random, signal, sys, time
    from pathlib import Path
    import torch
    torch.set_num_threads(1)
    from data_scripts.run import reproduce
    from data_scripts.run.experiments import get_experiment, miniature

    experiment = miniature(get_experiment("table1-field-residual-lr0.1"))
    reproduce.prepare(experiment)
    folder = Path(sys.argv[1])
    rng = random.Random(7)

    def places(name):
        return reproduce.Folders(*(folder / name / part for part in ("runs", "weights", "kept", "checkpoints")))

    def child(where, before=lambda: None):
        pid = os.fork()
        if not pid:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                before()
                if not reproduce.settle(experiment, where):
                    reproduce.run(experiment, where, checkpoint_seconds=0, progress=False)
            os._exit(0)
        return pid

    def weights(where):
        return where.weight_file(experiment).read_bytes()

    def ends_as_it_should(where):
        pid = child(where)
        assert os.waitpid(pid, 0)[1] == 0
        assert reproduce.ended(experiment, where) == "done"
        assert weights(where) == weights(whole)
        record = reproduce.stored(experiment.name, where)
        assert record.steps_done == record.steps_planned == record.stretches[-1]["to_step"]
        steps = [entry["step"] for entry in record.curve if "loss" in entry]
        assert steps == [entry["step"] for entry in reproduce.stored(experiment.name, whole).curve if "loss" in entry]
        assert not list(where.checkpoints.iterdir())
        left = [path.name for path in (folder / where.runs.parent.name).rglob(".*") if path.is_file()]
        assert not left, left

    whole = places("whole")
    began = time.monotonic()
    assert os.waitpid(child(whole), 0)[1] == 0
    length = time.monotonic() - began

    # At each write: before the file is moved into place, and just after.
    real, count = os.replace, 0
    for after in (False, True):
        for k in range(1, 100):
            where = places(f"write-{after}-{k}")

            def kill_at(k=k, after=after):
                seen = [0]

                def replace(source, target):
                    seen[0] += 1
                    if seen[0] == k and not after:
                        os.kill(os.getpid(), signal.SIGKILL)
                    real(source, target)
                    if seen[0] == k and after:
                        os.kill(os.getpid(), signal.SIGKILL)

                os.replace = replace

            status = os.waitpid(child(where, kill_at), 0)[1]
            if status == 0:
                break
            count += 1
            ends_as_it_should(where)
    assert count >= 16, count  # six steps' checkpoints, the weights and the record, twice

    moments = int(sys.argv[2])
    for k in range(moments):
        where = places(f"moment-{k}")
        for _ in range(rng.randint(1, 3)):
            pid = child(where)
            time.sleep(rng.random() * length)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        ends_as_it_should(where)
    print(count, moments)
    """
)


@pytest.mark.parametrize("moments", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_minus_9_loses_nothing(tmp_path, moments):
    script = tmp_path / "harness.py"
    script.write_text(HARNESS)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "runs"), str(moments)],
        capture_output=True,
        text=True,
        timeout=1500,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # data_scripts is no installed package
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[-1]) == moments


def test_a_record_without_its_weights_is_not_done(tmp_path):
    experiment = miniature(get_experiment("table1-field-residual-lr0.1"))
    places = reproduce.Folders(*(tmp_path / part for part in ("runs", "weights", "kept", "checkpoints")))
    assert reproduce.ended(experiment, places) == ""
    record = reproduce.run(experiment, places, progress=False)
    assert reproduce.ended(experiment, places) == "done"
    weights = places.weight_file(experiment)
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert reproduce.ended(experiment, places) == ""
    weights.unlink()
    assert reproduce.ended(experiment, places) == ""
    again = reproduce.run(experiment, places, progress=False)
    assert weights.read_bytes() == content
    assert again.checksums == record.checksums


def test_a_record_says_which_data_and_configuration_it_is_of(tmp_path):
    experiment = miniature(get_experiment("table1-field-residual-lr0.1"))
    places = reproduce.Folders(*(tmp_path / part for part in ("runs", "weights", "kept", "checkpoints")))
    record = reproduce.run(experiment, places, progress=False)
    other = replace(experiment, scales=(3,))
    assert reproduce.config_checksum(other) != record.checksums["config"] == reproduce.config_checksum(experiment)
    assert reproduce.data_checksum(reproduce.prepare(other)[0]) != record.checksums["data"]
    patches = reproduce.prepare(experiment)[0]
    assert reproduce.data_checksum(patches) == record.checksums["data"]
    for part in ("interpolated", "high_res", "scale"):
        changed = replace(patches, **{part: getattr(patches, part) + 1})
        assert reproduce.data_checksum(changed) != record.checksums["data"], part
    assert record.stretches[0]["commit"] == record.commit
    assert {"precision", "machine", "torch_version", "from_step"} <= set(record.stretches[0])


def test_every_run_that_is_stored_as_done_is_so_by_its_own_files():
    # The same question that `make reproduce` asks before it skips a run.
    for name in runs.run_names():
        if name in reproduce.EXPERIMENTS and runs.load_run(name).status != "partial":
            assert reproduce.ended(get_experiment(name), reproduce.Folders()), name


def test_temporary_files_of_killed_writers_are_cleared_and_no_others(tmp_path):
    path = tmp_path / "run[1].json"
    write_atomically(path, lambda temporary: temporary.write_text("{}"))
    ours, others = tmp_path / ".run[1]-abcd_f12.json", tmp_path / ".run1-abcd_f12.json"
    for file in (ours, others):
        file.write_text("")
    clear_temporary_files(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, others.name])
