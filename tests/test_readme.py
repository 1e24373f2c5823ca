"""What is generated in the README is what the ledger and the pictures say."""

import pytest

from data_scripts.run import ledger
from data_scripts.site import readme
from vdsr_lib import pretrained
from vdsr_lib.errors import DataError


def test_the_table_of_results_equals_the_ledger():
    assert readme.stored_table() == ledger.results_table(ledger.build()), "run `python -m data_scripts.readme`"


def test_the_network_that_ships_is_the_one_that_is_named():
    for path in (readme.README, readme.README.parent / "book" / "networks.md"):
        assert f"`{pretrained.DEFAULT}`" in path.read_text(encoding="utf-8"), path


def test_a_table_is_put_in_its_place_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n\n{readme.END}\nafter\n")
    readme.write_table("| new |", path)
    assert readme.stored_table(path) == "| new |"
    assert path.read_text() == f"before\n{readme.BEGIN}\n| new |\n\n{readme.END}\nafter\n"


def test_lost_marks_are_an_error_and_nothing_is_written(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("no marks")
    with pytest.raises(DataError, match="must hold these lines once each"):
        readme.write_table("| new |", path)
    assert path.read_text() == "no marks"


def test_the_page_shows_the_same_scores_with_psnr_and_ssim_apart():
    table = readme.stored_table()
    pages = readme.page_tables(table)
    psnr, ssim = pages.split(":::{tab-item}")[1:]
    for line in table.splitlines()[2:]:
        name, scale, _, *scores = (cell.strip() for cell in line.strip("|").split("|"))
        (first,) = (row for row in psnr.splitlines() if row.startswith(f"| {name}\u00a0×{scale} |"))
        (second,) = (row for row in ssim.splitlines() if row.startswith(f"| {name}\u00a0×{scale} |"))
        for k, score in enumerate(scores):
            pair = first.split(" | ")[k + 1].strip(" |"), second.split(" | ")[k + 1].strip(" |")
            assert pair == (tuple(score.split(" / ")) if "/" in score else ("–", "–"))
