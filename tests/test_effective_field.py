"""The effective field of a network: nothing lies outside the theoretical one, and a box is described as a box."""

import numpy as np
import pytest
import torch

from data_scripts.run import effective_field
from vdsr_lib import runs
from vdsr_lib.models import VDSR


def test_energy_sums_to_one_and_stays_inside_the_field():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network, windows = VDSR(3, 4), torch.rand(5, 1, 11, 11)
    found = effective_field.energy(network, windows)
    assert found.shape == (11, 11)
    assert found.sum() == pytest.approx(1)
    assert found[2:-2, 2:-2].sum() == pytest.approx(1), "three layers see 7 × 7"
    assert found[2].sum() > 0, "and all of it"


def test_a_box_is_described_by_its_own_numbers():
    box = np.zeros((21, 21))
    box[8:13, 8:13] = 1 / 25
    assert effective_field.described(box) == {"spread": round(2**0.5, 4), "ninety": 5}


def test_the_record_says_that_training_drew_the_field_together():
    entries = {(e["picture"], e["state"]): e for e in runs.load_run("effective-field-authors").curve}
    assert set(entries) == {(p, s) for p in effective_field.PICTURES for s in ("fresh", "trained")}
    for picture in effective_field.PICTURES:
        assert entries[picture, "trained"]["spread"] < entries[picture, "fresh"]["spread"] - 0.3


def test_a_record_is_written_by_the_weights_that_ship(tmp_path, monkeypatch):
    monkeypatch.setattr(effective_field, "PICTURES", {"cat": ("embedded", "chelsea")})
    record = effective_field.record("vdsr-291", tmp_path, count=4)
    assert (tmp_path / "effective-field-vdsr-291.json").exists()
    assert [e["state"] for e in record.curve] == ["fresh", "trained"]
    assert record.curve[1]["spread"] < record.curve[0]["spread"]
