"""What the scripts' command lines share: how they introduce themselves, and errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from vdsr_lib.errors import VdsrError

Words = ParamSpec("Words")


def parser_for(script: str, doc: str | None) -> argparse.ArgumentParser:
    """A script's parser: its short name, such as `ledger`, and the first line of its docstring."""
    return argparse.ArgumentParser(prog=f"python -m data_scripts.{script}", description=(doc or "").splitlines()[0])


def one_line_errors(main: Callable[Words, int]) -> Callable[Words, int]:
    """A command line whose `VdsrError`s are one line on stderr and the exit code 2."""

    @wraps(main)
    def guarded(*arguments: Words.args, **options: Words.kwargs) -> int:
        try:
            return main(*arguments, **options)
        except VdsrError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2

    return guarded
