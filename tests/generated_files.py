"""Ten thousand image files that are whole, odd or broken, through the command `vdsr upscale`.

`python -m tests.generated_files --count 10000` makes them from their numbers, so that a fault can be made again:
`--only 4711`. The command runs in forked workers, each file within limits of time and memory; see `faults_of`.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

# Of a processor, for the machine may have other things to do; and by the clock, after which a file hangs.
SECONDS, PATIENCE = 10, 60
MEMORY = 2 * 2**30
OUTPUTS = (".png", ".jpg", ".tif", ".webp")


# --- what is generated -------------------------------------------------------------------------------

PLAIN = [
    ("PNG", "png", ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ("JPEG", "jpg", ("L", "RGB", "CMYK")),
    ("TIFF", "tif", ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")),
    ("WEBP", "webp", ("RGB", "RGBA")),
    ("GIF", "gif", ("1", "L", "P", "RGB")),
    ("BMP", "bmp", ("1", "L", "P", "RGB")),
    ("PPM", "ppm", ("1", "L", "RGB", "I;16")),
    ("TGA", "tga", ("1", "L", "LA", "P", "RGB", "RGBA")),
    ("ICO", "ico", ("L", "RGB", "RGBA")),
    ("ICNS", "icns", ("RGB", "RGBA")),
    ("PCX", "pcx", ("1", "L", "P", "RGB")),
    ("SGI", "sgi", ("L", "RGB", "RGBA")),
    ("DDS", "dds", ("L", "RGB", "RGBA")),
    ("DIB", "dib", ("1", "L", "P", "RGB")),
    ("JPEG2000", "jp2", ("L", "LA", "RGB", "RGBA", "I;16")),
    ("AVIF", "avif", ("RGB", "RGBA")),
    ("MSP", "msp", ("1",)),
    ("XBM", "xbm", ("1",)),
    ("SPIDER", "spi", ("F",)),
    ("MPO", "mpo", ("RGB",)),
    ("QOI", "qoi", ("RGB", "RGBA")),
]
SIZES = ((1, 1), (1, 40), (40, 1), (2, 3), (17, 9), (64, 48), (33, 65), (128, 16))


def _pixels(random: np.random.Generator, mode: str, size: tuple[int, int]) -> Image.Image:
    rows, columns = size
    noise = random.integers(0, 256, (rows, columns, 4), dtype=np.uint8)
    smooth = np.add.outer(np.arange(rows), np.arange(columns)).astype(np.uint8)[..., None]
    pixels = noise if random.random() < 0.5 else np.broadcast_to(smooth, noise.shape).copy()
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    if mode in ("I", "F"):
        return Image.fromarray(pixels[..., 0].astype(np.int32 if mode == "I" else np.float32))
    image = Image.fromarray(pixels)
    return image if mode == "RGBA" else image.convert("LA" if mode == "LA" else "RGB").convert(mode)


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _options(random: np.random.Generator, kind: str, image: Image.Image) -> dict[str, Any]:
    """What goes with the pixels: EXIF of any orientation, profiles, resolutions, several frames, ways to compress."""
    options: dict[str, Any] = {}
    if kind in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF") and random.random() < 0.4:
        exif = Image.Exif()
        exif[274] = int(random.integers(0, 10))
        exif[306] = "2020:01:02 03:04:05"
        if kind != "TIFF":
            exif[0x8769] = {36867: "2020:01:02 03:04:06", 37500: random.bytes(20)}
        options["exif"] = exif
    if kind in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF") and random.random() < 0.2:
        options["icc_profile"] = _srgb() if random.random() < 0.5 else random.bytes(200)
    if kind in ("PNG", "JPEG", "TIFF") and random.random() < 0.2:
        options["dpi"] = (float(random.integers(0, 1000)),) * 2
    if kind in ("GIF", "TIFF", "WEBP", "PNG", "MPO") and random.random() < 0.2:
        options |= {"save_all": True, "append_images": [image.copy() for _ in range(random.integers(1, 4))]}
    if kind == "TIFF" and image.mode in ("L", "RGB", "RGBA", "P", "CMYK", "I;16"):
        names = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd")
        options["compression"] = names[random.integers(len(names))]
    if kind == "WEBP":
        options["lossless"] = bool(random.random() < 0.5)
    return options


def _deep(random: np.random.Generator) -> tuple[bytes, str]:
    """What Pillow does not write: 16 bits and halves of a float, in any layout."""
    rows, columns = SIZES[random.integers(len(SIZES))]
    channels = int(random.integers(1, 5))
    pixels = random.integers(0, 65536, (rows, columns, channels), dtype=np.uint16)
    kind = random.integers(4)
    if kind == 0 and rows * columns > 1:
        return imagecodecs.png_encode(pixels[..., 0] if channels == 1 else pixels), "png"
    if kind == 1:
        channels = 3 if channels != 1 else 1
        head = f"P{6 if channels == 3 else 5} {columns} {rows} {random.integers(1, 65536)}\n".encode()
        return head + pixels[..., :channels].astype(">u2").tobytes(), "ppm"
    if kind == 2:
        pixels = pixels.view(np.float16)
    options: dict[str, Any] = {"photometric": "rgb" if channels >= 3 else "minisblack"}
    if channels in (2, 4):
        options["extrasamples"] = [("unassalpha", "assocalpha", "unspecified")[random.integers(3)]]
    layout = random.integers(4)
    if layout == 1:
        options["tile"] = (16, 32)
    elif layout == 2 and channels > 1:
        options["planarconfig"], pixels = "separate", np.moveaxis(pixels, 2, 0)
    elif layout == 3:
        options["rowsperstrip"] = int(random.integers(1, rows + 1))
    options["compression"] = (None, "zlib", "lzw", "packbits")[random.integers(4)]
    options["byteorder"] = "<>"[random.integers(2)]
    options["bigtiff"] = bool(random.random() < 0.2)
    if channels == 1:
        pixels = pixels[..., 0]
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue(), "tif"


def whole(random: np.random.Generator) -> tuple[bytes, str]:
    """`(content, suffix)` of a file that its own format would call whole."""
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if random.random() < 0.2:
                    return _deep(random)
                kind, suffix, modes = PLAIN[random.integers(len(PLAIN))]
                mode = modes[random.integers(len(modes))]
                image = _pixels(random, mode, SIZES[random.integers(len(SIZES))])
                file = io.BytesIO()
                image.save(file, kind, **_options(random, kind, image))
                return file.getvalue(), suffix
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, SystemError, struct.error):
            continue  # this release does not write such a file; the next numbers make another


def _flip(random: np.random.Generator, content: bytes) -> bytes:
    """1 to 60 bits the other way, most of them in the header."""
    broken = bytearray(content)
    for _ in range(random.integers(1, 60) if random.random() < 0.5 else 1):
        end = len(broken) if random.random() < 0.5 else min(len(broken), 300)
        broken[random.integers(end)] ^= 1 << int(random.integers(8))
    return bytes(broken)


def _cut(random: np.random.Generator, content: bytes) -> bytes:
    return content[: random.integers(len(content))]


def _another_header(random: np.random.Generator, content: bytes) -> bytes:
    other, _ = whole(random)
    length = int(random.integers(2, 65))
    return other[:length] + content[length:]


def _extreme_numbers(random: np.random.Generator, content: bytes) -> bytes:
    """Sizes, counts and offsets of the header become 0, 1, or as large as they can be."""
    broken = bytearray(content)
    values = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 20_000, 70_000)
    for _ in range(random.integers(1, 4)):
        width = (1, 2, 4)[random.integers(3)]
        at = int(random.integers(max(1, min(len(broken), 400))))
        value = values[random.integers(len(values))] & ((1 << 8 * width) - 1)
        broken[at : at + width] = value.to_bytes(width, ("little", "big")[random.integers(2)])
    return bytes(broken)


def _rearranged(random: np.random.Generator, content: bytes) -> bytes:
    """A piece is doubled, taken out, filled with zeros, or stands behind the end."""
    start, stop = sorted(int(v) for v in random.integers(0, len(content) + 1, 2))
    piece = content[start:stop]
    return (
        content[:stop] + piece + content[stop:],
        content[:start] + content[stop:],
        content[:start] + bytes(len(piece)) + content[stop:],
        content + piece + random.bytes(50),
    )[random.integers(4)]


def _noise(random: np.random.Generator, content: bytes) -> bytes:
    return content[: random.integers(min(len(content), 32) + 1)] + random.bytes(int(random.integers(0, 500)))


DAMAGES: tuple[Callable[[np.random.Generator, bytes], bytes], ...] = (
    lambda random, content: content, _flip, _flip, _cut, _another_header, _extreme_numbers, _extreme_numbers,
    _rearranged, _noise,
)  # fmt: skip


def generate(number: int) -> tuple[str, bytes]:
    """`(name, content)` of the file of that number, the same on each call."""
    random = np.random.default_rng(number)
    content, suffix = whole(random)
    content = DAMAGES[random.integers(len(DAMAGES))](random, content)
    if random.random() < 0.15:  # another suffix than its own
        suffix = PLAIN[random.integers(len(PLAIN))][1]
    return f"{number:05d}.{suffix}", content


def words(number: int, path: Path, folder: Path, network: Path) -> list[str]:
    """The command line for the file of that number."""
    random = np.random.default_rng(number + 2**32)
    scale = (1, 1.0001, 1.5, 2, 3.3)[random.integers(5)]
    out = folder / f"out{OUTPUTS[random.integers(len(OUTPUTS))]}"
    more = ["--background", "white"] if random.random() < 0.3 else []
    weights = str(network) if random.random() < 0.1 else "bicubic"
    return ["upscale", str(path), "-o", str(out), "-s", str(scale), "-w", weights, "--tile", "256", "-q", *more]


# --- what is judged ----------------------------------------------------------------------------------


def faults_of(status: int, out: str, err: str, folder: Path) -> str:
    """What is wrong with a run, or "": an exit code other than 0 and 2, a traceback, a file half written or left."""
    left = sorted(folder.iterdir())
    if status == 0:
        if err:
            return f"exit 0, and on stderr {err!r}"
        if len(left) != 1 or not left[0].name.startswith("out."):
            return f"exit 0, and the folder holds {[path.name for path in left]}"
        try:
            with Image.open(left[0]) as image:
                image.load()
                size = f"{image.width}x{image.height}"
        except Exception as error:
            return f"exit 0, and the output cannot be read: {error!r}"
        return "" if f"-> {size}" in out else f"exit 0, and the output is {size}, told was {out!r}"
    if status == 2:
        if left:
            return f"exit 2, and the folder holds {[path.name for path in left]}"
        lines = err.splitlines()
        return "" if len(lines) == 1 and lines[0].startswith("vdsr: ") else f"exit 2, and on stderr {err!r}"
    return f"exit {status}: {err[-500:]!r}"


def _run_one(number: int, network: Path) -> dict[str, Any]:
    """One file through `vdsr_lib.cli.main`, with what it writes caught below Python."""
    from vdsr_lib import cli

    name, content = generate(number)
    with tempfile.TemporaryDirectory() as base, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        path, folder = Path(base) / name, Path(base) / "made"
        folder.mkdir()
        path.write_bytes(content)
        kept = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(fd), "w", buffering=1) for fd in (1, 2))
        began = time.process_time()
        try:
            status = cli.main(words(number, path, folder, network))
        except SystemExit as stop:
            status = int(stop.code or 0)
        except BaseException:
            import traceback

            status = 1
            traceback.print_exc()
        finally:
            sys.stdout.close()
            sys.stderr.close()
            for fd, old in zip((1, 2), kept, strict=True):
                os.dup2(old, fd)
                os.close(old)
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        seconds = time.process_time() - began
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        fault = faults_of(status, texts[0], texts[1], folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if not fault and peak > MEMORY:
        fault = f"{peak / 2**30:.1f} GB of memory"
    return {"number": number, "status": status, "fault": fault, "seconds": seconds, "peak": peak}


def _work(numbers: list[int], network: Path, pipe: Any) -> None:
    """A worker: announces each file, and tells how it went. It may take twice the memory, to be seen taking it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (3 * MEMORY, 3 * MEMORY))
    for number in numbers:
        pipe.send(number)
        result = _run_one(number, network)
        pipe.send(result)
        if result["peak"] > MEMORY:
            return  # a peak never falls again, and the next file should have its own
    pipe.send(None)


def run_forked(numbers: Iterable[int], network: Path, tell: Callable[[dict], None] = lambda result: None) -> list[dict]:
    """The files of these numbers through forked workers, one at a time; a result for each."""
    import torch

    import vdsr_lib.cli
    import vdsr_lib.pretrained
    import vdsr_lib.upscaling  # noqa: F401

    Image.init()
    torch.set_num_threads(1)  # threads do not come along in a fork
    context = multiprocessing.get_context("fork")
    waiting, results = list(numbers), []

    def done(result: dict) -> None:
        results.append(result)
        tell(result)

    while waiting:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(waiting, network, theirs))
        worker.start()
        theirs.close()
        current = None
        try:
            while True:
                if not ours.poll(PATIENCE):
                    done({"number": current, "fault": f"hangs: longer than {PATIENCE} s", "status": None, "peak": 0})
                    break
                message = ours.recv()
                if message is None:
                    break
                if isinstance(message, int):
                    current = message
                    continue
                if not message["fault"] and message["seconds"] > SECONDS:
                    message["fault"] = f"took {message['seconds']:.1f} s"
                done(message)
        except EOFError:
            worker.join()
            if current is not None and current not in {result["number"] for result in results[-1:]}:
                done({"number": current, "fault": f"died with {worker.exitcode}", "status": None, "peak": 0})
        if worker.is_alive():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        finished = {result["number"] for result in results}
        left = [number for number in waiting if number not in finished]
        if len(left) == len(waiting):
            raise RuntimeError(f"a worker did nothing at file {waiting[0]}")
        waiting = left
    return results


def run_processes(numbers: Iterable[int], network: Path) -> list[dict]:
    """The files of these numbers, each through a process of its own."""
    results = []
    for number in numbers:
        name, content = generate(number)
        with tempfile.TemporaryDirectory() as base:
            path, folder = Path(base) / name, Path(base) / "made"
            folder.mkdir()
            path.write_bytes(content)
            command = [sys.executable, "-m", "vdsr_lib", *words(number, path, folder, network)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
                fault = faults_of(done.returncode, done.stdout, done.stderr, folder)
            except subprocess.TimeoutExpired:
                fault = f"hangs: longer than {PATIENCE} s"
        results.append({"number": number, "fault": fault})
    return results


def run_together(numbers: Iterable[int]) -> list[str]:
    """The files of these numbers through one process, as a folder of them would go; what is wrong with the run."""
    with tempfile.TemporaryDirectory() as base:
        paths = []
        for number in numbers:
            name, content = generate(number)
            paths.append(Path(base) / name)
            paths[-1].write_bytes(content)
        folder = Path(base) / "made"
        command = [sys.executable, "-m", "vdsr_lib", "upscale", *map(str, paths), "-o", str(folder), "-s", "1.5"]
        command += ["-w", "bicubic", "--format", "png", "-q"]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE + SECONDS * len(paths), check=False
        )
        made = sorted(folder.iterdir()) if folder.exists() else []
        said = [line for line in done.stdout.splitlines() if " -> " in line]
        refused = [line for line in done.stderr.splitlines() if "images failed" not in line]
        wrong = [line for line in refused if not line.startswith(f"vdsr: {base}")]
        if done.returncode not in (0, 2) or (done.returncode == 2) != bool(refused):
            wrong.append(f"exit {done.returncode}: {done.stderr[-500:]}")
        if len(said) != len(made) or len(said) + len(refused) != len(paths):
            wrong.append(f"{len(paths)} files, {len(made)} made, {len(said)} told, {len(refused)} refused")
        for path in made:
            with Image.open(path) as image:
                image.load()
    return wrong


def small_network(folder: Path) -> Path:
    """Weights to upscale some of the files with."""
    import torch

    from vdsr_lib import pretrained
    from vdsr_lib.models import VDSR

    torch.manual_seed(0)
    pretrained.save(VDSR(3, 8), folder / "small.safetensors")
    return folder / "small.safetensors"


def main() -> int:
    """Run the files, and print what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.generated_files", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the files with faults there")
    options = parser.parse_args()
    numbers = options.only or range(options.first, options.first + options.count)

    def tell(result: dict) -> None:
        if result["fault"]:
            print(json.dumps(result), flush=True)
            if options.keep:
                name, content = generate(result["number"])
                (options.keep / name).write_bytes(content)

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = run_forked(numbers, small_network(Path(folder)), tell)
    faults = [result for result in results if result["fault"]]
    counts = Counter(str(result["status"]) for result in results)
    slowest = max(results, key=lambda result: result.get("seconds", 0))
    peak = max(result["peak"] for result in results) / 2**30
    print(
        f"{len(results)} files, {len(faults)} faults, exit codes {dict(counts)}, "
        f"slowest {slowest.get('seconds', 0):.1f} s (number {slowest['number']}), "
        f"peak {peak:.2f} GB, {time.perf_counter() - began:.0f} s"
    )
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
