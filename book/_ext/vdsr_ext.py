"""What the site needs and Jupyter Book 1 cannot be told by configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import folds
import inks
import pictures
import playground
import public
import words
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

# Pages in another language than the book's: a screen reader speaks it, and its words break by its own rules.
LANGUAGES = {"korean": "ko"}
NOT_FOUND = Path(__file__).with_name("not_found.html")


def add_vendored(app: Sphinx, config: Config) -> None:
    """Serve `_vendor` from `_static`.

    Jupyter Book loads every script and style sheet of each `html_static_path` into every page. It has
    looked through them by now, so what is added here is served and loaded only where a page asks for it.
    """
    config.html_static_path.append(str(Path(app.srcdir) / "_vendor"))


def add_root(app: Sphinx, config: Config) -> None:
    """Serve `_root` from the site's root: what one page alone needs, below an address that begins like its own."""
    config.html_extra_path.append(str(Path(app.srcdir) / "_root"))


def search_once(app: Sphinx, config: Config) -> None:
    """Leave the bar above the page empty, since the sidebar has a search field already.

    Named in `_config.yml`, this option would throw away those that Jupyter Book sets itself.
    """
    config.html_theme_options["navbar_persistent"] = []


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out sphinx_thebe's files: they come even when it is off, its scripts twice, and throw on every page."""

    def is_thebe(asset: Any) -> bool:
        body = getattr(asset, "attributes", {}).get("body", "")
        return "thebe" in f"{getattr(asset, 'filename', '')} {body}".lower()

    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context.get(kind, []) if not is_thebe(asset)]


def point_to_plain_notebooks(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Of a chapter, Colab opens and a click downloads the plain notebook; what is edited is the text under it."""
    if not str(context.get("page_source_suffix", "")).endswith(".ipynb"):
        return
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            url = button.get("url", "")
            if "colab.research" in url:
                button["url"] = url.replace(f"/{page}.ipynb", f"/notebooks/{page}.ipynb")
            elif button.get("label") == "download-source-button":
                button["url"] = context["pathto"](f"notebooks/{page}.ipynb", 1)
            elif button.get("label") == "source-edit-button":
                button["url"] = url.replace(f"/{page}.ipynb", f"/{page}.md")


FIELD = re.compile(r"(Args|Attributes|Returns|Yields|Errors|Source|Paper|Chapter):(?: +(.*))?$")
TITLES = {"Args": "Arguments"}


def to_rst(text: str) -> str:
    """A line of Markdown as reStructuredText: code spans doubled, signs that would mean something else escaped."""

    def convert(part: str) -> str:
        if part.startswith("`"):
            return f"``{part.strip('`')}``"
        # A star that opens or closes a word emphasises, perhaps over several lines; any other is a star.
        part = re.sub(r"\\|\||_(?=\W|$)", r"\\\g<0>", part)
        return re.sub(r"(?<=[^\s*(])\*(?=\w)|(?<=\s)\*(?=\s)", r"\\*", part)

    bullet, text = ("- ", text[2:]) if text.startswith(("* ", "- ")) else ("", text)
    return bullet + "".join(map(convert, re.split(r"(`+[^`]+`+)", text)))


def docstring_to_rst(lines: list[str]) -> list[str]:
    """The library's docstrings, written to be read as they are, as a field list for Sphinx.

    `Args:` and `Attributes:` hold one entry a line, `name: what it is`, whose further lines are indented; the other
    fields are text that may go on in indented lines.
    """
    out: list[str] = []
    entries = False  # inside Args or Attributes
    inside = False  # inside any field
    # Two fields that a docstring has on one line.
    for line in (part for whole in lines for part in re.split(r"(?<=\.) (?=Chapter: )", whole)):
        depth = len(line) - len(line.lstrip())
        if depth == 0 and (match := FIELD.match(line)):
            title, rest = match.groups()
            if not inside:
                out.append("")
            rest = re.sub(r"^(\d+)\.$", r"\1", rest or "")  # a number and a point would open a list
            out.append(f":{TITLES.get(title, title)}: {to_rst(rest)}".rstrip())
            inside, entries = True, title in ("Args", "Attributes") and not rest
        elif inside and line.strip() and depth == 0:
            out += ["", to_rst(line)]
            inside = entries = False
        elif entries and depth == 4 and (match := re.match(r"([\w, *]+): +(.*)$", line.strip())):
            names = ", ".join(f"``{name.strip()}``" for name in match[1].split(","))
            out += ["", f"   - {names}: {to_rst(match[2])}"]
        elif entries and line.strip():
            out.append("     " + to_rst(line.strip()))
        elif inside:
            out.append(("   " + to_rst(line.strip())) if line.strip() else "")
        else:
            out.append(line[:depth] + to_rst(line.strip()))
    return out


def chapters_linked(line: str, pages: Iterable[str]) -> str:
    """A field `Chapter` with links to the chapters that it names by number."""
    names = {str(int(page[:2])): page for page in pages if re.match(r"\d\d_", page)}
    if not line.startswith(":Chapter:"):
        return line
    return re.sub(r"\d+", lambda m: f":doc:`/{names[m[0]]}`" if m[0] in names else m[0], line)


def process_docstring(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Called by autodoc for each docstring."""
    lines[:] = [chapters_linked(line, app.env.found_docs) for line in docstring_to_rst(lines)]


def skip_member(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what other libraries put into our classes."""
    module = getattr(thing, "__module__", None) or "vdsr_lib"
    generated = (getattr(thing, "__doc__", None) or "").startswith("Alias for field number")
    return True if generated or not module.startswith("vdsr_lib") else None


def keep_plain(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, shown: Any) -> Any:
    """Leave a signature's types as text when they are another library's, or aliases.

    A reference that somebody wrote must resolve.
    """
    parent = node.parent
    while parent is not None and not isinstance(parent, addnodes.desc_signature | addnodes.desc):
        parent = parent.parent
    return shown if isinstance(parent, addnodes.desc_signature) else None


# Many fonts have no sign for a stopwatch, and show a box.
CLOCK = (
    '<svg class="clock" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="9" r="6"/>'
    '<path d="M8 9V5.5M6 1h4M8 1v2"/></svg>'
)
# What to mend in a page: pattern and replacement.
MENDS = [
    # The sidebar's arrows have no name.
    (r'<summary>(?=<span class="toctree-toggle")', '<summary aria-label="Sections">'),
    # The first page's title is the book's.
    (r"<title>\s*(.*?) &#8212; \1\s*</title>", r"<title>\1</title>"),
    # The theme draws its icons twice: by a web font, and by a script of 1.5 MB that makes each an SVG.
    (r'<script [^>]*src="[^"]*scripts/fontawesome\.js[^"]*"></script>', ""),
    # A name for screen readers that is not the one to be seen.
    (r'(<button [^>]*search-button-field[^>]*?) aria-label="[^"]*"', r"\1"),
    (r'<summary aria-label="Toggle hidden content">', "<summary>"),
    # A claim below zero comes as Python writes it, with a hyphen.
    (r'(<span class="pasted-text">)-(?=\d)', r"\1−"),
    (r"(?<=[\s>(])-(?=\d+\.\d+ dB)", "−"),
    # A line may not begin with the point behind a formula.
    (
        r'(<span class="math notranslate nohighlight">[^<]*</span>)([.,;:!?)\]’”]+)',
        r'<span class="with-mark">\1\2</span>',
    ),
    (r"(?<=<strong>)⏱", CLOCK),
    # A list in name only, for the browser.
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
]
SIGNATURE = re.compile(r'<dl>\s*(<dd>\s*<em class="sig-param">.*?)</dl>', re.DOTALL)
MATHJAX = re.compile(r"<script[^>]*>window\.MathJax = [^<]*</script>|<script [^>]*mathjax/[^>]*></script>")


def mend(page: str) -> str:
    """A page's HTML without what is wrong for screen readers, and what it does not need."""
    for pattern, replacement in MENDS:
        page = re.sub(pattern, replacement, page)
    # A definition list without terms: Sphinx's way to break a long signature.
    lines = SIGNATURE.sub(r'<span class="sig-lines">\1</span>', page)
    page = re.sub(
        r'<dd>(\s*<em class="sig-param">.*?)</dd>', r'<span class="sig-line">\1</span>', lines, flags=re.DOTALL
    )
    # MathJax is most of a page's weight, and most pages of text have no formula.
    return page if re.search(r'class="[^"]*\bmath\b', page) else MATHJAX.sub("", page)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Mend the pages, leave out files that none needs, and write the page for addresses that lead nowhere."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    inks.write(out / "_images")
    for path in out.rglob("*.html"):
        page = public.publish(app, path, mend(path.read_text(encoding="utf-8")))
        page = page.replace("<article ", f'<article lang="{LANGUAGES.get(path.stem, "en")}" ')
        if path.parent == out:
            page = pictures.lazy(pictures.in_files(page, out, inks.follow_page), out)
        path.write_text(page, encoding="utf-8")
    for pattern in ("_static/**/*.map", "_static/scripts/fontawesome.*", "_sources/**/*.ipynb"):
        for path in out.glob(pattern):
            path.unlink()
    if not public.is_real(app.config):
        (out / "sitemap.xml").unlink(missing_ok=True)
    # A host serves this page at any depth, so its links are from the root.
    not_found = NOT_FOUND.read_text(encoding="utf-8").format(title=app.config.html_title, home=public.home(app.config))
    (out / "404.html").write_text(not_found, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    for part in (folds, playground, public, words):
        part.setup(app)
    app.connect("config-inited", add_vendored)
    app.connect("config-inited", add_root)
    app.connect("config-inited", search_once)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", point_to_plain_notebooks, priority=901)
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("missing-reference", keep_plain, priority=900)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
