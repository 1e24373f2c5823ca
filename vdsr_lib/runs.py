"""The stored runs, as typed records."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import write_atomically

STATUSES = ("partial", "done", "diverged")


@dataclass(frozen=True)
class RunRecord:
    """One training or evaluation run, as it was.

    Attributes:
        name: of the experiment.
        status: `"done"`, `"partial"` (stopped early; goes on by the same command) or
            `"diverged"`.
        steps_done, steps_planned: training steps.
        model: what `pretrained.build` takes.
        config: the `TrainingConfig` and the data, as JSON values.
        seed: of the initialisation, the order of batches and the augmentation.
        scores: `scores[set][scale][image] = {"psnr", "ssim"}` by `protocol`; scale is a string.
        curve: the entries of the training's history.
        seconds: in training steps, over all sessions.
        machine, precision, torch_version, commit, command, finished: how and when it was made.
        samples: patches in the training set.
        stretches: one entry per session of the run: from_step, to_step, precision, machine, torch_version, commit.
        checksums: SHA-256 of `"weights"` (the file), `"data"` (the patches) and `"config"`.
        notes: anything a reader must know.
    """

    name: str
    status: str
    steps_done: int = 0
    steps_planned: int = 0
    model: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    protocol: str = "authors"
    scores: dict[str, dict[str, dict[str, dict[str, float]]]] = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    machine: str = ""
    precision: str = ""
    torch_version: str = ""
    commit: str = ""
    command: str = ""
    finished: str = ""
    samples: int = 0
    stretches: list[dict[str, Any]] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    notes: str = ""

    def mean(self, set_name: str, scale: int, metric: str = "psnr") -> float:
        """Mean PSNR (dB) or SSIM over a set's images.

        Errors: `DataError` when the run was not scored on that set and scale.
        """
        try:
            images = self.scores[set_name][str(scale)]
            return sum(image[metric] for image in images.values()) / len(images)
        except (KeyError, ZeroDivisionError):
            raise DataError(f"run {self.name!r} has no {metric} on {set_name} x{scale}") from None

    def series(self, key: str, by: str = "epoch") -> tuple[list[float], list[float]]:
        """`(x, y)` of one quantity of the curve, to plot; empty lists if it was not recorded."""
        entries = [entry for entry in self.curve if key in entry and by in entry]
        return [entry[by] for entry in entries], [entry[key] for entry in entries]


def run_names() -> list[str]:
    """The names of all stored runs, sorted."""
    folder = resources.files("vdsr_lib") / "assets" / "runs"
    return sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))


def load_run(name: str) -> RunRecord:
    """A stored run.

    Errors: `DataError` when there is none of that name, or its file does not fit `RunRecord`.
    """
    file = resources.files("vdsr_lib") / "assets" / "runs" / f"{name}.json"
    if not file.is_file():
        raise DataError(f"no stored run named {name!r}")
    return _from_json(file.read_text(encoding="utf-8"), name)


def find_run(name: str) -> RunRecord | None:
    """A stored run, or None when it has not been run."""
    return load_run(name) if name in run_names() else None


def read_run(path: str | os.PathLike) -> RunRecord:
    """A run from a file of yours. Errors: `DataError`, see `load_run`."""
    try:
        return _from_json(Path(path).read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def write_run(record: RunRecord, path: str | os.PathLike) -> None:
    """Write a run as JSON, atomically."""
    if record.status not in STATUSES:
        raise DataError(f"status must be one of {', '.join(STATUSES)}, got {record.status!r}")
    text = json.dumps(asdict(record), indent=None, separators=(",", ":"), sort_keys=True)
    # One entry of the curve a line keeps diffs readable and the file small.
    text = text.replace('},{"', '},\n{"') + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _from_json(text: str, source: str) -> RunRecord:
    known = {f.name for f in fields(RunRecord)}
    try:
        content = json.loads(text)
        unknown = set(content) - known
        if unknown or content["status"] not in STATUSES:
            raise DataError(f"{source}: is no run record (unknown {sorted(unknown) or content['status']!r})")
        return RunRecord(**content)
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise DataError(f"{source}: is no run record ({error})") from None


@lru_cache(maxsize=1)
def bench() -> Mapping[str, float | str]:
    """What `make bench` measured on the machine that it names: value by what was measured. Chapter: 10."""
    text = (resources.files("vdsr_lib") / "assets" / "bench.json").read_text(encoding="utf-8")
    return json.loads(text)


# What moved to the book's wing, by its name there: `(module, name)`. Notebooks of before ask for it here.
_MOVED = {
    "Value": ("paper", "Value"),
    "paper": ("paper", "paper_numbers"),
    "paper_table1": ("paper", "paper_table1"),
    "paper_table2": ("paper", "paper_table2"),
    "paper_table3": ("paper", "paper_table3"),
    "quoted": ("paper", "quoted"),
    "ledger": ("ledger", "ledger_rows_as_dicts"),
}


def __getattr__(name: str) -> Any:
    """The paper's numbers and the ledger, which are in `vdsr_lib.book.paper` and `vdsr_lib.book.ledger` since 0.2.0.

    Errors: `AttributeError` for any other name.
    """
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, now = _MOVED[name]
    warnings.warn(f"runs.{name} is now vdsr_lib.book.{module}.{now}", DeprecationWarning, stacklevel=2)
    return getattr(import_module(f".book.{module}", __package__), now)
