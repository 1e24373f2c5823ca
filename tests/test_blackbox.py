"""Assignment 1's black box: without differences it is the protocol, and each difference shows in a score."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from vdsr_lib.book import blackbox
from vdsr_lib.book.blackbox import APART, DIFFERENCES, evaluate, planted
from vdsr_lib.errors import InputError
from vdsr_lib.evaluation import score

# The cameraman is grey and dark in parts, so that the clamp shows.
PICTURES = {"cat": data.chelsea()[60:210, 100:250], "camera": data.camera()[100:250, 180:330]}


@pytest.mark.parametrize("name", PICTURES)
def test_without_a_difference_it_is_the_protocol(name):
    assert evaluate(PICTURES[name], 3) == pytest.approx(score(PICTURES[name], 3).psnr, abs=1e-9)


@pytest.mark.parametrize("key", DIFFERENCES)
def test_each_difference_can_be_found(key):
    apart = [abs(evaluate(p, 3, (key,)) - evaluate(p, 3)) for p in PICTURES.values()]
    assert max(apart) > 1e-3, "more than the four digits that are printed can hide"


def test_a_seed_plants_three_that_do_not_hide_one_another():
    seen = [planted(seed) for seed in range(60)]
    assert seen[17] == planted(17)
    assert all(len(set(keys)) == 3 and not any(pair <= set(keys) for pair in APART) for keys in seen)
    assert set().union(*seen) == set(DIFFERENCES)
    with pytest.raises(InputError, match=">= 0"):
        planted(-1)
    with pytest.raises(InputError, match="typo"):
        evaluate(PICTURES["cat"], 3, ("typo",))


def test_the_command_scores_and_reveals(tmp_path, capsys):
    Image.fromarray(PICTURES["cat"]).save(tmp_path / "cat.png")
    assert blackbox.main(["--seed", "17", str(tmp_path / "cat.png"), "3"]) == 0
    printed = float(capsys.readouterr().out)
    assert printed == pytest.approx(evaluate(PICTURES["cat"], 3, planted(17)), abs=1e-4)
    assert blackbox.main(["--seed", "17", "--reveal"]) == 0
    assert capsys.readouterr().out.splitlines() == [DIFFERENCES[key] for key in planted(17)]
    assert blackbox.main(["--seed", "17", str(tmp_path / "none.png")]) == 2
    assert np.isfinite(printed)
