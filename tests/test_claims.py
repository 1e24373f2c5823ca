"""Claims: kept only when a file is named, handed back as they came, and never ambiguous."""

import json

import numpy as np
import pytest

from vdsr_lib.book.claims import CLAIMS_VARIABLE, claim
from vdsr_lib.errors import InputError


@pytest.fixture
def kept(tmp_path, monkeypatch):
    path = tmp_path / "claims.json"
    monkeypatch.setenv(CLAIMS_VARIABLE, str(path))
    return lambda: json.loads(path.read_text(encoding="utf-8"))


def test_claims_are_kept_with_their_tolerance(kept):
    assert claim("psnr", 33.66, within=0.01) == 33.66
    array = np.array([1, 2])
    assert claim("sizes", array) is array
    claim("float32", np.float32(0.5), within=1)
    claim("word", "bicubic")
    assert kept() == {
        "psnr": {"value": 33.66, "within": 0.01},
        "sizes": {"value": [1, 2], "within": 0.0},
        "float32": {"value": 0.5, "within": 1},
        "word": {"value": "bicubic", "within": 0.0},
    }


def test_without_a_file_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(CLAIMS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert claim("psnr", 33.66) == 33.66
    assert list(tmp_path.iterdir()) == []


def test_a_name_means_one_value(kept):
    claim("psnr", 1.0)
    claim("psnr", 1.0)  # a cell run again says the same
    with pytest.raises(InputError, match=r"'psnr'.*1\.0"):
        claim("psnr", 2.0)
    assert kept()["psnr"]["value"] == 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, {"a": 1}, [1, float("nan")], object()])
def test_values_that_no_test_could_compare_are_refused(kept, value):
    with pytest.raises(InputError, match="'bad'"):
        claim("bad", value)


@pytest.mark.parametrize("within", [-1, float("nan")])
def test_a_tolerance_is_not_below_zero(within):
    with pytest.raises(InputError, match="tolerance"):
        claim("bad", 1.0, within=within)


def test_while_the_book_is_built_the_text_can_quote_a_claim(monkeypatch):
    shown = []
    monkeypatch.setenv("VDSR_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *what, **how: shown.append((*what, how)))
    claim("psnr", 33.66, within=0.01)
    claim("word", "bicubic")
    values = [list(content.values()) for content, _ in shown]
    assert values == [["33.66"], ["bicubic"]]
    assert [how["metadata"]["scrapbook"]["name"] for _, how in shown] == ["psnr", "word"]
    monkeypatch.setenv("VDSR_STATIC", "0")
    claim("psnr", 1.0)
    assert len(shown) == 2
