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

import nbformat
import pytest
from packaging.requirements import Requirement

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
