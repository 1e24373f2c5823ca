"""How much context a network needs: `python -m data_scripts.context [--methods authors vdsr-291-long]`.

One record for each method, `context-METHOD.json`; chapter 2 shows them. At some steep places of a picture the network
gets a window only, of growing side, and restores the pixel in its middle. Around the window stand zeros, or the window
mirrored: the first also shocks a network that has never seen such an edge, the second only takes context away.
On two cores a method takes some minutes; what is there already, by the same weights, is not measured again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from vdsr_lib import datasets, pretrained, runs
from vdsr_lib.degradation import degrade, modcrop
from vdsr_lib.images import luma
from vdsr_lib.models import VDSR

from ..commands import one_line_errors, parser_for
from .records import ASSETS, new_record

METHODS = ("authors", pretrained.DEFAULT)
PICTURES = {"cat": ("embedded", "chelsea"), "butterfly": ("Set5", "butterfly")}
WIDTHS = (1, 3, 5, 7, 9, 13, 17, 25, 41)
SURROUNDINGS = ("mirrored", "zeros")
SCALE, SPOTS, DRAWS, TOGETHER = 3, 800, 400, 50


def steep_places(interpolated: np.ndarray, margin: int = 20, spots: int = SPOTS) -> np.ndarray:
    """`(spots, 2)` rows and columns, evenly taken from the steepest 3 % of a picture; the same each time."""
    slope = np.hypot(*np.gradient(interpolated))[margin:-margin, margin:-margin]
    rising = np.argsort(slope, axis=None, kind="stable")[-3 * slope.size // 100 :]
    rising = rising[np.linspace(0, len(rising) - 1, spots).round().astype(int)]
    return np.stack(np.unravel_index(rising, slope.shape), axis=1) + margin


@torch.inference_mode()
def restored(
    network: VDSR, interpolated: np.ndarray, spots: np.ndarray, width: int, surroundings: str = "zeros"
) -> np.ndarray:
    """What a network restores at some pixels when it is given only a window around each.

    Args:
        network: with the sum.
        interpolated: `(H, W)` on the 8-bit scale.
        spots: `(N, 2)` rows and columns, no nearer to the border than half the window.
        width: side of the window, odd.
        surroundings: `"zeros"`, or `"mirrored"`: the window is mirrored until it fills the network's field.

    Returns: `(N,)` on the 8-bit scale.
    """
    if len(spots) > TOGETHER:  # all at once fill gigabytes, and take longer
        parts = np.array_split(spots, -(-len(spots) // TOGETHER))
        return np.concatenate([restored(network, interpolated, part, width, surroundings) for part in parts])
    half = width // 2
    cut = np.stack([interpolated[r - half : r + half + 1, c - half : c + half + 1] for r, c in spots]) / 255
    if surroundings == "zeros":
        out = network(torch.tensor(cut, dtype=torch.float32)[:, None])
        return 255 * out[:, 0, half, half].double().numpy()
    if width < 2 * network.depth + 1:
        more = network.depth - half
        cut = np.pad(cut, ((0, 0), (more, more), (more, more)), mode="symmetric")
    elif width > 2 * network.depth + 1:
        less = half - network.depth
        cut = cut[:, less:-less, less:-less]
    middle = cut.shape[1] // 2
    z = torch.tensor(cut, dtype=torch.float32)[:, None]
    for k, conv in enumerate(network.convs):  # without padding: one pixel is left, which has seen all of it
        assert isinstance(conv, nn.Conv2d)
        z = F.conv2d(torch.relu(z) if k else z, conv.weight, conv.bias)
    return 255 * (cut[:, middle, middle] + z[:, 0, 0, 0].double().numpy())


def compared(bicubic: np.ndarray, whole: np.ndarray, window: np.ndarray) -> dict[str, float]:
    """What a window gives, from squared errors place by place, in dB; the bands hold 16 to 84 % of resamples.

    Args:
        bicubic, whole, window: `(N,)` squared errors of interpolation, of the network with all that it can see, and of
            the network with a window only.

    Returns: `gain`, over bicubic; `lost`, less than with the whole field; each with its `_low` and `_high`.
    """
    drawn = np.random.default_rng(0).integers(len(window), size=(DRAWS, len(window)))
    found: dict[str, float] = {}
    for name, before in (("gain", bicubic), ("lost", window)):
        after = window if name == "gain" else whole
        low, high = np.quantile(10 * np.log10(before[drawn].mean(1) / after[drawn].mean(1)), [0.16, 0.84])
        values = (10 * np.log10(before.mean() / after.mean()), low, high)
        found |= {f"{name}{end}": round(float(v), 4) for end, v in zip(("", "_low", "_high"), values, strict=True)}
    return found


def record(method: str, folder: Path = ASSETS / "runs", *, widths: Sequence[int] = WIDTHS) -> runs.RunRecord:
    """Measure one method, and store the record: its curve has one entry per picture, surroundings and window.

    A record that is there by the same weights and windows is returned as it is.

    Errors: `WeightsError` or `DataError` when weights or pictures cannot be had.
    """
    network = pretrained.load(method).eval()
    assert isinstance(network, VDSR)
    path = folder / f"context-{method}.json"
    weights = hashlib.sha256(pretrained.locate(method).read_bytes()).hexdigest()
    config = {"weights_sha256": weights, "widths": list(widths)}
    if path.exists() and (before := runs.read_run(path)).config == config:
        return before
    start = time.perf_counter()
    curve = []
    for picture, (set_name, name) in PICTURES.items():
        images = datasets.load_set(set_name)
        image = next(image for key, image in images.items() if key.startswith(name))
        high_res = modcrop(luma(image), SCALE)
        interpolated = degrade(high_res, SCALE).interpolated
        spots = steep_places(interpolated)
        truth, before = (plane[tuple(spots.T)] for plane in (high_res, interpolated))
        whole = (restored(network, interpolated, spots, 2 * network.depth + 1, "mirrored") - truth) ** 2
        for surroundings in SURROUNDINGS:
            for width in widths:
                values = restored(network, interpolated, spots, width, surroundings)
                entry = compared((before - truth) ** 2, whole, (values - truth) ** 2)
                curve.append({"picture": picture, "surroundings": surroundings, "width": width, **entry})
                print(method, curve[-1], flush=True)
    result = new_record(
        path.stem,
        "done",
        f"python -m data_scripts.context --methods {method}",
        network=network,
        protocol="float",
        config=config,
        curve=curve,
        seconds=round(time.perf_counter() - start, 2),
        notes=f"Gain over bicubic (dB) at {SPOTS} of the steepest places, x{SCALE}, by side of the window.",
    )
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_run(result, path)
    return result


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: measure, store, and print."""
    parser = parser_for("context", __doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--out", type=Path, default=ASSETS / "runs", help="folder of the records")
    arguments = parser.parse_args(argv)
    for method in arguments.methods:
        record(method, arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
