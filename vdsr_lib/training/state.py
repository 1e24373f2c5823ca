"""A run as it stands: what callbacks see, and what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .config import TrainingConfig


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
