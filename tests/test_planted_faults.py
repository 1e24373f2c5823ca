"""The list of planted faults can be planted: each stands where it says, and its tests are there."""

import pytest
from planted_faults import ROOT, Fault, copy_tree, faults, plant


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
    copy_tree(tmp_path, built=False)
    (tmp_path / "tests" / "test_here.py").write_text("from vdsr_lib.errors import VdsrError\ndef test(): VdsrError()\n")
    right = "class VdsrError("
    assert plant(tmp_path, Fault("renamed", "vdsr_lib/errors.py", right, "class Another(", ("tests/test_here.py",)))
    assert right in (tmp_path / "vdsr_lib" / "errors.py").read_text()
    same = Fault("a comment", "vdsr_lib/errors.py", right, f"# nothing\n{right}", ("tests/test_here.py",))
    assert not plant(tmp_path, same)
