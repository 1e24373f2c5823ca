"""Each notebook opened alone, as in Colab: an empty folder, no library, no data, no network but pip's.

Colab's exact versions are in its own image, which the weekly workflow runs. Here each notebook runs twice: with the
versions of this machine, and with the oldest that pyproject.toml allows and Colab's ipywidgets 7.7. torch alone is this
machine's both times, for other builds of it weigh gigabytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from data_scripts.site import notebooks, plain_notebooks, setup_cell

pytestmark = pytest.mark.slow

NOTEBOOKS = list(map(notebooks.name_of, notebooks.find()))
# What the setup cell asks for, besides the library: `{distribution: specification}`.
ADDED = {Requirement(spec).name: spec for spec in re.findall(r'"([\w-]+>=[\d.]+)"', setup_cell.text())}
# Version 7.7.1, Colab's for years, needs this.
WIDGETS = ["ipywidgets==7.7.1", "ipython-genutils>=0.2"]


def pip(*words):
    result = subprocess.run(
        [sys.executable, "-m", "pip", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """What the setup cell will ask pip for, in a folder, so that the notebook itself runs without a network."""
    folder = tmp_path_factory.mktemp("wheels")
    pip("download", "--quiet", "--no-deps", "--dest", folder, *ADDED.values())
    return folder


@pytest.fixture(scope="session")
def oldest():
    """A folder with the oldest series of every dependency but torch: `numpy>=1.26` gives 1.26's last."""
    if sys.version_info >= (3, 13):
        pytest.skip("the oldest numpy has no build for this Python")
    with open(notebooks.ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    listed = list(map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["notebooks"]]))
    bounds = {r.name: next(s.version for s in r.specifier if s.operator == ">=") for r in listed}
    assert bounds.pop("ipywidgets") == "7.7"
    del bounds["torch"], bounds["ipython"]  # the kernel's own
    wanted = [*(f"{name}=={bound}.*" for name, bound in bounds.items()), *WIDGETS]
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    folder = notebooks.BUILD / "oldest" / key
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".installing-") as temporary:
            pip("install", "--quiet", "--no-deps", "--target", f"{temporary}/packages", *wanted)
            try:
                os.rename(f"{temporary}/packages", folder)
            except OSError:  # another process was first
                assert folder.exists()
    return folder


# What Colab has and the library needs, by the guard of the setup cell, and what Colab has besides: pip, and what the
# packages that the cell brings need in their turn, for it installs them without their dependencies.
COLABS = {"torch", "numpy", "scipy", "scikit-image", "matplotlib", "ipywidgets", "ipython", "pillow", "tqdm"}
COLABS |= {"pip", "packaging", "platformdirs", "requests", "fsspec", "typing-extensions"}

EVERYTHING = """
import importlib, pkgutil, vdsr_lib
for module in pkgutil.walk_packages(vdsr_lib.__path__, "vdsr_lib."):
    if module.name not in ("vdsr_lib.cli", "vdsr_lib.__main__"):  # the command, which no notebook runs
        importlib.import_module(module.name)
import numpy as np, torch
from vdsr_lib import TrainingConfig, VDSR, train
from vdsr_lib.patches import extract_patches
patches = extract_patches([np.zeros((60, 60), np.uint8)], (2,))
train(VDSR(3, 4), patches, TrainingConfig(steps=1, batch_size=1, precision="fp32"))
"""


def with_what_they_need(names):
    """Packages by their canonical names, with the dependencies that their own metadata list for this machine."""
    found, left = set(), {canonicalize_name(name) for name in names}
    while left:
        found.add(name := left.pop())
        for requirement in map(Requirement, metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed = canonicalize_name(requirement.name)
                left |= {needed} - found if any(metadata.distributions(name=needed)) else set()
    return found


def test_beside_colabs_packages_alone_the_setup_cell_brings_all_that_is_missing(
    tmp_path, distributions, stranger, wheels
):
    """pyproject.toml's packages, or those that these need, must be Colab's or the setup cell's."""
    there = {canonicalize_name(distribution.name) for distribution in metadata.distributions()}
    environment = stranger(hide=tuple(there - with_what_they_need(COLABS)))
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "cell.py").write_text(setup_cell.text() + EVERYTHING)
    where = {"VDSR_LIB_SPEC": str(distributions["wheel"]), "PIP_FIND_LINKS": str(wheels)}
    result = environment.run("python", "cell.py", cwd=alone, **where)
    assert result.returncode == 0, result.stdout + result.stderr
    listed = environment.run("python", "-m", "pip", "list", "--format", "freeze", "--path",
                             next(environment.folder.glob("lib/python*/site-packages")), cwd=alone).stdout  # fmt: skip
    assert {line.partition("==")[0] for line in listed.splitlines()} == {"vdsr-lib", *ADDED}


@pytest.mark.parametrize("versions", ["of this machine", "the oldest"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_alone_installs_the_library_and_runs(request, tmp_path, distributions, stranger, name, versions):
    if versions == "the oldest":
        environment = stranger(first=(request.getfixturevalue("oldest"),))
        added, major = {"vdsr-lib": None}, 7
    else:
        environment = stranger(hide=tuple(ADDED))
        added, major = {"vdsr-lib": None, **ADDED}, 8
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(plain_notebooks.OUT / f"{name}.ipynb", alone / "notebook.ipynb")
    result = environment.run(
        *("python", "-m", "papermill", "notebook.ipynb", "out.ipynb", "--language", "python", "-k", "python3"),
        *("--no-progress-bar", "--no-request-save-on-cell-execute"),
        cwd=alone,
        VDSR_LIB_SPEC=str(distributions["wheel"]),
        PIP_FIND_LINKS=str(request.getfixturevalue("wheels")),
    )
    log = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)
    assert result.returncode == 0, log[log.rfind("Exception encountered at") :][-4000:]

    # The setup cell has installed what was missing, and torch and numpy stay as they came.
    found = {entry.partition("-")[0] for entry in environment.installed() if entry.endswith(".dist-info")}
    assert found == {distribution.replace("-", "_") for distribution in added}
    # Where a page of the book has ready-made frames, a kernel gives widgets.
    cells = [cell for cell in nbformat.read(alone / "out.ipynb", as_version=4).cells if cell.cell_type == "code"]
    data = [output.get("data", {}) for cell in cells for output in cell.outputs]
    live = any("application/vnd.jupyter.widget-view+json" in kinds for kinds in data)
    assert live == any(re.search(r"\bexplore\(", cell.source) for cell in cells)
    version = environment.run("python", "-c", "import ipywidgets; print(ipywidgets.__version__)", cwd=alone).stdout
    assert version.startswith(f"{major}."), version
