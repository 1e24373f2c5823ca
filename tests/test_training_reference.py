"""The loop against a plain one, written here from section 3.2 and 5.2 of the paper, weight for weight."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vdsr_lib.models import VDSR
from vdsr_lib.patches import Patches, extract_patches
from vdsr_lib.training import TrainingConfig, batch_indices, residual_loss, train

# Two epochs to a drop, eight in all: three drops, none of them at the seam of two batches.
CONFIG = TrainingConfig(
    epochs=8, drop_epochs=2, batch_size=3, learning_rate=0.1, momentum=0.9, weight_decay=0.05, theta=2e-4,
    augment=True, precision="fp32", log_every=1, seed=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def patches() -> Patches:
    from skimage import data

    return extract_patches([data.camera()[140:212, 190:262]], (2, 3), size=21, stride=24)


def net() -> VDSR:
    torch.manual_seed(1)
    model = VDSR(4, 6)
    with torch.no_grad():
        for conv in model.convs:  # biases that are not zero show whether they decay
            conv.bias.add_(0.05)
    return model


def symmetry_of_the_square(image: np.ndarray, k: int) -> np.ndarray:
    """Bit 0 mirrors left and right, bit 1 up and down, bit 2 then exchanges rows and columns."""
    if k & 1:
        image = image[:, ::-1]
    if k & 2:
        image = image[::-1, :]
    return image.T if k & 4 else image


def batches(samples: int, config: TrainingConfig, steps: int):
    """One shuffled epoch after another, cut into batches; and one symmetry per sample."""
    order: list[int] = []
    epoch = 0
    for step in range(steps):
        while len(order) < config.batch_size:
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
            order += torch.randperm(samples, generator=generator).tolist()
            epoch += 1
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step + 500_009)
        yield order[: config.batch_size], torch.randint(8, (config.batch_size,), generator=generator).tolist()
        order = order[config.batch_size :]


def plain_loop(model: VDSR, patches: Patches, config: TrainingConfig, steps: int) -> list[dict[str, float]]:
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    seen = []
    for step, (index, symmetries) in enumerate(batches(len(patches), config, steps)):
        drops = math.floor(step * config.batch_size / len(patches) / config.drop_epochs)
        rate = 0.1 * 0.1**drops
        x, y = (
            torch.from_numpy(np.stack([symmetry_of_the_square(of[i, 0].numpy(), k)[None].copy() for i, k in
                                       zip(index, symmetries, strict=True)]))
            for of in (patches.interpolated, patches.high_res)
        )  # fmt: skip
        model.zero_grad()
        residual = model.predict_residual(x)
        loss = ((y - x - residual) ** 2).sum() / 2 / len(index)
        loss.backward()
        clipped = total = 0
        with torch.no_grad():
            for p, v in zip(model.parameters(), velocity, strict=True):
                bound = config.theta / rate
                clipped += int((p.grad.abs() > bound).sum())
                total += p.grad.numel()
                v.mul_(config.momentum).add_(p.grad.clip(-bound, bound) + config.weight_decay * p)
                p.sub_(rate * v)
        seen.append({"loss": loss.item(), "rate": rate, "share": clipped / total, "spread": residual.std().item()})
    return seen


def test_three_drops_with_clip_momentum_decay_and_symmetries(patches):
    reference, model = net(), net()
    state = train(model, patches, CONFIG)
    seen = plain_loop(reference, patches, CONFIG, state.total_steps)
    assert state.total_steps == math.ceil(8 * len(patches) / 3)
    assert len({round(s["rate"], 9) for s in seen}) == 4
    assert 0 < seen[-1]["share"] < seen[0]["share"]
    for entry, wanted in zip(state.history, seen, strict=True):
        assert entry["loss"] == pytest.approx(wanted["loss"], rel=1e-4)
        assert entry["learning_rate"] == pytest.approx(wanted["rate"], rel=1e-12)
        assert entry["clipped_share"] == pytest.approx(wanted["share"], abs=2e-3)
        assert entry["residual_std"] == pytest.approx(wanted["spread"], rel=1e-3)
    for p, q in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=2e-6)


def test_the_seed_changes_order_and_symmetries(patches):
    first, second = (batch_indices(replace(CONFIG, seed=s), 1000, 0) for s in (0, 1))
    assert not torch.equal(first[0], second[0])
    wide = [batch_indices(replace(CONFIG, seed=s, batch_size=64), 1000, 0)[1] for s in (0, 1)]
    assert not torch.equal(*wide)


def test_each_step_draws_new_symmetries_and_all_eight():
    config = replace(CONFIG, batch_size=64)
    drawn = [batch_indices(config, 1000, step)[1] for step in range(4)]
    assert all(not torch.equal(drawn[0], other) for other in drawn[1:])
    assert set(torch.cat(drawn).tolist()) == set(range(8))


def test_the_loss_is_summed_in_float32_whatever_the_network_returns():
    torch.manual_seed(0)
    prediction, target = torch.rand(8, 1, 41, 41).bfloat16(), torch.rand(8, 1, 41, 41)
    exact = ((target.double() - prediction.double()) ** 2).sum() / 2 / 8
    assert float(residual_loss(prediction, target)) == pytest.approx(float(exact), rel=1e-6)
