"""The records of Set5 by every protocol: as measured before, made once, and honest when files are missing."""

import numpy as np
import pytest

from data_scripts.run import protocol_scores
from vdsr_lib import datasets, runs
from vdsr_lib.errors import DataError, InputError
from vdsr_lib.evaluation import PROTOCOLS

# Measured when the protocol was worked out, before this library: PSNR on Set5 at ×2, ×3, ×4.
MEASURED = {
    ("authors", "authors"): (37.529, 33.664, 31.349),
    ("authors", "float-output"): (37.564, 33.675, 31.354),
    ("authors", "float"): (37.593, 33.685, 31.362),
    ("authors", "float-no-shave"): (37.542, 33.607, 31.262),
    ("bicubic", "authors"): (33.66, 30.39, 28.42),
    ("bicubic", "bicubic-0.75-up"): (33.98, 30.63, 28.63),
    ("bicubic", "no-antialias"): (34.42, 29.62, 27.66),
    ("bicubic", "jpeg-luma"): (32.37,),
    ("bicubic", "rgb"): (31.82,),
}


@pytest.mark.parametrize(("method", "protocol"), MEASURED)
def test_stored_records_are_what_was_measured_independently(method, protocol):
    record = runs.load_run(f"slip-{method}-{protocol}")
    tolerance = 0.001 if method == "authors" else 0.006
    for scale, wanted in zip((2, 3, 4), MEASURED[method, protocol], strict=False):
        assert record.mean("Set5", scale) == pytest.approx(wanted, abs=tolerance)


def test_there_is_a_record_for_each_method_and_protocol():
    for method in protocol_scores.METHODS:
        for name in PROTOCOLS:
            record = runs.load_run(f"slip-{method}-{name}")
            assert (record.name, record.protocol, record.status) == (f"slip-{method}-{name}", name, "done")
            assert {len(images) for images in record.scores["Set5"].values()} == {5}


@pytest.fixture
def tiny_set(monkeypatch):
    calls = []

    def load(name):
        calls.append(name)
        return {"noise": np.random.default_rng(0).integers(0, 256, (48, 50, 3)).astype(np.uint8)}

    monkeypatch.setattr(datasets, "load_set", load)
    return calls


def test_a_record_is_made_once(tiny_set, tmp_path):
    first = protocol_scores.record("bicubic", "rgb", tmp_path)
    again = protocol_scores.record("bicubic", "rgb", tmp_path)
    assert tiny_set == ["Set5"]
    assert first == again == runs.read_run(tmp_path / "slip-bicubic-rgb.json")
    assert first.mean("Set5", 2) > first.mean("Set5", 4)


def test_an_unknown_protocol_is_refused(tiny_set, tmp_path):
    with pytest.raises(InputError, match="no protocol named"):
        protocol_scores.record("bicubic", "mine", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_a_line_for_each_protocol(tiny_set, tmp_path, capsys):
    assert protocol_scores.main(["--methods", "bicubic", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PROTOCOLS) == len(list(tmp_path.iterdir()))
    assert all(line.startswith("bicubic") for line in lines)


def test_missing_files_are_one_line_and_exit_code_2(monkeypatch, tmp_path, capsys):
    def missing(name):
        raise DataError("Set5/baby.png cannot be downloaded")

    monkeypatch.setattr(datasets, "load_set", missing)
    assert protocol_scores.main(["--methods", "bicubic", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: Set5/baby.png cannot be downloaded\n"
    assert list(tmp_path.iterdir()) == []
