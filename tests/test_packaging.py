"""What pip installs: the library and its assets whole, nothing else, and it runs with no repository in sight."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data as pictures

from vdsr_lib import __version__, pretrained, upscaling

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
# All weights of the book fit; a data set or a checkpoint would not.
LARGEST = 20_000_000


@pytest.fixture(scope="module")
def library() -> set[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "vdsr_lib"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {name for name in listed if (ROOT / name).is_file()}


def test_the_wheel_is_the_library(distributions, library):
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = set(wheel.namelist())
        described = {name for name in names if name.startswith(f"vdsr_lib-{__version__}.dist-info/")}
        assert names - described == library
        assert all(wheel.read(name) == (ROOT / name).read_bytes() for name in library)
    assets = {name.removeprefix("vdsr_lib/assets/") for name in names}
    assert {"paper.json", "ledger.json", "registry.tsv", "runs/authors.json"} <= assets
    assert {f"weights/{name}.safetensors" for name in pretrained.shipped()} <= assets
    assert distributions["wheel"].stat().st_size < LARGEST


def test_the_source_distribution_holds_no_more(distributions, library):
    with tarfile.open(distributions["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames() if sdist.getmember(name).isfile()}
    names = {name for name in names if not name.startswith("vdsr_lib.egg-info/")}
    about = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    assert names == library | about


def test_pypi_would_take_both(distributions):
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, distributions.values())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("PASSED") == 2


def test_installed_alone_it_runs_with_neither_network_nor_repository(distributions, stranger, tmp_path):
    environment, empty = stranger(), tmp_path / "empty"
    empty.mkdir()

    def run(*words, status=0):
        result = environment.run(*words, cwd=empty)
        assert result.returncode == status, result.stdout + result.stderr
        return result.stdout + result.stderr

    assert "No module named 'vdsr_lib'" in run("python", "-c", "import vdsr_lib", status=1)
    call = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=1)"
    assert "no network in this test" in run("python", "-c", call, status=1)

    run("python", "-m", "pip", "install", "--quiet", "--no-deps", distributions["wheel"])
    assert environment.installed() == {"vdsr_lib", f"vdsr_lib-{__version__}.dist-info"}
    said = run("vdsr", "info")
    assert f"vdsr_lib     {__version__}" in said
    assert all(name in said for name in pretrained.shipped())
    assert str(ROOT) not in said

    small = pictures.astronaut()[60:100, 200:250]
    Image.fromarray(small).save(empty / "small.png")
    run("vdsr", "upscale", "small.png", "-o", "bicubic.png", "-s", "3", "-w", "bicubic")
    np.testing.assert_array_equal(Image.open(empty / "bicubic.png"), upscaling.upscale(small, 3))
    run("vdsr", "upscale", "small.png", "-o", "ours.png", "-s", "3")
    ours = upscaling.upscale(small, 3, pretrained.load(pretrained.DEFAULT))
    np.testing.assert_allclose(np.asarray(Image.open(empty / "ours.png"), int), ours, atol=1)
    assert not np.array_equal(ours, upscaling.upscale(small, 3))
