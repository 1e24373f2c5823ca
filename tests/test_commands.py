"""The scripts' short names, such as `python -m data_scripts.reproduce`, which records and README name; their errors."""

import importlib
import json
import os
import re
import subprocess
import sys

import pytest

import data_scripts
from data_scripts import ROOT
from data_scripts.commands import one_line_errors, parser_for
from vdsr_lib.errors import DataError

SCRIPTS = {
    path.stem: f"data_scripts.{path.parent.name}.{path.stem}"
    for path in sorted((ROOT / "data_scripts").glob("*/*.py"))
    if path.stem != "__init__"
}
COMMANDS = [
    name for name, whole in SCRIPTS.items() if "__main__" in (ROOT / f"{whole.replace('.', '/')}.py").read_text()
]
PLACES = ["README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "book", ".github", "data_scripts", "tests"]
PLACES += ["vdsr_lib/assets"]
# One interpreter loads what is slow to load, and forks for each script.
PROBE = """
import contextlib, io, json, os, runpy, sys
import torch, nbformat, jupytext, vdsr_lib.evaluation, vdsr_lib.training
for name in sys.argv[1:]:
    read, write = os.pipe()
    if os.fork() == 0:
        sys.argv = [name, "--help"]
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                runpy.run_module(f"data_scripts.{name}", run_name="__main__", alter_sys=True)
            code = "no exit"
        except SystemExit as error:
            code = error.code
        except BaseException as error:
            code = repr(error)
        os.write(write, json.dumps([code, said.getvalue()]).encode()[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        print(json.dumps({name: json.load(pipe)}))
    os.wait()
"""


@pytest.fixture(scope="module")
def helped() -> dict[str, list]:
    """What each script answers to `--help` by its short name: `{name: [exit code, text]}`."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    command = [sys.executable, "-c", PROBE, *COMMANDS, *data_scripts.BEFORE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return {name: answer for line in done.stdout.splitlines() for name, answer in json.loads(line).items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_script_runs_by_its_short_name(helped, name):
    code, text = helped[name]
    assert code == 0, (code, text)
    assert text.startswith(f"usage: python -m data_scripts.{name} ")


@pytest.mark.parametrize("name", data_scripts.BEFORE)
def test_a_command_of_before_runs_the_script_of_today(helped, name):
    code, text = helped[name]
    assert code == 0, (code, text)
    assert text.startswith(f"usage: python -m data_scripts.{data_scripts.BEFORE[name]} ")


def test_the_real_command_line_does_so_too():
    command = [sys.executable, "-m", "data_scripts.serve", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m data_scripts.serve ")
    assert done.stderr == ""
    command[2] = "data_scripts.no_such_script"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No module named data_scripts.no_such_script" in done.stderr


def test_every_command_that_stands_anywhere_is_a_script():
    said = set()
    for place in PLACES:
        paths = [ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*")
        for path in paths:
            if path.suffix in {".md", ".py", ".json", ".yml", ".toml", ".ipynb", ".js", ""} and path.is_file():
                said |= set(
                    re.findall(r"-m data_scripts\.([\w.]+\w)", path.read_text(encoding="utf-8", errors="ignore"))
                )
    made_up = {"X", "no_such_script"}
    assert {"reproduce", "ledger", "slips", "authors_record", "card", "download"} <= said
    assert {name.removeprefix("run.").removeprefix("site.") for name in said} - made_up <= {
        *COMMANDS,
        *data_scripts.BEFORE,
    }


@pytest.mark.parametrize("name", ["ledger", "serve", "print"])
def test_a_short_name_is_the_same_module(name):
    assert importlib.import_module(f"data_scripts.{name}") is importlib.import_module(SCRIPTS[name])
    assert getattr(data_scripts, name) is importlib.import_module(SCRIPTS[name])


def test_names_are_one_script_each():
    assert len(SCRIPTS) == len(list((ROOT / "data_scripts").glob("[rs]*/[!_]*.py")))
    with pytest.raises(ModuleNotFoundError, match=r"data_scripts\.attic"):
        __import__("data_scripts.attic")


def test_workers_of_a_script_by_its_short_name_find_its_functions(tmp_path):
    # The card's workers are new processes, which import the script that began them.
    script = tmp_path / "data_scripts" / "run" / "squares.py"
    script.parent.mkdir(parents=True)
    (tmp_path / "data_scripts" / "__init__.py").write_text((ROOT / "data_scripts" / "__init__.py").read_text())
    (script.parent / "__init__.py").touch()
    script.write_text(
        "import multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "def square(x):\n    return x * x\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
        "        print(list(pool.map(square, range(4))))\n"
    )
    command = [sys.executable, "-m", "data_scripts.squares"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[0, 1, 4, 9]\n", done.stderr


def test_errors_are_one_line_and_exit_code_2(capsys):
    @one_line_errors
    def main(argv=None):
        if argv:
            raise DataError(f"nothing of {argv[0]} is here")
        return 0

    assert main([]) == 0
    assert main(["Set5"]) == 2
    assert capsys.readouterr().err == "error: nothing of Set5 is here\n"


def test_a_parser_says_the_short_name_and_the_first_line():
    parser = parser_for("ledger", "Build the ledger.\n\nMore.")
    assert parser.format_help().startswith("usage: python -m data_scripts.ledger [-h]\n\nBuild the ledger.\n")
