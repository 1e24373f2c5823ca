"""Weights: those that ship with the library, the authors' own, and your own files.

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
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from . import datasets
from .errors import WeightsError
from .files import write_atomically
from .models import SRCNN, VDSR

AUTHORS = "authors"

DEFAULT = "vdsr-291-long"
"""The network to upscale with: the one that the book calls ours. It was chosen on held-out training pictures."""

DEFAULT_SRCNN = "srcnn-291"
"""The SRCNN to set beside it: trained on the same pictures by the same recipe."""


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
    arguments: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()}
    kind = arguments.pop("kind", None)
    try:
        if kind == "VDSR":
            return VDSR(**arguments)
        if kind == "SRCNN":
            return SRCNN(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0]  # torch adds its own stack
        raise WeightsError(f"cannot build a {kind} from {dict(spec)}: {why}") from None
    raise WeightsError(f"unknown network kind {kind!r}, wanted VDSR or SRCNN")


def save(model: nn.Module, path: str | os.PathLike, **about: Any) -> None:
    """Write a network's weights and its shape to one safetensors file, atomically; the same ones give the same bytes.

    Args:
        model: a `VDSR` or `SRCNN` on any device.
        about: anything more for the header (training set, steps, scores), JSON values.
    """
    header = {"model": json.dumps(model_spec(model)), "about": json.dumps(about, sort_keys=True)}
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    content = _in_order(to_safetensors(tensors, metadata=header))
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_file(path: str | os.PathLike) -> VDSR | SRCNN:
    """A network from a file that `save` wrote, on the CPU, in evaluation mode.

    Errors: `WeightsError` when the file is missing, is no such file, or does not fit its own header.
    """
    tensors, header = _read_safetensors(path)
    return _assemble(_entry(header, "model", path), tensors, path)


def about(name: str) -> dict[str, Any]:
    """What the header of shipped weights says of them: training set, steps, scores.

    Errors: `WeightsError` for an unknown name or a bad file.
    """
    path = _shipped_path(name)
    _, header = _read_safetensors(path)
    return _entry(header, "about", path)


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
        content = loadmat(path, appendmat=False)["model"][0, 0]
        weights, biases = content["weight"].ravel(), content["bias"].ravel()
        pairs = [(np.asarray(w, np.float32), np.asarray(b, np.float32)) for w, b in zip(weights, biases, strict=True)]
    except Exception as error:  # a broken file can raise nearly anything in scipy's parser
        raise WeightsError(f"{path}: is not the authors' VDSR_Official.mat ({' '.join(str(error).split())})") from None
    tensors: dict[str, Tensor] = {}
    for k, (weight, bias) in enumerate(pairs):
        weight = weight.reshape(3, 3, *_channels(weight, k, len(pairs)))  # MATLAB drops trailing ones
        tensors[f"convs.{k}.weight"] = torch.tensor(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)))
        tensors[f"convs.{k}.bias"] = torch.tensor(bias.ravel())
    model = _assemble({"kind": "VDSR", "depth": len(pairs)}, tensors, path)
    assert isinstance(model, VDSR)
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


def _in_order(content: bytes) -> bytes:
    """The file with its header sorted: safetensors writes the entries in an order that changes from call to call."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the numbers begin at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + content[start:]


def _entry(header: Mapping[str, str], key: str, path: str | os.PathLike) -> dict[str, Any]:
    """A JSON object in a file's header."""
    try:
        entry = json.loads(header[key])
    except (KeyError, ValueError):
        entry = None
    if not isinstance(entry, dict):
        raise WeightsError(f"{path}: has no {key!r} entry in its header, wanted a file of pretrained.save")
    return entry


def _assemble(spec: Mapping[str, Any], tensors: Mapping[str, Tensor], path: str | os.PathLike) -> VDSR | SRCNN:
    """The network of `spec` with these tensors in it; a spec that does not fit them costs no memory."""
    depth = spec.get("depth", 0)
    if isinstance(depth, int) and depth > len(tensors):
        raise WeightsError(f"{path}: does not fit the network: {len(tensors)} tensors for a depth of {depth}")
    try:
        with torch.device("meta"):  # neither memory nor random numbers until the tensors come
            model = build(spec)
        copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
        model.load_state_dict(copies, assign=True)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except RuntimeError as error:
        raise WeightsError(f"{path}: does not fit the network: {' '.join(str(error).split())}") from None
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise WeightsError(f"{path}: holds values that are not finite")
    model.eval()
    # The layout that convolutions run fastest in; the values are the same.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
