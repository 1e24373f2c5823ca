"""The notation page lists every symbol that the first five chapters use in their formulas, and no term twice."""

import re

import pytest

from data_scripts.site import notebooks

PAGES = ["01_task", "01b_score", "02_receptive_field", "03_srcnn", "04_going_deep", "05_residual_learning"]
# Indices, functions, operators and layout: they are no quantities, or explained by what stands beside them.
COMMANDS = {
    "frac", "tfrac", "sum", "prod", "max", "log", "ln",
    "exp", "sqrt", "cos", "cdot", "le", "ge", "ne", "in",
    "to", "infty", "dots", "cdots", "quad", "qquad", "left",
    "right", "Big", "big", "lVert", "rVert", "langle", "rangle",
    "times", "approx", "propto", "mid", "leftarrow", "partial",
    "mathrm", "mathbb", "mathbf", "mathsf", "text", "operatorname",
    "begin", "end", "bar", "hat", "overline", "pi",
}  # fmt: skip
INDICES = set("ijlTdeb")
NAMES = {"gamma", "theta", "eta", "mu", "sigma", "rho", "lambda", "delta", "alpha", "varepsilon"}


def formulas(text):
    text = re.sub(r"```.*?```|`[^`]*`", " ", text, flags=re.DOTALL)
    return re.findall(r"\$\$(.*?)\$\$|(?<!\$)\$([^$]+)\$(?!\$)", text, re.DOTALL)


def symbols(text):
    """The letters and Greek names in a text's formulas, without indices, words and functions."""
    found = set()
    for block, inline in formulas(text):
        formula = re.sub(r"\\(text|operatorname|mathrm|begin|end)\{[^}]*\}", " ", block or inline)
        formula = re.sub(r"[_^]\{[^{}]*\}|[_^]\\?\w", " ", formula)  # what stands below and above
        commands = set(re.findall(r"\\([a-zA-Z]+)", formula))
        assert commands <= COMMANDS | NAMES, commands - COMMANDS - NAMES
        found |= commands & NAMES
        found |= set(re.findall(r"(?<![\\a-zA-Z])[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", formula)))
    return found - INDICES


def listed():
    page = (notebooks.BOOK / "notation.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| $") or line.startswith("| `")]
    return symbols("\n".join(cell for row in rows for cell in row))


@pytest.mark.parametrize("name", PAGES)
def test_every_symbol_is_listed(name):
    text = "\n".join(cell.source for cell in notebooks.read(name).cells if cell.cell_type == "markdown")
    used = symbols(text)
    assert used
    assert used - listed() == set(), "put them into book/notation.md, and say there what they are"


def test_what_is_not_listed_is_found():
    assert symbols(r"so $\frac{Q}{\eta_l}$ and $\text{MSE} = \tfrac12$, but `$Z$`") - listed() == {"Q"}


def test_terms_are_in_order_and_stand_once():
    page = (notebooks.BOOK / "notation.md").read_text(encoding="utf-8")
    glossary = page.partition(":::{glossary}")[2]
    terms = re.findall(r"^([A-Z\w][^\n]*)\n  \S", glossary, re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(terms, key=str.lower)
    assert len({term.lower() for term in terms}) == len(terms)
