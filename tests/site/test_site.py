"""The built site in a real browser, with no network: every page, on a phone and a desk, by day and by night."""

import re
import subprocess
from collections import defaultdict
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from visiting import Visit

from data_scripts import ROOT
from data_scripts.site import address, book, plain_notebooks

pytestmark = pytest.mark.site

PAGES = sorted(book.pages())
WIDTHS, MODES = (390, 1280), ("light", "dark")
# Bytes before compression. MathJax alone is two thirds, and comes only with pages that have formulas.
TEXT_PAGE = 1_500_000
# Nobody has given the book an address yet; tests/site/test_address.py has both states.
PLACEHOLDER = address.stored().owner == "example"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


WIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.bd-sidebar, dialog'))
  .slice(0, 3).map(e => `${e.tagName}.${e.className}`)"""

FALSE_PICTURES = """() => [...document.querySelectorAll('article img')].flatMap(img => {
  const faults = [], style = getComputedStyle(img), name = (img.alt || img.src).slice(0, 80);
  if (!img.complete || !img.naturalWidth) faults.push('does not load: ' + name);
  if (style.filter !== 'none') faults.push('has the filter ' + style.filter + ': ' + name);
  if (style.opacity !== '1') faults.push('is not opaque: ' + name);
  // Sphinx gives a picture without one its file's name.
  if (!img.alt.trim() || /\\.(svg|png)$/.test(img.alt)) faults.push('has no text alternative: ' + img.src.slice(-80));
  return faults;
})"""


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_everywhere(browser, site, name):
    wrong = []
    for width in WIDTHS:
        for mode in MODES:
            with Visit(browser, site, width, mode) as visit:
                page = visit.open(f"{name}.html")
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    visit.wrong.append(f"scrolls sideways, because of {page.evaluate(WIDE)}")
                visit.show_pictures()
                visit.wrong += page.evaluate(FALSE_PICTURES)
                visit.wrong += [
                    f"formula: {text}" for text in page.locator("mjx-merror, article .math:not(:has(mjx-container))")
                    .all_text_contents()
                ]  # fmt: skip
                wrong += [f"{width} px, {mode}: {what}" for what in visit.wrong]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(book.site_pages() | book.EXTRA_PAGES))
def test_page_is_accessible(browser, site, name):
    serious = []
    for mode in MODES:
        with Visit(browser, site, mode=mode, bypass_csp=True) as visit:
            page = visit.open(f"{name}.html")
            page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
            result = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        serious += [
            f"{mode}: {found['id']}: {found['help']}: {node['html'][:200]}"
            for found in result["violations"]
            if found["impact"] in ("serious", "critical")
            for node in found["nodes"][:3]
        ]
    assert not serious, "\n".join(serious)


def test_a_page_of_text_is_light(browser, site):
    with Visit(browser, site) as visit:
        visit.open("intro.html")
        assert visit.bytes < TEXT_PAGE


def test_search_is_there_once_and_finds(browser, site):
    for width in WIDTHS:
        with Visit(browser, site, width) as visit:
            page = visit.open("notation.html")
            fields = page.locator("input[type=search]:visible, button[class*=search-button]:visible").count()
            assert fields == 1, f"{fields} at {width} px"
            page.goto(f"{site}search.html?q=residual")
            page.wait_for_selector("#search-results li a")
            assert page.locator("#search-results li a").count() > 1
            assert not visit.wrong, "\n".join(visit.wrong)


def test_mode_can_be_changed_and_is_kept(browser, site):
    with Visit(browser, site) as visit:
        page = visit.open("intro.html")
        before = page.evaluate("document.documentElement.dataset.theme")
        for _ in range(3):
            page.locator(".theme-switch-button:visible").first.click()
            if page.evaluate("document.documentElement.dataset.theme") != before:
                break
        after = page.evaluate("document.documentElement.dataset.theme")
        assert after != before
        visit.open("notation.html")
        assert page.evaluate("document.documentElement.dataset.theme") == after


def sliders(browser, site):
    """`(page's name, number of sliders)` of those that have any."""
    for name in PAGES:
        text = (book.HTML / f"{name}.html").read_text(encoding="utf-8")
        if "vdsr-frames" in text:
            yield name


@pytest.mark.parametrize("touch", [False, True], ids=["keyboard and mouse", "touch"])
def test_sliders_answer(browser, site, touch):
    names = list(sliders(browser, site))
    assert names
    for name in names:
        with Visit(browser, site, 390 if touch else 1280, has_touch=touch) as visit:
            page = visit.open(f"{name}.html")
            for root in page.locator(".vdsr-frames").all():
                picture, words = root.locator("img"), root.locator("output")
                for slider in root.locator("input[type=range]").all():
                    slider.scroll_into_view_if_needed()
                    seen = {(picture.get_attribute("src"), words.inner_text())}
                    box = slider.bounding_box()
                    for part in (0.03, 0.97):
                        x, y = box["x"] + part * box["width"], box["y"] + box["height"] / 2
                        page.touchscreen.tap(x, y) if touch else page.mouse.click(x, y)
                        seen.add((picture.get_attribute("src"), words.inner_text()))
                    assert len(seen) > 1, f"{name}: a tap or click changes nothing"
                    if not touch:
                        slider.focus()
                        page.keyboard.press("Home")
                        first = picture.get_attribute("src")
                        page.keyboard.press("End")
                        assert picture.get_attribute("src") != first, f"{name}: keys change nothing"
                        assert slider.get_attribute("aria-valuetext")
            assert not visit.wrong, "\n".join(visit.wrong)


def test_a_wrong_address_leads_home_and_to_the_search(browser, site):
    with Visit(browser, site) as visit:
        page = visit.page
        answer = page.goto(f"{site}no/such/page.html")
        assert answer.status == 404
        assert page.locator("a").get_attribute("href") == ("/" if PLACEHOLDER else f"/{address.stored().name}/")
        if PLACEHOLDER:  # where the site's root is the server's
            page.get_by_role("searchbox").fill("residual")
            page.get_by_role("button", name="Search").click()
            page.wait_for_selector("#search-results li a")


class Links(HTMLParser):
    """What a page links to, and the names in it that can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        self.links += [found[key] for key in ("href", "src") if found.get(key)]


@pytest.fixture(scope="module")
def links():
    paths = [p for p in book.HTML.rglob("*.html") if p.relative_to(book.HTML).parts[0] not in ("_static", "_sources")]
    return {p.relative_to(book.HTML).as_posix(): Links(p.read_text(encoding="utf-8")) for p in paths}


def test_every_internal_link_leads_somewhere(links):
    broken = defaultdict(list)
    for page, found in links.items():
        for link in found.links:
            target = urlsplit(urljoin(f"site:///{page}", link))
            if target.scheme != "site" or page == "404.html":
                continue
            path = unquote(target.path).lstrip("/") or page
            named = path not in links or not target.fragment or unquote(target.fragment) in links[path].names
            if not (book.HTML / path).exists() or not named:
                broken[page].append(link)
    assert broken == {}


def test_every_link_into_the_repository_is_to_a_tracked_file(links):
    tracked = set(
        subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    )
    owner_and_name = address.stored().forms[0]
    pattern = re.compile(
        rf"https://(?:colab\.research\.google\.com/github|github\.com)/{owner_and_name}/(?:blob|edit|raw)/main/(.+)"
    )
    linked = {m[1] for found in links.values() for link in found.links if (m := pattern.fullmatch(link.split("?")[0]))}
    assert linked - tracked == set()
    notebooks = {name for name in tracked if re.fullmatch(r"book/notebooks/.*\.ipynb", name)}
    colab = {link.rpartition("/blob/main/")[2] for f in links.values() for link in f.links if "colab.research" in link}
    assert colab == (set() if PLACEHOLDER else notebooks)


def test_the_download_is_the_plain_notebook(links):
    offered = {link for found in links.values() for link in found.links if re.fullmatch(r"notebooks/\w+\.ipynb", link)}
    assert offered == {f"notebooks/{path.name}" for path in plain_notebooks.OUT.glob("*.ipynb")}


def test_the_plain_notebooks_number_things_as_the_pages_do():
    shown = set()
    found_in = plain_notebooks.references().items()
    # Headings are referred to by their words.
    numbered = {k: v for k, v in found_in if re.fullmatch(r"(Exercise|Figure) [\d.]+|\([\d.]+\)", v[0])}
    for name in PAGES:
        text = (book.HTML / f"{name}.html").read_text(encoding="utf-8")
        shown |= set(re.findall(r'<span class="caption-number">(?:Fig\.|Exercise) ([\d.]+) ', text))
        shown |= set(re.findall(r'<span class="eqno">\(([\d.]+)\)?', text))
        # Where a label leads, that number stands.
        for label, (words, place_of) in numbered.items():
            if place_of.startswith(f"{plain_notebooks.page_of(name)}#"):
                place = text[text.index(f'id="{place_of.partition("#")[2]}"') :]
                found = re.search(r'class="(?:caption-number|eqno)">\D*([\d.]*\d)', place)
                assert found, label
                assert found[1] == re.sub(r"[^\d.]", "", words), label
    assert shown == {re.sub(r"[^\d.]", "", words) for words, _ in numbered.values()}
