"""What all tests share: the data sets where they lie, the authors' network, few threads."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from vdsr_lib import datasets, pretrained
from vdsr_lib.images import read_image
from vdsr_lib.models import VDSR

# No deadline, for two cores are shared; the same examples every time in CI, new ones at home.
settings.register_profile("vdsr", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("vdsr")

torch.set_num_threads(1 if os.environ.get("PYTEST_XDIST_WORKER") else min(2, os.cpu_count() or 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def _missing(what: str) -> None:
    message = f"{what} is not in {datasets.cache_folder()}; `python -m data_scripts.download` fetches it"
    # Urban100 is the one set that a local copy of the data may lack.
    if os.environ.get("CI") and os.environ.get("VDSR_DATA") and not what.startswith("Urban100"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """`data("Set5")`: the folder of a whole set, or of one file. Tests download nothing: they skip, or fail in CI."""

    def folder(name: str) -> Path:
        wanted = [file for file in datasets.registry() if file == name or file.startswith(f"{name}/")]
        assert wanted, f"nothing named {name!r} is registered"
        absent = [file for file in wanted if not (datasets.cache_folder() / file).is_file()]
        if absent:
            _missing(absent[0])
        return datasets.cache_folder() / name

    return folder


@pytest.fixture(scope="session")
def images(data: Callable[[str], Path]) -> Callable[..., dict[str, np.ndarray]]:
    """`images("Set5")`, or `images("B100", ["101085"])`: uint8 images by name."""

    def load(name: str, only: list[str] | None = None) -> dict[str, np.ndarray]:
        files = sorted(path for path in data(name).iterdir() if only is None or path.stem in only)
        assert len(files) == (len(only) if only is not None else len(datasets.names_of(name)))
        return {path.stem: read_image(path) for path in files}

    return load


@pytest.fixture(scope="session")
def authors(data: Callable[[str], Path]) -> VDSR:
    """The network with the weights that the paper's authors released."""
    return pretrained.load_authors(data(datasets.AUTHORS_WEIGHTS))
