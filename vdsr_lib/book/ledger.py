"""The ledger as pages read it: every table and figure of the paper, row by row, beside what was measured here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Row:
    """One number of the paper, and ours.

    Attributes:
        item: table or figure.
        row: which cell.
        metric: `"psnr"` (dB) or `"ssim"`.
        paper, confirmed: see `paper.Value`; None where the paper shows only a picture.
        ours: mean over the seeds; None where nothing was run.
        difference: ours − paper.
        tolerance: that "reproduced" allows.
        status: `"reproduced"`; `"recomputed"` (what needed training in the paper, from the authors' weights);
            `"above"`, `"below"`, `"partial"`, `"shortened"` (a run whose whole schedule is shorter than the
            paper's), `"not yet run"`, `"not run here"`.
        seeds: the value of each seed. spread: their standard deviation, None for one.
        steps_done, steps_planned: of the first seed; 0 where nothing is trained.
        machine, commit, command: of the first seed; the command alone where nothing was run.
        note: what a reader must know to compare the two.
    """

    item: str
    row: str
    metric: str
    paper: float | None
    confirmed: bool
    ours: float | None
    difference: float | None
    tolerance: float
    status: str
    seeds: list[float]
    spread: float | None
    steps_done: int
    steps_planned: int
    machine: str
    commit: str
    command: str
    note: str = ""


@lru_cache(maxsize=1)
def ledger_rows() -> tuple[Row, ...]:
    """The ledger's rows as `data_scripts.ledger` wrote them, in the paper's order. Chapter: 8."""
    text = (resources.files("vdsr_lib") / "assets" / "ledger.json").read_text(encoding="utf-8")
    return tuple(Row(**row) for row in json.loads(text))


def ledger_rows_as_dicts() -> tuple[Mapping[str, Any], ...]:
    """The same rows as dictionaries, which notebooks from before version 0.2.0 take."""
    return tuple(asdict(row) for row in ledger_rows())
