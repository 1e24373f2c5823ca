"""The arrows of the design, as import-linter contracts in pyproject.toml; and that each of them can break."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-P", "-c", LINT], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def broken(result: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^(.+) BROKEN", result.stdout, flags=re.MULTILINE)


def test_every_contract_is_kept():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(" KEPT") >= 15


PLANTED = {
    "images": ("import vdsr_lib.models", "Images, resizing and metrics know of no model"),
    "metrics": ("import torch", "Images and metrics need no torch"),
    "models": ("from . import clipping", "Models and patches know nothing of training"),
    "patches": ("from .models import VDSR", "Patches read no network"),
    "training/loop": ("import matplotlib.pyplot", "Only the book's wing draws"),
    "evaluation": ("from .pretrained import load", "Rooms: each imports only from the floors below, and none"),
    "analysis/cost": ("from . import curvature", "Analysis: each explanation stands alone"),
    "analysis/curvature": ("from ..book import claims", "Rooms"),
    "training/config": ("from .state import TrainingState", "Training: the loop stands on"),
    "book/display": ("from .claims import claim", "The book's wing"),
    "book/exercises/steps": ("from .scores import check_psnr", "Exercises: each topic"),
    "book/figures/fields": ("from .pixels import Mosaic", "Figures: each subject"),
    "resize": ("from data_scripts.run import ledger", "Data flows one way"),
    "book/interactive": ("from .. import metrics", "Interaction computes nothing itself"),
    "pretrained": ("import pickle", "Nothing unpickles"),
    "data_scripts/run/ledger": ("from ..site import readme", "Data scripts: pages are made from data"),
    "errors": ("from . import cli", "Rooms: each imports only from the floors below"),
}


@pytest.fixture(scope="module")
def broken_by_them(tmp_path_factory) -> list[str]:
    """The contracts that break in a copy of the sources into which every forbidden import was put."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in ("vdsr_lib", "data_scripts"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.json", "*.safetensors"))
    for module, (line, _) in PLANTED.items():
        home = copy if module.startswith("data_scripts") else copy / "vdsr_lib"
        with open(home / f"{module}.py", "a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    return broken(lint(copy))


@pytest.mark.parametrize("module", PLANTED)
def test_each_contract_breaks_when_it_should(broken_by_them, module):
    assert any(name.startswith(PLANTED[module][1]) for name in broken_by_them), broken_by_them


@pytest.mark.parametrize(
    "wing",
    [
        "vdsr_lib",
        "vdsr_lib/book",
        "vdsr_lib/book/exercises",
        "vdsr_lib/book/figures",
        "vdsr_lib/training",
        "data_scripts",
    ],
)
def test_a_new_module_must_be_given_a_room(tmp_path, wing):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("vdsr_lib", "data_scripts"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.json", "*.safetensors"))
    (tmp_path / wing / "attic.py").touch()
    result = lint(tmp_path)
    assert result.returncode != 0
    assert "attic" in result.stdout
