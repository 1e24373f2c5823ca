"""One readable training loop, for a laptop, one GPU or many.

The loop is `run_steps`, one screen long; `train` sets it up. Devices, precision and several processes
are Lightning Fabric's work: it is the thinnest well-kept layer that gives all three and leaves the loop
in our hands.

A run is a function of `(model, patches, config)`: its batches come from a stream that is a pure function
of `(seed, step)`, so a resumed run needs no generator's state, and equals the uninterrupted one.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .clipping import clip_by_norm_, clip_by_value_
from .devices import PRECISIONS, fp16, machine, resolve_precision, tf32
from .errors import DivergedError, InputError, TrainingError
from .files import write_atomically
from .muon import Muon
from .patches import Patches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("sgd", "adam", "muon"),
    "schedule": ("step", "cosine", "cooldown", "constant"),
    "clip": ("value", "norm", "none"),
    "loss": ("l2", "l1"),
    "precision": ("auto", *PRECISIONS),
}


_ABOVE_0 = 5e-324  # the least of all floats
# Every number of a configuration: its kind, the least and the greatest. A seed is multiplied by a million in 64 bits; a
# batch is listed sample by sample.
_NUMBERS: dict[str, tuple[type, float, float]] = {
    "epochs": (Real, _ABOVE_0, 1e9),
    "steps": (Integral, 1, 1e12),
    "batch_size": (Integral, 1, 2**16),
    "learning_rate": (Real, _ABOVE_0, 1e9),
    "momentum": (Real, 0, 1),
    "weight_decay": (Real, 0, 1e9),
    "warmup_steps": (Integral, 0, 1e12),
    "cooldown_steps": (Integral, 0, 1e12),
    "drop_epochs": (Real, _ABOVE_0, math.inf),
    "drop_factor": (Real, _ABOVE_0, 1e9),
    "theta": (Real, _ABOVE_0, math.inf),
    "max_norm": (Real, _ABOVE_0, math.inf),
    "last_layer_factor": (Real, 0, 1e9),
    "ema": (Real, 0, 1),
    "seed": (Integral, 0, 2**32 - 1),
    "log_every": (Integral, 1, 1e12),
}


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run, but the network and the patches. The defaults are the paper's.

    Attributes:
        epochs: passes over the patches; the paper's 80. An epoch is `len(patches) / batch_size`
            steps, a fraction: the stream of samples does not stop at its end.
        steps: number of steps in place of `epochs`.
        batch_size: over all processes together; the paper's 64.
        optimizer: `"sgd"` (the paper's), `"adam"`, or `"muon"` (the modern recipe's; see `vdsr_lib.muon`).
        learning_rate: γ at the start; the paper's 0.1, which only clipping makes possible.
        momentum, weight_decay: the paper's 0.9 and 1e-4. Adam takes β₁ = momentum; Muon has no decay.
        schedule: `"step"` (÷ `drop_factor` every `drop_epochs`), `"cosine"` to zero, `"constant"`, or
            `"cooldown"`: constant, then straight to zero over the last `cooldown_steps`. Until
            then the run does not depend on its length, so one checkpoint starts both a short run's
            end and a longer run.
        warmup_steps: linear warm-up; the paper has none.
        cooldown_steps: length of the last part of `"cooldown"`, in steps.
        drop_epochs, drop_factor: the paper's 20 and 10.
        clip: `"value"` (the paper's), `"norm"`, or `"none"`.
        theta: θ of the paper's clip. Not printed in the paper; 1e-4 comes from our search.
        max_norm: bound of the clip by norm.
        loss: `"l2"`, the paper's ½‖r − f(x)‖² summed over pixels and averaged over the batch; or
            `"l1"`, the mean absolute error over pixels.
        augment: turn and flip each sample at random (the paper's table 3 does).
        last_layer_factor: learning rate of the last layer relative to the others; SRCNN's is 0.1.
        ema: decay of a moving average of the weights, in [0, 1); 0 keeps none (the paper).
        precision: `"fp32"`, `"tf32"` (CUDA; the same as fp32 elsewhere), `"bf16"`, `"fp16"`, or `"auto"`: bf16
            where the processor or card has units for it, fp16 on cards that have units for that alone
            (Volta, Turing), else fp32. Without such units bf16 is emulated, and was measured 12 times
            slower than fp32. In fp16 the loss is scaled up for the backward pass, and the gradients are
            scaled down again before they are clipped; a step whose gradients overflow is left out.
        seed: of the batches' order and of the augmentation. The network is initialised by its maker.
        log_every: steps between two entries of the history.
    """

    epochs: float = 80
    steps: int | None = None
    batch_size: int = 64
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "step"
    warmup_steps: int = 0
    cooldown_steps: int = 0
    drop_epochs: float = 20
    drop_factor: float = 10
    clip: str = "value"
    theta: float = 1e-4
    max_norm: float = 1.0
    loss: str = "l2"
    augment: bool = False
    last_layer_factor: float = 1.0
    ema: float = 0.0
    precision: str = "auto"
    seed: int = 0
    log_every: int = 10

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, (kind, low, high) in _NUMBERS.items():
            value: Any = getattr(self, name)
            if name == "steps" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:  # type: ignore[operator]
                what = "whole number" if kind is Integral else "number"
                bounds = f"in [{low:g}, {high:.15g}]"
                if low == _ABOVE_0:
                    bounds = "> 0" if high == math.inf else f"in (0, {high:g}]"
                raise InputError(f"{name} must be a {what} {bounds}, got {value!r}")
        if self.ema == 1 or self.momentum == 1:
            raise InputError(f"ema and momentum must be in [0, 1), got {self.ema!r} and {self.momentum!r}")

    def total_steps(self, samples: int) -> int:
        """Number of steps of the whole run, for a set of `samples` patches."""
        if self.steps is not None:
            return self.steps
        return math.ceil(self.epochs * samples / self.batch_size)

    def rate(self, step: int, samples: int) -> float:
        """γ at a step (from 0). Paper: section 5.2, "Training Parameters". Chapter: 6."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "step":
            try:
                drops = math.floor(step * self.batch_size / (samples * self.drop_epochs))
                return self.learning_rate / self.drop_factor**drops
            except (OverflowError, ZeroDivisionError):  # after hundreds of drops
                return 0.0
        if self.schedule == "cosine":
            done = (step - self.warmup_steps) / max(1, self.total_steps(samples) - self.warmup_steps)
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
        if self.schedule == "cooldown" and self.cooldown_steps:
            return self.learning_rate * min(1.0, (self.total_steps(samples) - step) / self.cooldown_steps)
        return self.learning_rate


@dataclass(eq=False)
class TrainingState:
    """A run as it stands: what callbacks see, and what a checkpoint holds.

    Attributes:
        model: the bare network (not Fabric's wrapper).
        config: the run's configuration.
        total_steps: steps planned.
        step: steps done.
        seconds: time spent in steps, over all sessions of the run.
        history: one entry each `log_every` steps: step, epoch, loss, learning_rate, clipped_share,
            residual_std, samples_per_second; callbacks may add entries of their own, with their own keys.
        ema: averaged weights by name, empty unless `config.ema` > 0.
        stretches: one entry per session of the run: from_step, to_step, precision, machine, torch_version, and
            what the caller of `train` said of it.
        scaler: of the loss in fp16; it does nothing in other precisions.
        is_main: this is the process that logs and writes.
    """

    model: nn.Module
    config: TrainingConfig
    optimizer: torch.optim.Optimizer
    total_steps: int
    samples: int
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    ema: dict[str, Tensor] = field(default_factory=dict)
    stretches: list[dict[str, Any]] = field(default_factory=list)
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))
    is_main: bool = True

    @property
    def epoch(self) -> float:
        """Passes over the patches so far."""
        return self.step * self.config.batch_size / self.samples

    @property
    def finished(self) -> bool:
        """All planned steps are done."""
        return self.step >= self.total_steps

    def averaged_weights(self) -> dict[str, Tensor]:
        """The weights to evaluate and to ship: the moving average if there is one, else the network's own."""
        return self.ema or dict(self.model.state_dict())


class Callback(Protocol):
    """Called on the state after each step; raise `StopIteration` to end the run there."""

    def __call__(self, state: TrainingState) -> None: ...


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


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """SGD with momentum and L2 decay (the paper's), Adam, or Muon; the last layer may have its own rate."""
    parameters = list(model.parameters())
    if config.optimizer == "muon":
        if config.last_layer_factor != 1.0:
            raise InputError("last_layer_factor is for SGD and Adam; Muon gives the last layer to Adam")
        hidden = [p for p in parameters if p.ndim == 4 and min(p.shape[:2]) > 1]
        others = [p for p in parameters if all(p is not q for q in hidden)]
        return Muon(hidden, others, config.learning_rate, config.momentum)
    groups = [{"params": parameters, "factor": 1.0}]
    if config.last_layer_factor != 1.0:
        convs: nn.ModuleList = model.convs  # type: ignore[assignment]
        last = list(convs[-1].parameters())
        others = [p for p in parameters if all(p is not q for q in last)]
        groups = [{"params": others, "factor": 1.0}, {"params": last, "factor": config.last_layer_factor}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return torch.optim.Adam(
        groups, lr=config.learning_rate, betas=(config.momentum, 0.999), weight_decay=config.weight_decay
    )


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


def default_fabric(precision: str = "auto", **arguments: Any) -> Fabric:
    """One launched Fabric: the best device here, or all of `torchrun`'s processes.

    Args:
        precision: see `TrainingConfig`.
        arguments: passed on to `lightning_fabric.Fabric`, such as `accelerator="cpu"`, `devices=2`.
    """
    if "LOCAL_RANK" in os.environ:
        arguments.setdefault("devices", int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        arguments.setdefault("num_nodes", int(os.environ.get("GROUP_WORLD_SIZE", "1")))
        arguments.setdefault("strategy", "ddp")
    arguments.setdefault("devices", 1)
    accelerator = arguments.get("accelerator", "auto")
    on_cuda = accelerator in ("cuda", "gpu") or (accelerator == "auto" and torch.cuda.is_available())
    resolved = resolve_precision(precision, torch.device("cuda" if on_cuda else "cpu"))
    # Imported here, for Fabric sets warning filters and an environment variable as it is imported.
    from lightning_fabric import Fabric

    fabric = Fabric(precision=PRECISIONS[resolved], **arguments)  # type: ignore[arg-type]
    fabric.launch()
    return fabric


# --- checkpoints -------------------------------------------------------------------------------------


def save_checkpoint(state: TrainingState, path: str | os.PathLike) -> None:
    """Write the whole run to one safetensors file, atomically: tensors, and JSON in its header.

    One file, moved into place when it is complete, is what makes `kill -9` harmless at any moment.
    """
    tensors = {f"model.{name}": t for name, t in state.model.state_dict().items()}
    tensors |= {f"ema.{name}": t for name, t in state.ema.items()}
    for k, parameter in enumerate(p for group in state.optimizer.param_groups for p in group["params"]):
        for name, value in state.optimizer.state.get(parameter, {}).items():
            if value is not None:
                tensors[f"optimizer.{k}.{name}"] = torch.as_tensor(value)
    header = {
        "run": json.dumps(
            {
                "config": asdict(state.config),
                "samples": state.samples,
                "step": state.step,
                "seconds": state.seconds,
                "history": state.history,
                "stretches": state.stretches,
                "scaler": state.scaler.state_dict(),
            }
        )
    }
    contiguous = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary, metadata=header))


_LATER = {"cooldown_steps": 0}
"""Values of settings that checkpoints written before they existed had in effect."""


def load_checkpoint(path: str | os.PathLike, state: TrainingState) -> None:
    """Put a run back to where `save_checkpoint` found it.

    Errors: `TrainingError` when the file is no checkpoint, or one of another configuration or data.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        run = json.loads(header["run"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(f"{path}: is not a checkpoint ({error})") from None
    wanted = json.loads(json.dumps(asdict(state.config)))
    # The precision may differ between machines; the record of the run says which was used where.
    free = {"precision"}
    if state.config.schedule == "cooldown":
        # Before their cooldowns, a short and a long run are the same run.
        longest = run["config"].get("steps") or 0, run["config"].get("cooldown_steps") or 0
        before = min(longest[0] - longest[1], state.total_steps - state.config.cooldown_steps)
        free |= {"steps", "epochs", "cooldown_steps"} if run["step"] <= before else set()
    for name, value in wanted.items():
        if name not in free and run["config"].get(name, _LATER.get(name)) != value:
            raise TrainingError(
                f"{path}: belongs to a run with {name}={run['config'].get(name)!r}, this one has {value!r}"
            )
    if run["samples"] != state.samples:
        raise TrainingError(f"{path}: was trained on {run['samples']} patches, got {state.samples}")

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    try:
        state.model.load_state_dict(part("model."))
    except RuntimeError as error:
        raise TrainingError(f"{path}: does not fit the network: {' '.join(str(error).split())}") from None
    device = next(state.model.parameters()).device
    state.ema = {name: t.to(device) for name, t in part("ema.").items()}
    for k, parameter in enumerate(p for group in state.optimizer.param_groups for p in group["params"]):
        saved = part(f"optimizer.{k}.")
        if saved:
            # Adam keeps its step count on the CPU; all else lives, and is laid out, as its parameter.
            state.optimizer.state[parameter] = {
                name: t if t.ndim == 0 else torch.empty_like(parameter).copy_(t) for name, t in saved.items()
            }
    state.step, state.seconds, state.history = run["step"], run["seconds"], run["history"]
    # Checkpoints of the first edition have no stretches: their record says on what they ran.
    state.stretches = run.get("stretches", [])
    if state.scaler.is_enabled() and run.get("scaler"):
        state.scaler.load_state_dict(run["scaler"])


# --- callbacks ---------------------------------------------------------------------------------------


class Checkpointer:
    """Writes a checkpoint at most `seconds` apart, and one at the end.

    Args:
        path: the file; its folder is made.
        seconds: longest time between two checkpoints; kill -9 loses no more than that.
    """

    def __init__(self, path: str | os.PathLike, seconds: float = 300.0):
        self.path, self.seconds = Path(path), seconds
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._last = time.monotonic()

    def __call__(self, state: TrainingState) -> None:
        if state.finished or time.monotonic() - self._last >= self.seconds:
            self.save(state)

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint now, from the main process."""
        if state.is_main:
            save_checkpoint(state, self.path)
        self._last = time.monotonic()


class Validator:
    """Adds an entry `{"step", "epoch", **score(network)}` to the history every so many epochs, and at the end.

    Args:
        score: takes the network with the weights to evaluate, returns numbers by name.
        every_epochs: distance of two validations.
    """

    def __init__(self, score: Callable[[nn.Module], dict[str, float]], every_epochs: float = 1.0):
        self.score, self.every_epochs = score, every_epochs

    def __call__(self, state: TrainingState) -> None:
        previous = (state.step - 1) * state.config.batch_size / state.samples
        due = math.floor(state.epoch / self.every_epochs) > math.floor(previous / self.every_epochs)
        if not state.is_main or not (due or state.finished):
            return
        own = {name: t.detach().clone() for name, t in state.model.state_dict().items()}
        state.model.load_state_dict(state.averaged_weights())
        state.model.eval()
        try:
            scores = self.score(state.model)
        finally:
            state.model.load_state_dict(own)
            state.model.train()
        state.history.append({"step": state.step, "epoch": round(state.epoch, 4), **scores})


class Progress:
    """A progress bar with loss, clipped share, residual spread, samples per second and validation PSNR."""

    def __init__(self, **arguments: Any):
        self.arguments, self.bar = arguments, None

    def __call__(self, state: TrainingState) -> None:
        if not state.is_main:
            return
        if self.bar is None:
            from tqdm.auto import tqdm

            self.bar = tqdm(total=state.total_steps, initial=state.step - 1, unit="step", **self.arguments)
        assert self.bar is not None
        self.bar.update(state.step - self.bar.n)
        if state.history and state.history[-1]["step"] == state.step:
            latest: dict[str, Any] = {}
            for entry in state.history[-20:]:
                latest |= entry
            shown = {k: f"{v:.4g}" for k, v in latest.items() if k not in ("step", "epoch") and v is not None}
            self.bar.set_postfix(shown, refresh=False)
        if state.finished:
            self.bar.close()


def curve(history: Iterable[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """`(epochs, values)` of one quantity of a history, to plot."""
    pairs = [(entry["epoch"], entry[key]) for entry in history if key in entry]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]
