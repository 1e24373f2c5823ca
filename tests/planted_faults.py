"""Plant the faults of `planted_faults.toml`, one at a time, in a copy, and see whether a test notices.

`python tests/planted_faults.py [WORD …]`: all, or those whose name holds a word. Those for a real browser need the
built site (`make book`) and Chromium, and are left out, and said, where these are missing. Exit code 1 when fewer than
19 of 20 are seen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_suffix(".toml")
WANTED = 0.95
SITE = Path("_build") / "html"
# Read and never written, and large: the copy has links to them.
LINKED = ("data_scripts/weights", "data_scripts/checkpoints", "node_modules")


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: what is wrong then, in words.
        file: where it is planted.
        right, wrong: what stands there once, and what takes its place.
        tests: what should fail, as pytest takes it.
        built: the same file in the built site; empty where the tests read the source.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    built: str = ""


def faults() -> list[Fault]:
    """The list."""
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["fault"]
    return [Fault(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]


def copy_tree(folder: Path, *, built: bool) -> None:
    """What git tracks, and the built site if it is wanted."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if not name.startswith(LINKED) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())
    if built:
        shutil.copytree(ROOT / SITE, folder / SITE)


def run_tests(folder: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests of a copy, up to the first that fails."""
    inherited = ("PYTEST_", "COV", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(inherited)}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not gpu"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def plant(folder: Path, fault: Fault) -> bool:
    """Whether a test of the fault's fails while it is there; the copy is as before afterwards."""
    paths = [folder / fault.file, *([folder / SITE / fault.built] if fault.built else [])]
    before = [path.read_text(encoding="utf-8") for path in paths]
    try:
        for path, text in zip(paths, before, strict=True):
            if text.count(fault.right) != 1:
                raise SystemExit(f"planted_faults: {path.relative_to(folder)} no longer holds this once: {fault.right}")
            path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
        result = run_tests(folder, fault.tests)
    finally:
        for path, text in zip(paths, before, strict=True):
            path.write_text(text, encoding="utf-8")
    if result.returncode not in (0, 1):
        raise SystemExit(f"planted_faults: {fault.name}: pytest did not run:\n{result.stdout[-2000:]}{result.stderr}")
    return result.returncode == 1


def main(words: list[str]) -> int:
    """The command line; see the module's docstring."""
    chosen = [f for f in faults() if not words or any(word in f.name for word in words)]
    built = (ROOT / SITE / "index.html").exists()
    if left_out := [f for f in chosen if f.built and not built]:
        print(f"left out, since nothing is built: {', '.join(f.name for f in left_out)}")
        chosen = [f for f in chosen if f not in left_out]
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        folder = Path(name)
        copy_tree(folder, built=any(f.built for f in chosen))
        whole = run_tests(folder, tuple(sorted({test for f in chosen for test in f.tests})))
        if whole.returncode:
            print(whole.stdout[-4000:] + whole.stderr)
            raise SystemExit("planted_faults: the tests fail before anything is planted")
        seen = []
        for fault in chosen:
            start = time.perf_counter()
            seen.append(plant(folder, fault))
            print(f"{'seen' if seen[-1] else 'LIVES':6}{time.perf_counter() - start:6.1f} s  {fault.name}", flush=True)
    print(f"{sum(seen)} of {len(seen)} seen")
    return int(sum(seen) < WANTED * len(seen))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
