"""Fetch the public image sets into the cache: `python -m data_scripts.download --all`, or the sets by name.

Each file comes from its pinned public address and is kept only when its SHA-256 is right. Files that are
there already are checked and not fetched again, so the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from vdsr_lib import datasets
from vdsr_lib.errors import ChecksumError, DataError, VdsrError

NOTICE = "The sets are for research and teaching; their owners set no licence that lets this project ship them."
# After so many failures in a row a set is given up: its server is away, and the other files would fail alike.
FAILURES_IN_A_ROW = 3


@dataclass
class Outcome:
    """What became of one set.

    Attributes:
        name: of the set.
        whole: files that are there and right.
        total: files of the set.
        errors: one line for each file that failed.
    """

    name: str
    whole: int = 0
    total: int = 0
    errors: list[str] = field(default_factory=list)


def download(set_names: Sequence[str], *, check_only: bool = False, quiet: bool = False) -> list[Outcome]:
    """Fetch sets, or only check what is there; a failure in one file does not stop the others.

    Args:
        set_names: of `datasets.set_names()`.
        check_only: download nothing; a missing file is an error then.
        quiet: show no progress bar.

    Errors: `DataError` for a set that is not registered; all other errors are collected in the outcomes.
    """
    files = {name: datasets.names_of(name) for name in set_names}
    size = sum(datasets.registry()[file].size for names in files.values() for file in names)
    outcomes = []
    with tqdm(total=size, unit="B", unit_scale=True, disable=quiet or None) as bar:
        for name, names in files.items():
            outcome = Outcome(name, total=len(names))
            outcomes.append(outcome)
            in_a_row = 0
            bar.set_description(name)
            for file in names:
                if in_a_row < FAILURES_IN_A_ROW:
                    error = _check(file) if check_only else _fetch(file)
                    if error is None:
                        outcome.whole += 1
                    else:
                        outcome.errors.append(str(error))
                    away = error is not None and not check_only and not isinstance(error, ChecksumError)
                    in_a_row = in_a_row + 1 if away else 0
                bar.update(datasets.registry()[file].size)
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0, 2 when a file could not be had, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m data_scripts.download",
        description=f"Fetch the public image sets into {datasets.cache_folder()} (VDSR_DATA names another folder).",
        epilog=NOTICE,
    )
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"one or more of: {', '.join(datasets.set_names())}")
    parser.add_argument("--all", action="store_true", help="every set")
    parser.add_argument("--list", action="store_true", help="list the sets, their sources, and what is here; then stop")
    parser.add_argument("--check", action="store_true", help="only check the files that are here; download nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print_list()
        return 0
    names = datasets.set_names() if options.all else options.sets
    if not names:
        parser.error("name a set, or give --all; --list shows them")
    try:
        outcomes = download(names, check_only=options.check)
    except VdsrError as error:
        print(f"download: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("download: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for outcome in outcomes:
        print(f"{outcome.name:<10} {outcome.whole} of {outcome.total} files in {datasets.cache_folder()}")
        shown = outcome.errors[:FAILURES_IN_A_ROW]
        for line in shown:
            print(f"download: {line}", file=sys.stderr)
        if outcome.whole + len(shown) < outcome.total:
            print(f"download: {outcome.name}: and {outcome.total - outcome.whole - len(shown)} more", file=sys.stderr)
    if not options.check:
        print(NOTICE)
    return 2 if any(outcome.whole < outcome.total for outcome in outcomes) else 0


def print_list() -> None:
    """One line a set: files here, files in all, size, source."""
    print(f"{'set':<10} {'here':>5} {'files':>6} {'MB':>7}  source")
    for name in datasets.set_names():
        entries = [datasets.registry()[file] for file in datasets.names_of(name)]
        sources = ", ".join(sorted({f"https://github.com/{entry.repository}" for entry in entries}))
        megabytes = sum(entry.size for entry in entries) / 1e6
        print(f"{name:<10} {datasets.present(name):>5} {len(entries):>6} {megabytes:>7.1f}  {sources}")
    print(f"cache: {datasets.cache_folder()}")
    print(NOTICE)


def _fetch(file: str) -> DataError | None:
    try:
        datasets.fetch(file)
    except DataError as error:
        return error
    return None


def _check(file: str) -> DataError | None:
    try:
        found = datasets.status(file)
    except DataError as error:
        return error
    return None if found == "whole" else DataError(f"{datasets.cache_folder() / file}: is {found}")


if __name__ == "__main__":
    sys.exit(main())
