"""Score Set5 by every protocol: `python -m data_scripts.protocol_scores [--methods bicubic authors]`.

One record for each method and protocol, `slip-METHOD-PROTOCOL.json`; chapter 1 shows them. What is there
already is not computed again. Bicubic takes seconds, the authors' weights some minutes on two cores.
"""

from __future__ import annotations

import time
from pathlib import Path

from vdsr_lib import datasets, evaluation, pretrained, runs

from ..commands import one_line_errors, parser_for
from .records import ASSETS, cell, new_record

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
    result = new_record(
        path.stem,
        "done",
        f"python -m data_scripts.protocol_scores --methods {method}",
        network=network,
        protocol=protocol,
        scores={
            "Set5": {
                str(scale): {name: cell(score) for name, score in images.items()} for scale, images in scores.items()
            }
        },
        seconds=round(time.perf_counter() - start, 2),
    )
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_run(result, path)
    return result


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: score, store, and print one line for each protocol."""
    parser = parser_for("protocol_scores", __doc__)
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
