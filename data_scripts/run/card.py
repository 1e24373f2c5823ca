"""The queue on a graphics card: `python -m data_scripts.card NAME … --seconds 540 --out FOLDER`.

The same runs as `data_scripts.reproduce`, made to keep a large card busy: a whole training step (batch, symmetries,
forward, loss, backward, clip, update) is one CUDA graph that is replayed, with all parameters in one flat vector, the
order of the batches prepared beforehand, and scores rounded and summed by other processes while training goes on.
Where there is no card, the same code runs step by step on the processor, which is how it is tested.

A bare machine with a card needs the pictures (`--pack .card/data.tar.xz` here, unpacked there, VDSR_DATA naming the
folder), and wheels of pooch and lightning-fabric. First `--search --time printed-theta-1e-5` says what a step costs by
each variant and which rate and patches lead; then `--queue --variant NAME` spends the rest.

It stops by itself when its time is up, with a checkpoint to go on from, here or by `data_scripts.reproduce`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tarfile
import time
import traceback
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdsr_lib import datasets, evaluation, pretrained, runs
from vdsr_lib.devices import machine
from vdsr_lib.errors import DataError, InputError
from vdsr_lib.files import write_atomically
from vdsr_lib.models import VDSR
from vdsr_lib.patches import Patches, extract_patches
from vdsr_lib.symmetry import apply_symmetry
from vdsr_lib.training import (
    TrainingConfig,
    TrainingState,
    epoch_order,
    load_checkpoint,
    make_optimizer,
    residual_loss,
    save_checkpoint,
    step_symmetries,
)
from vdsr_lib.training.muon import orthogonalize

from ..commands import parser_for
from .experiments import CARD_QUEUE, CARD_SEARCH, Experiment, get_experiment, miniature, step_flop
from .reproduce import Folders, initial_network, load_images, new_record

CHUNK = 250  # steps between two looks at the clock
VARIANTS = ("plain", "fused", "compiled")


# --- the network, on flat parameters -----------------------------------------------------------------


class FlatParameters:
    """All parameters of a VDSR in one vector: hidden kernels, the two outer kernels, biases.

    A kernel `(O, I, 3, 3)` lies in it as `(O, 3, 3, I)`, the order in which the card's matrix units read it.
    """

    def __init__(self, model: VDSR, device: torch.device):
        kernels: list[Tensor] = [conv.weight for conv in model.convs]  # type: ignore[misc]
        self.depth, self.width, self.residual = model.depth, model.width, model.residual
        self.order = [*range(1, self.depth - 1), 0, self.depth - 1]  # of the kernels in the vector
        self.shapes = [tuple(k.shape) for k in kernels]
        self.hidden = sum(kernels[k].numel() for k in self.order[:-2])
        self.size = sum(p.numel() for p in model.parameters())
        self.vector = torch.empty(self.size, device=device)
        self.load({name: t.detach() for name, t in model.state_dict().items()})

    def pack(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """A vector from tensors named as in `state_dict`."""
        kernels = [tensors[f"convs.{k}.weight"].permute(0, 2, 3, 1).reshape(-1) for k in self.order]
        biases = [tensors[f"convs.{k}.bias"] for k in range(self.depth)]
        return torch.cat([*kernels, *biases])

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the values of tensors named as in `state_dict`."""
        self.vector.copy_(self.pack(tensors))

    def views(self, vector: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """`(kernels, biases)` by layer, views of such a vector; kernels are `(O, I, 3, 3)`, channels last."""
        kernels: list[Any] = [None] * self.depth
        at = 0
        for k in self.order:
            o, i, rows, columns = self.shapes[k]
            part = vector[at : at + o * i * rows * columns]
            kernels[k] = part.view(o, rows, columns, i).permute(0, 3, 1, 2)
            at += part.numel()
        biases = []
        for k in range(self.depth):
            biases.append(vector[at : at + self.shapes[k][0]])
            at += self.shapes[k][0]
        return kernels, biases

    def tensors(self, vector: Tensor | None = None) -> dict[str, Tensor]:
        """Tensors named as in `state_dict`, on the CPU."""
        kernels, biases = self.views((self.vector if vector is None else vector).detach().cpu())
        named = {}
        for k in range(self.depth):
            named[f"convs.{k}.weight"] = kernels[k].contiguous().clone()
            named[f"convs.{k}.bias"] = biases[k].clone()
        return named


class _FusedLayer(torch.autograd.Function):
    """Convolution, bias and ReLU in one kernel; the backward pass masks by what came out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        y = torch.cudnn_convolution_relu(x, kernel, bias, (1, 1), (1, 1), (1, 1), 1)
        ctx.save_for_backward(x, kernel, y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        x, kernel, y = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
        return torch.ops.aten.convolution_backward(
            gradient, x, kernel, [kernel.shape[0]], (1, 1), (1, 1), (1, 1), False, (0, 0), 1,
            (ctx.needs_input_grad[0], True, True),
        )  # fmt: skip


def forward(x: Tensor, kernels: Sequence[Tensor], biases: Sequence[Tensor], residual: bool, fused: bool) -> Tensor:
    """`VDSR.forward` on given kernels, whose dtype the convolutions have.

    One channel is too few for the matrix units, so the first and the last layer are padded with seven of zeros.

    Args:
        x: `(B, 1, P, P)` float32.
        kernels, biases: by layer.
        fused: use the one kernel that cuDNN has for convolution, bias and ReLU.

    Returns: `(B, 1, P, P)` float32.
    """
    dtype = kernels[0].dtype
    kernels = [F.pad(kernels[0], (0, 0, 0, 0, 0, 7)), *kernels[1:-1], F.pad(kernels[-1], (0, 0, 0, 0, 0, 0, 0, 7))]
    kernels = [k.contiguous(memory_format=torch.channels_last) for k in kernels]
    features = F.pad(x, (0, 0, 0, 0, 0, 7)).to(dtype).contiguous(memory_format=torch.channels_last)
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
        if fused:
            features = _FusedLayer.apply(features, kernel, bias)
        else:
            features = torch.relu(F.conv2d(features, kernel, bias, padding=1))
    last = F.conv2d(features, kernels[-1], F.pad(biases[-1], (0, 7)), padding=1)[:, :1].float()
    return x + last if residual else last


# --- one step, and its graph --------------------------------------------------------------------------


@dataclass
class Tables:
    """Everything a run's steps read that does not depend on the weights: `(steps, batch)` and `(steps,)`."""

    index: Tensor
    symmetry: Tensor | None
    rate: Tensor


def tables(config: TrainingConfig, samples: int) -> Tables:
    """The batches, symmetries and rates of all steps, the very ones of `vdsr_lib.training`."""
    steps, size = config.total_steps(samples), config.batch_size
    epochs = -(-steps * size // samples)
    stream = torch.cat([epoch_order(config.seed, e, samples) for e in range(epochs)])[: steps * size]
    symmetry = (
        torch.stack([step_symmetries(config, k) for k in range(steps)]).to(torch.uint8) if config.augment else None
    )
    rate = torch.tensor([config.rate(k, samples) for k in range(steps)])
    return Tables(stream.view(steps, size).to(torch.int32), symmetry, rate)


class Stepper:
    """A run's step on one device: `run(n)` makes n steps.

    Args:
        model: its start.
        patches: on the device.
        config: the run's.
        prepared: `tables(config, len(patches))`.
        variant: `"plain"`, `"fused"` (cuDNN's joint kernel), or `"compiled"` (torch.compile).
    """

    def __init__(self, model: VDSR, patches: Patches, config: TrainingConfig, prepared: Tables, variant: str):
        if config.optimizer not in ("sgd", "muon") or config.ema or config.clip == "norm":
            raise InputError("the card's step knows SGD and Muon, clip by value or none, and no moving average")
        self.config, self.patches, device = config, patches, patches.device
        self.flat = FlatParameters(model, device)
        self.dtype = torch.float32 if config.precision == "fp32" else torch.bfloat16
        self.variant, self.on_card = variant, device.type == "cuda"
        steps = len(prepared.rate)
        self.index, self.rate = prepared.index.to(device), prepared.rate.to(device)
        self.symmetry = None if prepared.symmetry is None else prepared.symmetry.to(device)
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.log = torch.zeros(steps, 3, device=device)  # loss, clipped share, spread of the residual
        self.first = torch.zeros_like(self.flat.vector)  # momentum
        self.second = torch.zeros(self.flat.size - self.flat.hidden, device=device)  # Adam's, outside the hidden layers
        self._forward: Callable[..., Tensor] = forward
        if variant == "compiled":
            self._forward = torch.compile(forward, dynamic=False)
        self._graph: Any = None

    def step(self) -> None:
        """One step, without a look at the values; all it reads and writes stays in place."""
        config, at = self.config, self.counter
        index = self.index[at][0].long()
        rate = self.rate[at][0]
        pair = torch.cat([self.patches.interpolated[index], self.patches.high_res[index]], dim=1)
        if self.symmetry is not None:
            pair = apply_symmetry(pair, self.symmetry[at][0].long())
        x, y = pair[:, :1].contiguous(), pair[:, 1:].contiguous()

        kernels, biases = self.flat.views(self.flat.vector.to(self.dtype))
        leaves = [t.detach().requires_grad_() for t in (*kernels, *biases)]
        prediction = self._forward(
            x, leaves[: len(kernels)], leaves[len(kernels) :], self.flat.residual, self.variant == "fused"
        )
        loss = residual_loss(prediction, y, config.loss)
        gradients = torch.autograd.grad(loss, leaves)
        by_name = {f"convs.{k}.weight": g for k, g in enumerate(gradients[: len(kernels)])}
        by_name |= {f"convs.{k}.bias": g for k, g in enumerate(gradients[len(kernels) :])}
        with torch.no_grad():
            gradient = self.flat.pack(by_name).float()
            share = torch.zeros((), device=gradient.device)
            if config.clip == "value":
                bound = config.theta / rate
                share = (gradient.abs() > bound).float().mean()
                gradient = torch.clamp(gradient, -bound, bound)
            (self._sgd if config.optimizer == "sgd" else self._muon)(gradient, rate)
            seen = torch.stack([loss.detach(), share, (prediction.detach() - x).std()])
            self.log.index_copy_(0, at, seen[None])
            self.counter += 1

    def _sgd(self, gradient: Tensor, rate: Tensor) -> None:
        gradient = gradient + self.config.weight_decay * self.flat.vector
        self.first.mul_(self.config.momentum).add_(gradient)
        self.flat.vector.sub_(rate * self.first)

    def _muon(self, gradient: Tensor, rate: Tensor) -> None:
        hidden, width = self.flat.hidden, self.flat.width
        inner, outer = gradient[:hidden], gradient[hidden:]
        average = self.first[:hidden].lerp_(inner, 1 - self.config.momentum)
        ahead = inner.lerp(average, self.config.momentum).view(-1, width, 9 * width)
        self.flat.vector[:hidden] -= rate * orthogonalize(ahead).reshape(-1)
        step = (self.counter + 1).float()
        mean = self.first[hidden:].lerp_(outer, 1 - 0.9) / (1 - 0.9**step)
        square = self.second.lerp_(outer.square(), 1 - 0.99) / (1 - 0.99**step)
        self.flat.vector[hidden:] -= 0.05 * rate * mean / (square.sqrt() + 1e-8)

    def capture(self) -> None:
        """Record the step as a CUDA graph; the run stands afterwards where it stood."""
        if not self.on_card or self._graph is not None:
            return
        kept = [t.clone() for t in self._state()]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        self._graph = graph
        for t, value in zip(self._state(), kept, strict=True):
            t.copy_(value)

    def _state(self) -> list[Tensor]:
        return [self.flat.vector, self.first, self.second, self.counter, self.log]

    def run(self, steps: int) -> None:
        """Make that many steps; returns when they are done."""
        self.capture()
        for _ in range(steps):
            if self._graph is None:
                self.step()
            else:
                self._graph.replay()
        if self.on_card:
            torch.cuda.synchronize()

    # A checkpoint of the library's, to and fro.

    def as_state(self, model: VDSR) -> TrainingState:
        """The run as `vdsr_lib.training` knows it, on the CPU; its history is the caller's to fill."""
        model.load_state_dict(self.flat.tensors())
        state = TrainingState(model, self.config, make_optimizer(model, self.config), len(self.rate), len(self.patches))
        state.step = int(self.counter)
        first = self.flat.tensors(self.first)
        padding = torch.zeros(self.flat.hidden)
        second = self.flat.tensors(torch.cat([padding, self.second.cpu()]))
        inner = {id(p) for p in state.optimizer.param_groups[0]["params"]}
        for name, parameter in model.named_parameters():
            entry: dict[str, Tensor]
            if self.config.optimizer == "sgd":
                entry = {"momentum_buffer": first[name]}
            elif id(parameter) in inner:
                entry = {"momentum": first[name]}
            else:
                entry = {"step": torch.tensor(float(state.step)), "mean": first[name], "square": second[name]}
            state.optimizer.state[parameter] = entry
        return state

    def take_state(self, state: TrainingState) -> None:
        """Go on from a run that `vdsr_lib.training.load_checkpoint` read."""
        self.flat.load(state.model.state_dict())
        self.counter.fill_(state.step)
        first, second = {}, {}
        for name, parameter in state.model.named_parameters():
            entry = state.optimizer.state[parameter]
            first[name] = entry.get("momentum_buffer", entry.get("momentum", entry.get("mean")))
            second[name] = entry.get("square", torch.zeros_like(parameter))
        self.first.copy_(self.flat.pack(first))
        self.second.copy_(self.flat.pack(second)[self.flat.hidden :])


# --- scores: the network on the card, roundings and sums in other processes ----------------------------


@lru_cache(maxsize=8)
def _images(source: str, held_out: int) -> dict[str, np.ndarray]:
    """The pictures of a set by name; with `held_out`, those that a training set keeps out."""
    if held_out:
        return datasets.hold_out(load_images(source), held_out)[1]
    return dict(load_images(source))


def network_inputs(source: str, held_out: int, scales: Sequence[int]) -> list[np.ndarray]:
    """What the authors' protocol feeds to the network, in the order of `evaluation.evaluate`: `(1, 1, H, W)` each."""
    seen: list[np.ndarray] = []

    def look(x: Tensor) -> Tensor:
        seen.append(x.numpy().copy())
        return x

    evaluation.evaluate(_images(source, held_out), scales, look)
    return seen


def scores_of(source: str, held_out: int, scales: Sequence[int], outputs: list[np.ndarray]) -> dict:
    """`scores[scale][image]` of outputs in the order of `network_inputs`, as a record holds them."""
    queue = iter(outputs)
    result = evaluation.evaluate(_images(source, held_out), scales, lambda x: torch.from_numpy(next(queue)))
    return {str(s): {n: {"psnr": v.psnr, "ssim": v.ssim} for n, v in per.items()} for s, per in result.items()}


def _one_thread() -> None:
    torch.set_num_threads(1)


class Scorer:
    """Scores networks on the device, by inputs that were made once."""

    def __init__(self, pool: ProcessPoolExecutor, device: torch.device):
        self.pool, self.device = pool, device
        self._inputs: dict[tuple, Future] = {}

    def prepare(self, source: str, held_out: int, scales: Sequence[int]) -> Future:
        """Start to make a set's inputs."""
        key = (source, held_out, tuple(scales))
        if key not in self._inputs:
            self._inputs[key] = self.pool.submit(network_inputs, *key)
        return self._inputs[key]

    def submit(self, tensors: Mapping[str, Tensor], model: Mapping[str, Any], source: str, held_out: int,
               scales: Sequence[int]) -> Future:  # fmt: skip
        """The scores of a network, in float32 without TF32, as a future."""
        inputs = self.prepare(source, held_out, scales).result()
        network = pretrained.build(model)
        network.load_state_dict(dict(tensors))
        network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        benchmark = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = False  # sizes differ; a search for each costs more than it brings
        try:
            with torch.inference_mode():
                outputs = [network(torch.from_numpy(x).to(self.device)).float().cpu().numpy() for x in inputs]
        finally:
            torch.backends.cudnn.allow_tf32 = before
            torch.backends.cudnn.benchmark = benchmark
        return self.pool.submit(scores_of, source, held_out, tuple(scales), outputs)


def means(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """`{"psnr_x2": …}`: the mean PSNR by scale."""
    return {f"psnr_x{s}": float(np.mean([v["psnr"] for v in per.values()])) for s, per in scores.items()}


# --- runs ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=12)
def _patches(training_set: str, held_out: int, scales: tuple[int, ...], size: int, stride: int) -> Patches:
    training, _ = datasets.hold_out(load_images(training_set), held_out)
    return extract_patches(training.values(), scales, size=size, stride=stride)


def patches_of(experiment: Experiment) -> Patches:
    """The patches of an experiment, on the CPU; made once for each kind."""
    e = experiment
    return _patches(e.training_set, e.held_out, e.scales, e.patch, e.stride)


@dataclass
class Card:
    """What all runs of one call share: device, time, folders, helpers."""

    device: torch.device
    deadline: float
    folders: Folders
    out: Path
    scorer: Scorer
    variant: str
    commit: str
    quick: bool = False
    pending: list[Callable[[], None]] = field(default_factory=list)

    def left(self) -> float:
        """Seconds until everything has to be written."""
        return self.deadline - time.monotonic()


def due_steps(config: TrainingConfig, samples: int, every_epochs: float) -> list[int]:
    """The steps after which `vdsr_lib.training.Validator` scores: each time so many epochs are full, and the last."""
    steps = config.total_steps(samples)
    count = np.floor(np.arange(steps + 1) * config.batch_size / samples / every_epochs)
    return sorted({*(np.flatnonzero(np.diff(count) > 0) + 1).tolist(), steps})


def run_on_card(experiment: Experiment, prepared: Tables, card: Card) -> str:
    """Run or go on with one experiment; its record is written when its last scores are in.

    Returns: its status.
    """
    began = time.monotonic()
    config, name = experiment.config, experiment.name
    patches = patches_of(experiment)
    model = initial_network(experiment)
    if not isinstance(model, VDSR):
        raise InputError(f"{name}: the card's step knows VDSR alone")
    stepper = Stepper(model, patches.to(card.device), config, prepared, card.variant)
    checkpoint = card.folders.checkpoint(name)
    state = stepper.as_state(model)
    state.step = 0
    if checkpoint.exists():
        load_checkpoint(checkpoint, state)
        stepper.take_state(state)
    history, spent, started_at = state.history, state.seconds, state.step
    total = state.total_steps
    curve_source = experiment.training_set if experiment.held_out else experiment.curve[0]
    due = set(due_steps(config, len(patches), experiment.curve_every_epochs))
    marks = sorted({*due, *range(CHUNK, total, CHUNK), total})
    waiting: list[tuple[int, Future]] = []
    stepper.capture()
    captured = time.monotonic()
    for mark in (m for m in marks if m > started_at):
        at = int(stepper.counter)
        stepper.run(mark - at)
        if not bool(torch.isfinite(stepper.log[mark - 1, 0])):
            break
        if mark in due:
            waiting.append((mark, card.scorer.submit(stepper.flat.tensors(), experiment.model, curve_source,
                                                     experiment.held_out, experiment.curve[1])))  # fmt: skip
        if card.left() < 0:
            break
    reached = int(stepper.counter)
    seconds = time.monotonic() - captured
    log = stepper.log.cpu().numpy()
    finite = np.isfinite(log[:reached, 0])
    diverged = not finite.all()
    if diverged:
        reached = int(np.flatnonzero(~finite)[0]) + 1
    rates = prepared.rate.numpy()
    speed = (int(stepper.counter) - started_at) * config.batch_size / max(seconds, 1e-9)
    for k in range(started_at, reached):
        if (k + 1) % config.log_every == 0 or k + 1 in (1, total, reached):
            history.append(
                {
                    "step": k + 1,
                    "epoch": round((k + 1) * config.batch_size / len(patches), 4),
                    "loss": float(log[k, 0]),
                    "learning_rate": float(rates[k]),
                    "clipped_share": float(log[k, 1]),
                    "residual_std": float(log[k, 2]),
                    "samples_per_second": round(speed, 1),
                }
            )
    status = "diverged" if diverged else "done" if reached == total else "partial"
    tensors = stepper.flat.tensors()
    finals: dict[str, Future] = {}
    if status == "done":
        for source, scales in experiment.final:
            try:
                finals[source] = card.scorer.submit(tensors, experiment.model, source, 0, scales)
            except DataError as error:  # `data_scripts.score` adds it where the set is
                print(f"  {name}: not scored on {source}: {error}", flush=True)
    stretch: dict[str, Any] = {
        "from_step": started_at, "to_step": reached, "precision": "fp32" if stepper.dtype == torch.float32 else "bf16",
        "machine": machine(), "torch_version": torch.__version__, "commit": card.commit, "seconds": round(seconds, 1),
        "loop": f"card, {card.variant}",
    }  # fmt: skip
    stretches = [*state.stretches, stretch]
    if status == "partial":
        saved = stepper.as_state(model)
        saved.stretches = stretches
        saved.history, saved.seconds = list(history), spent + seconds
        save_checkpoint(saved, checkpoint)
    print(
        f"{name}: {status} at {reached}/{total}, {seconds:.1f} s in steps after {captured - began:.1f} s, "
        f"{1e3 * seconds / max(1, reached - started_at):.3f} ms a step, "
        f"{(reached - started_at) * step_flop(experiment) / seconds / 1e12:.0f} TFLOP/s, "
        f"loss {log[reached - 1, 0]:.4g}",
        flush=True,
    )

    def finish() -> None:
        for step, future in waiting:
            epoch = round(step * config.batch_size / len(patches), 4)
            history.append({"step": step, "epoch": epoch, **means(future.result())})
        history.sort(key=lambda entry: entry["step"])
        scores = {source: future.result() for source, future in finals.items()}
        kept = None
        if status == "done" and experiment.weights != "none":
            kept = card.folders.weight_file(experiment)
            network = pretrained.build(experiment.model)
            network.load_state_dict(tensors)
            about = {"experiment": name, "steps": reached, "samples": len(patches), "commit": card.commit}
            pretrained.save(network, kept, **about)
        record = new_record(
            experiment, status, reached, history, patches=patches, seconds=spent + seconds, scores=scores,
            precision=stretch["precision"], commit=card.commit, stretches=stretches,
            command=f"python -m data_scripts.card {name}", weights=kept,
        )  # fmt: skip
        runs.write_run(record, card.folders.record(name))
        last = [e for e in history if "psnr_x2" in e or "psnr_x3" in e or "psnr_x4" in e][-1:]
        shown = {k: round(v, 3) for e in last for k, v in e.items() if k.startswith("psnr")}
        print(f"  {name}: {shown}", {s: {k: round(v, 3) for k, v in means(r).items()} for s, r in scores.items()},
              flush=True)  # fmt: skip

    card.pending.append(finish)
    return status


def pack(folder: Path, out: Path, limit: int = 15_000_000, most: int = 7) -> list[str]:
    """Zip what a folder holds into at most so many files below a size, records first; say what found no room."""
    files = sorted((f for f in folder.rglob("*") if f.is_file()), key=lambda f: (f.suffix != ".json", f.name))
    bins: list[tuple[int, list[Path]]] = []
    left_out = []
    for file in files:
        size = file.stat().st_size // (4 if file.suffix == ".json" else 1)
        spot = next((k for k, (used, _) in enumerate(bins) if used + size < limit), None)
        if spot is None and len(bins) == most:
            left_out.append(file.name)
            continue
        if spot is None:
            bins.append((0, []))
            spot = len(bins) - 1
        bins[spot] = (bins[spot][0] + size, [*bins[spot][1], file])
    for k, (_, members) in enumerate(bins):
        temporary = out / f".part{k}"
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in members:
                archive.write(file, file.relative_to(folder))
        os.replace(temporary, out / f"runs-{k}.zip")
    return left_out


def pack_data(file: Path, sets: Sequence[str] = ("T91", "BSD200", "Set5", "Set14", "B100")) -> int:
    """Write the sets, byte for byte, as one tar.xz whose folder `VDSR_DATA` can name; its size in bytes."""

    def write(temporary: Path) -> None:
        with tarfile.open(temporary, "w:xz") as archive:
            for name in sets:
                for path in datasets.fetch_set(name):
                    archive.add(path, f"{name}/{path.name}")

    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, write)
    return file.stat().st_size


def time_variants(card: Card, experiment: Experiment, variants: Sequence[str], steps: int = 60) -> None:
    """Print a step's time by variant, against the reference loop's loss: a wrong one would show."""
    patches = patches_of(experiment).to(card.device)
    short = replace(experiment, config=replace(experiment.config, steps=3 * steps, epochs=1))
    prepared = tables(short.config, len(patches))
    for variant in variants:
        began = time.monotonic()
        try:
            stepper = Stepper(initial_network(short), patches, short.config, prepared, variant)  # type: ignore[arg-type]
            stepper.run(steps)
            captured = time.monotonic()
            stepper.run(steps)
            each = (time.monotonic() - captured) / steps
            losses = [round(float(v), 3) for v in stepper.log[[0, 1, steps // 2, 2 * steps - 1], 0]]
            print(
                f"  {experiment.name}, {variant}: {1e3 * each:.3f} ms a step, "
                f"{step_flop(experiment) / each / 1e12:.0f} TFLOP/s, ready after {captured - began:.1f} s, "
                f"losses {losses}",
                flush=True,
            )
        except Exception as error:  # a variant that a version of torch lacks is said, and the others go on
            print(f"  {experiment.name}, {variant}: {type(error).__name__}: {str(error)[:300]}", flush=True)


def matrix_peak(device: torch.device, size: int = 8192) -> float:
    """Operations a second of a large bf16 product on random data."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(10):
        a @ b
    torch.cuda.synchronize()
    return 10 * 2 * size**3 / (time.perf_counter() - began)


def main(argv: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = parser_for("card", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments, in this order")
    parser.add_argument("--queue", action="store_true", help="after those, all that `experiments.CARD_QUEUE` names")
    parser.add_argument("--search", action="store_true", help="after those, all that `experiments.CARD_SEARCH` names")
    parser.add_argument("--pack", type=Path, metavar="FILE", help="write the pictures that a card needs, and stop")
    parser.add_argument("--seconds", type=float, default=540.0, help="time for everything")
    parser.add_argument("--out", type=Path, help="where the packed results go")
    parser.add_argument("--work", type=Path, default=None, help="where records, weights and checkpoints lie meanwhile")
    parser.add_argument("--variant", choices=VARIANTS, default="plain")
    parser.add_argument("--time", metavar="NAME", action="append", default=[], help="time a step of each variant")
    parser.add_argument("--time-variants", default=",".join(VARIANTS))
    parser.add_argument("--profile", choices=("full", "quick"), default="full", help="quick: a miniature of each")
    parser.add_argument("--commit", default="", help="of the code, where there is no git")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 3))
    arguments = parser.parse_args(argv)
    if arguments.pack:
        print(f"{arguments.pack}: {pack_data(arguments.pack) / 2**20:.1f} MiB")
        return 0
    if not arguments.out:
        parser.error("wanted --out FOLDER for the results")
    names = [*arguments.names]
    names += [*(CARD_SEARCH if arguments.search else ()), *(CARD_QUEUE if arguments.queue else ())]
    began = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    work = arguments.work or arguments.out / "work"
    folders = Folders.under(work)
    for folder in (arguments.out, folders.runs, folders.weights, folders.kept, folders.checkpoints):
        folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(arguments.workers, mp_context=context, initializer=_one_thread) as pool,
        ThreadPoolExecutor(1) as thread,
    ):
        scorer = Scorer(pool, device)
        card = Card(device, began + arguments.seconds - 20, folders, arguments.out, scorer, arguments.variant,
                    arguments.commit)  # fmt: skip
        queue = [get_experiment(name) for name in dict.fromkeys(names)]
        if arguments.profile == "quick":
            queue = [miniature(e) for e in queue]
        print(f"{machine()}, torch {torch.__version__}, {len(queue)} runs", flush=True)
        if device.type == "cuda" and arguments.time:
            print(f"  matrix peak {matrix_peak(device) / 1e12:.0f} TFLOP/s", flush=True)
        for name in arguments.time:
            timed = get_experiment(name)
            time_variants(card, miniature(timed) if arguments.profile == "quick" else timed,
                          arguments.time_variants.split(","))  # fmt: skip
        for e in queue:
            scorer.prepare(e.training_set if e.held_out else e.curve[0], e.held_out, e.curve[1])

        def ready(e: Experiment) -> Tables:
            return tables(e.config, len(patches_of(e)))

        ahead = thread.submit(ready, queue[0]) if queue else None
        for k, e in enumerate(queue):
            assert ahead is not None
            prepared = ahead.result()
            ahead = thread.submit(ready, queue[k + 1]) if k + 1 < len(queue) else None
            if card.left() < 5:
                print(f"{e.name}: no time left", flush=True)
                continue
            try:
                run_on_card(e, prepared, card)
            except Exception:  # the time is short: say what happened, and use the rest of it
                traceback.print_exc()
            while len(card.pending) > 3:
                card.pending.pop(0)()
        while card.pending:
            card.pending.pop(0)()
        left_out = pack(work, arguments.out)
        print(json.dumps({"seconds": round(time.monotonic() - began, 1), "left out": left_out}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
