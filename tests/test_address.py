"""The public address and the version stand in one place; everything else follows."""

import re
import shutil
import subprocess

import pytest
import yaml

from data_scripts import ROOT
from data_scripts.site import address, notebooks, setup_cell
from data_scripts.site.address import Address
from vdsr_lib import __version__
from vdsr_lib.errors import InputError


@pytest.fixture
def copy(tmp_path):
    for name in address.FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def read(folder):
    return {name: (folder / name).read_text(encoding="utf-8") for name in address.FILES}


def test_files_are_in_step_with_pyproject(copy):
    assert address.change(root=copy) == [], "run `make address`"


def test_a_new_address_reaches_every_file_and_comes_back(copy):
    before, old, new = read(copy), address.stored(), Address("Some-One", "other.book")
    assert sorted(address.change(new, copy)) == sorted(address.FILES)
    assert address.stored(copy) == new
    for name, text in read(copy).items():
        assert not re.search(rf"{old.owner}/{old.name}|{old.owner}\.github\.io", text), name
    config = yaml.safe_load((copy / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["url"] == "https://github.com/Some-One/other.book"
    assert config["html"]["baseurl"] == "https://some-one.github.io/other.book/"
    assert f'"git+https://github.com/Some-One/other.book@v{__version__}"' in read(copy)["book/_setup_cell.py"]
    address.change(old, copy)
    assert read(copy) == before


def test_no_other_file_names_the_address():
    old = address.stored()
    forms = "|".join(map(re.escape, old.forms))
    found = subprocess.run(
        ["git", "grep", "-lE", forms.replace("\\-", "-"), "--", ":!tests/test_address.py", ":!book/notebooks"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    chapters = {str(path.relative_to(ROOT)) for path in notebooks.find()}  # their setup cell has its own test
    assert set(found) - chapters == set(address.FILES)


def test_the_setup_cell_is_at_the_tag_of_this_version():
    assert f"{'/'.join(['github.com', address.stored().forms[0]])}@v{__version__}" in setup_cell.text()


def test_citation_has_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert Address.parse(citation["repository-code"]) == address.stored()


@pytest.mark.parametrize("url", ["https://github.com/a/b", "https://github.com/a/b/", "https://github.com/a/b.git"])
def test_addresses_of_github_are_understood(url):
    assert Address.parse(url) == Address("a", "b")


@pytest.mark.parametrize("url", ["", "a/b", "https://example.org/a/b", "https://github.com/a", "git@github.com:a/b"])
def test_other_addresses_are_refused(url, capsys):
    with pytest.raises(InputError, match="wanted an address like"):
        Address.parse(url)
    if url:
        assert address.main([url]) == 2
        assert repr(url) in capsys.readouterr().err
