"""Score stored weights on a further set: `python -m data_scripts.score NAME … --sets Urban100`.

The scores are added to the run's record when the whole set is done. What is scored is kept image by image, so a stopped
command goes on where it was. On one thread, VDSR takes a couple of hours for Urban100 at three scales.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from vdsr_lib import datasets, evaluation, pretrained, runs
from vdsr_lib.errors import WeightsError
from vdsr_lib.files import write_text

from ..commands import one_line_errors, parser_for
from .experiments import get_experiment
from .reproduce import Folders, ended, file_checksum, padded, stored

DEFAULT = Folders()


def add_scores(
    name: str, set_name: str, scales: Sequence[int], folders: Folders = DEFAULT, *, progress: bool = True
) -> runs.RunRecord:
    """Score an experiment's stored weights on a set by the authors' protocol, and add that to its record.

    Args:
        name: of an experiment that has been run to its end and whose weights are kept.
        set_name: as `datasets.load_set` takes it.
        scales: what to score; the record keeps what else it holds.

    Returns: the record as it is stored now.
    Errors: `WeightsError` when there are no such weights, or not those that the record was made of.
    """
    experiment = get_experiment(name)
    record = stored(name, folders)
    if record is None or not ended(experiment, folders) or experiment.weights == "none":
        raise WeightsError(f"{name}: wanted a finished run with its own weights, `make reproduce RUN={name}` makes it")
    path = folders.weight_file(experiment)
    network = padded(pretrained.load_file(path))
    images = datasets.load_set(set_name)
    notes = folders.checkpoints / f"score-{name}-{set_name}.json"
    weights = file_checksum(path)
    done: dict[str, dict[str, dict[str, float]]] = {}
    if notes.exists():
        kept = json.loads(notes.read_text(encoding="utf-8"))
        done = kept["scores"] if kept["weights"] == weights else {}
    cells = [(scale, image) for scale in scales for image in images]
    for scale, image in tqdm(cells, desc=f"{name} {set_name}", disable=not progress, mininterval=5):
        per_image = done.setdefault(str(scale), {})
        if image in per_image:
            continue
        score = evaluation.score(images[image], scale, network)
        per_image[image] = {"psnr": score.psnr, "ssim": score.ssim}
        text = json.dumps({"weights": weights, "scores": done})
        notes.parent.mkdir(parents=True, exist_ok=True)
        write_text(notes, text)
    wanted = {str(s): {image: done[str(s)][image] for image in images} for s in scales}
    scores = {**record.scores, set_name: {**record.scores.get(set_name, {}), **wanted}}
    record = replace(record, scores=scores)
    runs.write_run(record, folders.record(name))
    notes.unlink(missing_ok=True)
    return record


@one_line_errors
def main(argv: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = parser_for("score", __doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="experiments whose weights are stored")
    parser.add_argument("--sets", nargs="+", default=["Urban100"])
    parser.add_argument("--scales", type=int, nargs="+", default=None, help="default: those that it was trained on")
    parser.add_argument("--out", type=Path, help="folder of the run, instead of the package")
    parser.add_argument("--no-progress", action="store_true")
    arguments = parser.parse_args(argv)
    folders = Folders.under(arguments.out)
    for name in arguments.names:
        scales = arguments.scales or get_experiment(name).scales
        for set_name in arguments.sets:
            record = add_scores(name, set_name, scales, folders, progress=not arguments.no_progress)
            for scale in scales:
                psnr, ssim = (record.mean(set_name, scale, metric) for metric in ("psnr", "ssim"))
                print(f"{name}: {set_name} x{scale} {psnr:.3f} dB, SSIM {ssim:.4f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
