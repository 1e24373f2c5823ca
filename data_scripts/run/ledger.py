"""The ledger: every table and figure of the paper, row by row, beside what we measured.

`python -m data_scripts.ledger` reads the stored runs and the paper's numbers and writes
`vdsr_lib/assets/ledger.json`; README and book take their tables from that one file. A row that was not
reproduced stays, and says so.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from vdsr_lib import pretrained, runs
from vdsr_lib.book import paper as printed
from vdsr_lib.book.ledger import Row
from vdsr_lib.errors import DataError
from vdsr_lib.files import write_atomically

from ..commands import parser_for
from .experiments import EXPERIMENTS, LEARNING_RATES, SCALE_SETS, WHOLE
from .records import ASSETS

LEDGER = ASSETS / "ledger.json"
SETS = ("Set5", "Set14", "B100", "Urban100")

# A published number and the same arithmetic on the same weights: only rounding may differ.
EXACT = {"psnr": 0.01, "ssim": 0.0003}
# A network trained anew, from another seed and on other hardware. The paper gives no spread; ours
# between seeds is in the rows.
TRAINED = {"psnr": 0.15, "ssim": 0.0005}


# Chapter 5 and "What the paper does not say" have the count.
EPOCHS_NOTE = (
    "80 epochs of ×2 alone in patches of 41 × 41, a size that suits 20 layers; depth 10 sees 21 × 21. "
    "The paper's 9,960 iterations are another run's: T91 at three scales."
)

# Ends the name of a row of table 1 whose patches are as large as the field of its network.
FIELD = ", 21 × 21"
FIELD_NOTE = "80 epochs of ×2 alone in patches of 21 × 21, the field of 10 layers, as section 3.2 has it."


SHORTENED_NOTE = (
    "The schedule of this run is the paper's, made shorter: instead of 80 epochs, 24 of ×2 alone for the depth figure "
    "and 12 of its own scales for table 2, with the rate divided by 10 after each quarter. The run whose name ends in "
    "`-80-epochs` is the whole one."
)


SRCNN_NOTE = (
    "This SRCNN is one network for three scales, trained on the 291 images. The paper's is one network per scale, "
    "trained for much longer on ImageNet."
)


FAIR_SRCNN_NOTE = (
    "Trained at ×3 on T91, as its authors' first SRCNN was, whose own number on Set5 is widely quoted as 32.39 dB. The "
    "SRCNN of the paper's table was trained on ImageNet."
)


SHIPPED_AIM = (
    "The aim for the network that ships, not reached yet where the difference is negative: above the authors' weights "
    "in every cell, and on Set5 above the best public weights measured by this protocol, those of "
    "twtygqyy/pytorch-vdsr (37.59, 33.75, 31.44 dB)."
)


# The paper prints "9960 iterations" of 64 patches, in the paragraph on its final network.
PRINTED_SAMPLES = 64 * 9960


def shipped_note(record: runs.RunRecord | None) -> str:
    """What a reader must know of the net that ships, as long as its run is now."""
    if record is None:
        return SHIPPED_AIM
    seen = record.steps_done * record.config["config"]["batch_size"]
    return (
        f"{SHIPPED_AIM} It saw {seen:,} patches. The paper's final network saw {PRINTED_SAMPLES:,} if the printed "
        f"number of iterations is its own, and {80 * record.samples:,} if it had 80 epochs of such a set. Besides the "
        "held-out images, Set5 was looked at before the schedule was settled, so this run is not wholly blind to "
        f"Set5. {record.notes}".rstrip()
    )


def make_row(
    item: str,
    row: str,
    metric: str,
    paper: printed.Value | None,
    found: Iterable[tuple[float, runs.RunRecord]],
    tolerance: float,
    *,
    command: str,
    missing: str = "not yet run",
    reached: bool = False,
    shortened: bool = False,
    recomputed: bool = False,
    note: str = "",
) -> Row:
    """One row from the values found in runs, one a seed; see `Row`.

    `reached` says that the row is a point on the way, such as epoch 10, which a run that is not
    finished can have reached in full. `shortened` says that the run's schedule is shorter than the paper's;
    `recomputed` that the paper trained for this number, and nobody did here.
    """
    found = list(found)
    values = [value for value, _ in found]
    ours = round(statistics.fmean(values), 4) if values else None
    difference = None if ours is None or paper is None else round(ours - paper.value, 4)
    first = found[0][1] if found else None
    if first is None:
        status = missing
    elif first.status == "partial" and not reached:
        status = "partial"
    elif shortened:
        status = "shortened"
    elif difference is None:
        status = "run"
    else:
        near = abs(difference) <= tolerance + 1e-9
        agrees = "recomputed" if recomputed else "reproduced"
        status = agrees if near else "above" if difference > 0 else "below"
    return Row(
        item=item,
        row=row,
        metric=metric,
        paper=paper.value if paper else None,
        confirmed=bool(paper and paper.confirmed),
        ours=ours,
        difference=difference,
        tolerance=tolerance,
        status=status,
        seeds=[round(v, 4) for v in values] if len(values) > 1 else [],
        spread=round(statistics.stdev(values), 4) if len(values) > 1 else None,
        steps_done=first.steps_done if first else 0,
        steps_planned=first.steps_planned if first else 0,
        machine=first.machine if first else "",
        commit=first.commit if first else "",
        command=first.command if first else command,
        note=note,
    )


def all_seeds(name: str) -> list[runs.RunRecord]:
    """The stored runs of an experiment and of its further seeds."""
    names = [name, *(n for n in EXPERIMENTS if n.startswith(f"{name}-seed"))]
    return [record for n in names if (record := runs.find_run(n)) is not None]


def means(
    records: Iterable[runs.RunRecord], set_name: str, scale: int, metric: str = "psnr"
) -> Iterator[tuple[float, runs.RunRecord]]:
    """`(mean over the set, record)` of each record that was scored there.

    A partial run has no final scores; the last value of its curve stands in, if the curve is of that set.
    """
    for record in records:
        try:
            yield record.mean(set_name, scale, metric), record
        except DataError:
            _, values = record.series(f"psnr_x{scale}")
            curve_set = record.config.get("curve", [""])[0]
            if record.status == "partial" and metric == "psnr" and curve_set == set_name and values:
                yield values[-1], record


def at_epoch(record: runs.RunRecord, epoch: int, key: str = "psnr_x2") -> float | None:
    """The validated value nearest below an epoch of the curve, None if it was not reached."""
    epochs, values = record.series(key)
    reached = [value for e, value in zip(epochs, values, strict=True) if epoch - 0.5 < e <= epoch + 0.5]
    return reached[0] if reached else None


def table1() -> Iterator[Row]:
    """Residual against non-residual: Set5 ×2 at epochs 10, 20, 40, 80; in patches of 41 × 41, and of the field's 21."""
    for prefix, patches, note in (("table1", "", EPOCHS_NOTE), ("table1-field", FIELD, FIELD_NOTE)):
        for kind, network in (("residual", "residual"), ("plain", "non-residual")):
            for rate in LEARNING_RATES:
                name = f"{prefix}-{kind}-lr{rate:g}"
                for epoch in (10, 20, 40, 80):
                    found = [(v, r) for r in all_seeds(name) if (v := at_epoch(r, epoch)) is not None]
                    yield make_row(
                        "table 1", f"{network}, γ = {rate:g}, epoch {epoch}{patches}", "psnr",
                        printed.paper_table1(network, rate, epoch), found, TRAINED["psnr"],
                        command=f"python -m data_scripts.reproduce {name}", reached=True, note=note,
                    )  # fmt: skip


def table2() -> Iterator[Row]:
    """Trained on some scales, tested on each: by the whole schedule where that run is done, else by a part of it."""
    for trained_on in SCALE_SETS:
        name = "table2-" + "".join(map(str, trained_on))
        whole = all_seeds(name + WHOLE)
        done = bool(whole) and whole[0].status == "done"
        for scale in (2, 3, 4):
            yield make_row(
                "table 2", f"trained on {{{', '.join(map(str, trained_on))}}}, tested ×{scale}", "psnr",
                printed.paper_table2(scale, trained_on), means(whole if done else all_seeds(name), "Set5", scale),
                TRAINED["psnr"], command=f"python -m data_scripts.reproduce {name}",
                shortened=not done, note="" if done else SHORTENED_NOTE,
            )  # fmt: skip


def with_its_psnr(psnr: Row, ssim: Row) -> Row:
    """The SSIM's row of a cell: an SSIM near the paper's says little where the PSNR is not."""
    return replace(ssim, status=psnr.status) if ssim.status == "reproduced" != psnr.status else ssim


def table3() -> Iterator[Row]:
    """Bicubic, the authors' weights, SRCNN, our weights, and the paper's recipe, on every set and scale."""
    methods = (
        ("bicubic", "Bicubic", "bicubic", EXACT, SETS),
        ("the authors' weights", "VDSR", "authors", EXACT, SETS),
        ("SRCNN 9-1-5, ours", "SRCNN", "srcnn-915", TRAINED, ("Set5",)),
        ("SRCNN 9-1-5, trained well on T91", "SRCNN", "srcnn-915-fair", TRAINED, ("Set5", "Set14", "B100")),
        ("SRCNN 9-1-5, modern recipe", "SRCNN", pretrained.DEFAULT_SRCNN, TRAINED, SETS),
        ("our weights, modern recipe", "VDSR", pretrained.DEFAULT, TRAINED, SETS),
        ("our weights, modern recipe, shorter", "VDSR", "vdsr-291", TRAINED, SETS),
        ("our run of the paper's recipe", "VDSR", "paper-291", TRAINED, SETS),
    )
    for label, column, name, tolerance, sets in methods:
        untrained = name in ("bicubic", "authors")
        command = f"python -m data_scripts.{'authors_record' if untrained else 'reproduce ' + name}"
        note = shipped_note(runs.find_run(name)) if name.startswith("vdsr-291") else ""
        note = SRCNN_NOTE if name == "srcnn-291" else FAIR_SRCNN_NOTE if name == "srcnn-915-fair" else note
        for set_name in sets:
            for scale in (3,) if name.startswith("srcnn-915") else (2, 3, 4):
                psnr, ssim = (
                    make_row(
                        "table 3", f"{label}, {set_name} ×{scale}", metric,
                        printed.paper_table3(set_name, scale, column, metric),
                        means(all_seeds(name), set_name, scale, metric), tolerance[metric],
                        command=command, recomputed=name == "authors", note=note,
                    )
                    for metric in ("psnr", "ssim")
                )  # fmt: skip
                yield from (psnr, with_its_psnr(psnr, ssim))


def figures() -> Iterator[Row]:
    """The depth figure: the paper prints a picture, so there is no number to compare with."""
    drawn = [name for name, experiment in EXPERIMENTS.items() if experiment.shows == "the depth figure"]
    for name in sorted(drawn, key=lambda name: (name.endswith(WHOLE), name)):
        for scale in EXPERIMENTS[name].scales:
            yield make_row(
                "depth figure", f"{name}, Set5 ×{scale}", "psnr", None, means(all_seeds(name), "Set5", scale),
                TRAINED["psnr"], command=f"python -m data_scripts.reproduce {name}",
                shortened=not name.endswith(WHOLE), note="" if name.endswith(WHOLE) else SHORTENED_NOTE,
            )  # fmt: skip


def build() -> list[Row]:
    """Every row, from the stored runs as they are now."""
    return [*table1(), *table2(), *table3(), *figures()]


def write(path: Path = LEDGER) -> list[Row]:
    """Write the ledger as JSON, one row a line, atomically."""
    rows = build()
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False, sort_keys=True) for row in rows)
    write_atomically(path, lambda temporary: temporary.write_text(f"[\n{lines}\n]\n", encoding="utf-8"))
    return rows


def number(value: float | None, metric: str, confirmed: bool = True) -> str:
    """A cell's text: two digits for dB, four for SSIM, `?` where the paper's value is unconfirmed."""
    if value is None:
        return "–"
    return (f"{value:.2f}" if metric == "psnr" else f"{value:.4f}") + ("" if confirmed else "?")


def markdown(rows: Iterable[Row], *, commands: bool = False) -> str:
    """Rows as a Markdown table; PSNR and SSIM of one cell stay two rows."""
    head = ["what", "metric", "paper", "ours", "difference", "status", "steps"] + (["command"] if commands else [])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        difference = "–" if row.difference is None else f"{row.difference:+.{2 if row.metric == 'psnr' else 4}f}"
        steps = f"{row.steps_done:,} of {row.steps_planned:,}" if row.steps_planned else "–"
        cells = [
            row.row, row.metric.upper(), number(row.paper, row.metric, row.confirmed or row.paper is None),
            number(row.ours, row.metric), difference, row.status, steps,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells + ([f"`{row.command}`"] if commands else [])) + " |")
    return "\n".join(lines)


def results_table(rows: Iterable[Row]) -> str:
    """The README's table: PSNR / SSIM of bicubic, the authors' weights and ours beside the paper's VDSR."""
    cells = {(row.row, row.metric): row for row in rows if row.item == "table 3"}
    lines = [
        "| set | × | bicubic: paper | ours | VDSR: paper | authors' weights, measured here | our weights |",
        "|---|---|---|---|---|---|---|",
    ]

    def pair(label: str, set_name: str, scale: int, which: str) -> str:
        psnr, ssim = (cells[f"{label}, {set_name} ×{scale}", metric] for metric in ("psnr", "ssim"))
        first, second = getattr(psnr, which), getattr(ssim, which)
        if first is None:
            return psnr.status
        return f"{first:.2f} / {f'{second:.4f}'.lstrip('0')}" + (" (partial)" if psnr.status == "partial" else "")

    for set_name in SETS:
        for scale in (2, 3, 4):
            values = [
                pair(label, set_name, scale, which)
                for label, which in (
                    ("bicubic", "paper"), ("bicubic", "ours"), ("the authors' weights", "paper"),
                    ("the authors' weights", "ours"), ("our weights, modern recipe", "ours"),
                )
            ]  # fmt: skip
            lines.append(f"| {set_name} | {scale} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """The command line: write the ledger, and print it with `--print`."""
    parser = parser_for("ledger", __doc__)
    parser.add_argument("--print", action="store_true", dest="show", help="print the whole ledger as Markdown")
    arguments = parser.parse_args(argv)
    rows = write()
    counts = {status: sum(row.status == status for row in rows) for status in sorted({row.status for row in rows})}
    if arguments.show:
        for item in dict.fromkeys(row.item for row in rows):
            print(f"\n## {item}\n\n{markdown([row for row in rows if row.item == item], commands=True)}")
    print(f"{len(rows)} rows: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
