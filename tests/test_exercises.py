"""The self-checks as a whole: their table, what all do alike, and their names of before."""

import inspect
import subprocess
import sys

import pytest

from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import PLACES, WrongAnswer, answers


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("blank", [..., None])
def test_a_blank_is_not_an_answer(name, blank):
    topic = name.removeprefix("check_").replace("_", " ")
    with pytest.raises(WrongAnswer, match=f"^{topic}: no answer yet"):
        getattr(exercises, name)(blank)


def test_the_table_lists_every_check():
    checks = [name for name, value in vars(exercises).items() if name.startswith("check_") and callable(value)]
    assert sorted(checks) == sorted(PLACES)
    assert len(set(PLACES.values())) == len(PLACES)
    modules = {inspect.unwrap(getattr(exercises, name)).__module__ for name in PLACES}
    assert len(modules) > 8


def test_no_name_holds_a_chapter_number():
    numbered = [name for name in dir(exercises) if name.startswith("check_0") or name.startswith("check_1")]
    assert numbered == []


@pytest.mark.parametrize("name", PLACES)
def test_names_of_before_lead_to_the_same_checks(name):
    before = f"check_{PLACES[name][1].removeprefix('ex-')}"
    with pytest.warns(DeprecationWarning, match=f"exercises.{before} is now exercises.{name}$"):
        assert getattr(exercises, before) is getattr(exercises, name)


def test_the_reports_of_before_are_the_same_too():
    with pytest.warns(DeprecationWarning, match="mystery_reports"):
        assert exercises.mystery_01d is exercises.mystery_reports


@pytest.mark.parametrize("name", ["check_99z", "06b", "check_", "mystery_06b", "nothing"])
def test_other_names_are_still_unknown(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(exercises, name)


def test_a_notebook_of_before_still_runs_and_is_told():
    code = "from vdsr_lib.book import exercises\nexercises.check_06a(1e-3)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("✓ largest change: right.")
    assert "exercises.check_06a is now exercises.check_largest_change" in result.stderr


def test_hints_and_praise_have_the_topic_before_them(capsys):
    @answers.exercise
    def check_of_three(answer):
        if answer != 3:
            raise WrongAnswer(f"{answer} is not 3.")
        return "Well counted."

    check_of_three(3)
    assert capsys.readouterr().out == "✓ of three: right. Well counted.\n"
    with pytest.raises(WrongAnswer, match=r"^of three: 4 is not 3\.$"):
        check_of_three(4)
