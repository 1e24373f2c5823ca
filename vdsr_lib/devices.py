"""What a device multiplies in: fp32, TF32 or bf16, whichever it has units for, or fp32 and no less."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PRECISIONS = {"fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed"}
"""Names of precisions, and what Lightning Fabric calls them."""


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `"auto"` means on a device: the fastest precision that its hardware has units for."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    if device.type == "cpu":
        flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return "bf16" if flags.get("avx512_bf16") or flags.get("amx_bf16") else "fp32"
    return "fp32"


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
