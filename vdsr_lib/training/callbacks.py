"""What may be called after each step: checkpoints, validation, a progress bar."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from .checkpoints import save_checkpoint
from .state import TrainingState


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
