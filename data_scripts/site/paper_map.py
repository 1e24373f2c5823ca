"""The paper ↔ code map: each section, formula, table and figure, with its functions, their tests, and its chapter.

It is read from the docstrings' `Paper:` and `Chapter:` lines, from the tests' sources, and from `ITEMS`, which holds
what no docstring can say. The book's build writes it into its page. `python -m data_scripts.paper_map` prints it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from vdsr_lib.errors import InputError

from .. import ROOT
from ..commands import parser_for
from .address import stored

LIBRARY = ROOT / "vdsr_lib"
TESTS = ROOT / "tests"
KINDS = ("section", "formula", "table", "figure")
# What a function's name cannot spell.
SPELLINGS = {
    "(paper|square) s": r"\1's", "papers": "paper's", "the authors": "the authors'", "matlabs": "MATLAB's",
    "matlab": "MATLAB", "scikit images": "scikit-image's", "vdsr": "VDSR", "srcnn": "SRCNN", "psnr": "PSNR",
    "ssim": "SSIM", "svg": "SVG", "t91": "T91", "set5": "Set5", "2d plus 1": "2D + 1", "0 1": "0.1",
}  # fmt: skip
SHOWN = 2  # tests that are named for a function; the rest is counted


@dataclass(frozen=True)
class Item:
    """A part of the paper.

    Attributes:
        key: as docstrings write it, such as `"section 3.2"`; a formula is named by itself.
        title: the paper's heading, or what is to be seen there.
        says: in a few words of ours.
        code: objects of the library that belong here, besides those whose docstring says so.
        tests: `"clipping::test_name"`, those that hold what the paper says.
        labels: equations and figures of the book, besides the functions' chapters.
        chapters: besides the functions' own.
    """

    key: str
    title: str
    says: str = ""
    code: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    chapters: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.key.split()[0]


ITEMS = (
    Item("section 1", "Introduction", "The task, and what is new.", chapters=(1,)),
    Item(
        "section 2.1", "Convolutional Network for Image Super-Resolution",
        "SRCNN, and its three limits: little context, slow training, one scale.",
        tests=("models::test_parameters_are_the_papers", "receptive_field::test_srcnn_sees_13_and_17"),
        labels=("eq-srcnn", "fig-race"),
    ),
    Item(
        "section 3.1", "Proposed Network",
        "Twenty layers of 3 × 3, the sum at the end, zeros at the border, a field of 41 × 41.",
        tests=("models::test_layers_of_vdsr", "models::test_forward_is_the_chain_by_hand", "models::test_size_stays"),
        labels=("eq-field", "fig-border"),
    ),
    Item(
        "section 3.2", "Training",
        "The loss on the residual, high learning rates, the adjustable clip, the scales mixed.",
        tests=("training::test_one_step_by_hand", "training::test_without_clipping_a_rate_of_0_1_diverges"),
        labels=("eq-residual", "eq-clip"),
    ),
    Item(
        "section 4.1", "The Deeper, the Better", "Depth from 5 to 20.",
        code=("models.VDSR", "analysis.gradient_flow.measure"), chapters=(4,), labels=("fig-paper-3", "fig-flow"),
        tests=("models::test_layers_of_vdsr",
               "gradient_flow::test_the_expected_signal_is_the_mean_over_networks_borders_included"),
    ),
    Item(
        "section 4.2", "Residual-Learning", "With the sum and without it, at three learning rates.",
        code=("models.VDSR", "analysis.curvature.largest_stable_rate", "book.paper.paper_table1"), chapters=(5,),
        tests=("models::test_residual_adds_the_input", "training::test_loss_on_the_residual_is_loss_on_the_image"),
        labels=("fig-histogram", "fig-table1-curves"),
    ),
    Item(
        "section 4.3", "Single Model for Multiple Scales", "Trained on some scales, tested on each.",
        code=("patches.extract_patches", "book.paper.paper_table2"), chapters=(7,),
        tests=("patches::test_scales_are_mixed_in_one_set", "upscaling::test_any_shape_and_scale"),
    ),
    Item(
        "section 5.1", "Datasets for Training and Testing",
        "91 or 291 pictures to train on; Set5, Set14, B100, Urban100 to test on.",
        code=("datasets.load_set",), chapters=(8,),
        tests=("patches::test_paper_count_of_t91", "reproduce::test_no_test_image_is_trained_on_or_chosen_by"),
    ),
    Item(
        "section 5.2", "Training Parameters", "Depth 20, batch 64, momentum, decay, 80 epochs, ÷ 10 each 20.",
        code=("training.config.TrainingConfig",),
        tests=("training::test_rates_follow_the_paper", "models::test_initialisation_is_he_by_fan_in"),
        labels=("eq-he", "fig-long"),
    ),
    Item(
        "section 5.3", "Benchmark", "Luma by the network, colour by interpolation, a border cut off.",
        tests=("evaluation::test_the_authors_protocol_step_by_step", "resize::test_every_pixel_of_the_matlab_files"),
        labels=("eq-luma", "fig-slips"),
    ),
    Item(
        "section 5.4", "Comparisons with State-of-the-Art Methods", "PSNR, SSIM and time on four sets.",
        code=("pretrained.load_authors", "evaluation.evaluate"), chapters=(8,),
        tests=("evaluation::test_the_authors_weights_on_set5_are_table_3",
               "evaluation::test_every_cell_of_the_record_is_the_papers"),
    ),
    Item("section 6", "Conclusion", "Other tasks may gain from the same. Here: what came after.", chapters=(9,)),
    Item(
        "formula $2D + 1$", "side of the receptive field", code=("receptive_field.field", "receptive_field.measured"),
        tests=("receptive_field::test_vdsr_sees_2d_plus_1",
               "receptive_field::test_vdsr_measured_is_a_full_square_of_41"),
        labels=("eq-field",), chapters=(2,),
    ),
    Item(
        "formula $r = y - x$", "the residual", code=("models.VDSR", "degradation.degrade"),
        tests=("models::test_residual_adds_the_input",), labels=("eq-residual", "fig-loss"), chapters=(1, 5),
    ),
    Item(
        "formula $\\tfrac12 \\lVert r - f(x) \\rVert^2$", "the loss", code=("training.loop.residual_loss",),
        tests=("training::test_loss_is_half_the_sum_over_pixels_mean_over_the_batch",
               "training::test_loss_gradient_is_the_error_over_the_batch"),
        labels=("eq-likelihood", "eq-error", "eq-scale"), chapters=(5, 6),
    ),
    Item(
        "formula $[-\\tfrac{\\theta}{\\gamma}, \\tfrac{\\theta}{\\gamma}]$", "the adjustable clip",
        code=("clipping.clip_by_value_",),
        tests=("clipping::test_clip_by_value_worked_by_hand", "clipping::test_the_bound_grows_as_the_rate_falls"),
        labels=("eq-clip", "fig-search"), chapters=(6,),
    ),
    Item(
        "table 1", "residual against non-residual", code=("runs.find_run",), chapters=(5, 8),
        tests=("reproduce::test_ledger_rows_say_what_was_reached",), labels=("fig-table1-curves",),
    ),
    Item(
        "table 2", "scales trained on, scales tested on", code=("runs.find_run",), chapters=(7, 8),
        tests=("reproduce::test_ledger_is_what_the_stored_runs_say",),
    ),
    Item(
        "table 3", "PSNR and SSIM on four sets", code=("evaluation.evaluate",), chapters=(1, 8),
        tests=("evaluation::test_bicubic_of_set5_is_table_3",
               "evaluation::test_the_authors_weights_on_set5_are_table_3"),
        labels=("fig-slips",),
    ),
    Item("figure 1", "PSNR against running time", labels=("fig-paper-1",), chapters=(4, 10)),
    Item("figure 2", "the network", code=("models.VDSR",), chapters=(5,), tests=("models::test_layers_of_vdsr",),
         labels=("fig-network",)),
    Item("figure 3", "depth against PSNR", code=("book.figures.results.score_by_depth",), labels=("fig-paper-3",),
         chapters=(4,)),
    Item("figure 4", "residual and non-residual, by epoch", chapters=(5,), labels=("fig-table1-curves",)),
    Item("figure 5", "one network for all scales", code=("upscaling.upscale",), chapters=(7,),
         labels=("fig-paper-5", "fig-paper-5-srcnn"),
         tests=("upscaling::test_any_shape_and_scale",)),
    Item("figure 6", "a picture of B100 at ×3, method by method", code=("evaluation.reconstruct",), chapters=(8,),
         labels=("fig-paper-6",)),
    Item("figure 7", "another picture of B100", code=("evaluation.reconstruct",), chapters=(8,),
         labels=("fig-paper-7",)),
)  # fmt: skip

# Functions that their tests reach under another name.
BY_ANOTHER_NAME = {
    "models.VDSR.reset_parameters": ("models::test_initialisation_is_he_by_fan_in",),
    "training.config.TrainingConfig.rate": ("training::test_rates_follow_the_paper",),
}


@dataclass(frozen=True)
class Thing:
    """A public function, class or method of the library.

    Attributes:
        name: without the package, such as `"models.VDSR.reset_parameters"`.
        role: Sphinx's.
        paper: the parts of the paper that its docstring names, such as `"section 3.2"`.
        chapters: those that it names.
    """

    name: str
    role: str
    paper: tuple[str, ...] = ()
    chapters: tuple[int, ...] = ()


def paper_parts(text: str) -> tuple[str, ...]:
    """The parts of the paper named in a `Paper:` line: `"sections 3.1 and 5.2, table 1"` names three."""
    found = []
    for kind, numbers in re.findall(r"\b(section|table|figure)s? (\d[\d.]*(?:(?:, | and |, and )\d[\d.]*)*)", text):
        found += [f"{kind} {number.rstrip('.')}" for number in re.findall(r"\d[\d.]*", numbers)]
    return tuple(dict.fromkeys(found))


def chapter_numbers(text: str) -> tuple[int, ...]:
    """The chapters named in a `Chapter:` line: `"3 to 5, 10"` names four."""
    found: list[int] = []
    for first, last in re.findall(r"(\d+)(?: to (\d+))?", text):
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def read_docstring(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """`(parts of the paper, chapters)` that a docstring names."""
    text = " ".join(text.split())
    paper = re.search(r"\bPaper: (.*?)(?= Chapters?: |$)", text)
    chapters = re.search(r"\bChapters?: ([\d, toand]+)", text)
    return paper_parts(paper[1]) if paper else (), chapter_numbers(chapters[1]) if chapters else ()


def _public(body: Iterable[ast.stmt], prefix: str, inside: bool = False) -> Iterator[Thing]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        is_class = isinstance(node, ast.ClassDef)
        text = ast.get_docstring(node)
        if text:
            role = "class" if is_class else "meth" if inside else "func"
            yield Thing(f"{prefix}.{node.name}", role, *read_docstring(text))
        if is_class:
            yield from _public(node.body, f"{prefix}.{node.name}", True)


@lru_cache(maxsize=1)
def things() -> dict[str, Thing]:
    """Everything public of the library that has a docstring, by name."""
    found = [
        thing
        for path in sorted(LIBRARY.rglob("*.py"))
        for thing in _public(ast.parse(path.read_text(encoding="utf-8")).body, module_of(path))
    ]
    return {thing.name: thing for thing in found}


def module_of(path: Path) -> str:
    """A file's module, without the package: `"analysis.cost"`."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix(".__init__")


@dataclass(frozen=True)
class Test:
    """A test function: `"clipping::test_name"`, and the things of the library that it uses."""

    name: str
    uses: frozenset[str] = field(repr=False)


def imported(tree: ast.Module) -> dict[str, str]:
    """What a test file's names mean: `{"psnr": "metrics.psnr", "runs": "runs"}`."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "vdsr_lib":
            package = node.module.removeprefix("vdsr_lib").lstrip(".")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{package}.{alias.name}".lstrip(".")
    return found


def used(node: ast.AST, names: dict[str, str]) -> set[str]:
    """The things of the library that a piece of a test's source uses, by what the file has imported.

    A method counts where an attribute of its name is read, and its class, or a module that has it, is imported.
    """
    found, attributes = set(), set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in names:
            found.add(names[part.id])
        elif isinstance(part, ast.Attribute):
            attributes.add(part.attr)
            if isinstance(part.value, ast.Name) and part.value.id in names:
                found.add(f"{names[part.value.id]}.{part.attr}")
    homes = {meaning.split(".")[-1 if meaning[:1].isupper() else 0] for meaning in names.values()} | set(names.values())
    for thing in things().values():
        owner, _, last = thing.name.rpartition(".")
        if thing.role == "meth" and last in attributes and {owner, owner.rpartition(".")[0]} & homes:
            found.add(thing.name)
    # A package hands on what its modules have.
    handed = {(t.rpartition(".")[0].rpartition(".")[0], t.rpartition(".")[2]): t for t in things()}
    found |= {handed.get((name.rpartition(".")[0], name.rpartition(".")[2]), name) for name in found}
    return found & things().keys()


@lru_cache(maxsize=1)
def tests() -> dict[str, Test]:
    """Every test of `tests/**/test_*.py` without a browser, by name; what a helper of its file uses, it uses too."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = imported(tree)
        own: dict[str, ast.stmt] = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                own |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}

        def reach(name: str, own: dict[str, ast.stmt] = own) -> set[str]:
            """The test, and what it reads of its file: helpers, fixtures, tables of cases."""
            seen: set[str] = set()
            left = [name]
            while left:
                if (one := left.pop()) not in seen and one in own:
                    seen.add(one)
                    left += [n.id for n in ast.walk(own[one]) if isinstance(n, ast.Name)]
                    left += [n.arg for n in ast.walk(own[one]) if isinstance(n, ast.arg)]
            return seen

        for name in own:
            if name.startswith("test_"):
                file = path.relative_to(TESTS).with_suffix("").as_posix().replace("test_", "")
                uses = frozenset().union(*(used(own[one], names) for one in reach(name)))
                found[f"{file}::{name}"] = Test(f"{file}::{name}", uses)
    return found


def tests_of(thing: Thing) -> list[str]:
    """The tests that use a function: its own module's first, then those about the fewest others."""
    if thing.name in BY_ANOTHER_NAME:
        return list(BY_ANOTHER_NAME[thing.name])

    def rank(test: Test) -> tuple[bool, bool, int]:
        file, name = test.name.split("::")
        own = f".{file.rpartition('/')[2]}." in f".{thing.name}"
        return not own, bool(re.search("bad|wrong|error|refuse|_names?_", name)), len(test.uses)

    return [test.name for test in sorted((t for t in tests().values() if thing.name in t.uses), key=rank)]


def code_of(item: Item) -> list[Thing]:
    """The functions that belong to a part of the paper: those that say so, then those of the table.

    Errors: `InputError` when the table names something that the library does not have.
    """
    if missing := [name for name in item.code if name not in things()]:
        raise InputError(f"{item.key}: vdsr_lib has no {', '.join(missing)} with a docstring")
    said = [thing for thing in things().values() if item.key in thing.paper]
    return list(dict.fromkeys([*said, *(things()[name] for name in item.code)]))


def chapters_of(item: Item) -> list[int]:
    """The chapters that an item is in, in order."""
    said = {number for thing in code_of(item) if item.key in thing.paper for number in thing.chapters}
    return sorted(said | set(item.chapters))


def chapter_link(number: int, pages: Iterable[str], words: str = "Chapter ") -> str:
    """`Chapter N`, as a link when there is such a page."""
    page = next((page for page in sorted(pages) if page.startswith(f"{number:02d}_")), None)
    return f"{{doc}}`{words}{number} </{page}>`" if page else f"{words}{number}"


def label_link(label: str) -> str:
    """An equation or a figure of the book; Sphinx refuses one that is not there."""
    return f"equation {{eq}}`{label}`" if label.startswith("eq-") else f"{{numref}}`{label}`"


def code_link(thing: Thing) -> str:
    """A function, linked to the library's reference; Sphinx refuses one that is not there."""
    return f"{{py:{thing.role}}}`~vdsr_lib.{thing.name}`"


def test_link(name: str) -> str:
    """A test, linked to its file in the repository.

    Errors: `InputError` when there is no such test.
    """
    if name not in tests():
        raise InputError(f"there is no test {name}")
    module, function = name.split("::")
    folder, _, file = module.rpartition("/")
    path = f"{folder}/test_{file}.py".lstrip("/")
    address = stored()
    words = function.removeprefix("test_").replace("_", " ")
    for pattern, spelling in SPELLINGS.items():
        words = re.sub(rf"\b{pattern}\b", spelling, words)
    return f"[{words}](https://github.com/{address.owner}/{address.name}/blob/main/tests/{path})"


def _tests_cell(names: Sequence[str]) -> str:
    links = [test_link(name) for name in names[:SHOWN]]
    return "; ".join(links) + (f"; {len(names) - SHOWN} more" if len(names) > SHOWN else "") or "–"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _places(item: Item, pages: Iterable[str]) -> str:
    return ", ".join([*(chapter_link(n, pages) for n in chapters_of(item)), *map(label_link, item.labels)])


def section(item: Item, pages: Iterable[str]) -> str:
    """A section of the paper: what it says, where the book has it, what holds it, and function by function."""
    parts = [
        f"### {item.key.removeprefix('section ')} {item.title}",
        f"{item.says} In the book: {_places(item, pages)}.",
    ]
    if item.tests:
        parts.append(f"Held by: {'; '.join(map(test_link, item.tests))}.")
    rows = [
        [
            code_link(thing),
            _tests_cell(tests_of(thing)),
            ", ".join(chapter_link(n, pages, "") for n in thing.chapters) or "–",
        ]
        for thing in code_of(item)
    ]
    if rows:
        parts.append(_table(["in the code", "tests that use it", "chapter"], rows))
    return "\n\n".join(parts)


def others(pages: Iterable[str]) -> str:
    """Formulas, tables and figures in one table."""
    rows = [
        [
            (item.key.removeprefix("formula ") if item.kind == "formula" else item.key.capitalize())
            + f": {item.title}",
            ", ".join(map(code_link, code_of(item))) or "–",
            "; ".join(map(test_link, item.tests)) or "–",
            _places(item, pages) or "–",
        ]
        for item in ITEMS
        if item.kind != "section"
    ]
    return _table(["in the paper", "in the code", "held by", "in the book"], rows)


def markdown(pages: Iterable[str]) -> str:
    """The whole map, for a page of the book.

    Args:
        pages: the book's pages; a chapter that is not among them is named, and not linked.

    Errors: `InputError` when a function or test that `ITEMS` names is not there, or a docstring names a part of the
        paper that is not in `ITEMS`.
    """
    known = {item.key for item in ITEMS}
    for thing in things().values():
        if lost := set(thing.paper) - known:
            raise InputError(f"{thing.name} names {', '.join(sorted(lost))} of the paper, which the map does not know")
    pages = sorted(pages)
    sections = "\n\n".join(section(item, pages) for item in ITEMS if item.kind == "section")
    return f"## Section by section\n\n{sections}\n\n## Formulas, tables and figures\n\n{others(pages)}"


def main(argv: list[str] | None = None) -> int:
    """The command line: print the map."""
    parser = parser_for("paper_map", __doc__)
    parser.parse_args(argv)
    print(markdown(path.stem for path in Path(ROOT / "book").glob("[0-9]*.md")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
