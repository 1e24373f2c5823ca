"""Weights: there and back, the authors' file, and every kind of bad one."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.io import loadmat, savemat
from torch import nn

from vdsr_lib import datasets, pretrained
from vdsr_lib.errors import WeightsError
from vdsr_lib.models import SRCNN, VDSR, count_parameters

ROOT = Path(__file__).parents[1]
NETWORKS = [
    lambda: VDSR(3, 4),
    lambda: VDSR(2, 1, residual=False, bias=False),
    lambda: SRCNN(),
    lambda: SRCNN((3, 1, 3), (4, 2), padding="valid"),
]


@pytest.fixture
def weights(tmp_path) -> Path:
    torch.manual_seed(0)
    pretrained.save(VDSR(3, 4), tmp_path / "small.safetensors", steps=7)
    return tmp_path / "small.safetensors"


# There and back


@pytest.mark.parametrize("make", NETWORKS)
def test_a_saved_network_comes_back(tmp_path, make):
    model = make()
    pretrained.save(model, tmp_path / "a.safetensors")
    loaded = pretrained.load_file(tmp_path / "a.safetensors")
    assert type(loaded) is type(model)
    assert pretrained.model_spec(loaded) == pretrained.model_spec(model)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), model.state_dict().values(), strict=True)
    )
    assert not loaded.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in loaded.parameters())
    x = torch.rand(1, 1, 12, 12)
    # The layouts in memory differ, so sums may be taken in another order.
    torch.testing.assert_close(loaded(x), model(x))


def test_the_file_is_a_function_of_what_it_holds(tmp_path):
    # safetensors' own order of the header changes from file to file: 40 are all alike by chance once in 2^39 times.
    torch.manual_seed(0)
    model = VDSR(3, 4)
    for number in range(40):
        pretrained.save(model, tmp_path / f"{number}.safetensors", steps=7, set="291")
    code = (
        "import sys, torch; from vdsr_lib import models, pretrained; torch.manual_seed(0);"
        "pretrained.save(models.VDSR(3, 4), sys.argv[1], set='291', steps=7)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "other.safetensors"], env=environment, check=True)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@given(st.integers(2, 6), st.integers(1, 5), st.booleans(), st.booleans())
@settings(max_examples=20)
def test_build_makes_what_model_spec_says(depth, width, residual, bias):
    spec = pretrained.model_spec(VDSR(depth, width, residual=residual, bias=bias))
    assert pretrained.model_spec(pretrained.build(json.loads(json.dumps(spec)))) == spec


def test_double_and_channels_last_networks_are_saved_as_they_are_and_loaded_as_float32(tmp_path):
    model = VDSR(3, 4).double().to(memory_format=torch.channels_last)
    pretrained.save(model, tmp_path / "a.safetensors")
    loaded = pretrained.load_file(tmp_path / "a.safetensors")
    for a, b in zip(loaded.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b.float())


def test_loading_draws_no_random_numbers_and_keeps_nothing_of_the_file(weights):
    state = torch.random.get_rng_state()
    first = pretrained.load_file(weights)
    assert torch.equal(torch.random.get_rng_state(), state)
    values = [p.detach().clone() for p in first.parameters()]
    weights.write_bytes(b"\0" * weights.stat().st_size)
    assert all(torch.equal(p, v) for p, v in zip(first.parameters(), values, strict=True))


def test_a_save_that_fails_leaves_the_old_file(weights):
    before = weights.read_bytes()
    with pytest.raises(TypeError):
        pretrained.save(VDSR(2, 2), weights, about_this=object())
    with pytest.raises(WeightsError, match="Linear"):
        pretrained.save(nn.Linear(2, 2), weights)
    assert weights.read_bytes() == before
    assert [f.name for f in weights.parent.iterdir()] == [weights.name]


# By name


def test_load_takes_the_path_of_a_file(weights):
    assert pretrained.load(str(weights)).depth == 3
    assert pretrained.locate(str(weights)) == weights


def test_unknown_names_list_what_there_is():
    with pytest.raises(WeightsError, match=r"'nothing'.*authors"):
        pretrained.load("nothing")
    with pytest.raises(WeightsError, match="no-such-file"):
        pretrained.load("no-such-file.safetensors")
    with pytest.raises(WeightsError):
        pretrained.about("nothing")


def test_every_shipped_network_loads_and_tells_of_itself():
    names = pretrained.shipped()
    for name in names:
        assert count_parameters(pretrained.load(name))[0] > 0
        assert "experiment" in pretrained.about(name)
    assert pretrained.model_spec(pretrained.load(pretrained.DEFAULT))["kind"] == "VDSR"
    assert pretrained.model_spec(pretrained.load(pretrained.DEFAULT_SRCNN))["kind"] == "SRCNN"


# The authors' own


def test_the_authors_network_is_the_papers(authors):
    assert (authors.depth, authors.width, authors.residual) == (20, 64, True)
    assert count_parameters(authors) == (664_704, 1_217)
    assert not authors.training


def test_the_authors_weights_are_the_files_turned_to_torchs_order(authors, data):
    content = loadmat(data(datasets.AUTHORS_WEIGHTS))["model"][0, 0]
    # MATLAB: (rows, columns, in, out). torch: (out, in, rows, columns).
    layer = content["weight"].ravel()[7]
    for row, column, inputs, outputs in [(0, 2, 5, 9), (2, 1, 63, 0), (1, 1, 0, 63)]:
        assert authors.convs[7].weight[outputs, inputs, row, column] == layer[row, column, inputs, outputs]
    first = content["weight"].ravel()[0]
    assert first.shape[:2] == (3, 3)
    assert authors.convs[0].weight[10, 0, 0, 2] == first.reshape(3, 3, 64)[0, 2, 10]
    assert np.array_equal(authors.convs[3].bias.detach(), content["bias"].ravel()[3].ravel())


def cells(values: list[np.ndarray]) -> np.ndarray:
    result = np.empty((1, len(values)), dtype=object)
    result[0, :] = values
    return result


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"other": 1}, "model"),
        ({"model": {"weight": 1.0}}, "bias"),
        ({"model": {"weight": cells([np.zeros((3, 3, 1, 64))] * 2), "bias": cells([np.zeros(64)])}}, "zip"),
        ({"model": {"weight": cells([np.zeros((5, 5, 64))] * 3), "bias": cells([np.zeros(64)] * 3)}}, r"layer 1.*5, 5"),
        ({"model": {"weight": cells([np.zeros((3, 3, 64))]), "bias": cells([np.zeros(64)])}}, "layer 1|depth"),
    ],
)
def test_another_mat_file_is_a_weights_error(tmp_path, content, says):
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(WeightsError, match=says):
        pretrained.load_authors(tmp_path / "a.mat")


def test_a_broken_mat_file_is_a_weights_error(tmp_path, data):
    content = data(datasets.AUTHORS_WEIGHTS).read_bytes()
    path = tmp_path / "cut.mat"
    for length in (0, 1, 60, 127, 128, 129, 140, 400, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"cut\.mat"):
            pretrained.load_authors(path)
    with pytest.raises(WeightsError, match="missing"):
        pretrained.load_authors(tmp_path / "missing.mat")
    with pytest.raises(WeightsError):
        pretrained.load_authors(tmp_path)


# Bad files


def bad(path: Path, says: str) -> None:
    with pytest.raises(WeightsError) as caught:
        pretrained.load_file(path)
    assert re.search(says, str(caught.value)), caught.value
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def rewrite(path: Path, spec: object, tensors: dict[str, torch.Tensor] | None = None) -> None:
    model = VDSR(3, 4)
    text = spec if isinstance(spec, str) else json.dumps(spec)
    save_file(tensors or dict(model.state_dict()), path, metadata={"model": text})


GOOD = {"kind": "VDSR", "depth": 3, "width": 4}


def test_missing_empty_foreign_and_cut_files(tmp_path, weights):
    bad(tmp_path / "missing.safetensors", "safetensors")
    bad(tmp_path, "safetensors")
    content = weights.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1):
        weights.write_bytes(content[:length])
        bad(weights, "safetensors")
    weights.write_bytes(b"PK\x03\x04 a pickled checkpoint is a zip file")
    bad(weights, "safetensors")
    weights.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    bad(weights, "safetensors")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("not json", "'model' entry"),
        ("[1, 2]", "'model' entry"),
        ("null", "'model' entry"),
        ({}, "unknown network kind None"),
        ({"kind": "ESPCN"}, "ESPCN"),
        (GOOD | {"deep": 3}, "deep"),
        (GOOD | {"depth": "3"}, "depth"),
        (GOOD | {"depth": 2.5}, "depth"),
        (GOOD | {"depth": -1}, "depth"),
        (GOOD | {"depth": 4}, "does not fit"),
        (GOOD | {"width": 5}, "does not fit"),
        (GOOD | {"bias": False}, "does not fit"),
        (GOOD | {"depth": 10**12}, "does not fit"),
        (GOOD | {"width": 10**7}, "does not fit"),
        (GOOD | {"width": 10**30}, "cannot build"),
        ({"kind": "SRCNN", "kernels": [9, 1]}, "kernels"),
        ({"kind": "SRCNN", "widths": 64}, "SRCNN"),
    ],
)
def test_a_header_that_does_not_fit_costs_neither_time_nor_memory(tmp_path, spec, says):
    rewrite(tmp_path / "a.safetensors", spec)
    bad(tmp_path / "a.safetensors", says)


def test_a_file_without_our_header(tmp_path):
    save_file(dict(VDSR(3, 4).state_dict()), tmp_path / "a.safetensors")
    bad(tmp_path / "a.safetensors", "'model' entry")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path, value):
    tensors = dict(VDSR(3, 4).state_dict())
    tensors["convs.1.weight"] = tensors["convs.1.weight"].clone().index_fill_(0, torch.tensor([2]), value)
    rewrite(tmp_path / "a.safetensors", GOOD, tensors)
    bad(tmp_path / "a.safetensors", "not finite")


def test_weights_of_another_shape_or_name(tmp_path):
    tensors = dict(VDSR(3, 4).state_dict())
    rewrite(tmp_path / "a.safetensors", GOOD, tensors | {"convs.1.weight": torch.zeros(4, 4, 5, 5)})
    bad(tmp_path / "a.safetensors", "does not fit")
    rewrite(tmp_path / "a.safetensors", GOOD, tensors | {"more": torch.zeros(1)})
    bad(tmp_path / "a.safetensors", "more")
    del tensors["convs.2.bias"]
    rewrite(tmp_path / "a.safetensors", GOOD, tensors)
    bad(tmp_path / "a.safetensors", r"convs\.2\.bias")


def test_build_names_what_it_got():
    with pytest.raises(WeightsError, match="'depth': 1"):
        pretrained.build({"kind": "VDSR", "depth": 1})
    with pytest.raises(WeightsError, match="Linear"):
        pretrained.model_spec(nn.Linear(1, 1))


# Nothing unpickles


UNPICKLES = r"torch\.load\(|torch\.hub|\bc?[Pp]ickle\b\.|import pickle|from pickle|\.unpickle|allow_pickle\s*=\s*True"


def test_nothing_in_the_sources_unpickles():
    sources = [
        *(ROOT / "vdsr_lib").rglob("*.py"),
        *(ROOT / "data_scripts").rglob("*.py"),
        *(ROOT / "book").rglob("*.md"),
    ]
    assert len(sources) > 25
    found = {
        str(path.relative_to(ROOT)): hits
        for path in sources
        if "_build" not in path.parts and (hits := re.findall(UNPICKLES, path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line", ["torch.load(path)", "import pickle", "np.load(f, allow_pickle=True)", "pickle.loads(b)"]
)
def test_the_search_would_find_one(line):
    assert re.search(UNPICKLES, line)
