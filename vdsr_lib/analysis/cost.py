"""What a network costs: operations, bytes and memory, counted from its shapes; and what a machine can do, measured.

Counts are exact, and the same everywhere. Times are of one machine at one moment: they are shown, and compared
with each other when taken in turn, and never tested.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError


@dataclass(frozen=True)
class LayerCost:
    """One convolution, run forwards once.

    Attributes:
        flop: operations; a product and a sum are two. The bias is not counted.
        read, written: bytes of its input with its weights, and of its output: the least that has to be moved.
    """

    flop: int
    read: int
    written: int

    @property
    def intensity(self) -> float:
        """Operations for each byte moved."""
        return self.flop / (self.read + self.written)


@torch.no_grad()
def layer_costs(network: nn.Module, x: Tensor) -> list[LayerCost]:
    """What each convolution of a network costs on an input, in the order in which they run.

    Args:
        network: any module; its convolutions are listened to.
        x: what it takes.

    Errors: `InputError` when no convolution runs.
    Chapter: 10.
    """
    found: list[LayerCost] = []

    def listen(conv: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        weight = conv.weight
        per_output = 2 * weight[0].numel()
        read = given[0].numel() * given[0].element_size() + weight.numel() * weight.element_size()
        found.append(LayerCost(per_output * made.numel(), read, made.numel() * made.element_size()))

    hooks = [m.register_forward_hook(listen) for m in network.modules() if isinstance(m, nn.Conv2d)]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise InputError(f"no convolution of the {type(network).__name__} ran")
    return found


def step_flop(costs: list[LayerCost]) -> int:
    """Operations of a training step: forwards, and backwards once for the weights and once for what came in.

    The first layer's input needs no gradient. Chapter: 10.
    """
    return 3 * sum(cost.flop for cost in costs) - costs[0].flop


def working_bytes(costs: list[LayerCost], weights: int) -> int:
    """The most memory that a chain of layers needs at once to be used: all weights, one input, one output.

    Args:
        costs: of `layer_costs`; what a layer reads includes its own weights, so this errs by a layer's weights.
        weights: bytes of all weights.

    Chapter: 10.
    """
    return weights + max(cost.read + cost.written for cost in costs)


def in_turn(actions: Mapping[str, Callable[[], object]], rounds: int = 3) -> dict[str, float]:
    """Seconds of each action, the median of some rounds A B C A B C, so that a machine that drifts drifts for all.

    Args:
        actions: functions without arguments, by name; each runs once before, to warm up.
        rounds: ≥ 1.
    """
    if rounds < 1:
        raise InputError(f"rounds must be >= 1, got {rounds!r}")
    times: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(rounds):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            if torch.cuda.is_available():  # which has only been told what to do
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}
