"""What mutmut left, against the list of programs that are the same; exit code 1 when fewer than 19 of 20 are seen.

`python tests/mutants.py` after `mutmut run`. A mutant that lives is either one that no test sees, or the same program
in other words: those are listed in `same_programs.toml`, by the lines that they change, with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "mutants"
LIST = Path(__file__).with_name("same_programs.toml")
WANTED = 0.95
# As mutmut has them: killed, an internal error of pytest while the mutant was in, and what ran out of time.
SEEN = {1, 3, -24, 24, 36, 152, 255}


def verdicts() -> dict[str, int | None]:
    """`{mutant: exit code}`, None for one that was not run."""
    found: dict[str, int | None] = {}
    for path in sorted(MUTANTS.rglob("*.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def new_lines(mutant: str) -> str:
    """The lines that a mutant puts in."""
    command = [sys.executable, "-m", "mutmut", "show", mutant]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return "\n".join(line[1:].strip() for line in shown.splitlines() if re.match(r"\+(?!\+\+)", line))


def reason(mutant: str, lines: str, same: list[dict[str, str]]) -> str:
    """Why the mutant is the same program; empty when the list does not say."""
    for entry in same:
        if re.search(entry.get("where", ""), mutant) and re.search(entry["line"], lines):
            return entry["why"]
    return ""


def main() -> int:
    """The command line; see the module's docstring."""
    same = tomllib.loads(LIST.read_text(encoding="utf-8"))["same"]
    codes = {name: code for name, code in verdicts().items() if code is not None}
    if not codes:
        raise SystemExit(f"mutants: {MUTANTS} holds no verdicts; run `python -m mutmut run` first")
    reasons, lived = Counter[str](), []
    for mutant in (name for name, code in codes.items() if code not in SEEN):
        lines = new_lines(mutant)
        why = reason(mutant, lines, same)
        reasons[why] += bool(why)
        if not why:
            lived.append((mutant, lines))
    for why, number in sorted(reasons.items()):
        print(f"{number:4} the same program: {why}")
    for mutant, lines in lived:
        print(f"LIVES {mutant}\n      {lines}")
    others = len(codes) - reasons.total()
    seen = others - len(lived)
    print(f"{seen} of {others} seen, {seen / others:.1%}; {reasons.total()} more are the same program")
    return int(seen < WANTED * others)


if __name__ == "__main__":
    raise SystemExit(main())
