"""The optimiser of a configuration: the paper's SGD, Adam, or Muon."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .config import TrainingConfig
from .muon import Muon


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """SGD with momentum and L2 decay (the paper's), Adam, or Muon; the last layer may have its own rate."""
    parameters = list(model.parameters())
    if config.optimizer == "muon":
        if config.last_layer_factor != 1.0:
            raise InputError("last_layer_factor is for SGD and Adam; Muon gives the last layer to Adam")
        hidden = [p for p in parameters if p.ndim == 4 and min(p.shape[:2]) > 1]
        others = [p for p in parameters if all(p is not q for q in hidden)]
        return Muon(hidden, others, config.learning_rate, config.momentum)
    groups = [{"params": parameters, "factor": 1.0}]
    if config.last_layer_factor != 1.0:
        convs: nn.ModuleList = model.convs  # type: ignore[assignment]
        last = list(convs[-1].parameters())
        others = [p for p in parameters if all(p is not q for q in last)]
        groups = [{"params": others, "factor": 1.0}, {"params": last, "factor": config.last_layer_factor}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return torch.optim.Adam(
        groups, lr=config.learning_rate, betas=(config.momentum, 0.999), weight_decay=config.weight_decay
    )
