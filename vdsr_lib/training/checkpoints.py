"""A run in one safetensors file, moved into place when it is whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import TrainingError
from ..files import write_atomically
from .state import TrainingState


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
