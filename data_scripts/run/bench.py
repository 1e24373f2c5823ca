"""Speed as ratios, each measured in one run on this machine: `make bench`.

Absolute times say little on a shared machine; a ratio of two things timed in turn, A B A B, says how
much of the machine is used. Nothing here is asserted in a test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from vdsr_lib import datasets
from vdsr_lib.analysis.cost import in_turn
from vdsr_lib.devices import machine, resolve_precision
from vdsr_lib.evaluation import predict_luma
from vdsr_lib.files import write_atomically
from vdsr_lib.models import VDSR
from vdsr_lib.patches import Patches, extract_patches
from vdsr_lib.training import TrainingConfig, default_fabric, train
from vdsr_lib.training.config import Precision

from ..commands import parser_for
from . import playground, try_it
from .experiments import Experiment, step_flop, vdsr
from .records import commit

DEPTH, BATCH, SIZE = 20, 16, 41
SHAPE = Experiment("bench", "speed", vdsr(DEPTH), TrainingConfig(batch_size=BATCH))


def matrix_flops(dtype: torch.dtype, device: torch.device, size: int = 2048) -> Callable[[], None]:
    """A square matrix product, the machine's practical peak: 2·size³ operations."""
    a = torch.randn(size, size, dtype=dtype, device=device)
    return lambda: _discard(torch.mm(a, a))


def _discard(_: object) -> None:
    return None


def synthetic(count: int) -> Patches:
    """Random patches of the paper's size: speed does not depend on what is in them."""
    y = torch.rand(count, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return Patches(y, y.clone(), torch.full((count,), 2))


def our_steps(patches: Patches, precision: Precision, steps: int) -> Callable[[], None]:
    """`steps` steps of the library's own loop."""
    model = VDSR(DEPTH)
    config = TrainingConfig(steps=steps, batch_size=BATCH, precision=precision, log_every=steps, augment=True)
    fabric = default_fabric(precision)
    return lambda: _discard(train(model, patches, config, fabric=fabric))


def usual_steps(patches: Patches, steps: int) -> Callable[[], None]:
    """The loop that most reimplementations have: fp32, NCHW, a DataLoader, clip by value, SGD."""
    device = patches.device
    model = VDSR(DEPTH).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    loader = DataLoader(TensorDataset(patches.interpolated, patches.high_res), batch_size=BATCH, shuffle=True)

    def action() -> None:
        for step, (x, y) in enumerate(loader):
            if step == steps:
                break
            loss = nn.functional.mse_loss(model(x), y, reduction="sum") / 2 / len(x)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(model.parameters(), 0.1)
            optimizer.step()

    return action


def measure(rounds: int, steps: int) -> dict[str, float | str]:
    """All ratios; see the module's docstring."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = resolve_precision("auto", device)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    patches = synthetic(steps * BATCH).to(device)
    ours = replace(TrainingConfig(), precision=cast(Precision, precision))
    size = 2048 if device.type == "cpu" else 8192
    times = in_turn(
        {
            "matrix": matrix_flops(dtype, device, size),
            "ours": our_steps(patches, ours.precision, steps),
            "usual": usual_steps(patches, steps),
        },
        rounds,
    )
    peak = 2 * size**3 / times["matrix"]
    reached = step_flop(SHAPE) * steps / times["ours"]

    network, plain = VDSR(DEPTH).to(device).eval(), VDSR(DEPTH).to(device).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture = torch.rand(256, 256).numpy() * 255
    batch = torch.as_tensor(picture / 255, dtype=torch.float32, device=device)[None, None]

    def plain_loop() -> None:
        with torch.no_grad():
            x = batch
            for conv in plain.convs[:-1]:
                x = torch.relu(conv(x))
            _discard(batch + plain.convs[-1](x))

    inference = in_turn(
        {"ours": lambda: _discard(predict_luma(network, picture, data_range=255)), "plain": plain_loop}, rounds
    )
    return {
        "machine": machine(),
        "commit": commit(),
        "torch": torch.__version__,
        "precision": precision,
        "matrix peak, GFLOP/s": round(peak / 1e9, 1),
        "training step, depth 20, batch 16, s": round(times["ours"] / steps, 3),
        "training step against the matrix peak": round(reached / peak, 3),
        "usual loop's time over ours": round(times["usual"] / times["ours"], 3),
        "plain inference's time over ours, 256x256": round(inference["plain"] / inference["ours"], 3),
    }


def preparation() -> float:
    """Seconds to load the 291 images and make their patches at three scales."""
    images = datasets.load_set("291")
    began = time.perf_counter()
    extract_patches(images.values(), (2, 3, 4))
    return time.perf_counter() - began


def start_up(rounds: int) -> dict[str, float]:
    """How much longer than `python -c pass` the package's face, and the command's help, take."""

    def run(*words: str) -> Callable[[], None]:
        return lambda: _discard(subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL))

    times = in_turn(
        {"pass": run("-c", "pass"), "face": run("-c", "import vdsr_lib"), "help": run("-m", "vdsr_lib", "--help")},
        rounds,
    )
    return {
        "import vdsr_lib, over python -c pass": round(times["face"] / times["pass"], 1),
        "vdsr --help, over python -c pass": round(times["help"] / times["pass"], 1),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: print the ratios, and write them as JSON with `--json`."""
    parser = parser_for("bench", __doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="training steps in each round")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args(argv)
    figures = measure(arguments.rounds, arguments.steps)
    try:
        figures["291 images to patches, three scales, s"] = round(preparation(), 1)
    except datasets.DataError as error:
        figures["291 images to patches, three scales, s"] = f"not run here: {error}"
    try:
        speeds = {name: round(value, 1) for name, value in playground.run("speed").items()}
        figures["Playground, depth 6, width 12, batch 8 of 21x21, steps per second"] = speeds["small"]
        figures["Playground, depth 10, width 16, batch 8 of 21x21, steps per second"] = speeds["deep"]
        figures["Playground, depth 12, width 16, batch 16 of 41x41, steps per second"] = speeds["largest"]
        figures["Try it, VDSR on 256x256 pixels, s of one core"] = round(try_it.speed(), 2)
    except playground.PlaygroundError as error:
        figures["Playground and Try it"] = f"not run here: {error}"
    figures |= start_up(arguments.rounds)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:{width}}  {value}")
    if arguments.json:
        text = json.dumps(figures, indent=1) + "\n"
        write_atomically(arguments.json, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
