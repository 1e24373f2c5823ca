"""A network as an ONNX file, which runs without Python and without torch: in a browser, a phone, another language.

Needs the extra `onnx`: `pip install "vdsr-lib[onnx]"`. The book's page *Try it* runs such files.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import ExportError, InputError
from .files import write_atomically

# What the graph calls its one input and its one output.
INPUT, OUTPUT = "interpolated", "high_res"


def export_onnx(network: nn.Module, path: str | os.PathLike) -> None:
    """Write a network as one ONNX file that takes luma of any height and width.

    The file's input is `INPUT`, `(1, 1, H, W)` in [0, 1] and of the network's dtype, its output `OUTPUT`. The network
    stays as it is, on its device and in its mode.

    Args:
        network: takes `(1, 1, H, W)` in [0, 1]; a `VDSR`, an `SRCNN`, or a module of yours.
        path: the file to write, ending in .onnx; what is there is replaced.

    Errors: `InputError` for what is no module, or another suffix; `ExportError` when the extra `onnx` is not
        installed, or torch cannot express the network in ONNX, or the file cannot be written.
    Chapter: 10.
    """
    path = Path(path)
    if not isinstance(network, nn.Module):
        raise InputError(f"wanted a torch module, got {type(network).__name__}")
    if path.suffix != ".onnx":
        raise InputError(f"{path}: wanted a name that ends in .onnx")
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        raise ExportError(f"{path}: needs {' and '.join(missing)}: pip install 'vdsr-lib[onnx]'")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")
    parameter = next(network.parameters(), torch.empty(0))
    # Not square, so that nothing can mistake a height for a width.
    example = torch.rand(1, 1, 40, 56, dtype=parameter.dtype, device=parameter.device)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad(), _silence():
            program = torch.onnx.export(
                network,
                (example,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({2: "height", 3: "width"},),
                dynamo=True,
                verbose=False,
            )
        assert program is not None
        content = _without_traces(program.model_proto).SerializeToString()
    except Exception as error:  # the exporter raises nearly anything for what it cannot express
        why = (str(error).strip().splitlines() or [""])[0]
        raise ExportError(
            f"{path}: torch {torch.__version__} cannot write {type(network).__name__} as ONNX "
            f"({type(error).__name__}: {why})"
        ) from None
    finally:
        for module, mode in modes:
            module.training = mode
    try:
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror})") from None


@contextmanager
def _silence() -> Iterator[None]:
    """Keep torch's remarks on its own parts from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _without_traces(model: Any) -> Any:
    """The model without the exporter's notes, which name the folders of this machine."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    functions = (*model.functions, *(node for function in model.functions for node in function.node))
    for part in (model, graph, *graph.node, *values, *functions):
        del part.metadata_props[:]
    return model
