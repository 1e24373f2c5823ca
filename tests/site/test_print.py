"""The whole book as a PDF and as an EPUB."""

import re
import shutil
import subprocess
import zipfile

import pytest

from data_scripts.site import book
from data_scripts.site import print as printing

pytestmark = [pytest.mark.site, pytest.mark.slow]


@pytest.fixture(scope="module")
def printed():
    assert printing.main([]) == 0
    return book.HTML / f"{printing.NAME}.pdf", book.HTML / f"{printing.NAME}.epub"


def test_the_pdf_is_a_book(printed):
    pypdf = pytest.importorskip("pypdf")
    reader = pypdf.PdfReader(printed[0])
    names = printing.chapters()
    firsts = printing.first_pages(printed[0], len(names))
    assert firsts == sorted(set(firsts))
    contents = reader.pages[1].extract_text()
    for first in firsts:
        assert re.search(rf"\b{first}\b", contents), "the contents name the page"
        assert re.search(rf"^{first}$", reader.pages[first - 1].extract_text(), re.MULTILINE), "the page has its number"
    # A running head names the chapter on its second page.
    titles = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert titles[:4] == ["Contents", "VDSR, layer by layer", "1. The task", "The score"], "no word is doubled"
    title = titles[1 + names.index("03_srcnn")]
    assert title == "3. SRCNN"
    assert title in reader.pages[firsts[names.index("03_srcnn")]].extract_text()
    assert not any("Show the" in page.extract_text() for page in reader.pages), "no empty boxes"


def test_the_epub_has_mathml_and_no_error(printed):
    with zipfile.ZipFile(printed[1]) as archive:
        chapter = archive.read("book/01_task.xhtml").decode()
        assert chapter.count("<math") > 10
        assert "mjx" not in chapter
        assert "<details" not in chapter
    jar, java = shutil.which("epubcheck"), shutil.which("java")
    if not (jar and java):
        pytest.skip("no epubcheck: apt install epubcheck default-jre-headless")
    result = subprocess.run([java, "-jar", jar, str(printed[1])], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[:3000]


def test_the_first_page_links_both(printed):
    text = (book.HTML / "intro.html").read_text(encoding="utf-8")
    for path in printed:
        assert text.count(f'href="{path.name}"') == 1
