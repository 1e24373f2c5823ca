"""The list of mutants that are the same program: it excuses what it names, where it names it, and nothing else."""

import re
import tomllib

import mutants
import pytest

SAME = tomllib.loads(mutants.LIST.read_text(encoding="utf-8"))["same"]


def test_each_kind_has_a_pattern_and_a_reason():
    for entry in SAME:
        re.compile(entry["line"])
        re.compile(entry.get("where", ""))
        assert len(entry["why"]) > 10


@pytest.mark.parametrize(
    ("mutant", "line", "excused"),
    [
        ("vdsr_lib.resize.x_cubic__mutmut_40", "return np.where(d < 1, near, np.where(d <= 2, far, 0.0))", True),
        ("vdsr_lib.resize.x_cubic__mutmut_41", "return np.where(d <= 2, near, np.where(d <= 2, far, 0.0))", False),
        ("vdsr_lib.resize.x_imresize__mutmut_100", "return work.to(None) if True else work", False),
        ("vdsr_lib.training.loop.x_run_steps__mutmut_93", "state.seconds -= time.perf_counter() - began", False),
        ("vdsr_lib.training.loop.x_crop_like__mutmut_34", "image.shape[+2] - top", False),
    ],
)
def test_only_what_is_listed_is_excused(mutant, line, excused):
    assert bool(mutants.reason(mutant, line, SAME)) == excused
