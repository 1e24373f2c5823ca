"""One readable training loop, for a laptop, one GPU or many.

The loop is `run_steps`, one screen long; `train` sets it up. Devices, precision and several processes
are Lightning Fabric's work: it is the thinnest well-kept layer that gives all three and leaves the loop
in our hands.

A run is a function of `(model, patches, config)`: its batches come from a stream that is a pure function
of `(seed, step)`, so a resumed run needs no generator's state, and equals the uninterrupted one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..clipping import clip_by_norm_, clip_by_value_
from ..devices import default_fabric, fp16, machine, resolve_precision, tf32
from ..errors import DivergedError, InputError, TrainingError
from ..patches import Patches
from .checkpoints import load_checkpoint
from .config import TrainingConfig
from .optimizers import make_optimizer
from .state import Callback, TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def residual_loss(prediction: Tensor, target: Tensor, kind: str = "l2") -> Tensor:
    """The training loss at its true scale.

    `"l2"` is ½‖target − prediction‖², *summed* over pixels and averaged over the batch. The sum matters:
    with the mean over 41·41 pixels the gradients are 1,681 times smaller, and so the same θ and γ
    mean another thing.

    Args:
        prediction: `(B, 1, Q, Q)`.
        target: `(B, 1, P, P)`, P ≥ Q. A network without padding returns less than it was given; it is
            compared with the middle of the target.
        kind: `"l2"`, or `"l1"` for the mean absolute error.

    Paper: section 3.2, the loss ½‖r − f(x)‖². Chapters: 5, 6.
    """
    error = prediction.float() - crop_like(target, prediction)
    if kind == "l1":
        return error.abs().mean()
    return 0.5 * error.square().sum() / len(error)


def crop_like(image: Tensor, other: Tensor) -> Tensor:
    """The middle of `image` `(..., P, P)` as large as `other` `(..., Q, Q)`."""
    rows, columns = (a - b for a, b in zip(image.shape[-2:], other.shape[-2:], strict=True))
    if rows < 0 or columns < 0 or rows % 2 or columns % 2:
        raise InputError(f"cannot centre {tuple(other.shape)} in {tuple(image.shape)}")
    top, left = rows // 2, columns // 2
    return image[..., top : image.shape[-2] - top, left : image.shape[-1] - left]


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, samples: int) -> Tensor:
    """The order of the patches in one epoch: a permutation `(samples,)`, a pure function of its arguments."""
    return torch.randperm(samples, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))


def batch_indices(config: TrainingConfig, samples: int, step: int) -> tuple[Tensor, Tensor | None]:
    """Which patches make the batch of a step, and each one's symmetry: a pure function of (seed, step).

    The stream is one shuffled epoch after another, cut into batches without regard to the seams.

    Returns: `(index, symmetry)`, each `(batch_size,)` int64 on the CPU; symmetry is None without augmentation.
    """
    first = step * config.batch_size
    positions = range(first, first + config.batch_size)
    index = torch.stack([epoch_order(config.seed, p // samples, samples)[p % samples] for p in positions])
    if not config.augment:
        return index, None
    return index, step_symmetries(config, step)


def step_symmetries(config: TrainingConfig, step: int) -> Tensor:
    """The symmetries of a step's samples, `(batch_size,)` int64 in [0, 8): a pure function of (seed, step)."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step + 500_009)
    return torch.randint(8, (config.batch_size,), generator=generator)


def train(
    model: nn.Module,
    patches: Patches,
    config: TrainingConfig,
    callbacks: Sequence[Callback] = (),
    *,
    resume: str | os.PathLike | None = None,
    fabric: Fabric | None = None,
    about: Mapping[str, Any] = MappingProxyType({}),
) -> TrainingState:
    """Train a network in place; the paper's algorithm with the default configuration.

    Args:
        model: takes and returns `(B, 1, P, P)` in [0, 1]; initialised, and left on the device it ran on.
        patches: the training pairs; moved to the device whole.
        config: see `TrainingConfig`.
        callbacks: called in order after each step (progress, validation, checkpoints).
        resume: a checkpoint of the same model, patches and configuration to go on from. A file that
            is not there yet starts the run afresh, so a command can be repeated until it is done.
        fabric: devices and processes; by default the best single device, or what `torchrun` asks for.
        about: JSON values to keep with this stretch of the run, such as the commit of the code.

    Returns: the final state; `state.history` is the record.
    Errors: `DivergedError` (with the history) when the loss is no longer a finite number;
        `TrainingError` when a checkpoint does not belong to the run, or patches are fewer than a batch.
    Paper: sections 3.2 and 5.2. Chapters: 3 to 7, 10.
    """
    if len(patches) < 1:
        raise TrainingError("no patches to train on")
    fabric = fabric or default_fabric(config.precision)
    if config.batch_size % fabric.world_size:
        raise TrainingError(f"batch_size {config.batch_size} is no multiple of {fabric.world_size} processes")
    patches = patches.to(fabric.device)
    model.to(device=fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model, config)
    wrapped, optimizer = fabric.setup(model, optimizer)

    state = TrainingState(model, config, optimizer, config.total_steps(len(patches)), len(patches))
    state.is_main = fabric.is_global_zero
    precision = resolve_precision(config.precision, fabric.device)
    # The loss is a sum over pixels, so its gradients need little scaling; the usual 2¹⁶ would overflow at the start.
    state.scaler = torch.amp.GradScaler(fabric.device.type, init_scale=2.0**8, enabled=precision == "fp16")
    if config.ema:
        state.ema = {name: t.detach().clone() for name, t in model.state_dict().items()}
    if resume is not None and Path(resume).exists():
        load_checkpoint(resume, state)
    if not state.finished:
        state.stretches.append(
            {
                "from_step": state.step,
                "to_step": state.step,
                "precision": precision,
                "machine": machine(),
                "torch_version": torch.__version__,
                **about,
            }
        )

    try:
        with tf32(precision == "tf32"):
            run_steps(state, wrapped, patches, fabric, callbacks)
    except StopIteration:
        pass
    finally:
        model.eval()
    return state


def run_steps(
    state: TrainingState, network: nn.Module, patches: Patches, fabric: Fabric, callbacks: Sequence[Callback]
) -> None:
    """The loop itself: batch, loss, gradient, clip, step; again until `state.finished`.

    Args:
        state: where the run stands; moved on in place.
        network: `state.model`, wrapped by `fabric`.
        patches: on the device.
        fabric, callbacks: as in `train`.
    """
    config, model = state.config, state.model
    parameters = list(model.parameters())
    share = slice(fabric.global_rank, None, fabric.world_size)  # this process's samples of a batch
    model.train()
    logged_at, logged_step = time.perf_counter(), state.step
    while not state.finished:
        began = time.perf_counter()
        rate = config.rate(state.step, state.samples)
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group["factor"]

        index, symmetry = batch_indices(config, state.samples, state.step)
        x, y = patches.batch(index[share], None if symmetry is None else symmetry[share])
        with fp16(state.scaler.is_enabled(), fabric.device):
            prediction = network(x)  # (B, 1, P, P)
        loss = residual_loss(prediction, y, config.loss)
        state.optimizer.zero_grad()
        fabric.backward(state.scaler.scale(loss))
        state.scaler.unscale_(state.optimizer)

        # Clip the plain gradient, before the optimiser adds weight decay and momentum to it.
        clipped = torch.zeros(())
        if config.clip == "value":
            clipped = clip_by_value_(parameters, config.theta, rate)
        elif config.clip == "norm":
            clipped = (clip_by_norm_(parameters, config.max_norm) > config.max_norm).float()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        weights = model.state_dict()
        for name, average in state.ema.items():
            average.lerp_(weights[name], 1 - config.ema)

        state.step += 1
        state.stretches[-1]["to_step"] = state.step
        state.seconds += time.perf_counter() - began
        if state.step % config.log_every == 0 or state.finished or state.step == 1:
            now = time.perf_counter()
            entry = {
                "step": state.step,
                "epoch": round(state.epoch, 4),
                "loss": float(fabric.all_reduce(loss.detach(), reduce_op="mean")),  # type: ignore[arg-type]
                "learning_rate": rate,
                "clipped_share": float(clipped),
                "residual_std": float((prediction.detach().float() - crop_like(x, prediction)).std()),
                "samples_per_second": (state.step - logged_step) * config.batch_size / (now - logged_at),
            }
            state.history.append(entry)
            logged_at, logged_step = now, state.step
            if not math.isfinite(entry["loss"]):
                raise DivergedError(
                    f"diverged at step {state.step}: loss {entry['loss']} at learning rate {rate:g} "
                    f"with clip {config.clip!r}, theta {config.theta:g}",
                    state.history,
                    state.stretches,
                )
        for callback in callbacks:
            callback(state)
