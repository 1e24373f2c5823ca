"""What a device multiplies in: fp32, TF32, bf16 or fp16, whichever it has units for."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

PRECISIONS = {"fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed", "fp16": "32-true"}
"""Names of precisions, and what Lightning Fabric is asked for. The loop itself casts to fp16, for it has to unscale
the gradients before it clips them."""


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `"auto"` means on a device: the fastest precision that its hardware has units for."""
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
    return torch.autocast(device.type, torch.float16) if used else nullcontext()


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let CUDA round the factors of fp32 convolutions and products to TF32, or forbid it; restored on leaving."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def machine() -> str:
    """The class of machine, without its name: processor or card, threads."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()} x{torch.cuda.device_count()}"
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    name = str(capabilities.get("cpu_name") or platform.processor())
    simd = torch.backends.cpu.get_cpu_capability()
    return f"{name} ({simd}), {torch.get_num_threads()} threads"
