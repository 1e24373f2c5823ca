"""How far a trained network looks: `python -m data_scripts.effective_field [--methods authors vdsr-291-long]`.

One record for each method, `effective-field-METHOD.json`; chapter 2 shows that of the authors' weights, which no page
downloads. The squared gradient of one output pixel, without the added input, is averaged over windows of a picture and
described by two numbers: its standard deviation on one axis, and the side of the middle square with nine tenths of it.
A method takes a minute.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from vdsr_lib import datasets, pretrained, runs
from vdsr_lib.degradation import degrade, modcrop
from vdsr_lib.images import luma
from vdsr_lib.models import VDSR

from ..commands import one_line_errors, parser_for
from .records import ASSETS, new_record

METHODS = ("authors", pretrained.DEFAULT)
PICTURES = {"cat": ("embedded", "chelsea"), "butterfly": ("Set5", "butterfly")}
SCALE, WINDOWS, FRESH = 3, 12, 4


def energy(network: VDSR, windows: torch.Tensor) -> np.ndarray:
    """The squared gradient of the middle output with respect to each input pixel, mean over windows; sums to 1.

    Args:
        network: its chain alone is asked, without the added input.
        windows: `(N, 1, S, S)` in [0, 1], S odd.
    """
    x = windows.clone().requires_grad_()
    middle = x.shape[-1] // 2
    (gradient,) = torch.autograd.grad(network.predict_residual(x)[..., middle, middle].sum(), x)
    found = gradient.double().square().sum(dim=(0, 1)).numpy()
    return found / found.sum()


def described(field: np.ndarray) -> dict[str, float]:
    """`spread`, the standard deviation in pixels on one axis, mean of both, and `ninety`, the side of the middle square
    that holds nine tenths.

    Args:
        field: `(S, S)`, sums to 1.
    """
    place = np.arange(len(field)) - len(field) // 2
    spread = np.sqrt([(field.sum(axis=k) * place**2).sum() for k in (0, 1)]).mean()
    ring = np.maximum.outer(abs(place), abs(place)).ravel()
    inside = np.cumsum(np.bincount(ring, field.ravel()))
    return {"spread": round(float(spread), 4), "ninety": int(2 * np.argmax(inside >= 0.9) + 1)}


def record(method: str, folder: Path = ASSETS / "runs", *, count: int = WINDOWS) -> runs.RunRecord:
    """Measure one method beside fresh networks of its shape, and store the record: one entry per picture and state.

    Errors: `WeightsError` or `DataError` when weights or pictures cannot be had.
    """
    network = pretrained.load(method).eval()
    assert isinstance(network, VDSR)
    start = time.perf_counter()
    side = 2 * network.depth + 1
    curve = []
    for picture, (set_name, name) in PICTURES.items():
        images = datasets.load_set(set_name)
        image = next(image for key, image in images.items() if key.startswith(name))
        given = degrade(modcrop(luma(image), SCALE), SCALE).interpolated / 255
        rng = np.random.default_rng(0)
        corners = [[int(rng.integers(n - side)) for n in given.shape] for _ in range(count)]
        cut = np.stack([given[r : r + side, c : c + side] for r, c in corners])
        windows = torch.tensor(cut, dtype=torch.float32)[:, None]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            fresh = [VDSR(network.depth, network.width) for _ in range(FRESH)]
        states = {
            "fresh": np.mean([energy(net, windows[k::FRESH]) for k, net in enumerate(fresh)], axis=0),
            "trained": energy(network, windows),
        }
        for state, found in states.items():
            curve.append({"picture": picture, "state": state, **described(found)})
            print(method, curve[-1], flush=True)
    result = new_record(
        f"effective-field-{method}",
        "done",
        f"python -m data_scripts.effective_field --methods {method}",
        network=network,
        protocol="float",
        curve=curve,
        seconds=round(time.perf_counter() - start, 2),
        notes=f"Squared gradient of one output over {count} windows, x{SCALE}: spread in pixels, side with 90 %.",
    )
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_run(result, folder / f"{result.name}.json")
    return result


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: measure, store, and print."""
    parser = parser_for("effective_field", __doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--out", type=Path, default=ASSETS / "runs", help="folder of the records")
    arguments = parser.parse_args(argv)
    for method in arguments.methods:
        record(method, arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
