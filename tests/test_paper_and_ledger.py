"""The paper's numbers as typed values, and the ledger as pages read it."""

import json
from dataclasses import fields
from importlib import resources

import pytest

from data_scripts.run import ledger as script
from vdsr_lib.book import ledger, paper
from vdsr_lib.errors import DataError


def test_numbers_of_the_paper():
    assert paper.paper_table1("residual", 0.1, 10) == paper.Value(36.90, True)
    assert paper.paper_table1("non-residual", 0.001, 80) == paper.Value(36.11, False)
    assert paper.paper_table2(3, (2, 3, 4)) == paper.Value(33.27, True)
    assert paper.paper_table2(4, ()).value == 28.42
    assert paper.paper_table3("Set5", 2, "VDSR") == paper.Value(37.53, True)
    assert paper.paper_table3("Urban100", 4, "VDSR", "ssim") == paper.Value(0.7524, True)
    assert str(paper.paper_table3("Urban100", 2, "RFL")) == "29.11?"
    with pytest.raises(DataError, match="table 3 has no entry 'Set6'"):
        paper.paper_table3("Set6", 2, "VDSR")


def test_the_paper_s_own_tables_agree_with_each_other():
    # Bicubic stands in tables 2 and 3; both must be the same cell.
    for scale in (2, 3, 4):
        assert paper.paper_table2(scale, ()) == paper.paper_table3("Set5", scale, "Bicubic")


def test_what_is_quoted_names_its_source():
    assert "no record is stored" in paper.quoted("earlier trials")["source"]
    with pytest.raises(DataError, match="earlier trials"):
        paper.quoted("rumours")


def test_the_stored_ledger_is_typed_row_by_row():
    stored = json.loads((resources.files("vdsr_lib") / "assets" / "ledger.json").read_text(encoding="utf-8"))
    rows = ledger.ledger_rows()
    assert len(rows) == len(stored) > 200
    assert {f.name for f in fields(ledger.Row)} == stored[0].keys()
    assert [row.row for row in rows] == [row["row"] for row in stored]
    assert script.Row is ledger.Row


def test_notebooks_of_before_get_the_same_rows_as_dictionaries():
    stored = json.loads((resources.files("vdsr_lib") / "assets" / "ledger.json").read_text(encoding="utf-8"))
    assert list(ledger.ledger_rows_as_dicts()) == stored
