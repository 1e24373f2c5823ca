"""VDSR (Kim, Lee and Lee, CVPR 2016), exact to the last rounding.

`from vdsr_lib import VDSR, upscale`: the names below are loaded when they are first used, and every module has its
own page in the book's reference. Importing any of them changes no global state and downloads nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .degradation import degrade as degrade
    from .evaluation import evaluate as evaluate
    from .metrics import psnr as psnr
    from .metrics import ssim as ssim
    from .models import SRCNN as SRCNN
    from .models import VDSR as VDSR
    from .pretrained import load as load
    from .resize import imresize as imresize
    from .training import TrainingConfig as TrainingConfig
    from .training import train as train
    from .upscaling import upscale as upscale

__version__ = "0.2.0"

_HOMES = {
    "VDSR": "models",
    "SRCNN": "models",
    "imresize": "resize",
    "degrade": "degradation",
    "upscale": "upscaling",
    "evaluate": "evaluation",
    "psnr": "metrics",
    "ssim": "metrics",
    "train": "training",
    "TrainingConfig": "training",
    "load": "pretrained",
}
_ROOMS = (
    "analysis", "book", "cli", "clipping", "datasets", "degradation", "devices", "ensemble", "errors", "evaluation",
    "exporting", "files", "image_files", "images", "metrics", "models", "patches", "pretrained", "receptive_field",
    "resize", "runs", "symmetry", "training", "upscaling", "upscaling_files",
)  # fmt: skip

__all__ = [
    "SRCNN", "VDSR", "TrainingConfig", "degrade", "evaluate", "imresize", "load", "psnr", "ssim", "train", "upscale",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a name, or a module, when it is first asked for; torch does not come before."""
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, "__version__"})
