"""Training: the loop in `loop`, around it what decides a run, keeps it and watches it.

The names of the rooms are handed on, each when it is first used: `config` alone needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..devices import default_fabric as default_fabric
    from .callbacks import Checkpointer as Checkpointer
    from .callbacks import Progress as Progress
    from .callbacks import Validator as Validator
    from .checkpoints import load_checkpoint as load_checkpoint
    from .checkpoints import save_checkpoint as save_checkpoint
    from .config import TrainingConfig as TrainingConfig
    from .loop import batch_indices as batch_indices
    from .loop import crop_like as crop_like
    from .loop import epoch_order as epoch_order
    from .loop import residual_loss as residual_loss
    from .loop import run_steps as run_steps
    from .loop import step_symmetries as step_symmetries
    from .loop import train as train
    from .optimizers import make_optimizer as make_optimizer
    from .state import Callback as Callback
    from .state import TrainingState as TrainingState

_HOMES = {
    "TrainingConfig": "config",
    "TrainingState": "state",
    "Callback": "state",
    "train": "loop",
    "run_steps": "loop",
    "residual_loss": "loop",
    "crop_like": "loop",
    "epoch_order": "loop",
    "batch_indices": "loop",
    "step_symmetries": "loop",
    "make_optimizer": "optimizers",
    "save_checkpoint": "checkpoints",
    "load_checkpoint": "checkpoints",
    "Checkpointer": "callbacks",
    "Validator": "callbacks",
    "Progress": "callbacks",
    "default_fabric": "devices",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "..devices" if _HOMES[name] == "devices" else f".{_HOMES[name]}"
    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES)
