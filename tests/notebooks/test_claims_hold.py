"""Every notebook runs, its checks hold, and it states the numbers it stated when somebody last looked."""

import pytest

from data_scripts import notebooks

NOTEBOOKS = [path.relative_to(notebooks.BOOK).as_posix() for path in notebooks.find()]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_states_what_it_stated(name):
    run = notebooks.execute(notebooks.BOOK / name, "quick")
    moved = notebooks.differences(notebooks.expected_claims(name, "quick"), run.claims)
    if moved:
        lines = "\n  ".join(moved)
        pytest.fail(
            f"{name} states other numbers than before:\n  {lines}\n"
            f"Look at the page. If the new ones are right: python -m data_scripts.book --accept {name}",
            pytrace=False,
        )


def test_nothing_is_expected_of_a_notebook_that_is_gone():
    stored = {path.relative_to(notebooks.EXPECTED / "quick") for path in (notebooks.EXPECTED / "quick").rglob("*.json")}
    assert {path.with_suffix(".ipynb").as_posix() for path in stored} <= set(NOTEBOOKS)
