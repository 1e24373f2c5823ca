"""The list of planted faults can be planted: each stands where it says, and its tests are there."""

import pytest
from planted_faults import ROOT, Fault, faults, plant


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_it_can_be_planted(fault):
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.right) == 1
    assert fault.wrong != fault.right
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8")


def test_names_are_unique():
    names = [fault.name for fault in faults()]
    assert len(set(names)) == len(names) > 40


def test_a_fault_is_seen_by_a_test_that_reads_it_and_lives_where_none_does(tmp_path):
    (tmp_path / "here.py").write_text("VALUE = 1\n")
    (tmp_path / "test_here.py").write_text("from here import VALUE\ndef test(): assert VALUE == 1\n")
    assert plant(tmp_path, Fault("another value", "here.py", "VALUE = 1", "VALUE = 2", ("test_here.py",)))
    assert (tmp_path / "here.py").read_text() == "VALUE = 1\n", "it is taken out again"
    assert not plant(tmp_path, Fault("a comment", "here.py", "VALUE = 1", "VALUE = 1  # one", ("test_here.py",)))
    with pytest.raises(SystemExit, match="no longer holds this once"):
        plant(tmp_path, Fault("nowhere", "here.py", "VALUE = 3", "VALUE = 2", ("test_here.py",)))
