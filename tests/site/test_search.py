"""The search leads where a reader means, and quotes the page's text."""

import pytest
from visiting import Visit

pytestmark = pytest.mark.site

# What readers type, and the pages of which one is wanted among the first three.
WANTED = {
    "GPU": {"10_scaling_and_shipping", "train_it_yourself"},
    "overfitting": {"09_ten_years_later"},
    "how long does training take": {"08_reproduction", "train_it_yourself"},
    "dataset download": {"08_reproduction", "library", "api_datasets"},
    "pretrained weights": {"networks", "library", "api_pretrained"},
    "gradient clipping": {"06_gradient_clipping"},
    "receptive field": {"02_receptive_field"},
    "PSNR": {"01b_score"},
    "learning rate": {"06_gradient_clipping"},
    "imresize": {"01_task", "library", "api_resize"},
}


@pytest.fixture(scope="module")
def answers(browser, site):
    found = {}
    with Visit(browser, site, 390) as visit:
        for words in WANTED:
            page = visit.page
            page.goto(f"{site}search.html?q={words.replace(' ', '+')}")
            page.wait_for_selector("#search-results li p.context")
            items = page.locator("#search-results li")
            links = items.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
            found[words] = links, items.locator("p.context").all_inner_texts()
        assert visit.wrong == []
    return found


@pytest.mark.parametrize("words", WANTED)
def test_the_page_that_is_meant_is_among_the_first_three(answers, words):
    first = [link.partition(".html")[0] for link in answers[words][0][:3]]
    assert WANTED[words] & set(first), first


@pytest.mark.parametrize("words", WANTED)
def test_what_is_quoted_is_the_text(answers, words):
    for quote in answers[words][1]:
        assert "Contents" not in quote[:20], quote
        for button in ("Repository", "Suggest edit", "Open issue", "Print to PDF", ".ipynb .pdf"):
            assert button not in quote, quote


def test_the_magnifier_stands_before_the_words(browser, site):
    for width in (390, 1280):
        with Visit(browser, site, width) as visit:
            page = visit.open("notation.html")
            page.locator("button[class*=search-button]:visible").first.click()
            for field in ("#pst-search-dialog .bd-search", ".bd-search:visible"):
                form = page.locator(field).first
                icon, text = form.locator("i, svg").first.bounding_box(), form.locator("input").first
                inside = text.evaluate(
                    "e => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft)"
                )
                assert icon["x"] + icon["width"] <= inside
                if field.startswith("#"):
                    page = visit.open("search.html")
