"""Weights: those that ship with the library, the authors' own, and files of yours.

A weights file is safetensors: plain numbers with a JSON header, so reading one runs no code. The header
names the network and how it was trained. Nothing here unpickles.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from . import datasets, runs
from .errors import WeightsError
from .images import write_atomically
from .models import SRCNN, VDSR

AUTHORS = "authors"


def shipped() -> list[str]:
    """The names of the weights that ship with the library."""
    folder = resources.files("vdsr_lib") / "assets" / "weights"
    if not folder.is_dir():
        return []
    return sorted(f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors"))


def model_spec(model: nn.Module) -> dict[str, Any]:
    """The arguments that build a network of the same shape again, as plain JSON values."""
    if isinstance(model, VDSR):
        bias = model.convs[0].bias is not None
        return {
            "kind": "VDSR", "depth": model.depth, "width": model.width, "residual": model.residual, "bias": bias
        }  # fmt: skip
    if isinstance(model, SRCNN):
        return {
            "kind": "SRCNN", "kernels": list(model.kernels), "widths": list(model.widths), "padding": model.padding
        }  # fmt: skip
    raise WeightsError(f"wanted a VDSR or SRCNN, got {type(model).__name__}")


def build(spec: Mapping[str, Any]) -> VDSR | SRCNN:
    """A freshly initialised network from what `model_spec` gave.

    Errors: `WeightsError` for an unknown kind or wrong arguments.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind", None)
    try:
        if kind == "VDSR":
            return VDSR(**arguments)
        if kind == "SRCNN":
            return SRCNN(**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    except TypeError as error:
        raise WeightsError(f"cannot build a {kind} from {spec}: {error}") from None
    raise WeightsError(f"unknown network kind {kind!r}, wanted VDSR or SRCNN")


def save(model: nn.Module, path: str | os.PathLike, **about: Any) -> None:
    """Write a network's weights and its shape to one safetensors file, atomically.

    Args:
        model: a `VDSR` or `SRCNN` on any device.
        about: anything more for the header (training set, steps, scores), JSON values.
    """
    header = {"model": json.dumps(model_spec(model)), "about": json.dumps(about, sort_keys=True)}
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=header))


def load_file(path: str | os.PathLike) -> VDSR | SRCNN:
    """A network from a file that `save` wrote, on the CPU, in evaluation mode.

    Errors: `WeightsError` when the file is missing, is no such file, or does not fit its own header.
    """
    tensors, header = _read_safetensors(path)
    if "model" not in header:
        raise WeightsError(f"{path}: has no 'model' entry in its header, wanted a file of pretrained.save")
    model = build(json.loads(header["model"]))
    _fill(model, tensors, str(path))
    return model


def about(name: str) -> dict[str, Any]:
    """What the header of shipped weights says of them: training set, steps, scores."""
    _, header = _read_safetensors(_shipped_path(name))
    return json.loads(header.get("about", "{}"))


def load_authors(path: str | os.PathLike | None = None) -> VDSR:
    """The weights that the paper's authors released, as a `VDSR(20, 64)`.

    Args:
        path: `VDSR_Official.mat`; fetched by checksum (see `datasets`) unless given.

    Errors: `WeightsError` when the file is not the authors'; `DataError` when it cannot be had.
    Source: the authors' release, MatConvNet format. Chapter: 8.
    """
    from scipy.io import loadmat

    path = Path(path) if path is not None else datasets.fetch(datasets.AUTHORS_WEIGHTS)
    try:
        content = loadmat(path)["model"][0, 0]
        weights, biases = content["weight"].ravel(), content["bias"].ravel()
    except (OSError, KeyError, IndexError, ValueError, TypeError, NotImplementedError) as error:
        raise WeightsError(f"{path}: is not the authors' VDSR_Official.mat ({error})") from None
    model = VDSR(depth=len(weights))
    tensors: dict[str, Tensor] = {}
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        weight = np.asarray(weight, dtype=np.float32)
        weight = weight.reshape(3, 3, *_channels(weight, k, len(weights)))  # MATLAB drops trailing ones
        tensors[f"convs.{k}.weight"] = torch.from_numpy(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)))
        tensors[f"convs.{k}.bias"] = torch.from_numpy(np.asarray(bias, dtype=np.float32).ravel().copy())
    _fill(model, tensors, str(path))
    return model


def load(name: str) -> VDSR | SRCNN:
    """A trained network by name: a shipped one, `"authors"`, or the path of a safetensors file.

    Returns: on the CPU, in evaluation mode.
    Errors: `WeightsError` for an unknown name or a bad file; `DataError` when it cannot be downloaded.
    """
    path = locate(name)
    return load_authors(path) if name == AUTHORS else load_file(path)


def locate(name: str) -> Path:
    """The file that `load(name)` reads: to name it, or to take its checksum.

    Errors: as `load`.
    """
    if name == AUTHORS:
        return datasets.fetch(datasets.AUTHORS_WEIGHTS)
    if name in shipped():
        return _shipped_path(name)
    if name.endswith(".safetensors"):
        return Path(name)
    raise WeightsError(
        f"no weights named {name!r}; there are {', '.join([*shipped(), AUTHORS])}, or a .safetensors file"
    )


def default() -> str:
    """The name of the weights to upscale with: the best shipped ones, or the authors' while none ship.

    Best is the highest PSNR on Set5 in its own run record, among the names that begin with `vdsr`.
    """
    ours = [name for name in shipped() if name.startswith("vdsr")]
    return max(ours, key=_set5_psnr, default=AUTHORS)


def _set5_psnr(name: str) -> float:
    record = runs.find_run(name)
    scales = record.scores.get("Set5", {}) if record else {}
    return sum(record.mean("Set5", int(scale)) for scale in scales) / len(scales) if record and scales else 0.0


def _shipped_path(name: str) -> Path:
    return Path(str(resources.files("vdsr_lib") / "assets" / "weights" / f"{name}.safetensors"))


def _channels(weight: np.ndarray, k: int, depth: int) -> tuple[int, int]:
    inputs = 1 if k == 0 else 64
    outputs = 1 if k == depth - 1 else 64
    if weight.size != 9 * inputs * outputs:
        raise WeightsError(f"layer {k + 1} has shape {weight.shape}, wanted (3, 3, {inputs}, {outputs})")
    return inputs, outputs


def _read_safetensors(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors ({error})") from None


def _fill(model: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{source}: does not fit the network: {' '.join(str(error).split())}") from None
    if not all(torch.isfinite(t).all() for t in tensors.values()):
        raise WeightsError(f"{source}: holds values that are not finite")
    model.eval()
    # The layout that convolutions run fastest in; the values are the same.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
