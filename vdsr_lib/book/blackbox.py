"""Assignment 1: a scorer of bicubic interpolation with three planted differences from the protocol of chapter 1.

`python -m vdsr_lib.book.blackbox --seed 17 picture.png 3` prints a PSNR; `--reveal` prints what was planted.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError, VdsrError
from ..evaluation import PROTOCOLS, reconstruct
from ..images import read_image
from ..metrics import psnr, shave

# What can be planted: a key, and what it changes in words.
DIFFERENCES = {
    "antialias": "the small picture is made without antialiasing",
    "kernel": "a = −0.75 on the way up",
    "float-truth": "luma is not rounded to 8 bits before it is made smaller",
    "float-output": "the result is not rounded to 8 bits",
    "clamp": "the interpolated luma is not held to [16, 235]",
    "shave-less": "the border is one pixel too narrow",
    "shave-more": "the border is one pixel too wide",
    "peak": "the peak is the largest value of the truth, not 255",
    "shift": "the result is compared one pixel to the right",
}
# Pairs that undo or hide one another are not planted together.
APART = ({"shave-less", "shave-more"}, {"float-truth", "float-output"}, {"shift", "antialias"})


def planted(seed: int) -> tuple[str, ...]:
    """The three differences of a seed, the same each time.

    Errors: `InputError` for a seed below 0.
    """
    if seed < 0:
        raise InputError(f"seed must be >= 0, got {seed}")
    rng = np.random.default_rng(seed)
    while True:
        chosen = tuple(sorted(rng.choice(list(DIFFERENCES), 3, replace=False).tolist()))
        if not any(pair <= set(chosen) for pair in APART):
            return chosen


def evaluate(image: np.ndarray, scale: int, differences: tuple[str, ...] = ()) -> float:
    """PSNR in dB of bicubic interpolation by the authors' protocol, but for some differences.

    Args:
        image: uint8 `(H, W, 3)` or `(H, W)`.
        scale: a whole number ≥ 2.
        differences: keys of `DIFFERENCES`; none gives the protocol of chapter 1.

    Errors: `InputError` for an unknown difference, and for what `reconstruct` refuses.
    """
    unknown = set(differences) - set(DIFFERENCES)
    if unknown:
        raise InputError(f"differences must be of {', '.join(DIFFERENCES)}; got {', '.join(sorted(unknown))}")
    protocol = PROTOCOLS["authors"]
    if "antialias" in differences:
        protocol = replace(protocol, antialias=False)
    if "kernel" in differences:
        protocol = replace(protocol, up_kernel="bicubic-0.75")
    if "clamp" in differences:
        protocol = replace(protocol, clamp_input=False)
    if "float-truth" in differences:
        protocol = replace(protocol, round_truth=False)
    if "float-output" in differences:
        protocol = replace(protocol, round_output=False)
    result = reconstruct(image, scale, None, protocol)
    output, truth = result.output, result.truth
    if "shift" in differences:
        output, truth = output[:, 1:], truth[:, :-1]
    border = scale + ("shave-more" in differences) - ("shave-less" in differences)
    output, truth = shave(output, border), shave(truth, border)
    peak = float(truth.max()) if "peak" in differences else 255.0
    return psnr(output, truth, data_range=peak)


def main(argv: list[str] | None = None) -> int:
    """The command line; exit code 2 for a picture or a seed that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m vdsr_lib.book.blackbox", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seed", type=int, required=True, help="chooses the three differences")
    parser.add_argument("--reveal", action="store_true", help="say which they are; for the lecturer")
    parser.add_argument("picture", type=Path, nargs="?", help="an 8-bit image")
    parser.add_argument("scale", type=int, nargs="?", default=3)
    arguments = parser.parse_args(argv)
    try:
        differences = planted(arguments.seed)
        if arguments.reveal:
            print("\n".join(DIFFERENCES[key] for key in differences))
        elif arguments.picture is None:
            parser.error("a picture is wanted")
        else:
            print(f"{evaluate(read_image(arguments.picture), arguments.scale, differences):.4f}")
    except VdsrError as error:
        print(error)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
