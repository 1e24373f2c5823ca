"""The book's public address: what needs one is there when it is real; else it is hidden, and one line says so."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from sphinx.application import Sphinx
from sphinx.config import Config

# What `make address` replaces, see data_scripts/site/address.py.
PLACEHOLDER = "https://example.github.io/"
NOTE = (
    '<p class="address-note">This copy of the book has no public address yet, so its pages offer neither Colab nor the '
    "repository: <code>make address URL=https://github.com/you/repo</code> gives it one.</p>"
)
# Links that lead nowhere without an address: to Colab and the repository as text, those for search engines not at all.
DEAD_LINK = re.compile(
    r'<a [^>]*href="https://(?:github\.com|colab\.research\.google\.com/github)/example/[^"]*"[^>]*>(.*?)</a>',
    re.DOTALL,
)
DEAD_META = re.compile(
    r'\s*<(?:link rel="canonical"|meta (?:property="og:(?:url|image|site_name)[^"]*"|name="twitter:[^"]*"))[^>]*>'
)
CARD = (1200, 630)
CARD_META = re.compile(r'<meta property="og:image(?::\w+)?" content="[^"]*" */?>\s*')
TITLE = re.compile(r"<title>(.*?)(?: &#8212; [^<]*)?</title>", re.DOTALL)


def is_real(config: Config) -> bool:
    """Whether somebody has given the book its address."""
    return not config.html_baseurl.startswith(PLACEHOLDER)


def home(config: Config) -> str:
    """The path of the first page on its host."""
    return (urlsplit(config.html_baseurl).path or "/") if is_real(config) else "/"


def hide_buttons(app: Sphinx, config: Config) -> None:
    """Without an address no button leads to Colab or the repository."""
    if is_real(config):
        return
    options = config.html_theme_options
    options["launch_buttons"] = {}
    options |= dict.fromkeys(("use_repository_button", "use_issues_button", "use_edit_page_button"), False)


def add_note(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Say so on the first page."""
    if page == app.config.root_doc and not is_real(app.config):
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{NOTE}", 1)


def font(size: int, weight: str) -> ImageFont.FreeTypeFont:
    """matplotlib's own, which is there wherever the book is built."""
    return ImageFont.truetype(font_manager.findfont(f"DejaVu Sans:weight={weight}"), size)


def can_write(text: str) -> bool:
    """Whether that font has a sign for each letter; it has none for Korean."""
    face = font_manager.get_font(font_manager.findfont("DejaVu Sans:weight=bold"))
    return all(face.get_char_index(ord(letter)) for letter in text)


def card(picture: Path, title: str, book: str) -> Image.Image:
    """The picture that a link to a page is shown with: the book's own, the page's title, the book's."""
    image = Image.new("RGB", CARD, "white")
    with Image.open(picture) as strip:
        image.paste(strip, ((CARD[0] - strip.width) // 2, 12))
        below = strip.height + 12
    draw = ImageDraw.Draw(image)
    title = title if can_write(title) else book
    size = next(s for s in (60, 52, 44, 36, 28) if draw.textlength(title, font(s, "bold")) < CARD[0] - 80 or s == 28)
    middle = (below + CARD[1]) // 2
    draw.text((40, middle - 20), title, "#111111", font(size, "bold"), anchor="lm")
    if title != book:
        draw.text((40, middle + 60), book, "#555555", font(32, "normal"), anchor="lm")
    return image


def publish(app: Sphinx, path: Path, page: str) -> str:
    """A page's HTML with its own picture to be shared with, or without what leads nowhere."""
    if not is_real(app.config):
        return DEAD_META.sub("", DEAD_LINK.sub(r"\1", page))
    if "og:image" not in page:
        return page
    name = f"_static/cards/{path.stem}.jpg"
    target = Path(app.outdir) / name
    target.parent.mkdir(exist_ok=True)
    title = unescape(TITLE.search(page)[1])  # type: ignore[index]
    card(Path(app.outdir) / "_static" / "vdsr.png", title, app.config.html_title).save(target, quality=88)
    meta = "".join(
        f'<meta property="og:image{part}" content="{content}" />\n'
        for part, content in (("", urljoin(app.config.html_baseurl, name)), (":width", CARD[0]), (":height", CARD[1]))
    )
    first = CARD_META.search(page)
    return page[: first.start()] + meta + CARD_META.sub("", page[first.start() :]) if first else page


def setup(app: Sphinx) -> None:
    """Called by `vdsr_ext`."""
    app.connect("config-inited", hide_buttons, priority=900)
    app.connect("html-page-context", add_note)
