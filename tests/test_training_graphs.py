"""The page's training steps: torch's gradients, and twenty steps of the library's own loop."""

import numpy as np
import pytest
import torch
from skimage import data

from data_scripts.run import training_graphs
from vdsr_lib.errors import InputError
from vdsr_lib.models import VDSR
from vdsr_lib.patches import extract_patches
from vdsr_lib.training import TrainingConfig, batch_indices, default_fabric, residual_loss, train

runtime = pytest.importorskip("onnxruntime")


def opened(model):
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def settings(**changes):
    values = {"skip": 1, "rate": 0.1, "momentum": 0.9, "decay": 1e-4, "bound": np.inf, "max_norm": np.inf} | changes
    return {name: np.array(value, np.float32) for name, value in values.items()}


def step(session, weights, momenta, x, y, width, **changes):
    """One step's outputs by name."""
    feed = {"weights": weights, "momenta": momenta, "interpolated": x.numpy(), "high_res": y.numpy()}
    feed |= {"width": np.array([width])} | settings(**changes)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def pairs(count, rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.rand(count, 1, rows, columns, generator=generator)
    return y + 0.05 * torch.randn(y.shape, generator=generator), y


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("depth", training_graphs.DEPTHS)
def test_gradients_are_those_of_torch(depth, residual):
    """From zero momentum, without decay and at rate 1, a step's momentum is the gradient."""
    torch.manual_seed(depth)
    width = 3 + depth % 3
    model = VDSR(depth, width, residual=residual)
    for p in model.parameters():  # biases too
        torch.nn.init.normal_(p, std=0.3)
    x, y = pairs(3, 11, 8)
    loss = residual_loss(model(x), y)
    loss.backward()
    wanted = torch.cat([p.grad.flatten() for p in model.parameters()]).numpy()
    weights = flat(model)
    bound = float(np.quantile(np.abs(wanted), 0.7))
    free = {"skip": float(residual), "rate": 1, "decay": 0}
    session = opened(training_graphs.training_step(depth))
    got = step(session, weights, np.zeros_like(weights), x, y, width, **free)
    assert got["loss"] == pytest.approx(loss.item(), rel=1e-5)
    tolerance = 1e-5 * np.abs(wanted).max()
    np.testing.assert_allclose(got["new_momenta"], wanted, atol=tolerance, rtol=1e-4)
    np.testing.assert_allclose(got["new_weights"], weights - got["new_momenta"], rtol=1e-6, atol=1e-7)
    assert got["norm"] == pytest.approx(np.linalg.norm(wanted), rel=1e-4)
    kernels = [conv.weight.grad.numpy() for conv in model.convs]
    np.testing.assert_allclose(got["largest"], [np.abs(k).max() for k in kernels], rtol=1e-4)
    np.testing.assert_allclose(got["typical"], [np.sqrt(np.square(k).mean()) for k in kernels], rtol=1e-4)
    clipped = step(session, weights, np.zeros_like(weights), x, y, width, bound=bound, **free)
    np.testing.assert_allclose(clipped["new_momenta"], wanted.clip(-bound, bound), atol=tolerance, rtol=1e-4)
    shares = [(np.abs(k) > bound).mean() for k in kernels]
    np.testing.assert_allclose(clipped["share"], shares, atol=0.02)
    assert 0 < np.mean(shares) < 1
    alone = opened(training_graphs.network(depth))
    feed = {
        "weights": weights,
        "interpolated": x.numpy(),
        "width": np.array([width]),
        "skip": np.array(residual, np.float32),
    }
    with torch.no_grad():
        np.testing.assert_allclose(alone.run(None, feed)[0], model(x).numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("residual", [True, False], ids=["residual", "plain"])
@pytest.mark.parametrize("clip", ["value", "norm", "none"])
def test_twenty_steps_are_those_of_the_library(clip, residual):
    torch.manual_seed(0)
    model = VDSR(6, 12, residual=residual)
    weights = flat(model)
    rate = {"value": 0.1, "norm": 0.01, "none": 1e-4}[clip]
    config = TrainingConfig(
        steps=20, batch_size=8, learning_rate=rate, clip=clip, theta=1e-4, max_norm=0.5, precision="fp32", log_every=1
    )
    patches = extract_patches([data.camera()[40:124, 180:264]], (2, 3), size=21, stride=21)
    state = train(model, patches, config, fabric=default_fabric("fp32", accelerator="cpu"))
    session = opened(training_graphs.training_step(6))
    start, momenta, losses, norms = weights, np.zeros_like(weights), [], []
    for k in range(20):
        index, _ = batch_indices(config, len(patches), k)
        bounds = {"value": {"bound": 1e-4 / rate}, "norm": {"max_norm": 0.5}, "none": {}}[clip]
        got = step(session, weights, momenta, *patches.batch(index), 12, rate=rate, skip=float(residual), **bounds)
        weights, momenta = got["new_weights"], got["new_momenta"]
        losses.append(float(got["loss"]))
        norms.append(float(got["norm"]))
    np.testing.assert_allclose(losses, [entry["loss"] for entry in state.history], rtol=1e-4)
    wanted = flat(model)
    assert np.linalg.norm(weights - wanted) < 1e-4 * np.linalg.norm(wanted - start)
    assert losses[-1] < losses[0]
    if clip == "norm":
        assert max(norms) > 0.5, "or nothing was clipped"


def test_a_norm_beyond_float32_does_not_turn_the_clip_on():
    """Unclipped gradients may be finite where the sum of their squares is not."""
    torch.manual_seed(0)
    model = VDSR(3, 4)
    weights = flat(model) * 1e5
    x, y = pairs(2, 9, 9)
    got = step(opened(training_graphs.training_step(3)), weights, np.zeros_like(weights), x, y, 4, rate=1e-30)
    assert np.isinf(got["norm"])
    assert np.isfinite(got["new_momenta"]).all()
    assert np.abs(got["new_momenta"]).max() > 1e20


def test_all_graphs_are_laid_out(tmp_path):
    training_graphs.lay_out(tmp_path / "page")
    names = {path.name for path in (tmp_path / "page").iterdir()}
    assert names == {f"{kind}-{depth}.onnx" for kind in ("step", "network") for depth in range(3, 13)}
    before = {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()}
    training_graphs.lay_out(tmp_path / "page")  # the same bytes, or the site would be rendered again each time
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()}


@pytest.mark.parametrize("depth", [2, 13, 6.5])
def test_other_depths_are_refused(depth):
    with pytest.raises(InputError, match="depth must be a whole number from 3 to 12"):
        training_graphs.training_step(depth)
