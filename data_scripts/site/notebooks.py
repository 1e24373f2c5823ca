"""Runs the book's notebooks, each once: a notebook is run again only when it, or what it is made from, changed.

The runs are kept in `_build/cache`, by the SHA-256 of the notebook, the library with its assets, the profile
and the versions under them. `make book` renders them; `tests/notebooks` compares what they claim.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Timer

import nbformat
from nbformat import NotebookNode

from vdsr_lib import devices
from vdsr_lib.book.claims import CLAIMS_VARIABLE
from vdsr_lib.book.interactive import STATIC_VARIABLE
from vdsr_lib.errors import VdsrError

from .. import ROOT
from . import myst

BOOK = ROOT / "book"
BUILD = ROOT / "_build"
EXPECTED = ROOT / "tests" / "notebooks" / "expected"

# Seconds that a notebook may take; after so many times of that by the clock it is stopped.
BUDGET = {"quick": 60.0, "full": 900.0}
PATIENCE = 10
# What a notebook's result depends on, besides itself and the library.
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "matplotlib", "pillow", "ipykernel", "nbclient", "papermill")
KEPT_RUNS = 6


class NotebookError(VdsrError):
    """A notebook fails, takes too long, or leaves on its page what does not belong there."""


@dataclass(frozen=True)
class Run:
    """A notebook as it was run.

    Attributes:
        notebook: path inside `book/`, without its ending.
        profile: `"quick"` or `"full"`.
        seconds: of the processor, with the kernel's start.
        machine, commit, finished: where, from what and when.
        claims: `{name: {"value", "within"}}`, see `vdsr_lib.book.claims`.
        folder: holds `page.ipynb`, the notebook with its outputs.
    """

    notebook: str
    profile: str
    seconds: float
    machine: str
    commit: str
    finished: str
    claims: dict[str, dict]
    folder: Path

    @property
    def page(self) -> Path:
        """The notebook with its outputs."""
        return self.folder / "page.ipynb"


def find() -> list[Path]:
    """Every notebook of the book, in order."""
    return sorted(
        path
        for path in BOOK.rglob("*.md")
        if not any(part.startswith((".", "_")) for part in path.relative_to(BOOK).parts) and myst.is_notebook(path)
    )


def name_of(notebook: Path) -> str:
    """A notebook's path inside `book/`, without its ending."""
    return notebook.relative_to(BOOK).with_suffix("").as_posix()


def read(name: str) -> NotebookNode:
    """The notebook of this name, see `name_of`."""
    return myst.read(BOOK / f"{name}.md")


def hash_files(files: Iterable[Path], base: Path) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        total.update(f"{path.relative_to(base).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def library_files() -> list[Path]:
    """What the library is made of, without compiled files."""
    return [p for p in (ROOT / "vdsr_lib").rglob("*") if p.is_file() and "__pycache__" not in p.parts]


@lru_cache(maxsize=1)
def _surroundings() -> str:
    parts = [
        hash_files(library_files(), ROOT),
        hash_files([Path(__file__), Path(myst.__file__)], ROOT),
        platform.python_version(),
    ]
    parts += [f"{name} {version(name)}" for name in PACKAGES]
    # Where data sets are at hand, a page shows more.
    parts.append(os.environ.get("VDSR_DATA", ""))
    return "\n".join(parts)


def fingerprint(notebook: Path, profile: str) -> str:
    """Names a run: equal when the notebook, the library, the profile and the versions are."""
    text = "\n".join([_surroundings(), profile, name_of(notebook)])
    return hashlib.sha256(text.encode() + notebook.read_bytes()).hexdigest()[:24]


def kept_folder(notebook: Path, profile: str) -> Path:
    """Where a run is kept, if it is."""
    return BUILD / "cache" / name_of(notebook) / fingerprint(notebook, profile)


def _tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def threads_each(jobs: int) -> int:
    """Threads for each of `jobs` notebooks that run at the same time."""
    return max(1, (os.cpu_count() or 1) // jobs)


def _run(command: list[str], environment: dict[str, str], limit: float) -> tuple[float, int, str]:
    """`(seconds, exit code, what it wrote)`; the seconds are the processor's where those are fewer than the clock's.

    So a machine that is busy with something else does not make a notebook slow. After `limit` seconds by the
    clock it is killed (the exit code is below 0), and its kernel ends when it sees that.
    """
    with tempfile.TemporaryFile() as log:
        start = time.monotonic()
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        killer = Timer(limit, process.kill)
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = min(time.monotonic() - start, usage.ru_utime + usage.ru_stime)
        log.seek(0)
        return seconds, process.returncode, log.read().decode(errors="replace")


def _papermill(notebook: Path, output: Path, profile: str, jobs: int, limit: float) -> tuple[float, dict]:
    """Run it, as an `.ipynb` beside the output; `(seconds, claims)`."""
    source = output.with_name("source.ipynb")
    nbformat.write(myst.read(notebook), source)
    claims = output.with_name("claims.json")
    threads = str(threads_each(jobs))
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment |= {CLAIMS_VARIABLE: str(claims), STATIC_VARIABLE: "1"}
    environment |= {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "papermill", str(source), str(output), "-k", "python3"]
    command += ["--language", "python", "-p", "PROFILE", profile]
    command += ["--cwd", str(notebook.parent), "--no-progress-bar", "--no-request-save-on-cell-execute"]
    seconds, code, log = _run(command, environment, PATIENCE * limit)
    if code < 0:
        raise NotebookError(f"{name_of(notebook)} was stopped after {PATIENCE * limit:g} s, its budget is {limit:g} s")
    if code != 0:
        log = re.sub(r"\x1b\[[0-9;]*m", "", log)
        where = log.rfind("Exception encountered at")
        raise NotebookError(f"{name_of(notebook)} failed:\n{log[where:] if where >= 0 else log[-4000:]}".rstrip())
    return seconds, json.loads(claims.read_text(encoding="utf-8")) if claims.exists() else {}


def _check_page(name: str, page: NotebookNode) -> None:
    """A page holds no warnings, no widget that would be dead without a kernel, and no stray repr."""
    for number, cell in enumerate(page.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookError(
                    f"{name}, cell {number}, wrote to stderr, which the page would show:\n{output.text}"
                )
            if any("widget-view" in kind for kind in output.get("data", {})):
                raise NotebookError(
                    f"{name}, cell {number}, shows an ipywidget, which is dead on a page without a kernel: "
                    "use vdsr_lib.book.interactive.explore"
                )
            shown = output.get("data", {})
            if list(shown) == ["text/plain"] and re.match(r"<|np\.\w+\(", shown["text/plain"]):
                stray = shown["text/plain"][:60]
                raise NotebookError(
                    f"{name}, cell {number}, ends with a value that no reader wants to see, {stray}: "
                    "close the line with a semicolon, or show a plain number"
                )


def _finish(page: NotebookNode, run: Run) -> None:
    """Take out what papermill put in, and say on the page how it was made."""
    page.cells = [cell for cell in page.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in _tagged(page, "parameters"):
        cell.source = re.sub(r"^PROFILE = .*$", f'PROFILE = "{run.profile}"', cell.source, flags=re.MULTILINE)
    for cell in page.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    page.metadata.pop("papermill", None)
    page.metadata.pop("widgets", None)
    text = (
        f":::{{div}} run-note\nThis page was run with the `{run.profile}` profile in {run.seconds:.0f} s"
        f" on {run.machine}, at commit `{run.commit or 'none'}`. {{doc}}`All pages </run_record>`\n:::"
    )
    page.cells.append(nbformat.v4.new_markdown_cell(text, id="run-note"))


def execute(
    notebook: Path, profile: str = "quick", *, force: bool = False, jobs: int = 2, budget: float | None = None
) -> Run:
    """Run a notebook, or hand back the run that is kept.

    Args:
        notebook: absolute path of one of `find()`.
        profile: `"quick"` or `"full"`.
        force: run it even when nothing changed.
        jobs: how many run at the same time; they share the cores.
        budget: seconds; the profile's unless given.

    Errors: `NotebookError` when a cell fails, there is no `PROFILE` parameter, the time is over the budget, or the page
    would show a warning or a dead widget. Such a run is not kept.
    """
    name = name_of(notebook)
    limit = BUDGET[profile] if budget is None else budget
    kept = kept_folder(notebook, profile)
    if not force and (kept / "run.json").exists():
        os.utime(kept)
        return Run(**json.loads((kept / "run.json").read_text(encoding="utf-8")), folder=kept)

    source = myst.read(notebook)
    # papermill only warns of a parameter that the notebook does not have.
    if not any(re.search(r"^PROFILE = ", cell.source, re.MULTILINE) for cell in _tagged(source, "parameters")):
        raise NotebookError(f'{name} has no cell tagged "parameters" that sets PROFILE, so no profile can be chosen')
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".running-") as temporary:
        folder = Path(temporary) / "run"
        folder.mkdir()
        output = folder / "page.ipynb"
        try:
            seconds, claims = _papermill(notebook, output, profile, jobs, limit)
            page = nbformat.read(output, as_version=4)
            _check_page(name, page)
            if seconds > limit:
                raise NotebookError(f"{name} took {seconds:.0f} s, over its budget of {limit:g} s")
        except NotebookError:
            if output.exists():  # to be looked at
                failed = BUILD / "failed" / f"{name}.ipynb"
                failed.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(output, failed)
            raise
        from ..run import reproduce  # brings torch, which a build with nothing to run does not wait for

        run = Run(
            notebook=name,
            profile=profile,
            seconds=round(seconds, 1),
            machine=f"{devices.machine().rpartition(', ')[0]}, threads: {threads_each(jobs)}",
            commit=reproduce.commit(),
            finished=datetime.now(UTC).strftime("%Y-%m-%d"),
            claims=claims,
            folder=kept,
        )
        _finish(page, run)
        nbformat.write(page, output)
        record = {key: value for key, value in asdict(run).items() if key != "folder"}
        (folder / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / "source.ipynb").unlink()
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(folder, kept)
    _prune(kept.parent)
    return run


def _prune(folder: Path) -> None:
    """Keep the last few runs of a notebook, so that going back and forth costs nothing and the disk does not fill."""
    runs = sorted((path.parent for path in folder.glob("*/run.json")), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in runs[KEPT_RUNS:]:
        shutil.rmtree(old, ignore_errors=True)


def execute_all(
    chosen: Iterable[Path], profile: str, *, force: bool = False, jobs: int = 2, budget: float | None = None
) -> tuple[list[Run], list[NotebookError]]:
    """Run notebooks, `jobs` at a time; `(runs, failures)`, each in the order given."""

    def attempt(path: Path) -> Run | NotebookError:
        known = kept_folder(path, profile).exists() and not force
        try:
            run = execute(path, profile, force=force, jobs=jobs, budget=budget)
        except NotebookError as error:
            print(f"{name_of(path)}: FAILED", flush=True)
            return error
        print(f"{run.notebook}: {run.seconds:.0f} s{', kept from before' if known else ''}", flush=True)
        return run

    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(attempt, chosen))
    return [r for r in results if isinstance(r, Run)], [r for r in results if isinstance(r, NotebookError)]


def expected_file(notebook: str, profile: str) -> Path:
    """Where the claims of a notebook are stored, each profile apart."""
    return EXPECTED / profile / f"{notebook}.json"


def expected_claims(notebook: str, profile: str) -> dict[str, dict]:
    """What a notebook claimed when somebody last looked; empty for a new one."""
    path = expected_file(notebook, profile)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def accept(run: Run) -> list[str]:
    """Store a run's claims as expected; what changed, one line for each."""
    changes = differences(expected_claims(run.notebook, run.profile), run.claims)
    path = expected_file(run.notebook, run.profile)
    if run.claims:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(run.claims, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        path.write_text(text, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    return changes


def differences(expected: dict[str, dict], got: dict[str, dict]) -> list[str]:
    """What a reader of the page would now be told differently, one line for each claim.

    Args:
        expected: `{name: {"value", "within"}}`, as stored.
        got: the same, as the page just made it. The stored tolerance counts.

    Returns: lines that name the claim, what was expected, and what came; empty when all hold.
    """
    lines = []
    for name in expected.keys() | got.keys():
        if name not in got:
            lines.append(f"{name}: expected {expected[name]['value']!r}, got nothing: the page no longer states it")
        elif name not in expected:
            lines.append(f"{name}: expected nothing, got {got[name]['value']!r}: a new claim")
        else:
            want, tolerance, have = expected[name]["value"], expected[name]["within"], got[name]["value"]
            if not _close(want, have, tolerance):
                lines.append(f"{name}: expected {want!r} within {tolerance:g}, got {have!r}{_apart(want, have)}")
            elif got[name]["within"] != tolerance:
                lines.append(f"{name}: expected a tolerance of {tolerance:g}, got {got[name]['within']:g}")
    return sorted(lines)


def report(run: Run) -> str:
    """What a page tells otherwise than was accepted, for the profile that it was run with; empty when nothing.

    The lines name the chapter, each claim, what was expected and what came, and the command that accepts it.
    """
    moved = differences(expected_claims(run.notebook, run.profile), run.claims)
    if not moved:
        return ""
    command = f"python -m data_scripts.book --profile {run.profile} --accept {run.notebook}"
    return "\n".join(
        [
            f"{run.notebook} states other numbers than before, in the {run.profile} profile:",
            *(f"  {line}" for line in moved),
            f"Look at the page. If the new ones are right: {command}",
        ]
    )


def _close(want: object, have: object, tolerance: float) -> bool:
    if isinstance(want, list) and isinstance(have, list):
        return len(want) == len(have) and all(_close(a, b, tolerance) for a, b in zip(want, have, strict=True))
    if _is_number(want) and _is_number(have):
        return abs(want - have) <= tolerance  # type: ignore[operator]
    return type(want) is type(have) and want == have


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _apart(want: object, have: object) -> str:
    return f" ({have - want:+g})" if _is_number(want) and _is_number(have) else ""  # type: ignore[operator]
