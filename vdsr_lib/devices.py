"""Devices: which to run on, and what each multiplies in: fp32, TF32, bf16 or fp16, whichever it has units for."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

PRECISIONS = {"fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed", "fp16": "32-true"}
"""Names of precisions, and what Lightning Fabric is asked for. The loop itself casts to fp16, for it has to unscale
the gradients before it clips them."""


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `"auto"` means on a device: the fastest precision that its hardware has units for."""
    import torch

    if precision != "auto":
        return precision
    if device.type == "cuda":
        # Ampere and later have bf16 units; Volta and Turing, such as the T4 of free notebooks, have fp16 units alone.
        major = torch.cuda.get_device_capability(device)[0]
        return "bf16" if major >= 8 else "fp16" if major == 7 else "fp32"
    if device.type == "cpu":
        flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return "bf16" if flags.get("avx512_bf16") or flags.get("amx_bf16") else "fp32"
    return "fp32"


def fp16(used: bool, device: torch.device) -> AbstractContextManager:
    """Within it, convolutions and products are done in fp16, from fp32 weights; nothing changes unless `used`."""
    import torch

    return torch.autocast(device.type, torch.float16) if used else nullcontext()


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let CUDA round the factors of fp32 convolutions and products to TF32, or forbid it; restored on leaving."""
    import torch

    # torch 2.9 warns of these names; with the newer `fp32_precision`, who still reads them fails (torch.compile does).
    def switch(convolutions: bool, products: bool) -> tuple[bool, bool]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Please use the new API settings to control TF32", UserWarning)
            before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
            torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
        return before

    before = switch(allowed, allowed)
    try:
        yield
    finally:
        switch(*before)


def machine() -> str:
    """The class of machine, without its name: processor or card, threads."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()} x{torch.cuda.device_count()}"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    name = str(capabilities.get("cpu_name") or platform.processor())
    simd = torch.backends.cpu.get_cpu_capability()
    threads = torch.get_num_threads()
    return f"{name} ({simd}), {threads} thread{'s' * (threads != 1)}"


def choose_device(name: str = "auto") -> torch.device:
    """The device to run on: `"auto"` is the GPU if there is one, else the CPU.

    Errors: `InputError` for a name that torch does not know, or a device that is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device must be auto, {', '.join(_DEVICES)}, got {name!r}") from None
    if device.type not in _DEVICES:
        raise InputError(f"device must be auto, {', '.join(_DEVICES)}, got {name!r}")
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(device.type)
    if backend is not None and not backend.is_available():  # type: ignore[attr-defined]
        raise InputError(f"device {name!r} cannot be used here: torch finds no {device.type}")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"device {name!r} cannot be used here ({str(error).strip().splitlines()[0]})") from None


_DEVICES = ("cpu", "cuda", "mps")


def default_fabric(precision: str = "auto", **arguments: Any) -> Fabric:
    """One launched Fabric: the best device here, or all of `torchrun`'s processes.

    Args:
        precision: see `TrainingConfig`.
        arguments: passed on to `lightning_fabric.Fabric`, such as `accelerator="cpu"`, `devices=2`.
    """
    import torch

    if "LOCAL_RANK" in os.environ:
        arguments.setdefault("devices", int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        arguments.setdefault("num_nodes", int(os.environ.get("GROUP_WORLD_SIZE", "1")))
        arguments.setdefault("strategy", "ddp")
    arguments.setdefault("devices", 1)
    accelerator = arguments.get("accelerator", "auto")
    on_cuda = accelerator in ("cuda", "gpu") or (accelerator == "auto" and torch.cuda.is_available())
    resolved = resolve_precision(precision, torch.device("cuda" if on_cuda else "cpu"))
    # Imported here, for Fabric sets warning filters and an environment variable as it is imported.
    from lightning_fabric import Fabric

    fabric = Fabric(precision=PRECISIONS[resolved], **arguments)  # type: ignore[arg-type]
    fabric.launch()
    return fabric
