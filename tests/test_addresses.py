"""Published addresses lead on: pages and notebooks keep their names, and what moved leaves an anchor and a link."""

import re

import pytest

from data_scripts.site import book, notebooks, plain_notebooks

PAGES = [
    "01_task",
    "02_receptive_field",
    "03_srcnn",
    "04_going_deep",
    "05_residual_learning",
    "06_gradient_clipping",
    "07_many_scales",
    "08_reproduction",
    "09_ten_years_later",
    "10_scaling_and_shipping",
    "failure_gallery",
    "instructors",
    "intro",
    "library",
    "notation",
    "paper_map",
    "playground",
    "run_record",
    "try_it",
    "bibliography",
]
# Anchors of the first chapter before its second half had a page of its own, and that page.
MOVED = {
    "01_task": (
        "01b_score",
        [
            "luma-why-one-channel-is-enough",
            "psnr-and-what-it-does-not-see",
            "ssim-and-what-it-does-not-see",
            "the-protocol-step-by-step",
            "what-each-slip-costs",
            "the-same-slips-for-the-network",
            "fig-luma",
            "fig-equal",
            "fig-quality",
            "fig-map",
            "fig-slips",
            "equation-eq-luma",
            "equation-eq-range",
            "equation-eq-psnr",
            "equation-eq-ssim",
            "ex-01a",
            "ex-01b",
            "ex-01d",
        ],
    )
}


def test_every_page_is_where_it_was():
    assert set(PAGES) <= book.pages()


def test_a_heading_with_another_name_answers_to_the_old_one():
    assert "(psnr-rewards-a-blur)=" in (notebooks.BOOK / "01_task.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in PAGES if re.match(r"\d\d_|failure", name)])
def test_every_notebook_is_where_it_was(name):
    assert (plain_notebooks.OUT / f"{name}.ipynb").is_file()


@pytest.mark.parametrize("page", MOVED)
def test_what_moved_leaves_its_anchors_beside_a_link(page):
    target, anchors = MOVED[page]
    cells = notebooks.read(page).cells
    holds = [cell.source for cell in cells if cell.cell_type == "markdown" and "<a id=" in cell.source]
    assert len(holds) == 1
    assert f"{{doc}}`{target}`" in holds[0]
    assert re.findall(r'<a id="([^"]+)"></a>', holds[0]) == anchors
    # None of them is still, or again, the name of something on the old page.
    text = "\n".join(cell.source for cell in cells if cell.source != holds[0])
    figures = [(cell.metadata.get("mystnb", {}).get("figure") or {}).get("name") for cell in cells]
    kept = set(re.findall(r":label: *(\S+)", text)) | {f"equation-{e}" for e in re.findall(r"\$\$ \((\S+)\)", text)}
    assert not set(anchors) & (kept | set(figures))
