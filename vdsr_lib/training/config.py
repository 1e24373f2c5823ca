"""Everything that decides a run, as values; it needs no torch, so that a command can read it quickly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args

from ..errors import InputError

Optimizer = Literal["sgd", "adam", "muon"]
Schedule = Literal["step", "cosine", "cooldown", "constant"]
Clip = Literal["value", "norm", "none"]
Loss = Literal["l2", "l1"]
Precision = Literal["auto", "fp32", "tf32", "bf16", "fp16"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "clip": get_args(Clip),
    "loss": get_args(Loss),
    "precision": get_args(Precision),
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

    The command `vdsr train` has an option for each field, and prints as its help what stands here.

    Attributes:
        epochs: passes over the patches; the paper's 80. An epoch is `len(patches) / batch_size`
            steps, a fraction: the stream of samples does not stop at its end.
        steps: number of steps instead of `epochs`.
        batch_size: over all processes together; the paper's 64.
        optimizer: sgd is the paper's; muon is the modern recipe's, see `vdsr_lib.training.muon`.
        learning_rate: γ at the start; the paper's 0.1, which only clipping makes possible.
        momentum: the paper's 0.9; β₁ of Adam.
        weight_decay: the paper's 1e-4; Muon has none.
        schedule: step divides by `drop_factor` every `drop_epochs`; cosine goes to zero; cooldown is constant, then
            goes straight to zero over the last `cooldown_steps`: until then the run does not depend on its
            length, so one checkpoint starts both a short run's end and a longer run.
        warmup_steps: linear warm-up; the paper has none.
        cooldown_steps: length of the last part of the schedule cooldown, in steps.
        drop_epochs: of the schedule step; the paper's 20.
        drop_factor: of the schedule step; the paper's 10.
        clip: by value (the paper's), by norm, or none.
        theta: θ of the paper's clip. Not printed in the paper; 1e-4 comes from our search.
        max_norm: bound of the clip by norm.
        loss: l2 is the paper's ½‖r − f(x)‖² summed over pixels and averaged over the batch; l1 is the mean
            absolute error over pixels.
        augment: turn and flip each sample at random, as for the paper's table 3.
        last_layer_factor: learning rate of the last layer relative to the others; SRCNN's is 0.1.
        ema: decay of a moving average of the weights, in [0, 1); 0 keeps none, as in the paper.
        precision: tf32 is for CUDA, and the same as fp32 elsewhere. auto is bf16 where the processor or card has
            units for it, fp16 on cards that have units for that alone, such as Volta and Turing, else fp32.
            Without such units bf16 is emulated, and was measured 12 times slower than fp32. In fp16 the loss is
            scaled up for the backward pass, and the gradients are scaled down again before they are clipped; a
            step whose gradients overflow is left out.
        seed: of the batches' order and of the augmentation. The network is initialised by its maker.
        log_every: steps between two entries of the history.
    """

    epochs: float = 80
    steps: int | None = None
    batch_size: int = 64
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Schedule = "step"
    warmup_steps: int = 0
    cooldown_steps: int = 0
    drop_epochs: float = 20
    drop_factor: float = 10
    clip: Clip = "value"
    theta: float = 1e-4
    max_norm: float = 1.0
    loss: Loss = "l2"
    augment: bool = False
    last_layer_factor: float = 1.0
    ema: float = 0.0
    precision: Precision = "auto"
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
