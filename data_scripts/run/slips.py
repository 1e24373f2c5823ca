"""Score Set5 by every protocol: `python -m data_scripts.slips [--methods bicubic authors]`.

One record for each method and protocol, `slip-METHOD-PROTOCOL.json`; chapter 1 shows them. What is there
already is not computed again. Bicubic takes seconds, the authors' weights some minutes on two cores.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch

from vdsr_lib import datasets, evaluation, pretrained, runs
from vdsr_lib.devices import machine

from ..commands import one_line_errors, parser_for
from .reproduce import ASSETS, commit

METHODS = ("bicubic", "authors")
SCALES = (2, 3, 4)


def record(method: str, protocol: str, folder: Path = ASSETS / "runs") -> runs.RunRecord:
    """Score one method on Set5 by one protocol, and store the record; a stored one is handed back.

    Args:
        method: `"bicubic"` or `"authors"`.
        protocol: a key of `evaluation.PROTOCOLS`.
        folder: where the record is stored.

    Errors: `DataError` or `WeightsError` when the files cannot be had; `InputError` for an unknown protocol.
    """
    path = folder / f"slip-{method}-{protocol}.json"
    if path.exists():
        return runs.read_run(path)
    network = pretrained.load(pretrained.AUTHORS) if method == "authors" else None
    start = time.perf_counter()
    scores = evaluation.evaluate(datasets.load_set("Set5"), SCALES, network, protocol)
    result = runs.RunRecord(
        name=path.stem,
        status="done",
        model=pretrained.model_spec(network) if network is not None else {},
        protocol=protocol,
        scores={
            "Set5": {
                str(scale): {
                    name: {"psnr": round(score.psnr, 5), "ssim": round(score.ssim, 6)} for name, score in images.items()
                }
                for scale, images in scores.items()
            }
        },
        seconds=round(time.perf_counter() - start, 2),
        machine=machine(),
        precision="float32",
        torch_version=torch.__version__,
        commit=commit(),
        command=f"python -m data_scripts.slips --methods {method}",
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_run(result, path)
    return result


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: score, store, and print one line for each protocol."""
    parser = parser_for("slips", __doc__)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--out", type=Path, default=ASSETS / "runs", help="folder of the records")
    arguments = parser.parse_args(argv)
    for method in arguments.methods:
        for name, protocol in evaluation.PROTOCOLS.items():
            result = record(method, name, arguments.out)
            cells = "  ".join(f"{result.mean('Set5', s):.3f}" for s in SCALES)
            print(f"{method:8} {cells}  {protocol.summary}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
