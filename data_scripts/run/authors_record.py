"""Score bicubic and the authors' weights by the authors' protocol: `python -m data_scripts.authors_record`.

`authors-ensemble` is the same weights with `ensemble.SelfEnsemble`, eight times as long: ask for it by name.

The records are written after every image, so a run that was stopped goes on where it was; delete one
to start it anew. A set whose files cannot be had is left out and named in the record's notes; the
ledger then says "not run here". On two cores the authors' weights take about twenty minutes for Set5,
Set14 and B100.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from vdsr_lib import datasets, ensemble, evaluation, pretrained, runs
from vdsr_lib.book.paper import paper_table3
from vdsr_lib.errors import DataError

from ..commands import one_line_errors, parser_for
from .records import ASSETS, cell, new_record, now

METHODS = ("bicubic", "authors", "authors-ensemble")
DEFAULT_METHODS = METHODS[:2]
SETS = ("Set5", "Set14", "B100", "Urban100")
SCALES = (2, 3, 4)


def record(
    method: str,
    folder: Path = ASSETS / "runs",
    *,
    sets: Sequence[str] = SETS,
    scales: Sequence[int] = SCALES,
    progress: bool = True,
) -> runs.RunRecord:
    """Score one method on every image of some sets, and store the record after each image.

    Args:
        method: one of `METHODS`.
        folder: holds `METHOD.json`; what it has already is not computed again.
        sets, scales: what to score; the record keeps other sets that it holds.

    Returns: the record; `status` is `"done"`, also when a set could not be had.
    Errors: `WeightsError` or `DataError` when the authors' weights cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{method}.json"
    base = None if method == "bicubic" else pretrained.load(pretrained.AUTHORS)
    network = ensemble.SelfEnsemble(base) if base is not None and method.endswith("-ensemble") else base
    before = runs.read_run(path) if path.exists() else runs.RunRecord(method, "partial")
    command = f"python -m data_scripts.authors_record --methods {method}"
    result = new_record(method, "partial", command, network=base, scores=before.scores, seconds=before.seconds)
    missing = []
    for name in sets:
        try:
            images = datasets.load_set(name)
        except DataError as error:
            print(f"{name}: not run here ({error})", file=sys.stderr)
            missing.append(name)
            continue
        cells = [(scale, image) for scale in scales for image in images]
        for scale, image in tqdm(cells, desc=f"{method} {name}", disable=not progress, mininterval=5):
            stored = result.scores.setdefault(name, {}).setdefault(str(scale), {})
            if image in stored:
                continue
            start = time.perf_counter()
            score = evaluation.score(images[image], scale, network)
            stored[image] = cell(score)
            result = replace(result, seconds=round(result.seconds + time.perf_counter() - start, 2))
            runs.write_run(result, path)
    notes = f"Not run here, for its files could not be had: {', '.join(missing)}." if missing else ""
    result = replace(result, status="done", notes=notes, finished=now())
    runs.write_run(result, path)
    return result


def comparison(result: runs.RunRecord) -> str:
    """The record beside the paper's table 3: ours, the paper's and the difference of each cell."""
    column = "Bicubic" if result.name == "bicubic" else "VDSR"
    lines = [f"{'cell':14} {'PSNR':>8} {'paper':>7} {'diff':>8}   {'SSIM':>7} {'paper':>7} {'diff':>8}"]
    for name, by_scale in result.scores.items():
        for scale in by_scale:
            psnr, ssim = (result.mean(name, int(scale), metric) for metric in ("psnr", "ssim"))
            paper = [paper_table3(name, int(scale), column, metric).value for metric in ("psnr", "ssim")]
            lines.append(
                f"{name + ' x' + scale:14} {psnr:8.3f} {paper[0]:7.2f} {psnr - paper[0]:+8.4f}"
                f"   {ssim:7.4f} {paper[1]:7.4f} {ssim - paper[1]:+8.5f}"
            )
    return "\n".join(lines)


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line: score, store, and print each record beside the paper."""
    parser = parser_for("authors_record", __doc__)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT_METHODS)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--out", type=Path, default=ASSETS / "runs", help="folder of the records")
    parser.add_argument("--no-progress", action="store_true")
    arguments = parser.parse_args(argv)
    for method in arguments.methods:
        result = record(method, arguments.out, sets=arguments.sets, progress=not arguments.no_progress)
        print(f"{method}, {result.seconds:.0f} s on {result.machine}\n{comparison(result)}\n{result.notes}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
