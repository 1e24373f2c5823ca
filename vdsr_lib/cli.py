"""The command `vdsr`: upscale, evaluate, train, info. It reads arguments, calls the library, and prints.

Exit status: 0; 2 after one line on stderr that says what was wrong; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import os
import platform
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import DataError, InputError, VdsrError

if TYPE_CHECKING:
    from .evaluation import Network, Score

# The rest of the library is imported where it is used: torch takes seconds, and `vdsr --help` should not.

BICUBIC = "bicubic"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status.

    Args:
        arguments: the words after `vdsr`; those of the process unless given.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is written with escapes, not with a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(words, argparse.Namespace(words=words))
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:  # `python -W` shows them
                warnings.simplefilter("ignore")
            with _only_our_words():
                status = options.run(options)
            sys.stdout.flush()
            return status
    except VdsrError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        _say("interrupted")
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of the pipe has gone, such as `head`. Python must not find that out once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)
    except OSError as error:
        return _fail(f"{error.filename or 'vdsr'}: {error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        # torch has no class of its own for memory that the CPU does not have.
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            return _fail("out of memory" + ("; try a smaller --tile" if "tile" in options else ""))
        raise


@contextmanager
def _only_our_words() -> Iterator[None]:
    """Within, stderr is ours alone: of broken files write also Pillow's log, and libraries in C past Python."""
    with _file_2_closed(), _log_unheard():
        yield


@contextmanager
def _log_unheard() -> Iterator[None]:
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@contextmanager
def _file_2_closed() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    stream = sys.stderr
    try:
        ours = isinstance(stream, io.TextIOWrapper) and stream.fileno() == 2
    except io.UnsupportedOperation:  # a stream of a test or a notebook, which is no file
        ours = False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        if ours:
            sys.stderr = io.TextIOWrapper(io.FileIO(kept, "w", closefd=False), stream.encoding, stream.errors,
                                          write_through=True)  # fmt: skip
        yield
    finally:
        sys.stderr = stream
        os.dup2(kept, 2)
        os.close(kept)


# --- the commands ------------------------------------------------------------------------------------


def _upscale(options: argparse.Namespace) -> int:
    from . import upscaling, upscaling_files

    upscaling.output_shape((1, 1), options.scale)
    suffix = options.format and f".{options.format}"
    pairs = upscaling_files.plan(options.inputs, options.output, suffix)
    to_stdout = pairs[0][1] == upscaling_files.STDOUT
    tell = partial(print, file=sys.stderr if to_stdout else sys.stdout)
    for note in upscaling_files.left_out(options.inputs):
        tell(note)
    network, name, _ = _load(options)
    tell(f"weights: {_describe(name)}")
    failed = 0
    arguments: dict[str, Any] = {
        "quality": options.quality,
        "background": options.background,
        "tile": options.tile or None,
    }
    for number, (path_in, path_out) in enumerate(pairs, 1):
        label = path_in.name if len(pairs) == 1 else f"{number}/{len(pairs)} {path_in.name}"
        try:
            with _plain_float32():
                arguments["progress"] = _progress(options, label, "tile")
                if to_stdout:
                    done = upscaling_files.upscale_to_stdout(
                        path_in, options.scale, network, suffix=suffix or ".png", **arguments
                    )
                else:
                    done = upscaling_files.upscale_file(
                        path_in,
                        path_out,
                        options.scale,
                        network,
                        overwrite=options.force,
                        make_folder=path_out != Path(options.output),
                        **arguments,
                    )
        except VdsrError as error:
            failed += 1
            _say(str(error))
            continue
        sizes = " -> ".join(f"{width}x{height}" for width, height in (done.size_in, done.size_out))
        tell(f"{'stdout' if to_stdout else path_out}: {sizes}" + "".join(f"; {note}" for note in done.notes))
    if failed and len(pairs) > 1:
        _say(f"{failed} of {len(pairs)} images failed")
    return 2 if failed else 0


def _evaluate(options: argparse.Namespace) -> int:
    from . import datasets, evaluation

    protocol = evaluation.get_protocol(options.protocol)
    _check_target(options.json, force=True)
    if left_out := datasets.left_out(options.set):
        print(left_out)
    images = datasets.load_set(options.set, progress=not options.quiet and sys.stderr.isatty())
    if options.images:
        unknown = [name for name in options.images if name not in images]
        if unknown:
            raise InputError(f"{options.set} has no image {', '.join(unknown)}; it has {', '.join(images)}")
        images = {name: images[name] for name in options.images}
    network, name, checksum = _load(options)
    print(f"{options.set}, weights: {_describe(name)}, protocol: {protocol.name} ({protocol.summary})")
    start = time.perf_counter()
    with _plain_float32():
        results = evaluation.evaluate(
            images, options.scales, network, protocol, progress=_progress(options, options.set, "image")
        )
    seconds = time.perf_counter() - start
    means = {scale: evaluation.mean_score(scores) for scale, scores in results.items()}
    rows = {image: {scale: results[scale][image] for scale in results} for image in images} | {"mean": means}
    print(_table(rows, _paper_row(options, network) if protocol.name == "authors" and not options.images else {}))
    if options.json:
        record = {
            "set": options.set,
            "protocol": asdict(protocol),
            "weights": {"name": name, "sha256": checksum},
            "scales": {
                str(scale): {
                    "mean": asdict(means[scale]),
                    "images": {image: asdict(score) for image, score in results[scale].items()},
                }
                for scale in results
            },
            "seconds": round(seconds, 2),
            "device": _device_name(options.device),
            "versions": _versions(),
            "command": shlex.join(["vdsr", *options.words]),
        }
        _write_json(record, options.json)
    return 0


def _train(options: argparse.Namespace) -> int:
    import torch

    from . import datasets, pretrained, training
    from .models import VDSR
    from .patches import extract_patches

    if options.out.suffix != ".safetensors":
        raise InputError(f"{options.out}: wanted a name that ends in .safetensors")
    _check_target(options.out, force=options.force)
    config = training.TrainingConfig(
        **{name: value for name, value in vars(options).items() if name in {*_CONFIG, "augment"}}
    )
    where = _fabric_device(options.device)
    if left_out := datasets.left_out(options.set):
        print(left_out)
    images = datasets.load_set(options.set, progress=not options.quiet and sys.stderr.isatty())
    patches = extract_patches(images.values(), options.scales)
    torch.manual_seed(config.seed)
    model = VDSR(options.depth, options.width, residual=not options.plain)
    fabric = training.default_fabric(config.precision, **where)
    print(f"{len(patches)} patches of {options.set} for scales {_commas(options.scales)}, depth {options.depth}")
    callbacks: list[training.Callback] = [] if options.quiet else [training.Progress(disable=None, mininterval=1)]
    if options.checkpoint:
        callbacks.append(training.Checkpointer(options.checkpoint, seconds=60))
    state = training.train(model, patches, config, callbacks, resume=options.checkpoint, fabric=fabric)
    model.load_state_dict(state.averaged_weights())
    pretrained.save(model, options.out, set=options.set, scales=options.scales, steps=state.step, config=asdict(config))
    print(f"{options.out}: {state.step} steps; `vdsr evaluate --weights {options.out}` scores it")
    return 0


def _info(options: argparse.Namespace) -> int:
    import torch

    from . import datasets, devices, pretrained

    for name, version in _versions().items():
        print(f"{name:12} {version}")
    device = devices.choose_device()
    print(f"{'device':12} {_device_name('auto')}")
    print(f"{'threads':12} {torch.get_num_threads()}")
    print(f"{'bf16':12} {'yes' if devices.resolve_precision('auto', device) == 'bf16' else 'no'}")
    print(f"{'cache':12} {datasets.cache_folder()}")
    for name in datasets.set_names():
        total = len(datasets.names_of(name))
        print(f"  {name:10} {datasets.present(name):>3} of {total:>3} files here")
    print(f"{'weights':12} {', '.join(pretrained.shipped()) or 'none ship'}")
    print(f"{'default':12} {pretrained.DEFAULT}")
    return 0


# --- what they share ---------------------------------------------------------------------------------


def _load(options: argparse.Namespace) -> tuple[Network | None, str, str | None]:
    """`(network on its device, name, SHA-256 of its file)`."""
    from . import devices, pretrained

    device = devices.choose_device(options.device)
    if options.weights == BICUBIC:
        return None, BICUBIC, None
    name = options.weights or pretrained.DEFAULT
    network = pretrained.load(name).to(device)
    return network, name, hashlib.sha256(pretrained.locate(name).read_bytes()).hexdigest()


def _describe(name: str) -> str:
    from . import pretrained

    if name == BICUBIC:
        return "none, bicubic alone"
    if name == pretrained.AUTHORS:
        return "authors (released by the paper's authors)"
    return f"{name} (ships with vdsr_lib)" if name in pretrained.shipped() else name


def _fabric_device(name: str) -> dict[str, Any]:
    """What Lightning Fabric calls a device; nothing for "auto"."""
    from .devices import choose_device

    device = choose_device(name)
    if name == "auto":
        return {}
    return {"accelerator": device.type, "devices": [device.index] if device.type == "cuda" else 1}


def _device_name(device: str) -> str:
    import torch

    from .devices import choose_device

    chosen = choose_device(device)
    return torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type


def _plain_float32() -> AbstractContextManager:
    """TF32 is off within: it would move scores, and leave seams between tiles."""
    import torch

    if not torch.cuda.is_available():
        return nullcontext()
    from .devices import tf32

    return tf32(False)


def _paper_row(options: argparse.Namespace, network: Network | None) -> Mapping[int, str]:
    """What the paper's table 3 has for the set, by scale; marked `?` where it was not confirmed."""
    from . import runs

    column = "Bicubic" if network is None else type(network).__name__
    row = {}
    for scale in options.scales:
        try:
            psnr, ssim = (runs.paper_table3(options.set, scale, column, metric) for metric in ("psnr", "ssim"))
        except DataError:
            continue
        row[scale] = f"{psnr.value:8.2f}{_unsure(psnr.confirmed)} {ssim.value:7.4f}{_unsure(ssim.confirmed)}"
    return row


def _unsure(confirmed: bool) -> str:
    return " " if confirmed else "?"


def _table(rows: Mapping[str, Mapping[int, Score]], paper: Mapping[int, str]) -> str:
    scales = list(next(iter(rows.values())))
    width = max(map(len, [*rows, "paper"]))
    lines = [f"{'':{width}}" + "".join(f"  {f'x{scale} PSNR':>8}  {'SSIM':>7} " for scale in scales)]
    for name, scores in rows.items():
        cells = "".join(f"  {scores[scale].psnr:8.3f}  {scores[scale].ssim:7.4f} " for scale in scales)
        lines.append(f"{name:{width}}{cells}")
    if paper:
        lines.append(f"{'paper':{width}}" + "".join(f"  {paper.get(scale, ''):18}" for scale in scales))
    return "\n".join(line.rstrip() for line in lines)


def _versions() -> dict[str, str]:
    import numpy
    import PIL
    import torch

    return {
        "vdsr_lib": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
    }


def _progress(options: argparse.Namespace, label: str, unit: str) -> Callable[[Iterable], Iterable]:
    """A bar on stderr, gone when it is done; none where stderr is no terminal."""
    from tqdm import tqdm

    return partial(tqdm, desc=label, unit=unit, leave=False, disable=options.quiet or None)


def _check_target(path: Path | None, *, force: bool) -> None:
    """Find out before the work whether its result can be written."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: cannot be written there, wanted a file in a folder that exists")
    if path.exists() and not force:
        raise InputError(f"{path}: is there already, and is kept; --force replaces it")


def _write_json(record: Mapping[str, Any], path: Path) -> None:
    from .files import write_atomically

    text = json.dumps(record, indent=1) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _commas(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _say(message: str) -> None:
    print(f"vdsr: {' '.join(message.split())}", file=sys.stderr)


def _fail(message: str) -> int:
    _say(message)
    return 2


# --- the arguments -----------------------------------------------------------------------------------


def _scales(text: str) -> tuple[int, ...]:
    try:
        scales = tuple(int(part) for part in text.split(","))
    except ValueError:
        scales = ()
    if not scales or min(scales) < 1 or len(set(scales)) < len(scales):
        raise argparse.ArgumentTypeError(f"wanted whole numbers such as 2,3,4, got {text!r}")
    return scales


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(part for part in text.split(",") if part))


def _whole(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"wanted a whole number >= 0, got {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="vdsr", description="VDSR (Kim, Lee and Lee, CVPR 2016): super-resolution of single images.")
    parser.add_argument("--version", action="version", version=f"vdsr {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_upscale(commands.add_parser("upscale", help="upscale image files", description=_UPSCALE))
    _add_evaluate(commands.add_parser("evaluate", help="PSNR and SSIM on a test set", description=_EVALUATE))
    _add_train(commands.add_parser("train", help="train a network", description=_TRAIN))
    info = commands.add_parser("info", help="versions, device, cache, weights")
    info.set_defaults(run=_info)
    return parser


_WEIGHTS = (
    "the name of shipped weights (see `vdsr info`), `authors` for the release of the paper's authors, `bicubic` "
    "for none, or a .safetensors file"
)
_UPSCALE = (
    "Upscale image files: whatever Pillow reads, to PNG, JPEG, TIFF or WebP. An input is never overwritten, and an "
    "output that is there already is kept unless --force is given. A file that fails does not stop the others. "
    "IN - is stdin, and OUT - is stdout, in the format of --format or PNG."
)
_EVALUATE = "Degrade the images of a set, restore them, and print PSNR and SSIM beside the paper's."
_TRAIN = "Train a VDSR by the paper's algorithm; every default is the paper's."


def _add_upscale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", metavar="IN", help="image file, folder of images, or quoted pattern")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="file for one input, or folder")
    parser.add_argument("-s", "--scale", required=True, type=float, metavar="S", help="any number >= 1")
    parser.add_argument("-w", "--weights", metavar="NAME", help=f"{_WEIGHTS}; by default the best there are")
    parser.add_argument("--format", choices=("png", "jpg", "tif", "webp"), help="of the files in an output folder")
    parser.add_argument("--background", metavar="COLOUR", help="what transparent parts are laid on, such as white")
    parser.add_argument("--quality", type=_whole, default=95, metavar="Q", help="of JPEG and WebP, 1 to 100 (95)")
    parser.add_argument(
        "--tile", type=_whole, default=512, metavar="N", help="side of a tile in pixels (512); 0 for none"
    )
    parser.add_argument("--force", action="store_true", help="replace outputs that are there already")
    _add_common(parser, _upscale)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", default="Set5", help="Set5, Set14, B100, Urban100, or a folder of images (Set5)")
    parser.add_argument("--scales", type=_scales, default=(2, 3, 4), metavar="S,S", help="whole numbers (2,3,4)")
    parser.add_argument("-w", "--weights", metavar="NAME", help=f"{_WEIGHTS}; by default the best there are")
    parser.add_argument("--protocol", default="authors", help="how scores are made (authors)")
    parser.add_argument("--images", type=_names, metavar="A,B", help="only these images of the set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    _add_common(parser, _evaluate)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", default="T91", help="T91, 291, or a folder of images (T91)")
    parser.add_argument("--scales", type=_scales, default=(2, 3, 4), metavar="S,S", help="trained together (2,3,4)")
    parser.add_argument("--depth", type=_whole, default=20, help="number of layers (20)")
    parser.add_argument("--width", type=_whole, default=64, help="channels of a layer (64)")
    parser.add_argument("--plain", action="store_true", help="no residual: the network gives the image itself")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="weights to write, a .safetensors file")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="written every minute; the same command goes on from it"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there already")
    _add_common(parser, _train)
    group = parser.add_argument_group("the run")
    for name, (kind, text) in _CONFIG.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="X", default=argparse.SUPPRESS, help=text)
    group.add_argument("--augment", action="store_true", help="turn and flip the patches at random")


# Fields of `training.TrainingConfig`; those that are not given keep its defaults.
_CONFIG: dict[str, tuple[Callable[[str], Any], str]] = {
    "epochs": (float, "passes over the patches (80)"),
    "steps": (_whole, "number of steps, in place of --epochs"),
    "batch_size": (_whole, "patches a step (64)"),
    "optimizer": (str, "sgd or adam (sgd)"),
    "learning_rate": (float, "at the start (0.1)"),
    "schedule": (str, "step, cosine or constant (step)"),
    "warmup_steps": (_whole, "linear warm-up (0)"),
    "clip": (str, "value, norm or none (value)"),
    "theta": (float, "of the clip by value (1e-4)"),
    "max_norm": (float, "of the clip by norm (1)"),
    "loss": (str, "l2 or l1 (l2)"),
    "weight_decay": (float, "(1e-4)"),
    "ema": (float, "decay of a moving average of the weights, 0 for none (0)"),
    "precision": (str, "auto, fp32, tf32 or bf16 (auto)"),
    "seed": (int, "(0)"),
}


def _add_common(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=run)


if __name__ == "__main__":
    sys.exit(main())
