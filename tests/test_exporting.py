"""Networks as ONNX files: the same luma in another runtime, at any size, and every kind of refusal."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from vdsr_lib import exporting
from vdsr_lib.errors import ExportError, InputError
from vdsr_lib.exporting import INPUT, OUTPUT, export_onnx
from vdsr_lib.models import SRCNN, VDSR

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def run(path, x):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: x})[0]


@pytest.fixture(scope="module")
def vdsr():
    """The paper's network, with weights whose residual is as large as a trained one's, or larger."""
    torch.manual_seed(0)
    network = VDSR(20, 64)
    for conv in network.convs:
        nn.init.normal_(conv.bias, std=0.01)
    with torch.no_grad():
        network.convs[-1].weight /= 16
    return network.eval()


@pytest.fixture(scope="module")
def file(vdsr, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "vdsr.onnx"
    export_onnx(vdsr, path)
    return path


@pytest.mark.parametrize("size", [(40, 56), (61, 33), (1, 1)])
def test_the_file_gives_the_same_luma_at_any_size(vdsr, file, size):
    x = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = vdsr(x).numpy()
    if min(size) > 1:
        assert np.std(wanted - x.numpy()) > 0.02, "the residual is too weak to test anything"
    found = run(file, x.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "network",
    [SRCNN(), VDSR(3, 4, residual=False, bias=False), nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2))],
    ids=["SRCNN", "VDSR", "a module of yours, which enlarges"],
)
def test_other_networks(tmp_path, network):
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
    x = torch.rand(1, 1, 21, 18)
    export_onnx(network, tmp_path / "a.onnx")
    np.testing.assert_allclose(run(tmp_path / "a.onnx", x.numpy()), network(x).detach().numpy(), atol=1e-4, rtol=0)


def test_the_file_is_whole_and_names_no_folder_of_this_machine(file, vdsr):
    onnx.checker.check_model(str(file), full_check=True)
    weights = sum(parameter.nbytes for parameter in vdsr.parameters())
    assert weights < file.stat().st_size < 1.05 * weights
    assert b"site-packages" not in file.read_bytes()
    assert b".py" not in file.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_network_stays_as_it_is(tmp_path):
    network = nn.Sequential(VDSR(2, 2), nn.Dropout())
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_onnx(network, tmp_path / "a.onnx")
    assert [module.training for module in (network, network[0], network[1])] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    # Written as in use, not as in training: no chance is left in it.
    x = np.random.default_rng(0).random((1, 1, 9, 9), dtype=np.float32)
    np.testing.assert_array_equal(run(tmp_path / "a.onnx", x), run(tmp_path / "a.onnx", x))


class Branches(nn.Module):
    def forward(self, x):
        return x if x.mean() > 0.5 else -x


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match=r"a\.onnx: torch .* cannot write Branches as ONNX"):
        export_onnx(Branches(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_arguments(tmp_path):
    with pytest.raises(InputError, match="wanted a torch module, got function"):
        export_onnx(lambda x: x, tmp_path / "a.onnx")
    with pytest.raises(InputError, match=r"a\.pt: wanted a name that ends in \.onnx"):
        export_onnx(VDSR(2, 1), tmp_path / "a.pt")
    with pytest.raises(ExportError, match="there is no folder"):
        export_onnx(VDSR(2, 1), tmp_path / "none" / "a.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ExportError, match=r"needs onnxscript: pip install 'vdsr-lib\[onnx\]'"):
        export_onnx(VDSR(2, 1), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_nothing_is_said(tmp_path, capfd, recwarn):
    level = logging.getLogger("torch.onnx").level
    export_onnx(VDSR(2, 1), tmp_path / "a.onnx")
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn] == []
    assert logging.getLogger("torch.onnx").level == level
