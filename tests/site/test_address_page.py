"""The site with a public address, and without one: what it offers, what it hides, and what it says."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from PIL import Image
from visiting import Visit

from data_scripts import ROOT
from data_scripts.site import address, book

pytestmark = pytest.mark.site

NEW = "https://github.com/Ada/super-resolution"
PAGES = "https://ada.github.io/super-resolution/"


@pytest.mark.skipif(address.stored().owner != "example", reason="this book has an address")
def test_without_an_address_nothing_leads_to_it_and_the_first_page_says_so(browser, site):
    for path in book.HTML.rglob("*.html"):
        if path.relative_to(book.HTML).parts[0] in ("_static", "_sources", "notebooks"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'(?:href|content)="[^"]*(?:github\.com|github\.io|github)/example[^"]*"', text), path
        assert not re.findall(r'(?:href|content)="https://example\.github\.io[^"]*"', text), path
        assert 'rel="canonical"' not in text
    assert not (book.HTML / "sitemap.xml").exists()
    with Visit(browser, site) as visit:
        page = visit.open("intro.html")
        assert "make address URL=https://github.com/you/repo" in page.locator(".address-note").inner_text()
        page = visit.open("01_task.html")
        assert page.locator("article .address-note").count() == 0
        link = page.locator(".btn-download-source-button").get_attribute("href")
        assert link == "notebooks/01_task.ipynb"
        assert page.request.get(f"{site}{link}").json()["nbformat"] == 4


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The book in a folder of its own, after `make address`, rendered from the pages as they ran here."""
    root = tmp_path_factory.mktemp("address") / "book"
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in names.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    (root / "node_modules").symlink_to((ROOT / "node_modules").resolve())
    shutil.copytree(book.STAGE, root / "_build" / "stage")
    environment = os.environ | {"PYTHONPATH": str(root)}
    for code in (
        f"from data_scripts.site import address; assert address.main(['{NEW}']) == 0",
        "from data_scripts.site import book; book.render()",
    ):
        subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, check=True)
    return root


@pytest.mark.slow
def test_after_make_address_every_button_and_every_address_is_the_new_one(copy):
    html = copy / "_build" / "html"
    text = (html / "01_task.html").read_text(encoding="utf-8")
    for link in (
        "https://colab.research.google.com/github/Ada/super-resolution/blob/main/book/notebooks/01_task.ipynb",
        NEW,
        f"{NEW}/edit/main/book/01_task.md",
        "notebooks/01_task.ipynb",
    ):
        assert f'href="{link}"' in text, link
    assert (html / "notebooks" / "01_task.ipynb").exists()
    assert f'<link rel="canonical" href="{PAGES}01_task.html" />' in text
    assert "address-note" not in (html / "intro.html").read_text(encoding="utf-8")
    assert (html / "sitemap.xml").read_text(encoding="utf-8").count(f"<loc>{PAGES}") >= len(book.pages())
    for name in book.pages():
        page = (html / f"{name}.html").read_text(encoding="utf-8")
        (preview,) = re.findall(r'property="og:image" content="([^"]+)"', page)
        with Image.open(html / preview.removeprefix(PAGES)) as picture:
            assert picture.size == (1200, 630)
        assert len(re.findall(r'property="og:image:width" content="1200"', page)) == 1


@pytest.mark.slow
def test_after_make_address_readme_and_notebooks_follow(copy):
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert "example" not in re.sub(r"for example", "", readme)
    assert readme.count(PAGES) >= 2
    assert f"pip install git+{NEW}" in readme
    assert "img.shields.io" in readme
    assert f"{NEW}/actions/workflows/ci.yml/badge.svg" in readme
    for path in (copy / "book" / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert f"git+{NEW}@v" in text, path.name
        assert "github.com/example/" not in text
