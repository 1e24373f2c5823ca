"""What the page *Playground* needs beside its own files: the graphs of training steps, and pictures as bare luma.

`python -m data_scripts.playground` measures what the page says of its presets, over three seeds, by the page's own
modules in Node, and stores the record that a test compares with (some minutes).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from skimage import data

from vdsr_lib.errors import VdsrError
from vdsr_lib.files import write_atomically
from vdsr_lib.images import luma, to_uint8

from .. import ROOT
from ..commands import parser_for
from . import training_graphs

# Parts of scikit-image's pictures: name, rows, columns. The network never trains on the last one.
TRAIN = [("astronaut", slice(0, 256), slice(96, 352)), ("coffee", slice(60, 316), slice(150, 406))]
TEST = ("camera", slice(72, 216), slice(120, 264))
RUNS = Path(__file__).with_name("playground_runs.mjs")
RECORD = ROOT / "tests" / "site" / "playground_presets.json"


class PlaygroundError(VdsrError):
    """The page's modules cannot be run here."""


def picture(name: str, rows: slice, columns: slice) -> np.ndarray:
    """The luma of a part of a picture, `(H, W)` uint8."""
    return to_uint8(luma(getattr(data, name)()[rows, columns]), data_range=255)


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


def in_node(script: Path, *words: str) -> Any:
    """What a script answers as JSON, run in Node with npm's packages.

    Errors: `PlaygroundError` without Node, without npm's packages, or when the script fails.
    """
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        raise PlaygroundError("there is no Node; it comes with the extra `book`")
    if not (ROOT / "node_modules" / "onnxruntime-web").exists():
        raise PlaygroundError("node_modules/onnxruntime-web is missing: `make book` fetches it")
    done = subprocess.run([node, str(script), *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PlaygroundError(f"{script.name} {' '.join(words)} ended with {done.returncode}")
    return json.loads(done.stdout)


def run(task: str) -> dict[str, Any]:
    """Run the page's own modules in Node: `"speed"` gives steps a second, `"presets"` what the presets do.

    Errors: see `in_node`.
    """
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        return in_node(RUNS, folder, task)


def main(argv: list[str] | None = None) -> int:
    """The command line: measure the presets anew."""
    parser_for("playground", "Measure the playground's presets over three seeds, and store them.").parse_args(argv)
    text = json.dumps(run("presets"), indent=1) + "\n"
    write_atomically(RECORD, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
