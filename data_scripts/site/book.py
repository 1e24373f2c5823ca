"""Builds the book: runs the notebooks, stages the pages, renders them, and counts what came out.

`book/` stays as it is. The notebooks as they ran, and the pages that are generated, stand in `_build/stage`;
the site is `_build/html`. With nothing changed, nothing is done again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import nbformat
from sphinx_external_toc.parsing import parse_toc_yaml

from vdsr_lib.errors import VdsrError

from .. import ROOT
from ..commands import parser_for
from ..run import playground, try_it
from . import notebooks, paper_map, plain_notebooks, readme, reference, students
from .notebooks import BOOK, BUDGET, BUILD, Run, hash_files

STAGE = BUILD / "stage"
HTML = BUILD / "html"
STAMP = HTML / ".stage"
CONFIG = ROOT / "_config.yml"

# JavaScript that the site serves itself: from node_modules to the stage, files or folders.
# _vendor is served as _static, _root as the site's root.
ORT = "onnxruntime-web/dist"
VENDORED = {
    "mathjax/es5/tex-chtml.js": "_vendor/vendor/mathjax/tex-chtml.js",
    "mathjax/es5/output/chtml/fonts/woff-v2": "_vendor/vendor/mathjax/output/chtml/fonts/woff-v2",
    "pngjs/browser.js": "_root/try_it/pngjs/browser.js",
} | {
    # For the processor, and for the graphics card; a browser fetches one of the two.
    f"{ORT}/{name}": f"_root/try_it/ort/{name}"
    for name in (
        "ort.wasm.min.mjs",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
        "ort.jspi.min.mjs",
        "ort-wasm-simd-threaded.jspi.mjs",
        "ort-wasm-simd-threaded.jspi.wasm",
    )
}
# Pages that Sphinx adds.
EXTRA_PAGES = {"404", "genindex", "py-modindex", "search"}
RUN_TABLE = "<!-- the table of runs: written here when the book is built -->"
RESULTS = "<!-- the README's table of results: written here when the book is built -->"
COURSE = "<!-- the table of chapters: written here when the book is built -->"
PAPER_MAP = "<!-- the map from the paper to the code: written here when the book is built -->"


class BookError(VdsrError):
    """The book cannot be built as it should be."""


def pages() -> set[str]:
    """The book's pages, by their place in `_toc.yml`.

    Errors: `BookError` when a file of the book stands in no table of contents, so that no reader would reach it.
    """
    named = {name for name in parse_toc_yaml(BOOK / "_toc.yml")}
    there = {
        path.relative_to(BOOK).with_suffix("").as_posix()
        for path in BOOK.rglob("*")
        if path.suffix == ".md" and not any(part.startswith((".", "_")) for part in path.relative_to(BOOK).parts)
    }
    if lost := sorted(there - named):
        raise BookError(f"not in book/_toc.yml, so no reader reaches it: {', '.join(lost)}")
    if missing := sorted(named - there):
        raise BookError(f"in book/_toc.yml, but there is no such file: {', '.join(missing)}")
    return named


def site_pages() -> set[str]:
    """The pages of the built site: the book's, and the reference's, which are made from docstrings."""
    return pages() | set(reference.pages())


def run_table(runs: Sequence[Run]) -> str:
    """The run record as Markdown."""
    lines = ["| page | profile | seconds | machine | commit | run on |", "|---|---|---|---|---|---|"]
    for run in runs:
        cells = [run.profile, f"{run.seconds:.0f}", run.machine, f"`{run.commit or 'none'}`", run.finished]
        lines.append(f"| {{doc}}`/{run.notebook}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fill(page: str, mark: str, text: str) -> None:
    """Put generated text in its place in a staged page."""
    path = STAGE / page
    before = path.read_text(encoding="utf-8")
    if before.count(mark) != 1:
        raise BookError(f"book/{page} must hold this line once: {mark}")
    path.write_text(before.replace(mark, text), encoding="utf-8")


def stage(runs: Sequence[Run]) -> None:
    """Lay out in `_build/stage` what Jupyter Book is to render."""
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.copytree(BOOK, STAGE, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.py", "notebooks"))
    shutil.copytree(BOOK / "notebooks", STAGE / "_root" / "notebooks")
    for run in runs:
        shutil.copyfile(run.page, STAGE / f"{run.notebook}.ipynb")
        (STAGE / f"{run.notebook}.md").unlink()
    for notebook in students.write(STAGE / "students"):
        page = STAGE / notebook.name
        content = nbformat.read(page, as_version=4)
        students.offer(content, f"students/{notebook.name}")
        students.show_solutions(content)
        nbformat.write(content, page)
    fill("run_record.md", RUN_TABLE, run_table(runs))
    fill("instructors.md", COURSE, students.course_table(runs))
    fill("intro.md", RESULTS, readme.page_tables(readme.stored_table()))
    fill("paper_map.md", PAPER_MAP, paper_map.markdown(pages()))
    for name, changed in (("_toc.yml", reference.contents), (f"{reference.INDEX}.md", reference.index)):
        path = STAGE / name
        path.write_text(changed(path.read_text(encoding="utf-8")), encoding="utf-8")
    for module in reference.modules():
        (STAGE / f"{reference.page_of(module)}.md").write_text(reference.page(module), encoding="utf-8")
    for source, target_name in VENDORED.items():
        origin, target = ROOT / "node_modules" / source, STAGE / target_name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not origin.exists():
            raise BookError(
                f"node_modules/{source} is missing: `make book` fetches it with npm, from package-lock.json"
            )
        if origin.is_dir():
            shutil.copytree(origin, target)
        else:
            shutil.copyfile(origin, target)
    try_it.lay_out(STAGE / "_root" / "try_it")
    playground.lay_out(STAGE / "_root" / "playground")


def stage_hash() -> str:
    """Names what would be rendered: the stage, the configuration, the library that the reference page reads."""
    parts = [
        hash_files((p for p in STAGE.rglob("*") if p.is_file()), STAGE),
        hash_files([CONFIG, Path(__file__), *(BOOK / "_ext").glob("*.py")], ROOT),
        hash_files((p for p in notebooks.library_files() if p.suffix == ".py"), ROOT),
        *(f"{name} {version(name)}" for name in ("sphinx", "jupyter-book", "sphinx-book-theme", "myst-nb")),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_pages(html: Path, wanted: set[str]) -> None:
    """Jupyter Book has ended well while it left pages out, so they are counted.

    Errors: `BookError` names the pages that are missing, or that nobody asked for.
    """
    made = {
        path.relative_to(html).with_suffix("").as_posix()
        for path in html.rglob("*.html")
        if path.relative_to(html).parts[0] not in ("_static", "_sources")
    } - EXTRA_PAGES
    # The root page is also the site's index.
    made.discard("index")
    if made != wanted:
        missing, more = sorted(wanted - made), sorted(made - wanted)
        raise BookError(f"{len(made)} pages for {len(wanted)} in _toc.yml; missing: {missing}; not asked for: {more}")


def complaints(log: str) -> str:
    """The lines of a build's log that say what is wrong; the whole log when none does."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(str(STAGE), "book")
    lines = [line for line in log.splitlines() if re.search(r"WARNING:|ERROR:|CRITICAL:|Error: |exception: ", line)]
    return "\n".join(dict.fromkeys(lines)) or log.strip()


def render() -> None:
    """Let Jupyter Book render the stage into `_build/html`, warnings being errors.

    Errors: `BookError` when it fails; the site built before is kept then.
    """
    output = BUILD / "render"
    shutil.rmtree(output, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(STAGE), "--config", str(CONFIG)]
    command += ["--path-output", str(output), "--all", "-n", "-W", "--keep-going", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BookError(f"jupyter-book found something wrong:\n{complaints(result.stdout + result.stderr)}")
    made = output / "_build" / "html"
    check_pages(made, site_pages())
    shutil.rmtree(HTML, ignore_errors=True)
    os.replace(made, HTML)
    shutil.rmtree(output, ignore_errors=True)


def _without_ending(notebook: str) -> str:
    return notebook.removesuffix(".md").removeprefix("book/")


def build(
    profile: str = "quick",
    *,
    only: Sequence[str] = (),
    force: bool = False,
    jobs: int = 2,
    budget: float | None = None,
    accept: bool = False,
) -> None:
    """Build the whole book; with `only`, run just the notebooks whose path starts so, and render nothing.

    Errors: `BookError` and `notebooks.NotebookError`, each naming the page and what is wrong with it.
    """
    wanted = site_pages()
    chosen = [p for p in notebooks.find() if notebooks.name_of(p).startswith(tuple(map(_without_ending, only)) or "")]
    if not chosen and only:
        raise BookError(f"no notebook's path starts with {' or '.join(only)}")
    runs, failures = notebooks.execute_all(chosen, profile, force=force, jobs=jobs, budget=budget)
    if failures:
        raise BookError("\n\n".join(map(str, failures)))
    if accept:
        for run in runs:
            for line in notebooks.accept(run):
                print(f"accepted, {run.notebook}: {line}")
        plain_notebooks.write()
    if accept or only:
        return
    stage(runs)
    now = stage_hash()
    if not force and STAMP.exists() and STAMP.read_text() == now:
        check_pages(HTML, wanted)
        print(f"{len(wanted)} pages, unchanged: _build/html/index.html")
        return
    render()
    STAMP.write_text(now)
    print(f"{len(wanted)} pages: _build/html/index.html")


def main(argv: list[str] | None = None) -> int:
    """The command line; exit code 1 when the book is not right."""
    parser = parser_for("book", __doc__)
    parser.add_argument("--profile", choices=sorted(BUDGET), default="quick")
    parser.add_argument("only", nargs="*", metavar="NOTEBOOK", help="run only these (01_task, say), and render nothing")
    parser.add_argument("--force", action="store_true", help="run and render everything again")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks that run at the same time (default: 2)")
    parser.add_argument("--budget", type=float, help="seconds that a notebook may take (default: 60 for quick)")
    parser.add_argument("--accept", action="store_true", help="store what the notebooks claim now as expected")
    arguments = parser.parse_args(argv)
    start = time.monotonic()
    try:
        build(
            arguments.profile,
            only=arguments.only,
            force=arguments.force,
            jobs=arguments.jobs,
            budget=arguments.budget,
            accept=arguments.accept,
        )
    except VdsrError as error:
        print(f"the book is not right: {error}", file=sys.stderr)
        return 1
    print(f"{time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
