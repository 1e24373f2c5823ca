"""The training loop: exactness, resuming, several processes."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from tqdm.auto import tqdm

from vdsr_lib import training
from vdsr_lib.devices import resolve_precision
from vdsr_lib.errors import DivergedError, InputError, TrainingError
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.patches import Patches, extract_patches
from vdsr_lib.training import (
    Checkpointer,
    Progress,
    TrainingConfig,
    TrainingState,
    Validator,
    batch_indices,
    crop_like,
    default_fabric,
    load_checkpoint,
    loop,
    make_optimizer,
    residual_loss,
    save_checkpoint,
    train,
)

SGD = TrainingConfig(steps=12, batch_size=4, precision="fp32", log_every=1, augment=True)
ADAM = replace(SGD, optimizer="adam", learning_rate=1e-3, schedule="cosine", loss="l1", ema=0.9, clip="norm")
MUON = replace(
    SGD, optimizer="muon", learning_rate=0.02, momentum=0.95, clip="none", schedule="cooldown", cooldown_steps=4
)


@pytest.fixture(scope="module")
def patches() -> Patches:
    from skimage import data

    return extract_patches([data.camera()[140:268, 190:318]], (2, 3), size=21, stride=21)


def small_net(seed: int = 0) -> VDSR:
    torch.manual_seed(seed)
    return VDSR(3, 8)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_loss_is_half_the_sum_over_pixels_mean_over_the_batch():
    # Two 1×2 images: errors (3, 4) and (1, 0): ½ (9 + 16 + 1 + 0) / 2 = 6.5.
    prediction, target = torch.zeros(2, 1, 1, 2), torch.tensor([[[[3.0, 4.0]]], [[[1.0, 0.0]]]])
    assert float(residual_loss(prediction, target)) == pytest.approx(6.5)
    assert float(residual_loss(prediction, target, "l1")) == pytest.approx(2.0)


def test_loss_gradient_is_the_error_over_the_batch():
    prediction = torch.zeros(2, 1, 3, 3, requires_grad=True)
    target = torch.rand(2, 1, 3, 3)
    residual_loss(prediction, target).backward()
    assert torch.allclose(prediction.grad, -target / 2)


def test_loss_on_the_residual_is_loss_on_the_image(patches):
    # ½‖r − f(x)‖² with r = y − x is what training on x + f(x) against y computes.
    net = small_net()
    x, y = patches.batch(torch.arange(4))
    assert torch.allclose(residual_loss(net(x), y), residual_loss(net.predict_residual(x), y - x), rtol=1e-5)


def test_crop_like_takes_the_middle():
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert torch.equal(crop_like(image, torch.zeros(1, 1, 3, 3))[0, 0], image[0, 0, 1:4, 1:4])
    with pytest.raises(InputError, match="cannot centre"):
        crop_like(image, torch.zeros(1, 1, 4, 4))


def test_one_step_by_hand(patches):
    # Clip, then decay, then momentum (zero at first): w − γ (clip(g) + λ w).
    net, config = small_net(), replace(SGD, steps=1, learning_rate=0.1, theta=1e-4, augment=False)
    reference = small_net()
    index, symmetry = batch_indices(config, len(patches), 0)
    assert symmetry is None
    x, y = patches.batch(index)
    residual_loss(reference(x), y).backward()
    expected = [p - 0.1 * (p.grad.clamp(-1e-3, 1e-3) + 1e-4 * p) for p in reference.parameters()]
    state = train(net, patches, config)
    for p, wanted in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(p, wanted, rtol=1e-5, atol=1e-7)
    share = torch.cat([p.grad.flatten().abs() > 1e-3 for p in reference.parameters()]).float().mean()
    assert state.history[0]["clipped_share"] == pytest.approx(float(share), abs=1e-4)


def test_rates_follow_the_paper():
    config = TrainingConfig()
    samples = 7992
    assert config.total_steps(samples) == 9990  # the paper's 9,960
    per_epoch = samples / 64
    for epoch, rate in ((0, 0.1), (19.9, 0.1), (20.1, 0.01), (40.1, 1e-3), (60.1, 1e-4), (79.9, 1e-4)):
        assert config.rate(int(epoch * per_epoch), samples) == pytest.approx(rate)
    cosine = replace(config, schedule="cosine", steps=100, warmup_steps=10)
    assert cosine.rate(0, samples) == pytest.approx(0.01)
    assert cosine.rate(10, samples) == pytest.approx(0.1)
    assert cosine.rate(55, samples) == pytest.approx(0.05)
    cooldown = replace(config, schedule="cooldown", steps=100, cooldown_steps=40, warmup_steps=2)
    rates = [cooldown.rate(step, samples) for step in (0, 1, 59, 60, 80, 99)]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.05, 0.0025])
    assert replace(cooldown, cooldown_steps=0).rate(99, samples) == 0.1


def test_batches_cover_each_epoch_once_and_are_a_function_of_seed_and_step():
    config = replace(SGD, batch_size=4)
    stream = torch.cat([batch_indices(config, 10, step)[0] for step in range(5)])
    assert sorted(stream[:10].tolist()) == sorted(stream[10:].tolist()) == list(range(10))
    assert not torch.equal(stream[:10], stream[10:])
    again = batch_indices(config, 10, 3)
    assert torch.equal(again[0], stream[12:16])
    other = batch_indices(replace(config, seed=1), 10, 3)
    assert not torch.equal(again[0], other[0]) or not torch.equal(again[1], other[1])


@pytest.mark.parametrize("config", [SGD, ADAM, MUON], ids=["sgd", "adam", "muon"])
def test_seeds_give_the_same_run_again(patches, config):
    first, second = (train(small_net(), patches, config) for _ in range(2))
    assert torch.equal(weights(first.model), weights(second.model))
    losses = [[h["loss"] for h in s.history] for s in (first, second)]
    assert losses[0] == losses[1]
    third = train(small_net(), patches, replace(config, seed=1))
    assert not torch.equal(weights(first.model), weights(third.model))


@pytest.mark.parametrize("config", [SGD, ADAM, MUON], ids=["sgd", "adam", "muon"])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(patches, config, tmp_path):
    path = tmp_path / "run.safetensors"
    whole = train(small_net(), patches, config)

    def stop_at_5(state):
        if state.step == 5:
            save_checkpoint(state, path)
            raise StopIteration

    part = train(small_net(), patches, config, [stop_at_5])
    assert part.step == 5
    resumed = train(small_net(seed=9), patches, config, resume=path)
    assert torch.equal(weights(whole.model), weights(resumed.model))
    for name, average in whole.ema.items():
        assert torch.equal(average, resumed.ema[name])
    volatile = "samples_per_second"
    assert [{k: v for k, v in h.items() if k != volatile} for h in whole.history] == [
        {k: v for k, v in h.items() if k != volatile} for h in resumed.history
    ]


def test_a_longer_run_begins_where_a_shorter_one_began_to_cool_down(patches, tmp_path):
    path = tmp_path / "run.safetensors"
    longer = replace(MUON, steps=20, cooldown_steps=5)
    whole = train(small_net(), patches, longer)

    def keep(state):
        if state.step in (8, 9):  # the last step before the cooldown of 4, and the first within
            save_checkpoint(state, path.with_stem(f"run{state.step}"))

    train(small_net(), patches, MUON, [keep])
    resumed = train(small_net(seed=9), patches, longer, resume=path.with_stem("run8"))
    assert torch.equal(weights(whole.model), weights(resumed.model))
    with pytest.raises(TrainingError, match="steps=12, this one has 20"):
        train(small_net(), patches, longer, resume=path.with_stem("run9"))
    with pytest.raises(TrainingError, match="learning_rate"):
        train(small_net(), patches, replace(longer, learning_rate=0.1), resume=path.with_stem("run8"))


def test_the_moving_average_follows_its_formula(patches):
    seen = []
    config = replace(ADAM, steps=3, ema=0.5)
    net = small_net()
    average = weights(net).clone()

    def follow(state):
        seen.append(weights(state.model).clone())

    state = train(net, patches, config, [follow])
    for w in seen:
        average = 0.5 * average + 0.5 * w
    kept = torch.cat([state.ema[name].flatten() for name, _ in net.named_parameters()])
    torch.testing.assert_close(kept, average)
    assert state.averaged_weights() is state.ema


def test_training_learns_and_beats_bicubic(patches):
    net = small_net()
    config = replace(ADAM, steps=200, batch_size=8, learning_rate=3e-3, ema=0.0)
    state = train(net, patches, config)
    x, y = patches.interpolated, patches.high_res
    with torch.inference_mode():
        assert residual_loss(net(x), y) < residual_loss(x, y)
    assert state.finished
    assert not net.training


def test_without_clipping_a_rate_of_0_1_diverges(patches):
    torch.manual_seed(0)
    with pytest.raises(DivergedError, match=r"diverged at step \d+: loss .* learning rate 0\.1") as caught:
        train(VDSR(10, 64), patches, replace(SGD, clip="none", steps=40))
    assert caught.value.stretches[0]["to_step"] == caught.value.history[-1]["step"]
    assert caught.value.history[-1]["step"] <= 40
    assert not np.isfinite(caught.value.history[-1]["loss"])


def test_last_layer_may_have_its_own_rate(patches):
    torch.manual_seed(0)
    net = SRCNN((3, 1, 3), (8, 4), padding="valid")
    groups = make_optimizer(net, replace(SGD, last_layer_factor=0.1)).param_groups
    assert [g["factor"] for g in groups] == [1.0, 0.1]
    assert sum(p.numel() for g in groups for p in g["params"]) == sum(p.numel() for p in net.parameters())
    state = train(net, patches, replace(SGD, learning_rate=1e-3, last_layer_factor=0.1))
    assert [g["lr"] for g in state.optimizer.param_groups] == pytest.approx([1e-3, 1e-4])


def test_validator_scores_the_averaged_weights_and_restores_the_network(patches):
    seen = []

    def score(network):
        seen.append(weights(network).clone())
        assert not network.training
        return {"psnr_x2": 1.0}

    state = train(small_net(), patches, ADAM, [Validator(score, every_epochs=1.0)])
    epochs = len(patches) / 4
    due = [e["step"] for e in state.history if "psnr_x2" in e]
    assert due[-1] == 12
    assert len(due) == int(12 / epochs) + (12 % epochs != 0)
    average = torch.cat([state.ema[name].flatten() for name, _ in state.model.named_parameters()])
    assert torch.equal(seen[-1], average)
    assert not torch.equal(seen[-1], weights(state.model))


def test_checkpoint_of_another_run_is_refused(patches, tmp_path):
    path = tmp_path / "run.safetensors"
    train(small_net(), patches, SGD, [Checkpointer(path, seconds=0)])
    with pytest.raises(TrainingError, match=r"theta=0\.0001, this one has 0\.5"):
        train(small_net(), patches, replace(SGD, theta=0.5), resume=path)
    with pytest.raises(TrainingError, match="does not fit the network"):
        train(VDSR(4, 8), patches, SGD, resume=path)
    with pytest.raises(TrainingError, match="was trained on"):
        train(small_net(), Patches(patches.interpolated[:8], patches.high_res[:8], patches.scale[:8]), SGD, resume=path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="is not a checkpoint"):
        train(small_net(), patches, SGD, resume=path)


def test_a_checkpoint_holds_the_whole_run(patches, tmp_path):
    path = tmp_path / "run.safetensors"
    state = train(small_net(), patches, SGD, [Checkpointer(path, seconds=1e9)])
    with safe_open(str(path), "pt") as file:
        run = json.loads(file.metadata()["run"])
        names = set(file.keys())
    assert run["step"] == 12
    assert run["history"] == state.history
    assert {"model.convs.0.weight", "optimizer.0.momentum_buffer"} <= names
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "lion"},
        {"loss": "l3"},
        {"clip": "both"},
        {"batch_size": 0},
        {"theta": 0.0},
        {"learning_rate": float("nan")},
        {"ema": 1.0},
        {"steps": 0},
        {"cooldown_steps": -1},
    ],
)
def test_bad_configurations(change):
    with pytest.raises(InputError, match=next(iter(change))):
        TrainingConfig(**change)


def test_auto_precision_takes_what_the_processor_has(monkeypatch):
    cpu = torch.device("cpu")
    assert resolve_precision("bf16", cpu) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert resolve_precision("auto", cpu) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    assert resolve_precision("auto", cpu) == "fp32"


def test_tf32_warns_of_nothing():
    """torch 2.9 built for CUDA says of the switch that it is an old one, which a notebook would show."""
    code = "from vdsr_lib.devices import tf32\nwith tf32(False): pass"
    run = subprocess.run([sys.executable, "-W", "error", "-c", f"import torch\n{code}"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_tf32_is_a_setting_of_the_run_alone(patches):
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    seen = []

    def look(state):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))

    for precision in ("fp32", "tf32"):
        train(small_net(), patches, replace(SGD, steps=1, precision=precision), [look])
    assert seen == [(False, False), (True, True)]
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == before


def test_bf16_stays_close_to_fp32(patches):
    full, half = (train(small_net(), patches, replace(SGD, precision=p, steps=5)) for p in ("fp32", "bf16"))
    assert weights(half.model).dtype == torch.float32
    moved = (weights(full.model) - weights(small_net())).norm()
    assert 0 < (weights(full.model) - weights(half.model)).norm() < 0.5 * moved


def test_fp16_stays_close_to_fp32_and_clips_what_was_scaled_down_again(patches):
    config = replace(SGD, steps=12)
    full, half = (train(small_net(), patches, replace(config, precision=p)) for p in ("fp32", "fp16"))
    assert weights(half.model).dtype == torch.float32
    moved = (weights(full.model) - weights(small_net())).norm()
    assert 0 < (weights(full.model) - weights(half.model)).norm() < 0.03 * moved
    # Clipped before it was scaled down, each element would stand at the bound.
    for a, b in zip(full.history, half.history, strict=True):
        assert b["clipped_share"] == pytest.approx(a["clipped_share"], abs=0.03)
        assert b["loss"] == pytest.approx(a["loss"], rel=0.02)


def test_fp16_leaves_out_a_step_that_overflows_and_remembers_its_scale(patches, tmp_path):
    config, path = replace(SGD, steps=3, precision="fp16"), tmp_path / "run.safetensors"
    seen = []

    def overflow(state):
        if state.step == 1:
            state.scaler.update(1e30)
        seen.append((state.scaler.get_scale(), weights(state.model).clone()))

    train(small_net(), patches, config, [overflow, Checkpointer(path, seconds=0)])
    assert torch.equal(seen[0][1], seen[1][1])
    assert seen[1][0] == pytest.approx(5e29)
    fresh = train(small_net(), patches, replace(config, steps=1))
    with pytest.raises(TrainingError, match="steps"):
        load_checkpoint(path, fresh)
    fresh = train(small_net(), patches, config)
    load_checkpoint(path, fresh)
    assert fresh.scaler.get_scale() == seen[2][0]


def test_auto_precision_takes_fp16_where_a_card_has_no_bf16(monkeypatch):
    cuda = torch.device("cuda")
    for major, wanted in ((6, "fp32"), (7, "fp16"), (8, "bf16"), (9, "bf16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, major=major: (major, 5))
        assert resolve_precision("auto", cuda) == wanted


CHILD = textwrap.dedent(
    """
    import sys, torch
    from dataclasses import replace
    sys.path.insert(0, {tests!r})
    torch.set_num_threads(1)
    from test_training import SGD, small_net, weights
    from skimage import data
    from vdsr_lib.patches import extract_patches
    from vdsr_lib.training import Checkpointer, default_fabric, train
    from safetensors.torch import save_file
    patches = extract_patches([data.camera()[:128, :128]], (2, 3), size=21, stride=21)
    config = replace(SGD, steps={steps})
    fabric = default_fabric("fp32", accelerator="cpu")
    state = train(small_net(), patches, config, [Checkpointer({checkpoint!r}, seconds=0)],
                  resume={checkpoint!r}, fabric=fabric)
    if state.is_main:
        save_file({{"w": weights(state.model)}}, {out!r})
    """
)


def child(tmp_path, name: str, steps: int) -> tuple[str, str]:
    out = str(tmp_path / f"{name}.w.safetensors")
    code = CHILD.format(
        tests=os.path.dirname(__file__), steps=steps, checkpoint=str(tmp_path / f"{name}.ck.safetensors"), out=out
    )
    script = tmp_path / f"{name}.py"
    script.write_text(code)
    return str(script), out


def final_weights(path: str) -> torch.Tensor:
    with safe_open(path, "pt") as file:
        return file.get_tensor("w")


def test_kill_minus_9_at_any_moment_loses_nothing_but_time(tmp_path):
    # The child writes a checkpoint at every step, so most kills fall into a write.
    steps = 50
    whole, whole_out = child(tmp_path, "whole", steps)
    subprocess.run([sys.executable, whole], check=True, timeout=120)
    killed, killed_out = child(tmp_path, "killed", steps)
    checkpoint = tmp_path / "killed.ck.safetensors"
    reached = []
    for wait in (0.013, 0.071):
        process = subprocess.Popen([sys.executable, killed])
        seen = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns != seen:
                break
            time.sleep(0.002)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with safe_open(str(checkpoint), "pt") as file:  # whole and readable, whenever the kill fell
            reached.append(json.loads(file.metadata()["run"])["step"])
    assert reached == sorted(reached)
    assert reached[-1] > 0
    subprocess.run([sys.executable, killed], check=True, timeout=120)
    assert torch.equal(final_weights(whole_out), final_weights(killed_out))


def test_two_processes_equal_one(tmp_path):
    one, one_out = child(tmp_path, "one", 8)
    two, two_out = child(tmp_path, "two", 8)
    subprocess.run([sys.executable, one], check=True, timeout=120)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    subprocess.run([*torchrun, two], check=True, timeout=180, env={**os.environ, "OMP_NUM_THREADS": "1"})
    torch.testing.assert_close(final_weights(one_out), final_weights(two_out), rtol=0, atol=1e-6)
    assert not torch.equal(final_weights(one_out), weights(small_net()))


def test_batches_must_divide_among_processes(patches):
    class TwoProcesses:
        world_size = 2

    with pytest.raises(TrainingError, match="no multiple of 2"):
        train(small_net(), patches, replace(SGD, batch_size=3), fabric=TwoProcesses())


@pytest.mark.parametrize(
    ("every", "steps"), [(1, (3, 6, 9, 11, 12)), (2, (6, 11, 12)), (0.5, (2, 3, 5, 6, 7, 9, 10, 11, 12))]
)
def test_validation_is_when_so_many_epochs_end_and_when_the_run_does(patches, every, steps):
    # 4 of 11 patches a step: epochs end within steps 3, 6, 9, 11, and the run with step 12.
    few = Patches(*(t[:11] for t in (patches.interpolated, patches.high_res, patches.scale)))
    config = replace(SGD, steps=12, log_every=100)
    state = train(small_net(), few, config, [Validator(lambda model: {"psnr_x2": 30.0}, every)])
    scored = [entry for entry in state.history if "psnr_x2" in entry]
    assert scored == [
        {"step": step, "epoch": round(step * 4 / 11, 4), "psnr_x2": 30.0} for step in steps
    ]  # fmt: skip


def test_a_checkpoint_before_the_first_step_and_one_of_another_precision(patches, tmp_path):
    path = tmp_path / "run.safetensors"

    def fresh(seed, config):
        model = small_net(seed=seed)
        return TrainingState(model, config, make_optimizer(model, config), total_steps=12, samples=len(patches))

    begun, other = fresh(0, SGD), fresh(3, replace(SGD, precision="bf16"))
    begun.stretches = [{"from_step": 0, "machine": "a"}]
    save_checkpoint(begun, path)
    load_checkpoint(path, other)
    assert torch.equal(weights(other.model), weights(begun.model))
    assert (other.step, other.stretches) == (0, begun.stretches)


def test_before_their_cooldowns_a_short_and_a_long_run_are_one(patches, tmp_path):
    path = tmp_path / "run.safetensors"

    def state_at(config, step):
        model = small_net()
        optimizer = make_optimizer(model, config)
        return TrainingState(model, config, optimizer, config.steps, len(patches), step=step)

    short = replace(MUON, steps=10, cooldown_steps=4)
    for wanted, step, there, here in (
        (True, 6, short, replace(short, steps=20, cooldown_steps=10, epochs=7, precision="bf16")),
        (False, 7, short, replace(short, steps=20, cooldown_steps=10)),
        (True, 6, replace(short, steps=20), short),
        (False, 8, replace(short, steps=20), short),
    ):
        save_checkpoint(state_at(there, step), path)
        if wanted:
            state = state_at(here, 0)
            load_checkpoint(path, state)
            assert state.step == step
        else:
            with pytest.raises(TrainingError, match="belongs to a run with steps="):
                load_checkpoint(path, state_at(here, 0))


def test_a_checkpoint_of_the_first_edition_is_read(patches, tmp_path):
    path = tmp_path / "run.safetensors"
    model = small_net()
    state = TrainingState(model, SGD, make_optimizer(model, SGD), 12, len(patches), step=3)
    save_checkpoint(state, path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["run"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del header["config"]["cooldown_steps"], header["stretches"]
    save_file(tensors, path, metadata={"run": json.dumps(header)})
    load_checkpoint(path, state)
    assert (state.step, state.stretches) == (3, [])
    other = VDSR(3, 5)
    with pytest.raises(TrainingError, match=r"does not fit the network: Error.* in loading state_dict for VDSR: "):
        load_checkpoint(path, TrainingState(other, SGD, make_optimizer(other, SGD), 12, len(patches)))


def test_no_checkpoint_is_written_before_it_is_time(patches, tmp_path):
    path = tmp_path / "run.safetensors"
    there = []
    train(
        small_net(),
        patches,
        replace(SGD, steps=2),
        [Checkpointer(path, 1000), lambda state: there.append(path.exists())],
    )
    assert there == [False, True]


def test_what_is_logged_when_and_how_fast_it_was(patches, monkeypatch):
    clock = count(100)  # each look at it takes a second
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    state = train(small_net(), patches, replace(SGD, steps=7, log_every=3))
    assert [entry["step"] for entry in state.history] == [1, 3, 6, 7]
    epochs = [round(step * 4 / len(patches), 4) for step in (1, 3, 6, 7)]
    assert [entry["epoch"] for entry in state.history] == epochs
    assert len({round(epoch, 3) for epoch in epochs}) == 4
    assert state.seconds == 7  # a second a step
    # Two looks a step, one more where it is logged: 3, 5, 7 and 3 seconds since the last.
    speeds = [entry["samples_per_second"] for entry in state.history]
    assert speeds == pytest.approx([4 / 3, 2 * 4 / 5, 3 * 4 / 7, 4 / 3])


def test_one_patch_is_enough_and_none_is_refused(patches):
    one, none = (Patches(*(t[:k] for t in (patches.interpolated, patches.high_res, patches.scale))) for k in (1, 0))
    assert train(small_net(), one, replace(SGD, steps=1, batch_size=1)).step == 1
    with pytest.raises(TrainingError, match=r"^no patches to train on$"):
        train(small_net(), none, SGD)


@pytest.mark.parametrize("shape", [(9, 7), (2, 9, 7), (1, 1, 1, 9, 7)])
def test_the_middle_is_cut_from_any_stack(shape):
    image = torch.arange(float(np.prod(shape))).reshape(shape)
    assert torch.equal(crop_like(image, torch.zeros(5, 3)), image[..., 2:-2, 2:-2])
    for rows, columns in ((8, 7), (9, 6), (11, 7), (9, 9), (11, 9)):
        with pytest.raises(InputError, match="cannot centre"):
            crop_like(image, torch.zeros(rows, columns))


@pytest.mark.parametrize(("optimizer", "moment"), [("sgd", "momentum"), ("adam", "betas")])
def test_an_optimizer_is_made_as_the_configuration_says(optimizer, moment):
    model = VDSR(4, 2)
    config = replace(SGD, optimizer=optimizer, learning_rate=0.3, momentum=0.7, weight_decay=0.01)
    for factor in (1.0, 2.0, 0.1):
        made = make_optimizer(model, replace(config, last_layer_factor=factor))
        assert {group["lr"] for group in made.param_groups} == {0.3}
        assert {group["weight_decay"] for group in made.param_groups} == {0.01}
        assert {group[moment] for group in made.param_groups} == {0.7 if moment == "momentum" else (0.7, 0.999)}
        assert [group["factor"] for group in made.param_groups] == ([1.0] if factor == 1 else [1.0, factor])
        last = [p for group in made.param_groups if group["factor"] != 1 for p in group["params"]]
        assert [id(p) for p in last] == ([] if factor == 1 else [id(p) for p in model.convs[-1].parameters()])
    with pytest.raises(InputError, match=r"^last_layer_factor is for SGD and Adam; Muon gives the last layer to Adam$"):
        make_optimizer(model, replace(MUON, last_layer_factor=0.1))
    hidden, others = make_optimizer(model, MUON).param_groups
    assert (len(hidden["params"]), len(others["params"])) == (2, 6)  # two kernels of 2 x 2 channels


def test_a_stretch_says_from_where_to_where(patches, tmp_path):
    path = tmp_path / "run.safetensors"

    def stop(state):
        if state.step == 2:
            raise StopIteration

    checkpointer = Checkpointer(path, seconds=0)
    train(small_net(), patches, replace(SGD, steps=4), [checkpointer, stop], about={"commit": "abc"})
    state = train(small_net(), patches, replace(SGD, steps=4), [checkpointer], resume=path)
    assert [(s["from_step"], s["to_step"]) for s in state.stretches] == [(0, 2), (2, 4)]
    assert [s.get("commit") for s in state.stretches] == ["abc", None]
    assert state.stretches[1].keys() == {"from_step", "to_step", "precision", "machine", "torch_version"}


@pytest.mark.parametrize(
    ("kind", "measure"), [("l1", lambda e: e.abs().mean()), ("l2", lambda e: 0.5 * e.square().sum() / len(e))]
)
def test_the_loss_that_is_logged_is_the_configuration_s(patches, kind, measure):
    model = small_net()
    with torch.no_grad():
        error = model(patches.interpolated) - patches.high_res
    config = replace(SGD, steps=1, batch_size=len(patches), loss=kind, augment=False)
    assert train(model, patches, config).history[0]["loss"] == pytest.approx(float(measure(error)), rel=1e-4)


def test_muon_takes_the_configuration_s_momentum():
    optimizer = make_optimizer(VDSR(3, 4), replace(MUON, momentum=0.5))
    assert {group["momentum"] for group in optimizer.param_groups if "momentum" in group} == {0.5}


def test_callbacks_and_loading_leave_the_rest_alone(patches, tmp_path):
    path = tmp_path / "deep" / "er" / "run.safetensors"
    state = train(small_net(), patches, replace(SGD, steps=2), [Checkpointer(path)])
    fresh = train(small_net(seed=3), patches, replace(SGD, steps=2))
    load_checkpoint(path, fresh)
    assert torch.equal(weights(fresh.model), weights(state.model))
    assert fresh.seconds == state.seconds


def test_the_package_hands_its_rooms_names_on(monkeypatch):
    assert dir(training) == training.__all__ == sorted(training.__all__)
    for name in training.__all__:
        known = getattr(training, name)
        monkeypatch.delitem(vars(training), name)  # as before its first use
        assert getattr(training, name) is known
        assert vars(training)[name] is known
    assert training.default_fabric.__module__ == "vdsr_lib.devices"
    with pytest.raises(AttributeError, match=r"module 'vdsr_lib\.training' has no attribute 'nothing'"):
        _ = training.nothing


def test_the_progress_bar_says_what_was_logged(patches, monkeypatch):
    # A lock of this process's own: the default one is shared, and a process that is killed keeps it.
    monkeypatch.setattr(tqdm, "_lock", threading.RLock(), raising=False)
    stream = io.StringIO()
    progress = Progress(file=stream, mininterval=0, ncols=200)
    shown = []

    def look(state):
        shown.append((progress.bar.n, progress.bar.total, progress.bar.postfix))

    config = replace(SGD, steps=4, log_every=2)
    # The validator's entry and the step's are two, and the bar shows both.
    validator = Validator(lambda model: {"psnr_x2": 31.4159}, every_epochs=0.01)
    state = train(small_net(), patches, config, [validator, progress, look])
    assert [(done, total) for done, total, _ in shown] == [(step, 4) for step in (1, 2, 3, 4)]
    last = shown[-1][2]
    assert "psnr_x2=31.42" in last
    loss = next(entry["loss"] for entry in reversed(state.history) if "loss" in entry)
    assert f"loss={loss:.4g}" in last
    assert "epoch=" not in last
    assert "step=" not in last
    assert progress.bar.disable  # closed
    assert "4/4" in stream.getvalue()
    assert "step/s" in stream.getvalue()
    state.step, state.is_main = 2, False
    other = Progress(file=stream)
    other(state)
    assert other.bar is None  # one process draws
    state.is_main = True
    other(state)
    assert (other.bar.initial, other.bar.n, other.bar.disable) == (1, 2, False)
    other.bar.close()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestCuda:
    @pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("tf32", 1e-3), ("bf16", 2e-2)])
    def test_one_step_agrees_with_the_cpu(self, patches, precision, tolerance):
        config = replace(SGD, steps=1)
        cpu = train(small_net(), patches, config, fabric=default_fabric("fp32", accelerator="cpu"))
        gpu = train(small_net(), patches, replace(config, precision=precision), fabric=default_fabric(precision))
        assert gpu.history[0]["loss"] == pytest.approx(cpu.history[0]["loss"], rel=tolerance)

    def test_patches_stay_on_the_card(self, patches):
        moved = patches.to("cuda")
        x, y = moved.batch(torch.arange(4), torch.arange(4))
        assert x.is_cuda
        assert y.is_cuda


def test_fp16_begins_with_a_scale_that_a_sum_over_pixels_can_bear(patches):
    state = train(small_net(), patches, replace(SGD, steps=1, precision="fp16"))
    assert state.scaler.get_scale() == 2**8


def test_the_bar_shows_the_entry_of_this_step_alone():
    bar = Progress(file=io.StringIO())

    def told(step, *history):
        bar(SimpleNamespace(is_main=True, total_steps=9, step=step, finished=False, history=list(history)))
        return bar.bar.postfix or ""

    assert told(1) == ""
    assert "loss=2" in told(2, {"step": 1, "loss": 1.0}, {"step": 2, "loss": 2.0})
    assert "loss=2" in told(3, {"step": 2, "loss": 5.0})  # nothing of step 3 yet: what stood there stays
    bar.bar.close()
