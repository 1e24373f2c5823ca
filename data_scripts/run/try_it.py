"""What the page *Try it* needs beside its own files: the shipped networks as ONNX, sample pictures, a list of both.

The networks are exported when the book is built, and kept in `_build/cache` until weights or tools change.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from skimage import data
from torch import nn

from vdsr_lib import exporting, pretrained
from vdsr_lib.book.display import png_bytes
from vdsr_lib.degradation import modcrop
from vdsr_lib.files import write_atomically
from vdsr_lib.images import to_uint8
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.resize import imresize
from vdsr_lib.upscaling import reach, upscale

from .. import ROOT
from . import playground

Network = VDSR | SRCNN
CACHE = ROOT / "_build" / "cache" / "onnx"
# What the page offers beside bicubic, in order: the words on the page, the name of the shipped weights.
NETWORKS = {"SRCNN": pretrained.DEFAULT_SRCNN, "VDSR": pretrained.DEFAULT}
# Parts of scikit-image's pictures: name, rows, columns, words on the page, words for those who cannot see it.
SAMPLES = [
    ("astronaut", slice(0, 336), slice(84, 420), "Astronaut", "An astronaut in an orange suit, smiling"),
    ("chelsea", slice(0, 300), slice(60, 444), "Cat", "The face of a cat, with fine whiskers"),
    ("coffee", slice(20, 380), slice(60, 516), "Coffee", "A cup of coffee and a spoon on a wooden table"),
    ("camera", slice(30, 414), slice(90, 474), "Camera", "A man at a camera on a tripod, in grey"),
]
# Samples are made as the networks' training pictures were: shrunk by bicubic interpolation.
SHRINK = 3
# What a browser fetches to compute on the processor, from the folder `ort`.
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
SPEED = Path(__file__).with_name("try_it_speed.mjs")
# A browser's answer to this small picture is compared with torch's before it computes anything else.
CHECK_SIZE = 12


def weighed(content: bytes) -> tuple[int, int]:
    """Bytes as they are, and as a host that compresses sends them."""
    return len(content), len(gzip.compress(content, 6))


def webp_bytes(picture: np.ndarray) -> bytes:
    """A picture as a WebP file that loses nothing: a quarter shorter than a PNG, and every browser reads it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="WEBP", lossless=True, method=6)
    return file.getvalue()


def check(network: nn.Module) -> dict[str, Any]:
    """A small input and the network's answer to it, for the browser to compare its own with."""
    x = torch.rand(1, 1, CHECK_SIZE, CHECK_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y = network(x)
    numbers = {"input": x, "output": y}
    return {"rows": CHECK_SIZE, "columns": CHECK_SIZE} | {k: t.flatten().tolist() for k, t in numbers.items()}


def with_half_weights(content: bytes) -> bytes:
    """An ONNX file whose kernels are stored in 16 bits: half as long, and as fast, since they are cast once.

    The shipped VDSR loses 0.0002 dB by it, and no value of a picture moves by more than 0.1 of 255. Whole numbers of 8
    bits in all layers but the first six and the last were tried: 1.5 times as fast, 0.001 dB less on average, and where
    a feature is stronger than those it was fitted to, single pixels were 100 of 255 off. So they are not taken.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    casts = []
    for weights in graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim == 4:
            name = weights.name
            weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def rounded(network: Network) -> Network:
    """The network as its file holds it."""
    network = copy.deepcopy(network)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.half().float()
    return network


def exported(network: nn.Module) -> bytes:
    """The network as an ONNX file, from the cache when nothing has changed."""
    key = hashlib.sha256(Path(exporting.__file__).read_bytes() + Path(__file__).read_bytes())
    key.update(f"{pretrained.model_spec(network)} {version('torch')} {version('onnxscript')}".encode())
    for name, value in network.state_dict().items():
        key.update(name.encode())
        key.update(np.ascontiguousarray(value.numpy()).tobytes())
    path = CACHE / f"{key.hexdigest()[:20]}.onnx"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        exporting.export_onnx(network, path)
        write_atomically(path, lambda temporary: temporary.write_bytes(with_half_weights(path.read_bytes())))
    return path.read_bytes()


def shipped() -> dict[str, VDSR | SRCNN]:
    """Those of `NETWORKS` whose weights ship with the library, by the words on the page."""
    return {label: pretrained.load(name) for label, name in NETWORKS.items() if name in pretrained.shipped()}


def speed() -> float:
    """Seconds of one core that the page's runtime takes for VDSR on 256 × 256 pixels, in Node.

    Errors: see `playground.in_node`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(exported(shipped()["VDSR"]))
        return playground.in_node(SPEED, str(path))


def lay_out(folder: Path, networks: Mapping[str, VDSR | SRCNN] | None = None) -> None:
    """Write networks, samples and `models.json` into the folder of the page's own files.

    Args:
        networks: by the words on the page; those that ship unless given.
    """
    networks = shipped() if networks is None else networks
    entries = []
    for label, network in networks.items():
        file = f"{NETWORKS[label]}.onnx"
        content = exported(network)
        (folder / file).write_bytes(content)
        entry = {"name": label.lower(), "label": label, "file": file, "margin": reach(network)}
        entries.append(entry | {"check": check(rounded(network)), "bytes": weighed(content)})
    samples: list[dict[str, Any]] = []
    (folder / "samples").mkdir(exist_ok=True)
    for name, rows, columns, label, alt in SAMPLES:
        truth = modcrop(getattr(data, name)()[rows, columns], SHRINK)
        small = to_uint8(imresize(truth.astype(np.float64), 1 / SHRINK), data_range=255)
        sample: dict[str, Any] = {"file": f"samples/{name}.png", "label": label, "alt": alt}
        sample |= {"truth": f"samples/{name}-truth.webp", "scale": SHRINK}
        pictures = {sample["file"]: small, sample["truth"]: truth}
        if not samples:  # The first is there with its results, before anything is computed or asked for.
            ready: dict[str, Network | None] = {
                "bicubic": None,
                **{n.lower(): network for n, network in networks.items()},
            }
            sample["ready"] = {method: f"samples/{name}-{method}.webp" for method in ready}
            made = {method: upscale(small, SHRINK, network) for method, network in ready.items()}
            pictures |= {sample["ready"][method]: picture for method, picture in made.items()}
        for file, picture in pictures.items():
            (folder / file).write_bytes(png_bytes(picture) if file.endswith(".png") else webp_bytes(picture))
        samples.append(sample)
    missing = [label for label in NETWORKS if label not in networks]
    files = [folder / "ort" / name for name in RUNTIME]
    runtime = weighed(b"".join(path.read_bytes() for path in files)) if all(map(Path.exists, files)) else None
    listed = {"networks": entries, "missing": missing, "samples": samples, "bytes": {"runtime": runtime}}
    (folder / "models.json").write_text(json.dumps(listed), encoding="utf-8")
