"""Score networks at real scales: `python -m data_scripts.fractional [--methods bicubic authors]`.

One record for each method, `fractional-METHOD.json`; chapter 7 shows them. It is written after each scale,
and what is there already is not computed again, unless the weights have changed. Methods are `bicubic`, `authors`,
and weights that ship.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vdsr_lib import datasets, pretrained, runs
from vdsr_lib.evaluation import psnr_real

from ..commands import one_line_errors, parser_for
from .records import ASSETS, new_record, now

SETS = ("Set5",)
SCALES = (1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4, 5, 6)
# The middles of the four embedded pictures, which are scored in a moment.
MIDDLES, SIDE = "embedded-middles", 240


def images_of(set_name: str) -> dict[str, np.ndarray]:
    """A set's images; `MIDDLES` are the middle `SIDE` × `SIDE` pixels of the embedded ones."""
    if set_name != MIDDLES:
        return datasets.load_set(set_name)

    def middle(image: np.ndarray) -> np.ndarray:
        top, left = ((side - SIDE) // 2 for side in image.shape[:2])
        return image[top : top + SIDE, left : left + SIDE]

    return {name: middle(image) for name, image in datasets.load_set("embedded").items()}


def record(
    method: str,
    folder: Path = ASSETS / "runs",
    *,
    sets: Sequence[str] = SETS,
    scales: Sequence[float] = SCALES,
) -> runs.RunRecord:
    """Score one method at each scale, and store the record after each.

    Args:
        method: `"bicubic"`, `"authors"`, or the name of weights that ship.
        folder: holds `fractional-METHOD.json`; what it has already, by the same weights, is not computed again.
        sets, scales: what to score; the record keeps others that it holds. `MIDDLES` needs no download.

    Errors: `WeightsError` or `DataError` when weights or images cannot be had.
    """
    path = folder / f"fractional-{method}.json"
    folder.mkdir(parents=True, exist_ok=True)
    network = None if method == "bicubic" else pretrained.load(method)
    weights = hashlib.sha256(pretrained.locate(method).read_bytes()).hexdigest() if network is not None else ""
    result = new_record(
        path.stem,
        "partial",
        f"python -m data_scripts.fractional --methods {method}",
        network=network,
        protocol="float",
        config={"weights_sha256": weights},
        notes=f"PSNR on luma, all in float, by vdsr_lib.evaluation.psnr_real; {MIDDLES} are {SIDE} x {SIDE}.",
    )
    whole = False
    if path.exists() and (before := runs.read_run(path)).config == result.config:
        whole = before.status == "done"
        result = replace(result, scores=before.scores, seconds=before.seconds)
    for set_name in sets:
        images = images_of(set_name)
        for scale in scales:
            stored = result.scores.setdefault(set_name, {}).setdefault(f"{scale:g}", {})
            missing = [name for name in images if name not in stored]
            start = time.perf_counter()
            for name in missing:
                stored[name] = {"psnr": round(psnr_real(images[name], scale, network), 5)}
            if missing:
                whole = False
                result = replace(result, seconds=round(result.seconds + time.perf_counter() - start, 2))
                runs.write_run(result, path)
    if whole:  # nothing was computed: the record stays as it is, with its date and machine
        return before
    result = replace(result, status="done", finished=now())
    runs.write_run(result, path)
    return result


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: score, store, and print the means."""
    parser = parser_for("fractional", __doc__)
    ours = [name for name in pretrained.shipped() if name.startswith("vdsr")]
    parser.add_argument("--methods", nargs="+", default=["bicubic", "authors", *ours])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--out", type=Path, default=ASSETS / "runs", help="folder of the records")
    arguments = parser.parse_args(argv)
    for method in arguments.methods:
        result = record(method, arguments.out, sets=arguments.sets)
        for set_name, by_scale in result.scores.items():
            cells = (
                f"x{scale} {np.mean([s['psnr'] for s in images.values()]):.2f}" for scale, images in by_scale.items()
            )
            print(f"{method}, {set_name}: " + "  ".join(cells), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
