"""Run the paper's experiments: `python -m data_scripts.reproduce NAME | --queue | --status`.

A run is resumed from its checkpoint, and skipped when it is done. A run that is asked to stop (Ctrl-C,
SIGTERM) writes its checkpoint and a record of what it reached, marked partial; `kill -9` loses at most
the minutes since the last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from vdsr_lib import datasets, evaluation, pretrained, runs
from vdsr_lib.analysis.gradient_flow import HE
from vdsr_lib.devices import resolve_precision
from vdsr_lib.errors import DivergedError
from vdsr_lib.files import clear_temporary_files
from vdsr_lib.models import SRCNN, VDSR, silence_
from vdsr_lib.patches import Patches, count_patches, extract_patches
from vdsr_lib.training import (
    Callback,
    Checkpointer,
    Progress,
    TrainingState,
    Validator,
    default_fabric,
    save_checkpoint,
    train,
)

from .. import ROOT
from ..commands import one_line_errors, parser_for
from . import records
from .experiments import EXPERIMENTS, PARTS, Experiment, get_experiment, miniature, step_flop
from .records import ASSETS, commit

CHECKPOINTS = ROOT / "data_scripts" / "checkpoints"
KEPT = ROOT / "data_scripts" / "weights"


@dataclass(frozen=True)
class Folders:
    """Where a run writes: its record, its weights (shipped in the package, or kept beside it), its checkpoint."""

    runs: Path = ASSETS / "runs"
    weights: Path = ASSETS / "weights"
    kept: Path = KEPT
    checkpoints: Path = CHECKPOINTS

    @classmethod
    def under(cls, folder: Path | None) -> Folders:
        """The four under one folder; those of the repository for None."""
        return cls(*(folder / part for part in ("runs", "weights", "kept", "checkpoints"))) if folder else cls()

    def record(self, name: str) -> Path:
        return self.runs / f"{name}.json"

    def weight_file(self, experiment: Experiment) -> Path:
        folder = self.weights if experiment.weights == "package" else self.kept
        return folder / f"{experiment.name}.safetensors"

    def checkpoint(self, name: str) -> Path:
        return self.checkpoints / f"{name}.safetensors"

    def before_cooldown(self, name: str) -> Path:
        return self.checkpoints / f"{name}-before-cooldown.safetensors"

    def written(self, experiment: Experiment) -> tuple[Path, ...]:
        """All files that a run of the experiment writes for itself."""
        return self.record(experiment.name), self.weight_file(experiment), self.checkpoint(experiment.name)

    def beginning(self, experiment: Experiment) -> Path:
        """The checkpoint to go on from: its own, else that of the run that it begins with. May not exist."""
        own = self.checkpoint(experiment.name)
        if own.exists() or not experiment.begins_with:
            return own
        return self.before_cooldown(experiment.begins_with)


def load_images(set_name: str) -> dict[str, np.ndarray]:
    """A set by name; `PARTS` are parts of two of scikit-image's own pictures, which need no download."""
    if set_name != PARTS:
        return datasets.load_set(set_name)
    images = datasets.load_set("embedded")
    return {"camera": images["camera"][128:384, 128:384], "astronaut": images["astronaut"][:256, :256]}


def score_sets(network: nn.Module, sets: Mapping[str, tuple[Mapping[str, np.ndarray], tuple[int, ...]]]) -> dict:
    """`scores[set][scale][image]` of a network by the authors' protocol, as a record holds them."""
    scores: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for name, (images, scales) in sets.items():
        result = evaluation.evaluate(images, scales, network)
        scores[name] = {
            str(scale): {image: {"psnr": s.psnr, "ssim": s.ssim} for image, s in per_image.items()}
            for scale, per_image in result.items()
        }
    return scores


def prepare(experiment: Experiment) -> tuple[Patches, dict[str, np.ndarray]]:
    """`(patches, images to score along the way)` of an experiment."""
    training, held_out = datasets.hold_out(load_images(experiment.training_set), experiment.held_out)
    patches = extract_patches(training.values(), experiment.scales, size=experiment.patch, stride=experiment.stride)
    return patches, held_out or load_images(experiment.curve[0])


def padded(network: nn.Module) -> nn.Module:
    """The network as it is evaluated: an SRCNN trained without padding repeats the edge, as its authors did."""
    if isinstance(network, SRCNN) and network.padding == "valid":
        same = SRCNN(network.kernels, network.widths, padding="replicate")
        same.load_state_dict(network.state_dict())
        return same.to(next(network.parameters()).device).eval()
    return network


def initial_network(experiment: Experiment) -> VDSR | SRCNN:
    """The network as the run begins: a function of the experiment and its seed."""
    torch.manual_seed(experiment.config.seed)
    model = pretrained.build(experiment.model)
    if experiment.he_start:
        HE.apply_(model)
    if experiment.silent_start:
        silence_(model)
    return model


def data_checksum(patches: Patches) -> str:
    """SHA-256 of the training pairs as they lie in memory."""
    digest = hashlib.sha256()
    for tensor in (patches.interpolated, patches.high_res, patches.scale):
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def config_checksum(experiment: Experiment) -> str:
    """SHA-256 of the experiment's whole configuration as JSON."""
    return hashlib.sha256(json.dumps(experiment.as_dict(), sort_keys=True).encode()).hexdigest()


def file_checksum(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def new_record(
    experiment: Experiment, status: str, steps: int, history: list[dict[str, Any]], *, patches: Patches, seconds: float,
    scores: dict, stretches: list[dict[str, Any]], precision: str, commit: str, command: str,
    weights: Path | None = None,
) -> runs.RunRecord:  # fmt: skip
    """What is stored of a run; `weights` is the file that holds its result, if one is kept."""
    checksums = {"data": data_checksum(patches), "config": config_checksum(experiment)}
    if weights is not None:
        checksums["weights"] = file_checksum(weights)
    return records.new_record(
        experiment.name,
        status,
        command,
        steps_done=steps,
        steps_planned=experiment.config.total_steps(len(patches)),
        model=dict(experiment.model),
        config=experiment.as_dict(),
        seed=experiment.config.seed,
        scores=scores,
        curve=history,
        seconds=round(seconds, 1),
        precision=precision,
        commit=commit,
        samples=len(patches),
        stretches=stretches,
        checksums=checksums,
    )


def run(
    experiment: Experiment,
    folders: Folders = Folders(),
    *,
    checkpoint_seconds: float = 240.0,
    progress: bool = True,
    command: str = "",
) -> runs.RunRecord:
    """Run or resume one experiment to its end, and write its record and weights.

    Returns: the record; `status` is `"done"`, `"diverged"`, or `"partial"` when it was stopped by a signal.
    Errors: `DataError` when its images cannot be had; `TrainingError` for a foreign checkpoint.
    """
    for folder in (folders.runs, folders.weights, folders.kept, folders.checkpoints):
        folder.mkdir(parents=True, exist_ok=True)
    for path in (*folders.written(experiment), folders.before_cooldown(experiment.name)):
        clear_temporary_files(path)
    at_start = commit()
    patches, curve_images = prepare(experiment)
    model = initial_network(experiment)
    fabric = default_fabric(experiment.config.precision)

    def record(
        status: str,
        steps: int,
        history: list[dict[str, Any]],
        stretches: list[dict[str, Any]],
        seconds: float = 0.0,
        scores: dict | None = None,
        weights: Path | None = None,
    ) -> runs.RunRecord:
        entry = new_record(
            experiment, status, steps, history, patches=patches, seconds=seconds, scores=scores or {},
            stretches=stretches, precision=resolve_precision(experiment.config.precision, fabric.device),
            commit=at_start, command=command or f"python -m data_scripts.reproduce {experiment.name}", weights=weights,
        )  # fmt: skip
        if fabric.is_global_zero:
            runs.write_run(entry, folders.record(experiment.name))
        return entry

    stop: list[int] = []

    def on_signal(number: int, frame: Any) -> None:
        stop.append(number)

    def stop_when_asked(state: TrainingState) -> None:
        if stop:
            checkpointer.save(state)
            raise StopIteration

    cooldown = experiment.config.cooldown_steps if experiment.config.schedule == "cooldown" else 0

    def keep_before_cooldown(state: TrainingState) -> None:
        if cooldown and state.is_main and state.step == state.total_steps - cooldown:
            save_checkpoint(state, folders.before_cooldown(experiment.name))

    def score(network: nn.Module) -> dict[str, float]:
        result = evaluation.evaluate(curve_images, experiment.curve[1], padded(network))
        return {f"psnr_x{scale}": evaluation.mean_score(result[scale]).psnr for scale in experiment.curve[1]}

    checkpointer = Checkpointer(folders.checkpoint(experiment.name), checkpoint_seconds)
    validator = Validator(score, experiment.curve_every_epochs)
    callbacks: list[Callback] = [validator, checkpointer, keep_before_cooldown, stop_when_asked]
    if progress:
        callbacks.insert(1, Progress(desc=experiment.name, mininterval=5))
    handlers = {s: signal.signal(s, on_signal) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        state = train(
            model,
            patches,
            experiment.config,
            callbacks,
            resume=folders.beginning(experiment),
            fabric=fabric,
            about={"commit": at_start},
        )
    except DivergedError as error:
        print(f"{experiment.name}: {error}", file=sys.stderr)
        result = record("diverged", error.history[-1]["step"], error.history, error.stretches)
        folders.checkpoint(experiment.name).unlink(missing_ok=True)
        return result
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    if not state.finished:
        return record("partial", state.step, state.history, state.stretches, state.seconds)
    model.load_state_dict(state.averaged_weights())
    final = padded(model)
    scores = score_sets(final, {name: (load_images(name), scales) for name, scales in experiment.final})
    # Weights first, then the record that names them, and the checkpoint goes last: whenever this is killed, the
    # same command ends it.
    kept: Path | None = None
    if experiment.weights != "none":
        kept = folders.weight_file(experiment)
        if fabric.is_global_zero:
            about = {"experiment": experiment.name, "steps": state.step, "samples": len(patches), "commit": at_start}
            pretrained.save(final, kept, **about)
    result = record("done", state.step, state.history, state.stretches, state.seconds, scores, kept)
    if fabric.is_global_zero:
        folders.checkpoint(experiment.name).unlink(missing_ok=True)
    return result


def ended(experiment: Experiment, folders: Folders) -> str:
    """`"done"` or `"diverged"` when nothing is left to do, else empty: not run, stopped, or its weights are not there.

    Errors: `DataError` when the record holds no such thing as a run.
    """
    record = stored(experiment.name, folders)
    if record is None or record.status == "partial":
        return ""
    if record.status == "done" and experiment.weights != "none":
        weights = folders.weight_file(experiment)
        if not weights.exists() or record.checksums.get("weights") != file_checksum(weights):
            return ""
    return record.status


def settle(experiment: Experiment, folders: Folders) -> str:
    """What `ended` says; and of a run that has ended, the files that a killed writer left are cleared."""
    status = ended(experiment, folders)
    if status:
        for path in folders.written(experiment):
            clear_temporary_files(path)
        folders.checkpoint(experiment.name).unlink(missing_ok=True)
    return status


def stored(name: str, folders: Folders) -> runs.RunRecord | None:
    """The record of an experiment, or None when it was never run."""
    path = folders.record(name)
    return runs.read_run(path) if path.exists() else None


def status_table(folders: Folders) -> str:
    """One line an experiment, in the order of the queue."""
    lines = [f"{'experiment':28} {'status':10} {'steps':>15}  {'hours':>6}  shows"]
    for name, experiment in EXPERIMENTS.items():
        record = stored(name, folders)
        if record is None:
            state, steps, hours = "not run", "-", "-"
        else:
            state, steps = record.status, f"{record.steps_done}/{record.steps_planned}"
            hours = f"{record.seconds / 3600:.2f}"
        lines.append(f"{name:28} {state:10} {steps:>15}  {hours:>6}  {experiment.shows}")
    return "\n".join(lines)


def estimate(flops: float, folders: Folders) -> str:
    """What the rest of the queue costs, an experiment a line: operations, and hours at so many a second.

    Only the training steps are counted; scoring comes on top.
    """
    lines, total = [f"{'experiment':28} {'steps left':>10} {'PFLOP':>9} {'hours':>8}"], 0.0
    for name, experiment in EXPERIMENTS.items():
        training, _ = datasets.hold_out(load_images(experiment.training_set), experiment.held_out)
        samples = count_patches(
            [image.shape for image in training.values()],
            experiment.scales,
            size=experiment.patch,
            stride=experiment.stride,
        )
        record = stored(name, folders)
        reached = record.steps_done if record else 0
        left = 0 if ended(experiment, folders) else experiment.config.total_steps(samples) - reached
        cost = left * step_flop(experiment)
        total += cost
        lines.append(f"{name:28} {left:>10,} {cost / 1e15:>9.2f} {cost / flops / 3600:>8.2f}")
    lines.append(f"{'the whole queue':28} {'':>10} {total / 1e15:>9.2f} {total / flops / 3600:>8.2f}")
    return "\n".join(lines)


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = parser_for("reproduce", __doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments to run, or to go on with")
    parser.add_argument("--queue", action="store_true", help="run all that is not done yet, in order")
    parser.add_argument("--status", action="store_true", help="list the experiments and what was reached")
    parser.add_argument(
        "--estimate",
        type=float,
        metavar="FLOPS",
        help="hours that the rest of the queue takes at FLOPS operations a second",
    )
    parser.add_argument("--profile", choices=("full", "quick"), default="full", help="quick: a miniature of each")
    parser.add_argument("--out", type=Path, help="write under this folder instead of the package (quick needs it)")
    parser.add_argument("--checkpoint-seconds", type=float, default=240.0)
    parser.add_argument("--no-progress", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.profile == "quick" and not arguments.out:
        parser.error("--profile quick needs --out FOLDER, so that a miniature never replaces a real record")
    folders = Folders.under(arguments.out)
    if arguments.estimate:
        print(estimate(arguments.estimate, folders))
        return 0
    if arguments.status or not (arguments.names or arguments.queue):
        print(status_table(folders))
        return 0
    chosen = [get_experiment(name) for name in arguments.names]
    if arguments.queue:
        chosen += [e for e in EXPERIMENTS.values() if e not in chosen]
    for experiment in chosen:
        if arguments.profile == "quick":
            experiment = miniature(experiment)
        if status := settle(experiment, folders):
            tqdm.write(f"{experiment.name}: {status} already", file=sys.stderr)
            continue
        command = f"python -m data_scripts.reproduce {experiment.name}"
        command += " --profile quick" if arguments.profile == "quick" else ""
        result = run(
            experiment,
            folders,
            checkpoint_seconds=arguments.checkpoint_seconds,
            progress=not arguments.no_progress,
            command=command,
        )
        tqdm.write(f"{experiment.name}: {result.status}, {result.steps_done} steps", file=sys.stderr)
        if result.status == "partial":
            return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
