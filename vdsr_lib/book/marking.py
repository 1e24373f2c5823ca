"""Marks a folder of notebooks that were handed in, by the checks of the exercises, and writes a table.

`python -m vdsr_lib.book.marking FOLDER --out marks.csv`. Nothing of a submission runs in this process: each notebook
gets a child process of its own with limits on memory, time and files, and there each exercise one more. The checks are
the library's, whatever the notebook prints or redefines. That keeps out accidents and simple tricks. It is no prison:
run it where nothing of value is within reach.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError, InputError
from ..files import write_text
from .exercises import PREFIX, WrongAnswer, current

# What an exercise can be: right, wrong with a hint, not filled in, stopped by an error or a limit, or not in the file.
RIGHT, WRONG, ERROR, LIMIT, MISSING = "right", "wrong", "error", "limit", "missing"
# How long the child may take beside its exercises: to start, and to run the cells that they need.
STARTUP = 60.0


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        seconds: for each exercise, with the cells that it needs; by the clock.
        gigabytes: of address space. torch alone maps about two.
        megabytes: the largest file that it may write.
    """

    seconds: float = 60.0
    gigabytes: float = 6.0
    megabytes: float = 50.0

    def __post_init__(self) -> None:
        if not min(self.seconds, self.gigabytes, self.megabytes) > 0:
            raise InputError(f"limits must be > 0, got {self}")


@dataclass
class Marks:
    """What came of one submission: `{exercise: (outcome, words)}`; `trouble` says why there is nothing at all."""

    name: str
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    trouble: str = ""


def code_cells(notebook: Path) -> list[str]:
    """The sources of a notebook's code cells, without lines that only a notebook can run (`%` and `!`).

    Errors: `DataError` for a file that is no notebook.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{notebook.name}: cannot be read as a notebook ({type(error).__name__})") from None
    return ["\n".join(line for line in s.splitlines() if not line.lstrip().startswith(("%", "!"))) for s in sources]


def _checks(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """The calls `exercises.check_clip(answer)` of a cell: the exercise, and what is handed over.

    A notebook of before has an older name for the same check.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Attribute):
            try:
                found.append((current(node.func.attr).removeprefix(PREFIX), node.args[0]))
            except KeyError:  # not a check
                continue
    return found


def _defined(tree: ast.Module) -> set[str]:
    """The names that a cell sets at its top level, imports included."""
    found: set[str] = set()
    for top in tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef):
            found.add(top.name)
        elif isinstance(top, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in top.names}
        else:
            names = (n for n in ast.walk(top) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            found |= {n.id for n in names}
    return found


class _Space(dict[str, Any]):
    """A namespace that runs the submission's own cell when a name is asked for that no cell has set yet."""

    def __init__(self, cells: Sequence[ast.Module]):
        super().__init__(__name__="handed_in", PROFILE="quick")
        self.cells, self.begun = cells, set[int]()

    def __missing__(self, name: str) -> Any:
        import builtins

        if hasattr(builtins, name):
            return getattr(builtins, name)
        for k, tree in enumerate(self.cells):
            if name in _defined(tree) and k not in self.begun and not _checks(tree):
                self.begun.add(k)
                self.run(tree)
                if name in self:
                    return self[name]
        raise NameError(f"name {name!r} is not defined")

    def run(self, tree: ast.Module) -> None:
        """A cell without its checks. Functions look names up in a plain dictionary, so what they need is made first."""
        body = [top for top in tree.body if not (isinstance(top, ast.Expr) and _checks(ast.Module([top], [])))]
        part = ast.Module(body, [])
        for node in ast.walk(part):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in self:
                try:
                    self[node.id]
                except NameError:
                    continue  # a local name, or one that will be missed when it is used
        exec(compile(part, "<handed in>", "exec"), self)


def _limited(limits: Limits) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (int(limits.gigabytes * 2**30),) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limits.megabytes * 2**20),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _in_fork(task: Callable[[], tuple[str, str]], seconds: float) -> tuple[str, str]:
    """What a function says in a fork of this process, which is killed when its time is up."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            said = task()
        except BaseException as error:
            said = ERROR, f"{type(error).__name__}: {error}"[:300]
        os.write(writer, json.dumps(said).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    end, text = time.monotonic() + seconds, b""
    while True:
        left = end - time.monotonic()
        ready = left > 0 and select.select([reader], [], [], left)[0]
        part = os.read(reader, 65_536) if ready else b""
        text += part
        if not part:
            break
    os.close(reader)
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if text:
        outcome, words = json.loads(text)
        return outcome, words
    return (LIMIT, f"stopped after {seconds:g} s") if time.monotonic() >= end else (ERROR, "ended without an answer")


def _child(notebook: Path, limits: Limits) -> None:
    """Mark one notebook; what comes out is one line of JSON. This is the only place where a submission's code runs."""
    import torch

    from . import exercises

    torch.set_num_threads(1)
    # Taken before anything of the submission runs, which may put its own in their place.
    checks = {check.removeprefix(PREFIX): getattr(exercises, check) for check in exercises.PLACES}
    wrong = WrongAnswer
    trees = []
    for source in code_cells(notebook):
        try:
            trees.append(ast.parse(source))
        except SyntaxError:
            trees.append(ast.Module([], []))
    given = {name: (tree, value) for tree in trees for name, value in _checks(tree)}
    _limited(limits)

    def task(name: str) -> tuple[str, str]:
        tree, value = given[name]
        space = _Space(trees)
        sys.stdout = sys.stderr = io.StringIO()
        try:
            space.run(tree)
            answer = eval(compile(ast.Expression(value), "<handed in>", "eval"), space)
            checks[name](answer)
        except wrong as error:
            return WRONG, str(error)
        except MemoryError:
            return LIMIT, f"needs more than {limits.gigabytes:g} GB"
        return RIGHT, ""

    out = {name: _in_fork(lambda name=name: task(name), limits.seconds) for name in sorted(given)}  # type: ignore[misc]
    print(json.dumps(out))


def mark(notebook: Path, limits: Limits = Limits()) -> Marks:
    """The marks of one submission, from a child process."""
    try:
        tasks = len({name for source in code_cells(notebook) for name, _ in _checks(_parsed(source))})
    except DataError as error:
        return Marks(notebook.name, trouble=str(error))
    command = [sys.executable, "-m", "vdsr_lib.book.marking", "--child", str(notebook.resolve())]
    command += ["--seconds", str(limits.seconds), "--gigabytes", str(limits.gigabytes)]
    command += ["--megabytes", str(limits.megabytes)]
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "VDSR_DATA")}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**kept, "HOME": folder, "TMPDIR": folder, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            out, trouble = process.communicate(timeout=STARTUP + (tasks + 1) * limits.seconds)
        except subprocess.TimeoutExpired:
            out, trouble = "", "it took too long"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
    try:
        found = json.loads(out.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        return Marks(notebook.name, trouble=trouble.strip().splitlines()[-1] if trouble.strip() else "no answer")
    return Marks(notebook.name, {name: (outcome, words) for name, (outcome, words) in found.items()})


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def table(marks: Iterable[Marks]) -> str:
    """The marks as CSV: one row per submission and exercise, then their counts.

    Columns: submission, how many are right, the outcome of each exercise (by its check's topic), and the hints that
    wrong answers got.
    """
    marks = list(marks)
    exercises_seen = sorted({name for m in marks for name in m.outcomes})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["submission", "right", *exercises_seen, "words"])
    for m in marks:
        outcomes = [m.outcomes.get(name, (MISSING, ""))[0] for name in exercises_seen]
        words = " | ".join(f"{name}: {said}" for name, (_, said) in sorted(m.outcomes.items()) if said)
        writer.writerow([m.name, sum(o == RIGHT for o in outcomes), *outcomes, m.trouble or words])
    return text.getvalue()


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vdsr_lib.book.marking", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="a folder of .ipynb files that were handed in")
    parser.add_argument("--out", type=Path, default=Path("marks.csv"), help="the table (default: marks.csv)")
    parser.add_argument("--seconds", type=float, default=60.0, help="per exercise (default: 60)")
    parser.add_argument("--gigabytes", type=float, default=6.0, help="of address space (default: 6)")
    parser.add_argument("--megabytes", type=float, default=50.0, help="the largest file (default: 50)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    limits = Limits(arguments.seconds, arguments.gigabytes, arguments.megabytes)
    if arguments.child:
        _child(arguments.folder, limits)
        return 0
    notebooks = sorted(arguments.folder.glob("*.ipynb"))
    if not notebooks:
        print(f"{arguments.folder} holds no .ipynb file", file=sys.stderr)
        return 2
    marks = []
    for notebook in notebooks:
        marks.append(mark(notebook, limits))
        outcomes = [outcome for outcome, _ in marks[-1].outcomes.values()]
        print(f"{notebook.name}: {marks[-1].trouble or f'{outcomes.count(RIGHT)} of {len(outcomes)} right'}")
    write_text(arguments.out, table(marks))
    print(arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
