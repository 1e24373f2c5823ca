"""The one place where a record is begun: what every record of a run says of how and when it was made."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import torch
from torch import nn

from vdsr_lib import pretrained, runs
from vdsr_lib.devices import machine
from vdsr_lib.evaluation import Score

from .. import ROOT

ASSETS = ROOT / "vdsr_lib" / "assets"


def commit() -> str:
    """The short hash of the checkout, with `+` when tracked files differ from it; empty outside git."""
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", "vdsr_lib", "data_scripts"], cwd=ROOT, check=False
        ).returncode
        return head + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def now() -> str:
    """The time as records have it, in UTC: `2026-11-28T12:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def new_record(
    name: str, status: str, command: str, *, network: nn.Module | None = None, **facts: Any
) -> runs.RunRecord:
    """A record that says by what machine, torch, commit and command it was made, and when.

    Args:
        name, status, command: see `RunRecord`.
        network: what was scored; None for bicubic interpolation. A run that is trained gives `model` instead.
        facts: further fields of `RunRecord`; also `commit` and `precision` where they are known better.
    """
    made: dict[str, Any] = {
        "machine": machine(),
        "precision": "float32",
        "torch_version": torch.__version__,
        "finished": now(),
    }
    made |= {"model": pretrained.model_spec(network)} if network is not None else {}
    made |= {} if "commit" in facts else {"commit": commit()}
    return runs.RunRecord(name, status, command=command, **{**made, **facts})


def cell(score: Score) -> dict[str, float]:
    """PSNR and SSIM of an image as a record holds them, to more digits than any table prints."""
    return {"psnr": round(score.psnr, 5), "ssim": round(score.ssim, 6)}
