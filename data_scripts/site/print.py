"""Makes one PDF and one EPUB of the whole book from the built site, and links them on its first page.

Chromium typesets the formulas and lays out the pages; contents, bookmarks, page numbers and running heads are the PDF's
own. In the EPUB a formula is MathML. What only a browser can do, *Try it* say, is left out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from sphinx_external_toc.parsing import parse_toc_yaml

from vdsr_lib.errors import VdsrError
from vdsr_lib.files import write_atomically

from ..commands import parser_for
from . import reference, serve
from .book import HTML
from .notebooks import BOOK

NAME = "vdsr-book"
TITLE = "VDSR, layer by layer"
# Pages that are nothing without a browser.
INTERACTIVE = {"try_it", "playground"}
STYLE = Path(__file__).with_name("print.css")
EPUB_STYLE = Path(__file__).with_name("epub.css")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

# What a page has for the screen alone. A picture's frames stay as the one that is shown, with its words.
SCREEN = """script, style, noscript, template, button, input, select, iframe, .headerlink, .onlyprint, .fold,
.toctree-wrapper, .vdsr-frames .slider, .vdsr-frames fieldset, .gallery-names, .code-switch, .open-picture,
.address-note, .whole-book, .clock"""
# Runs in the page.
CHAPTERS = Path(__file__).with_name("print_chapters.js")


class PrintError(VdsrError):
    """The book cannot be printed."""


def find_chromium() -> str:
    """Where Chromium is.

    Errors: `PrintError` says how to get it.
    """
    for name in (os.environ.get("VDSR_CHROMIUM"), *CHROMIUM):
        if name and (path := shutil.which(name)):
            return path
    raise PrintError("printing needs Chromium: `apt install chromium`, or name one in VDSR_CHROMIUM")


def joined(name: str, names: Sequence[str]) -> Tag:
    """A page as `chapter` makes it; *The library* with the pages of its modules, as sections one level lower."""
    whole = chapter(name, names)
    for page in reference.pages() if name == reference.INDEX else ():
        part = chapter(page, names)
        for level in (3, 2, 1):
            for heading in part.select(f"h{level}"):
                heading.name = f"h{level + 1}"
        part.name, part.attrs = "div", {"id": page}
        whole.append(part)
    return whole


def chapters() -> list[str]:
    """The pages that are printed, in order."""
    return [name for name in parse_toc_yaml(BOOK / "_toc.yml") if name not in INTERACTIVE]


def chapter(name: str, names: Sequence[str]) -> Tag:
    """A page's text as a part of the book: its marks name the page, and links lead inside of the book."""
    soup = BeautifulSoup((HTML / f"{name}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article")
    if article is None:
        raise PrintError(f"_build/html/{name}.html has no text")
    for part in article.select(SCREEN):
        part.decompose()
    for picture in article.select("img[loading]"):
        del picture["loading"]  # on paper none waits until it is seen
    # Boxes that are closed on the page: solutions stay, empty ones go.
    for details in article.select("details"):
        if details.select_one("summary"):
            details.select_one("summary").decompose()  # type: ignore[union-attr]
        details.name = "div"
        if not details.get_text(strip=True) and not details.select_one("img"):
            details.decompose()
    for part in article.find_all(id=re.compile("^(exercise|solution)-content$")):
        del part["id"]  # the extension gives it to each
    for part in article.find_all(id=True):
        part["id"] = f"{name}--{part['id']}"
    for part in article.find_all(["label", "a"]):
        if part.name == "label":
            part.name = "p"
            part.attrs = {"class": "tab-name"}
            continue
        target = urlsplit(urljoin(f"{name}.html", str(part.get("href", ""))))
        page = target.path.removesuffix(".html")
        if target.scheme in ("http", "https", "mailto"):
            part.attrs = {"href": part["href"]}
        elif page in names and target.path.endswith(".html"):
            part.attrs = {"href": f"#{page}--{target.fragment}" if target.fragment else f"#{page}"}
        else:
            part.unwrap()
    section = soup.new_tag("section", attrs={"class": "chapter", "id": name, "data-name": name})
    heading = article.select_one("h1")
    section["data-title"] = " ".join(heading.get_text().split()) if heading else name
    section.extend(list(article.children))
    return section


def whole(pages: Sequence[int] | None = None) -> str:
    """The whole book as one page of HTML.

    Args:
        pages: on which page each chapter begins, for the contents; unknown unless given.
    """
    names = chapters()
    parts = [joined(name, [*names, *reference.pages()]) for name in names]
    known = {part["id"] for part in parts} | {e["id"] for part in parts for e in part.find_all(id=True)}
    for part in parts:
        for link in part.find_all("a", href=re.compile("^#")):
            if unquote(str(link["href"])[1:]) not in known:
                link.unwrap()
    head = "".join(
        str(tag)
        for tag in BeautifulSoup((HTML / f"{names[1]}.html").read_text(encoding="utf-8"), "html.parser").select(
            'link[rel="stylesheet"], script[src*="mathjax/"]'
        )
    )
    config = '<script>window.MathJax = {options: {enableMenu: false, processHtmlClass: "math"}}</script>'
    heads = "".join(
        f'@page p{k} {{ @top-left {{ content: "{part["data-title"]}" }} }} section.p{k} {{ page: p{k} }}\n'
        for k, part in enumerate(parts)
    )
    rows = []
    for k, part in enumerate(parts):
        part["class"] = f"chapter p{k}"
        number = f"<span>{pages[k]}</span>" if pages else ""
        rows.append(f'<li><a href="#{part["id"]}">{escape(str(part["data-title"]))}</a>{number}</li>')
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{TITLE}</title>{head}{config}"
        f"<style>{STYLE.read_text(encoding='utf-8')}{heads}</style></head><body>"
        f'<section class="cover"><p class="cover-title">{TITLE}</p><p>A tutorial and reproduction of <em>Accurate '
        "Image Super-Resolution Using Very Deep Convolutional Networks</em> (Kim, Lee and Lee, 2016)</p>"
        '<img src="_static/vdsr.png" alt=""></section>'
        f'<nav class="contents"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>'
        f'<article class="bd-article">{"".join(map(str, parts))}</article></body></html>'
    )


@contextmanager
def browser_page() -> Iterator[tuple[Any, str]]:
    """A page in Chromium, and the address of the built site."""
    path = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise PrintError("printing needs playwright: pip install -e '.[site]'") from None
    server = serve.serve(0, HTML)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(color_scheme="light")
            page.set_default_timeout(600_000)
            yield page, f"http://127.0.0.1:{server.server_port}/"
            browser.close()
    finally:
        server.shutdown()
        server.server_close()


def typeset(page: Any, site: str, text: str) -> None:
    """Load the whole book and wait for its formulas and pictures."""
    path = HTML / ".whole.html"
    path.write_text(text, encoding="utf-8")
    try:
        page.goto(f"{site}.whole.html", wait_until="load")
        page.evaluate("() => MathJax.startup.promise")
        page.wait_for_function("[...document.images].every((image) => image.complete)")
    finally:
        path.unlink()


def first_pages(pdf: Path, count: int) -> list[int]:
    """On which page each chapter begins, by the bookmarks of the highest level; the contents' own is left out."""
    from pypdf import PdfReader

    reader = PdfReader(pdf)
    highest = [entry for entry in reader.outline if not isinstance(entry, list)]
    found = [entry for entry in highest if not str(entry.title).startswith("Contents")]
    pages = [int(reader.get_destination_page_number(entry) or 0) + 1 for entry in found]
    if len(pages) != count:
        raise PrintError(f"wanted {count} chapters in the PDF's bookmarks, got {len(pages)}")
    return pages


def name_bookmarks(writer: Any, headings: Sequence[str]) -> None:
    """Give a PDF's bookmarks the words of the headings: Chromium doubles one at a page's top, and joins its lines.

    Args:
        writer: pypdf's, of the PDF.
        headings: all of them, in order.

    Errors: `PrintError` when there are not as many bookmarks.
    """
    from pypdf.generic import NameObject, TextStringObject

    def walk(entry: Any) -> Iterator[Any]:
        while entry is not None:
            entry = entry.get_object()
            yield entry
            yield from walk(entry.get("/First"))
            entry = entry.get("/Next")

    bookmarks = list(walk(writer.root_object["/Outlines"].get_object().get("/First")))
    if len(bookmarks) != len(headings):
        raise PrintError(f"wanted {len(headings)} bookmarks in the PDF, one per heading, got {len(bookmarks)}")
    for bookmark, heading in zip(bookmarks, headings, strict=True):
        bookmark[NameObject("/Title")] = TextStringObject(heading)


def write_pdf(page: Any, site: str, path: Path) -> int:
    """The PDF; its number of pages. It is laid out twice, since the contents name pages."""
    from pypdf import PdfReader, PdfWriter

    pages = [0] * len(chapters())
    with tempfile.TemporaryDirectory() as temporary:
        draft = Path(temporary) / "draft.pdf"
        for _ in range(2):
            text = whole(pages)
            typeset(page, site, text)
            page.emulate_media(media="print", color_scheme="light")
            page.pdf(path=draft, prefer_css_page_size=True, outline=True, tagged=True, print_background=True)
            pages = first_pages(draft, len(pages))
        writer = PdfWriter(clone_from=draft)
        headings = BeautifulSoup(text, "html.parser").select("h1, h2, h3, h4, h5, h6")
        name_bookmarks(writer, [" ".join(heading.get_text().split()) for heading in headings])
        write_atomically(path, lambda target: writer.write(target))
        return len(PdfReader(path).pages)


def plain_svg(data: bytes) -> bytes:
    """A plot in its colours by day, written as a strict reader wants it."""
    data = re.sub(rb"<!DOCTYPE[^>]*>", b"", data)
    data = re.sub(rb"var\(--c([0-9a-f]{6})\)", rb"#\1", data)
    return re.sub(rb'<path id="([^"]*)" transform', rb'<path id="\1" d="M 0 0" transform', data)  # a blank letter


def external(text: str, folder: str, files: dict[str, bytes]) -> str:
    """XHTML with its pictures as files of the EPUB: those inside of the page, and those of the site."""

    def place(match: re.Match[str]) -> str:
        source = match[1].replace("&amp;", "&")
        if source.startswith("data:"):
            kind, _, content = source[5:].partition(",")
            data = base64.b64decode(content) if kind.endswith(";base64") else unquote(content).encode()
            suffix = {"image/png": ".png", "image/svg+xml": ".svg", "image/jpeg": ".jpg"}[kind.partition(";")[0]]
        else:
            path = HTML / unquote(urlsplit(urljoin(folder, source)).path.lstrip("/"))
            data, suffix = path.read_bytes(), path.suffix
        if suffix == ".svg":
            data = plain_svg(data)
        name = f"images/{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
        files[name] = data
        return f'src="{name}"'

    return re.sub(r'\bsrc="([^"]*)"', place, text)


XHTML = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><meta charset="utf-8"/><title>{title}</title><link rel="stylesheet" href="style.css"/></head>
<body>{body}</body></html>
"""
# Attributes that mean something on the site alone, or that EPUB does not know.
FOREIGN = re.compile(
    r' (?:data-[\w-]+|tabindex|loading|fetchpriority|aria-controls|xmlns(?:="http://www\.w3\.org/1999/xhtml")|name|align'
    r'|role="(?:application|presentation|list|group)"|epub:type)="[^"]*"'
)


def _place(page: str, mark: str | None, home: str) -> str:
    """The fragment of a link into the file that holds a page."""
    return f"#{page}{mark}" if mark else "" if page == home else f"#{page}"


def write_epub(page: Any, site: str, path: Path) -> int:
    """The EPUB; its number of chapters."""
    typeset(page, site, whole())
    files: dict[str, bytes] = {}
    page.add_script_tag(path=CHAPTERS)
    parts = page.evaluate("chapters()")
    # Where the text of a page is: its own file, or that of the page which it is a section of.
    homes = {name: name for name, _, _ in parts} | dict.fromkeys(reference.pages(), reference.INDEX)
    items, spine, rows = [], [], []
    for name, title, text in parts:
        text = FOREIGN.sub("", text.replace(' xmlns="http://www.w3.org/1999/xhtml"', ""))
        # A link to another chapter is one to another file.
        text = re.sub(
            r'href="#([\w-]+?)(--[^"]*)?"',
            lambda m: f'href="{homes[m[1]]}.xhtml{_place(m[1], m[2], homes[m[1]])}"' if m[1] in homes else m[0],
            text,
        )
        files[f"{name}.xhtml"] = XHTML.format(title=escape(title), body=external(text, f"/{name}.html", files)).encode()
        kinds = ' properties="mathml"' if "<math" in text else ""
        items.append(f'<item id="c-{name}" href="{name}.xhtml" media-type="application/xhtml+xml"{kinds}/>')
        spine.append(f'<itemref idref="c-{name}"/>')
        rows.append(f'<li><a href="{name}.xhtml">{escape(title)}</a></li>')
    toc = f'<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>{"".join(rows)}</ol></nav>'
    files["nav.xhtml"] = XHTML.format(title="Contents", body=toc).encode()
    files["style.css"] = EPUB_STYLE.read_bytes()
    types = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}
    items += [
        f'<item id="i-{Path(name).stem}" href="{name}" media-type="{types[Path(name).suffix]}"/>'
        for name in files
        if name.startswith("images/")
    ]
    modified = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, NAME)
    package = f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">urn:uuid:{identifier}</dc:identifier>
<dc:title>{TITLE}</dc:title><dc:language>en</dc:language><dc:creator>The VDSR book's authors</dc:creator>
<meta property="dcterms:modified">{modified}</meta></metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="style" href="style.css" media-type="text/css"/>{"".join(items)}</manifest>
<spine><itemref idref="nav"/>{"".join(spine)}</spine></package>
"""
    container = (
        '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        "<rootfiles>"
        '<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )

    def write(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
            archive.writestr("META-INF/container.xml", container)
            archive.writestr("book/package.opf", package)
            for name, data in files.items():
                archive.writestr(f"book/{name}", data)

    write_atomically(path, write)
    return len(parts)


def offer(pdf: Path, epub: Path) -> None:
    """Link both on the first page; a site that is built again is without them, until it is printed again."""
    words = ", ".join(
        f'<a href="{path.name}">{path.suffix[1:].upper()}</a> ({path.stat().st_size / 1e6:.0f} MB)'
        for path in (pdf, epub)
    )
    for name in ("intro.html", "index.html"):
        path = HTML / name
        text = re.sub(r'<p class="whole-book">.*?</p>\n?', "", path.read_text(encoding="utf-8"))
        if 'http-equiv="Refresh"' in text or "</h1>" not in text:
            continue
        at = text.index("</h1>", text.index("<article")) + len("</h1>")
        text = f'{text[:at]}\n<p class="whole-book">The whole book: {words}.</p>{text[at:]}'
        write_atomically(path, partial(Path.write_text, data=text, encoding="utf-8"))


def main(argv: list[str] | None = None) -> int:
    """The command line; exit code 1 when the book cannot be printed."""
    parser_for("print", __doc__).parse_args(argv)
    try:
        if not (HTML / "index.html").exists():
            raise PrintError("nothing is built yet: make book")
        pdf, epub = HTML / f"{NAME}.pdf", HTML / f"{NAME}.epub"
        with browser_page() as (page, site):
            print(f"{write_epub(page, site, epub)} chapters: _build/html/{epub.name}", flush=True)
            print(f"{write_pdf(page, site, pdf)} pages: _build/html/{pdf.name}", flush=True)
        offer(pdf, epub)
    except VdsrError as error:
        print(f"the book is not printed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
