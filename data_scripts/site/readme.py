"""Writes what is generated in the README: the table of results, and with `--picture` the picture.

The table is the ledger's, so README and book never tell two things.
"""

from __future__ import annotations

from pathlib import Path

from vdsr_lib.errors import DataError
from vdsr_lib.files import write_atomically

from .. import ROOT
from ..commands import parser_for

README = ROOT / "README.md"
PICTURE = ROOT / "book" / "_static" / "vdsr.png"
BEGIN = "<!-- results: written by `python -m data_scripts.readme` from the ledger -->\n"
END = "<!-- end of results -->"


def _split(text: str) -> tuple[str, str, str]:
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise DataError(f"README.md must hold these lines once each: {BEGIN.strip()} and {END}")
    head, rest = text.split(BEGIN)
    table, tail = rest.split(END)
    return head + BEGIN, table, END + tail


def stored_table(path: Path = README) -> str:
    """The table of results as the README holds it.

    Errors: `DataError` when the lines around it are gone.
    """
    return _split(path.read_text(encoding="utf-8"))[1].strip()


def page_tables(table: str) -> str:
    """The table of results for a page, which a phone shows whole: PSNR and SSIM apart, one column for bicubic.

    Args:
        table: as in the README.
    """
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    tabs = []
    for k, name in enumerate(("PSNR, dB", "SSIM")):
        lines = [
            f"| {name} | bicubic | VDSR, paper | authors' weights, here | our weights |",
            "|---|---:|---:|---:|---:|",
        ]
        for set_name, scale, _, *scores in rows:
            # A score that is not there says why in the README; a column has no room for that.
            values = [score.split(" / ")[k] if " / " in score else "–" for score in scores]
            lines.append(f"| {set_name}\u00a0×{scale} | {' | '.join(values)} |")
        tabs.append(f":::{{tab-item}} {name}\n" + "\n".join(lines) + "\n:::")
    return "::::{tab-set}\n" + "\n".join(tabs) + "\n::::"


def write_table(table: str, path: Path = README) -> None:
    """Put a table in its place in the README, atomically.

    Errors: `DataError` when the lines around it are gone.
    """
    head, _, tail = _split(path.read_text(encoding="utf-8"))
    write_atomically(path, lambda temporary: temporary.write_text(f"{head}\n{table}\n\n{tail}", encoding="utf-8"))


def write_picture(path: Path = PICTURE, weights: str = "authors") -> None:
    """Bicubic, VDSR and the original of a detail, side by side, from a picture that comes with scikit-image."""
    import numpy as np
    from PIL import Image
    from skimage.data import astronaut

    from vdsr_lib.book.display import png_bytes
    from vdsr_lib.pretrained import load
    from vdsr_lib.resize import imresize
    from vdsr_lib.upscaling import upscale

    scale, top, left, side, zoom = 4, 56, 160, 128, 3
    original = astronaut()
    small = imresize(original, 1 / scale)
    results = [upscale(small, scale), upscale(small, scale, load(weights)), original]
    details = [image[top : top + side, left : left + side] for image in results]
    details = [np.kron(detail, np.ones((zoom, zoom, 1), np.uint8)) for detail in details]
    gap = np.full((side * zoom, 4 * zoom, 3), 255, np.uint8)
    content = png_bytes(np.concatenate([details[0], gap, details[1], gap, details[2]], axis=1))
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    with Image.open(path) as image:
        print(f"{path.relative_to(ROOT)}: {image.size[0]}x{image.size[1]}, {path.stat().st_size / 1024:.0f} KB")


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = parser_for("readme", __doc__)
    parser.add_argument("--picture", action="store_true", help="draw the picture too, with the authors' weights")
    arguments = parser.parse_args(argv)
    from ..run import ledger

    write_table(ledger.results_table(ledger.build()))
    if arguments.picture:
        write_picture()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
