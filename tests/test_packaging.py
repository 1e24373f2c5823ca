"""What pip installs: the library and its assets whole, nothing else, and it runs with no repository in sight."""

import ast
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nbformat
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


def installed(stranger, distributions, tmp_path, hide=()):
    """`run(code)`: Python where the wheel is, without some packages; what it printed."""
    environment = stranger(hide=hide)
    result = environment.run(
        "python", "-m", "pip", "install", "--quiet", "--no-deps", distributions["wheel"], cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr

    def run(code):
        result = environment.run("python", "-c", code, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    return run


def test_the_core_needs_neither_matplotlib_nor_widgets(distributions, stranger, tmp_path):
    run = installed(stranger, distributions, tmp_path, hide=("matplotlib", "ipywidgets", "ipython"))
    core = """
import importlib, pkgutil, sys, vdsr_lib
for module in pkgutil.walk_packages(vdsr_lib.__path__, "vdsr_lib."):
    if not module.name.startswith("vdsr_lib.book"):
        importlib.import_module(module.name)
        print(module.name)
assert not {"matplotlib", "ipywidgets", "IPython", "lightning_fabric"} & set(sys.modules)
import numpy as np
print(vdsr_lib.upscale(np.zeros((8, 8, 3), np.uint8), 2).shape)
"""
    *modules, shape = run(core)
    assert len(modules) > 25
    assert shape == "(16, 16, 3)"
    lacking = """
for name in ("figures", "interactive"):
    try:
        module = __import__(f"vdsr_lib.book.{name}", fromlist=["x"])
        module.explore(len, static=False, x=(1, 2))
    except ImportError as error:
        print(error)
"""
    assert [line.rpartition(": ")[2] for line in run(lacking)] == ["pip install 'vdsr-lib[notebooks]'"] * 2


def test_every_name_that_the_plain_notebooks_use_is_in_the_wheel(distributions, stranger, tmp_path):
    wanted = set()
    for path in sorted((ROOT / "book" / "notebooks").glob("*.ipynb")):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        tree = ast.parse("\n".join(cell.source for cell in cells))
        modules = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "vdsr_lib":
                wanted |= {(node.module, alias.name) for alias in node.names}
                modules |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                wanted.add((modules[node.value.id], node.attr))
    assert len(wanted) > 100
    code = f"""
import importlib, pkgutil
def find(path):
    head, _, tail = path.rpartition(".")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        return getattr(find(head), tail)
for home, name in {sorted(wanted)!r}:
    if not hasattr(find(home), name):
        importlib.import_module(f"{{home}}.{{name}}")
"""
    assert installed(stranger, distributions, tmp_path)(code) == []


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
