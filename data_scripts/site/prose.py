"""Reads the pages as an editor would: idioms that no native speaker prints, and what proselint knows.

`python -m data_scripts.prose` is part of `make lint`. It needs no network and takes a few seconds. Code, formulas and
names are left out. An idiom that comes up again in a review becomes a rule here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proselint.checks import __register__ as checks
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from .. import ROOT
from ..commands import parser_for
from . import myst
from .notebooks import BOOK

# What was found in the reviews of the text: a pattern, and what to write instead.
IDIOMS = {
    r"in place of": "instead of, or for",
    r"(?:not )?at hand": "available, here, in front of you",
    r"of (?:yours|ours) (?:that|which)": "your, our",
    r"a (?:file|folder|network|picture|program) of yours": "your own",
    r"every so many": "every n-th",
    r"derivative by": "derivative with respect to",
    r"[Ww]anted are|[Cc]ounted is|[Mm]easured are": "put the subject first",
    r"[Ww]hoever": "anyone who, those who",
    r"has for it": "its advantage is",
    r"bears? a rate": "is stable up to a rate",
    r"of the most possible": "of the best possible",
    r"says? nothing\b": "predicts zero",
    r"(?:[Rr]ead|[Ss]aved|[Tt]aken) so,": "in this way",
    r"no slip of the pen": "no mistake",
    r"dearest": "most expensive",
    r"not of use": "not useful",
    r"in vain": "wasted",
    r"for it lifts": "because",
    r"by just as much": "by exactly as much",
    r"stands? at hand": "is available",
    r"(?:dB|seconds?|steps?|bytes?|operations?|patches|numbers?|FLOP|mark|curve) an? "
    r"(?:step|pixel|byte|picture|image|cell|channel|epoch|layer|seed|patch)\b": "per",
    r"one (?:number|network|scale) an? (?:cell|scale|network)": "per",
    r"a trick of \w+'s": "name the method",
    r"the both": "both",
    r"at the first honest": "on the first",
    r"as good as nothing": "next to nothing",
}
CheckRegistry().register_many(checks)

# proselint's own checks that read formulas and figures as if they were letters.
OFF = (
    "typography",
    "dates_times",
    "redundancy.misc.garner",
    "hedging",
    "misc.currency",
    "lexical_illusions",
    "weasel_words",
    "misc.but",
    "cliches",
    "redundancy",
)
# What a page says on purpose.
ALLOWED = {("failure_gallery", "A mean in place of the sum")}


def prose(page: Path) -> str:
    """A page's words alone, on the lines where they stand: without code, formulas, roles and addresses."""
    if myst.is_notebook(page):
        cells = myst.reads(page.read_text(encoding="utf-8")).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = page.read_text(encoding="utf-8")
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])  # noqa: E731
    fenced = r"^(`{3,}).*?^\1|\$\$.*?\$\$(?: \([\w-]+\))?|<!--.*?-->|^:::+.*?$|^:\w+:.*?$|\A---\n.*?\n---$"
    text = re.sub(fenced, blank, text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\{[\w:]+\}`[^`]*`|`[^`\n]*`|\$[^$]*\$|\]\([^)]*\)|https?:\S+", blank, text)


def faults(text: str, page: str = "") -> Iterator[tuple[str, str]]:
    """`(what was found, what to do)` in some prose."""
    for pattern, better in IDIOMS.items():
        for match in re.finditer(rf"\b(?:{pattern})", text):
            around = " ".join(text[max(0, match.start() - 12) : match.end() + 12].split())
            if not any(page == name and words in around for name, words in ALLOWED):
                yield f"… {around} …", f"write: {better}"
    for result in LintFile(page or "page", text).lint(DEFAULT):
        name = str(result.check_result.check_path)
        if not name.startswith(OFF):
            yield name, result.check_result.message


def main(argv: list[str] | None = None) -> int:
    """The command line: pages by name, else all of them; exit code 1 when something is found."""
    parser = parser_for("prose", __doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="only these, such as 01_task")
    names = parser.parse_args(argv).pages
    pages = [BOOK / f"{name}.md" for name in names] or [ROOT / "README.md", *sorted(BOOK.glob("*.md"))]
    found = 0
    for page in pages:
        for what, better in faults(prose(page), page.stem):
            print(f"{page.relative_to(ROOT)}: {what}: {better}")
            found += 1
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
