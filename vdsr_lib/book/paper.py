"""The paper's numbers as it prints them, and numbers of others, each with its source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from ..errors import DataError


@dataclass(frozen=True)
class Value:
    """A number of the paper.

    Attributes:
        value: as printed.
        confirmed: read in the paper's text or in two independent sources. The others are widely
            quoted and not confirmed; show them marked so, and never test against them.
    """

    value: float
    confirmed: bool

    def __str__(self) -> str:
        return f"{self.value:g}" + ("" if self.confirmed else "?")


@lru_cache(maxsize=1)
def paper_numbers() -> Mapping[str, Any]:
    """All numbers of the paper as stored in `assets/paper.json`; see `paper_table1` to `paper_table3`."""
    return json.loads((resources.files("vdsr_lib") / "assets" / "paper.json").read_text(encoding="utf-8"))


def paper_table1(network: str, learning_rate: float, epoch: int) -> Value:
    """PSNR on Set5 ×2 of `"residual"` or `"non-residual"` at epoch 10, 20, 40 or 80. Paper: table 1."""
    return _value(lambda: paper_numbers()["table1"][network][f"{learning_rate:g}"][str(epoch)], "table 1")


def paper_table2(test_scale: int, trained_on: tuple[int, ...]) -> Value:
    """PSNR on Set5 of a network trained on some scales; `()` is bicubic. Paper: table 2."""
    column = ",".join(map(str, trained_on)) if trained_on else "bicubic"
    return _value(lambda: paper_numbers()["table2"][str(test_scale)][column], "table 2")


def paper_table3(set_name: str, scale: int, method: str, metric: str = "psnr") -> Value:
    """PSNR or SSIM of `"Bicubic"`, `"A+"`, `"RFL"`, `"SelfEx"`, `"SRCNN"` or `"VDSR"`. Paper: table 3."""

    def look() -> dict[str, Any]:
        cell = paper_numbers()["table3"][set_name][str(scale)][method]
        return {"value": cell[metric], "confirmed": cell["confirmed"]}

    return _value(look, "table 3")


def _value(look: Any, table: str) -> Value:
    try:
        return Value(**look())
    except KeyError as error:
        raise DataError(f"the paper's {table} has no entry {error}") from None


def quoted(what: str) -> Mapping[str, Any]:
    """Numbers that no stored run holds, each with its source: what others published, or trials that were not kept.

    Errors: `DataError` for a name that `assets/quoted.json` does not have.
    """
    table = json.loads((resources.files("vdsr_lib") / "assets" / "quoted.json").read_text(encoding="utf-8"))
    if what not in table:
        raise DataError(f"nothing is quoted under {what!r}; there are {', '.join(table)}")
    return table[what]
