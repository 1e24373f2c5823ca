"""Everything that decides a run, as values; it needs no torch, so that a command can read it quickly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from ..devices import PRECISIONS
from ..errors import InputError

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
        optimizer: `"sgd"` (the paper's), `"adam"`, or `"muon"` (the modern recipe's; see `vdsr_lib.training.muon`).
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
