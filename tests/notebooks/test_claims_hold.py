"""Every notebook runs, its checks hold, and it states the numbers it stated when somebody last looked."""

import pytest

from data_scripts.site import notebooks

NOTEBOOKS = list(map(notebooks.name_of, notebooks.find()))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_states_what_it_stated(name):
    if moved := notebooks.report(notebooks.execute(notebooks.BOOK / f"{name}.md", "quick")):
        pytest.fail(moved, pytrace=False)


@pytest.mark.full
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_states_what_it_stated_in_the_full_profile(name):
    run = notebooks.execute(notebooks.BOOK / f"{name}.md", "full")
    if run.claims and not notebooks.expected_claims(name, "full"):
        pytest.skip("nobody has accepted what it claims in the full profile")
    if moved := notebooks.report(run):
        pytest.fail(moved, pytrace=False)


@pytest.mark.parametrize("profile", notebooks.BUDGET)
def test_nothing_is_expected_of_a_notebook_that_is_gone(profile):
    folder = notebooks.EXPECTED / profile
    stored = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")}
    assert stored <= set(NOTEBOOKS)
