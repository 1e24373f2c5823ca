"""Code out of the argument: a page shows the cells that carry its ideas, and has the others behind small marks.

A check is a tick at the end of the paragraph that it checks, the making of numbers a mark beside it, a drawing's code a
word in the caption's line, and installation, parameters and imports are one line. A cell tagged `idea` stays open
whatever it shows. `_static/folds.js` adds the switch that opens all of them.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

WORDS = {
    "setup": "Setup: installation, parameters, imports",
    "check": "The check of these claims",
    "drawing": "The code of this figure or table",
}
HEAD = re.compile(r"<th[^>]*>([^<]+)</th>")
# A cell that calls one function with one name.
CALL = re.compile(r'\w+\("([^"]+)"\)')


class Fold(nodes.Element):
    """Code behind a mark; `kind` is its look, `words` its name."""


def visit_fold(translator: Any, node: Fold) -> None:
    """Open the element; the words are seen, or heard, by its kind."""
    words = escape(node["words"], quote=True)
    translator.body.append(
        f'<details class="fold {node["kind"]}"><summary title="{words}"><span>{words}</span></summary>\n'
    )


def depart_fold(translator: Any, node: Fold) -> None:
    """Close the element."""
    translator.body.append("</details>\n")


def is_cell(node: nodes.Node) -> bool:
    """A code cell of a notebook."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code" and bool(node.children)


def output_of(cell: nodes.Element) -> nodes.Element | None:
    """What a cell shows, if anything."""
    last = cell.children[-1]
    return last if last.get("nb_element") == "cell_code_output" else None


def kind_of(cell: nodes.Element) -> str | None:
    """How a cell's code is folded; None leaves it open, or to myst-nb."""
    tags, hidden, output = cell["cell_metadata"].get("tags", []), cell.get("hide_mode"), output_of(cell)
    if {"idea", "solution"} & set(tags):
        return None
    if hidden in ("output", "input+output"):
        return "more"
    if "setup" in tags:
        return "setup"
    if output is not None and any(isinstance(node, nodes.image | nodes.raw) for node in output.findall()):
        return "drawing"
    if "check" in tags:
        return "check"
    return "numbers" if hidden == "input" else None


def neighbour(node: nodes.Element, step: int) -> nodes.Node | None:
    """The next sibling, or with -1 the one before."""
    at = node.parent.index(node) + step
    return node.parent[at] if 0 <= at < len(node.parent) else None


def marked(node: nodes.Node | None) -> nodes.Element | None:
    """What holds marks: a caption's end, or a paragraph with its marks, made of one that has none. None elsewhere."""
    if (
        isinstance(node, nodes.container)
        and (folds := list(node.findall(Fold)))
        and folds[-1]["kind"] not in ("setup", "more")
    ):
        return folds[-1].parent
    if not isinstance(node, nodes.paragraph):
        return None
    holder = nodes.container(classes=["marked"])
    node.replace_self(holder)
    holder += node
    return holder


def fold_setup(cell: nodes.Element) -> None:
    """One fold for the cell and those that follow it at once and show nothing."""
    fold = Fold(kind="setup", words=WORDS["setup"])
    while is_cell(following := neighbour(cell, 1)) and output_of(following) is None:
        cell.parent.remove(following)
        cell.extend(following.children)
    fold.extend(cell.children)
    cell.children = []
    cell += fold


def fold_drawing(cell: nodes.Element, fold: Fold) -> None:
    """Code at the end of the caption, or of what is shown where there is none."""
    output = output_of(cell)
    fold += cell.children[0]
    cell.remove(cell.children[0])
    figure = next(iter(output.findall(nodes.figure)), None)
    if figure is None or not any(isinstance(child, nodes.caption) for child in figure):
        cell += fold
    else:
        figure += nodes.legend("", fold)


def fold_more(cell: nodes.Element) -> None:
    """A whole table as one line, by the name that its code asks for or its first column has; its code stands below."""
    output, code = output_of(cell), Fold(kind="drawing", words=WORDS["drawing"])
    head = next((m for raw in output.findall(nodes.raw) if (m := HEAD.search(raw.astext()))), None)
    call = CALL.fullmatch(cell.children[0].astext().strip())
    name = f"{call[1]}, row by row" if call else unescape(head[1]) if head else None
    words = f"table: {name}".replace("table: table", "table") if name else cell["prompt_show"]
    fold = Fold(kind="more", words=words[0].upper() + words[1:])
    code += cell.children[0]
    fold += [output, code]
    cell.children = []
    cell += fold


def fold_mark(cell: nodes.Element, fold: Fold) -> None:
    """Code at the end of the paragraph or caption before, or of the paragraph after; else on a line of its own.

    What has such a mark already gets no second one: the first opens both.
    """
    fold += cell.children[0]
    cell.remove(cell.children[0])
    if cell.children:  # it prints something, which stays
        cell += fold
        return
    before, after = neighbour(cell, -1), neighbour(cell, 1)
    holder = marked(before) or (marked(after) if fold["kind"] == "numbers" else None)
    last = holder.children[-1] if holder else None
    if isinstance(last, Fold) and last["kind"] == fold["kind"]:
        last.extend(fold.children)
        if fold["words"] not in last["words"]:
            last["words"] += f"; {fold['words'][0].lower()}{fold['words'][1:]}"
        cell.parent.remove(cell)
    elif holder is None:
        cell["classes"].append("alone")
        cell += fold
    else:
        holder += fold
        cell.parent.remove(cell)


class FoldCode(SphinxPostTransform):
    """Before myst-nb hides what a tag alone tells it to."""

    default_priority = 150
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Called by Sphinx for each page."""
        for cell in list(self.document.findall(is_cell)):
            kind = kind_of(cell) if cell.parent is not None and cell in cell.parent.children else None
            if kind is None:
                continue
            cell.attributes.pop("hide_mode", None)
            if kind in ("setup", "more"):
                (fold_setup if kind == "setup" else fold_more)(cell)
                continue
            words = WORDS.get(kind) or cell["prompt_show"].removeprefix("Show ")
            fold = Fold(kind=kind, words=words[0].upper() + words[1:])
            (fold_drawing if kind == "drawing" else fold_mark)(cell, fold)


def setup(app: Sphinx) -> None:
    """Called by `vdsr_ext`."""
    app.add_node(Fold, html=(visit_fold, depart_fold))
    app.add_post_transform(FoldCode)
