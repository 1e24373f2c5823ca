"""What the page *Playground* needs beside its own files: the graphs of training steps, and pictures as bare luma."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from skimage import data

from vdsr_lib.images import luma, to_uint8

from . import training_graphs

# Parts of scikit-image's pictures: name, rows, columns. The network never trains on the last one.
TRAIN = [("astronaut", slice(0, 256), slice(96, 352)), ("coffee", slice(60, 316), slice(150, 406))]
TEST = ("camera", slice(72, 216), slice(120, 264))


def picture(name: str, rows: slice, columns: slice) -> np.ndarray:
    """The luma of a part of a picture, `(H, W)` uint8."""
    return to_uint8(luma(getattr(data, name)()[rows, columns]))


def lay_out(folder: Path) -> None:
    """Write graphs, pictures and `pictures.json` into the folder of the page's own files."""
    training_graphs.lay_out(folder / "graphs")
    (folder / "pictures").mkdir(exist_ok=True)

    def store(name: str, rows: slice, columns: slice) -> dict[str, str | int]:
        pixels = picture(name, rows, columns)
        (folder / "pictures" / f"{name}.luma").write_bytes(pixels.tobytes())
        return {"file": f"pictures/{name}.luma", "rows": pixels.shape[0], "columns": pixels.shape[1]}

    content = {"train": [store(*part) for part in TRAIN], "test": store(*TEST)}
    (folder / "pictures.json").write_text(json.dumps(content), encoding="utf-8")
