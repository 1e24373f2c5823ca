"""The package's face: a dozen names, loaded when they are used; and the modules that the README names."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import vdsr_lib
from vdsr_lib import training

ROOT = Path(__file__).parents[1]


def test_every_name_is_there_and_is_its_module_s():
    for name in vdsr_lib.__all__:
        assert getattr(vdsr_lib, name) is getattr(import_module(f"vdsr_lib.{vdsr_lib._HOMES[name]}"), name)
    assert set(vdsr_lib.__all__) == set(vdsr_lib._HOMES)


def test_every_room_is_an_attribute_and_is_listed():
    there = {path.stem for path in (ROOT / "vdsr_lib").glob("*.py") if not path.stem.startswith("__")}
    there |= {path.parent.name for path in (ROOT / "vdsr_lib").glob("*/__init__.py")}
    assert there - {"assets"} == set(vdsr_lib._ROOMS)
    assert set(vdsr_lib._ROOMS) <= set(dir(vdsr_lib))
    for name in vdsr_lib._ROOMS:
        assert getattr(vdsr_lib, name).__name__ == f"vdsr_lib.{name}"


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'EDSR'"):
        vdsr_lib.EDSR  # noqa: B018
    with pytest.raises(ImportError, match="EDSR"):
        from vdsr_lib import EDSR  # noqa: F401


def test_the_face_alone_loads_nothing_heavy():
    code = "import sys, vdsr_lib; dir(vdsr_lib); print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_the_configuration_needs_no_torch():
    code = "import sys; from vdsr_lib.training.config import TrainingConfig; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout == "False\n"


def test_training_hands_on_what_its_rooms_have():
    assert set(training._HOMES) == set(dir(training)) == set(training.__all__)
    for name in training._HOMES:
        assert getattr(training, name).__name__ == name


def test_the_readme_s_imports_work():
    lines = re.findall(
        r"^from vdsr_lib[\w.]* import \w+", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(lines) >= 4
    for line in lines:
        exec(line, {})
