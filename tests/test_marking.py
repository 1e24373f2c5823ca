"""Marking a folder: right and wrong answers, tricks, and code that does not end; never in this process."""

import csv
import io
import json
import os

import pytest

from vdsr_lib.book import marking
from vdsr_lib.book.marking import ERROR, LIMIT, MISSING, RIGHT, WRONG, Limits
from vdsr_lib.errors import InputError

IMPORTS = "import os\nimport numpy as np\nfrom vdsr_lib.book import exercises"
RIGHT_CLIP = """def my_clip(gradient, theta, learning_rate):
    bound = theta / learning_rate
    return np.clip(gradient, -bound, bound), share_above(gradient, bound)

exercises.check_clip(my_clip)"""
HELPER = "def share_above(g, bound):\n    return np.mean(np.abs(g) > bound)"


def hand_in(folder, name, *sources):
    cells = [{"cell_type": "code", "source": s.splitlines(keepends=True)} for s in sources]
    (folder / name).write_text(json.dumps({"cells": cells, "nbformat": 4}))
    return folder / name


def test_right_wrong_and_missing_stand_in_one_table(tmp_path):
    hand_in(tmp_path, "a.ipynb", IMPORTS, HELPER, RIGHT_CLIP, "answer = 1e-3\nexercises.check_largest_change(answer)")
    hand_in(
        tmp_path,
        "b.ipynb",
        IMPORTS,
        "answer = 1e-4\nexercises.check_06a(answer)",  # as a notebook of before has it
        "!pip install x\nthis is no code",
    )
    (tmp_path / "c.ipynb").write_text("not a notebook")
    assert marking.main([str(tmp_path), "--out", str(tmp_path / "marks.csv")]) == 0
    rows = {row["submission"]: row for row in csv.DictReader(io.StringIO((tmp_path / "marks.csv").read_text()))}
    assert (rows["a.ipynb"]["largest_change"], rows["a.ipynb"]["clip"], rows["a.ipynb"]["right"]) == (RIGHT, RIGHT, "2")
    assert (rows["b.ipynb"]["largest_change"], rows["b.ipynb"]["clip"], rows["b.ipynb"]["right"]) == (
        WRONG,
        MISSING,
        "0",
    )
    assert "Momentum adds up" in rows["b.ipynb"]["words"]
    assert "cannot be read as a notebook" in rows["c.ipynb"]["words"]


def test_tricks_and_excesses_are_told(tmp_path):
    spoil = "exercises.check_largest_change = print\nprint('✓ largest change: right.')"
    loop = "def f():\n    while True:\n        pass\nanswer = f()\nexercises.check_averaged_loss(answer)"
    greedy = "answer = np.ones(2**36)[0]\nexercises.check_lost_frequencies(answer)"
    leave = "answer = os._exit(0)\nexercises.check_ensemble_gain(answer)"
    big = (
        "with open('big', 'wb') as file:\n    file.write(bytes(2**22))\nanswer = 0\nexercises.check_flop_count(answer)"
    )
    file = hand_in(
        tmp_path,
        "t.ipynb",
        IMPORTS,
        spoil + "\nanswer = 7\nexercises.check_largest_change(answer)",
        loop,
        greedy,
        leave,
        big,
    )
    marks = marking.mark(file, Limits(seconds=4, megabytes=1))
    outcomes = {name: outcome for name, (outcome, _) in marks.outcomes.items()}
    assert outcomes == {
        "largest_change": WRONG,
        "averaged_loss": LIMIT,
        "lost_frequencies": LIMIT,
        "ensemble_gain": ERROR,
        "flop_count": ERROR,
    }, marks
    assert not (tmp_path / "big").exists()


def test_no_code_of_a_submission_runs_here(tmp_path):
    told = tmp_path / "pid"
    source = f"open({str(told)!r}, 'w').write(str(os.getpid()))\nanswer = 1e-3\nexercises.check_largest_change(answer)"
    assert marking.mark(hand_in(tmp_path, "p.ipynb", IMPORTS, source)).outcomes["largest_change"][0] == RIGHT
    assert int(told.read_text()) != os.getpid()


def test_an_empty_folder_and_impossible_limits_are_refused(tmp_path, capsys):
    assert marking.main([str(tmp_path)]) == 2
    assert "no .ipynb" in capsys.readouterr().err
    with pytest.raises(InputError, match="> 0"):
        Limits(seconds=0)
