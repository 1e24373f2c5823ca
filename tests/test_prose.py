"""The prose linter: it finds what the reviews found, and leaves code, formulas and names alone."""

import pytest

from data_scripts.site import prose


@pytest.mark.parametrize(
    "text",
    [
        "Take the mean in place of the sum.",
        "The derivative by one pixel.",
        "Whoever wants a larger picture.",
        "It takes 3 seconds a step.",
        "This is more unique than that.",
        "The network says nothing.",
    ],
)
def test_idioms_are_found(text):
    assert list(prose.faults(text))


@pytest.mark.parametrize(
    "text", ["Take the mean instead of the sum.", "It takes 3 seconds per step.", "It has $a$ steps and a picture."]
)
def test_plain_words_pass(text):
    assert list(prose.faults(text)) == []


def test_code_and_formulas_are_no_prose(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`in place of`\n\n```\nwhoever\n```\n\n$$ in vain $$\n\n{ref}`at hand`\n\nGood.\n")
    assert list(prose.faults(prose.prose(page))) == []


def test_an_allowed_phrase_is_allowed_on_its_page_alone():
    assert list(prose.faults("A mean in place of the sum", "failure_gallery")) == []
    assert list(prose.faults("A mean in place of the sum", "08_reproduction"))


def test_every_page_passes(capsys):
    assert prose.main([]) == 0, capsys.readouterr().out


def test_a_page_with_an_idiom_does_not(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    monkeypatch.setattr(prose, "BOOK", tmp_path)
    (tmp_path / "page.md").write_text("Whoever wants a picture in place of a number.\n")
    assert prose.main(["page"]) == 1
    assert "page.md: … Whoever wants" in capsys.readouterr().out
