"""What all tests share: the data sets where they lie, the authors' network, few threads, environments of strangers."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import Phase, settings

from vdsr_lib import datasets, pretrained
from vdsr_lib.images import read_image
from vdsr_lib.models import VDSR

ROOT = Path(__file__).parents[1]

# No deadline, for two cores are shared; the same examples every time in CI, new ones at home.
settings.register_profile("vdsr", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
# Whether an example fails is all that a planted fault asks; a small one is not looked for.
settings.register_profile("mutants", settings.get_profile("vdsr"), phases=(Phase.explicit, Phase.generate))
settings.load_profile("vdsr")

# A process that is forked when torch has threads waits for them for ever: mutmut forks, and asks for one.
ONE = "PYTEST_XDIST_WORKER" in os.environ or os.environ.get("OMP_NUM_THREADS") == "1"
torch.set_num_threads(1 if ONE else min(2, os.cpu_count() or 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def is_a_drawing():
    """`is_a_drawing(make)`: a vector drawing with words, the same twice, and no trace is left."""

    def check(make: Callable) -> None:
        before = dict(matplotlib.rcParams)
        figure = make()
        svg = figure._repr_svg_()
        assert dict(matplotlib.rcParams) == before
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert len(figure.alt) > 20
        assert make()._repr_svg_() == svg

    return check


def _missing(what: str) -> None:
    message = f"{what} is not in {datasets.cache_folder()}; `python -m data_scripts.download` fetches it"
    # Urban100 is the one set that a local copy of the data may lack.
    if os.environ.get("CI") and os.environ.get("VDSR_DATA") and not what.startswith("Urban100"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """`data("Set5")`: the folder of a whole set, or of one file. Tests download nothing: they skip, or fail in CI."""

    def folder(name: str) -> Path:
        wanted = [file for file in datasets.registry() if file == name or file.startswith(f"{name}/")]
        assert wanted, f"nothing named {name!r} is registered"
        absent = [file for file in wanted if not (datasets.cache_folder() / file).is_file()]
        if absent:
            _missing(absent[0])
        return datasets.cache_folder() / name

    return folder


@pytest.fixture(scope="session")
def images(data: Callable[[str], Path]) -> Callable[..., dict[str, np.ndarray]]:
    """`images("Set5")`, or `images("B100", ["101085"])`: uint8 images by name."""

    def load(name: str, only: list[str] | None = None) -> dict[str, np.ndarray]:
        files = sorted(path for path in data(name).iterdir() if only is None or path.stem in only)
        assert len(files) == (len(only) if only is not None else len(datasets.names_of(name)))
        return {path.stem: read_image(path) for path in files}

    return load


@pytest.fixture(scope="session")
def authors(data: Callable[[str], Path]) -> VDSR:
    """The network with the weights that the paper's authors released."""
    return pretrained.load_authors(data(datasets.AUTHORS_WEIGHTS))


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`{"sdist": file, "wheel": file}`, the second built from the first, and that from all git does not ignore."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    return {"sdist": sdist, "wheel": wheel}


# Python reads a module of this name when it starts. Loopback stays: a notebook's kernel is spoken to through it.
NO_NETWORK = """
import socket

def refuse(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"no network in this test: {address}")
    return connect(self, address)

connect = socket.socket.connect
socket.socket.connect = refuse
"""


@dataclass(frozen=True)
class Stranger:
    """A virtual environment as a stranger's: no library, no repository, no data, no network, a home that is empty."""

    folder: Path
    variables: dict[str, str]

    def run(self, *words: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
        """Run a program of the environment; the result has `stdout` and `stderr` as text."""
        command = [str(self.folder / "bin" / words[0]), *map(str, words[1:])]
        return subprocess.run(
            command, cwd=cwd, env=self.variables | variables, capture_output=True, text=True, check=False
        )

    def installed(self) -> set[str]:
        """The distributions and modules that were installed into it."""
        return {p.name for p in next(self.folder.glob("lib/python*/site-packages")).iterdir()} - {"packages.pth"}


@pytest.fixture
def stranger(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stranger]:
    """`stranger(hide=["pooch"], first=[folder])`: an environment that sees this one's packages but for some.

    They are linked, for torch weighs hundreds of megabytes. `first` are folders whose packages go before them.
    """

    def make(hide: tuple[str, ...] = (), first: tuple[Path, ...] = ()) -> Stranger:
        folder, packages, home = tmp_path / "environment", tmp_path / "packages", tmp_path / "home"
        for path in (packages, home):
            path.mkdir()
        # pip is among what is linked. Debian and Colab have it in the same way: seen, and not to be changed.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        hidden = {file.parts[0] for name in (*hide, "vdsr-lib") for file in files(name) or []}
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if path.name not in hidden and path.suffix != ".pth" and not path.name.startswith(("__editable__", "vdsr")):
                (packages / path.name).symlink_to(path)
        site_packages = next(folder.glob("lib/python*/site-packages"))
        (site_packages / "packages.pth").write_text("".join(f"{path}\n" for path in (*first, packages)))
        (home / "sitecustomize.py").write_text(NO_NETWORK)
        own = ("VDSR_", "PYTHON", "XDG_", "JUPYTER_", "IPYTHON", "PIP_", "MPL", "VIRTUAL_ENV", "PYTEST_")
        variables = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        variables |= {
            "HOME": str(home),
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.defpath}",
            "PYTHONPATH": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            # matplotlib takes seconds to look for fonts, once is enough.
            "MPLCONFIGDIR": str(tmp_path_factory.getbasetemp() / "matplotlib"),
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return Stranger(folder, variables)

    return make
