"""The command `vdsr`: upscale, evaluate, train, info. It reads arguments, calls the library, and prints.

Exit status: 0; 2 after one line on stderr that says what was wrong; 130 when interrupted.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import platform
import re
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from . import __version__
from .errors import DataError, InputError, VdsrError
from .training.config import TrainingConfig

try:
    import tyro
    from tyro.conf import OmitArgPrefixes, Positional, arg, subcommand
    from tyro.constructors import PrimitiveConstructorSpec
except ImportError as error:
    raise ImportError("the command vdsr needs tyro: pip install 'tyro>=1.0'") from error

if TYPE_CHECKING:
    from .evaluation import Network, Score

# The rest of the library is imported where it is used: torch takes seconds, and `vdsr --help` should not.

__all__ = ["main"]

BICUBIC = "bicubic"


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
    if words == ["--version"]:
        print(f"vdsr {__version__}")
        return 0
    options = _parse(words)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:  # `python -W` shows them
                warnings.simplefilter("ignore")
            with _only_our_words():
                status = options.run(words)
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
            return _fail("out of memory" + ("; try a smaller --tile" if isinstance(options, Upscale) else ""))
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


def _upscale(options: Upscale) -> int:
    from . import upscaling, upscaling_files

    if not options.inputs:
        raise InputError("IN is required: an image file, a folder of images, or a quoted pattern")
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


def _evaluate(options: Evaluate, words: Sequence[str]) -> int:
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
            "command": shlex.join(["vdsr", *words]),
        }
        _write_json(record, options.json)
    return 0


def _train(options: Train) -> int:
    import torch

    from . import datasets, evaluation, pretrained, training
    from .models import VDSR, silence_
    from .patches import extract_patches

    if options.out.suffix != ".safetensors":
        raise InputError(f"{options.out}: wanted a name that ends in .safetensors")
    _check_target(options.out, force=options.force)
    config = options.config
    where = _fabric_device(options.device)
    if left_out := datasets.left_out(options.set):
        print(left_out)
    images = datasets.load_set(options.set, progress=not options.quiet and sys.stderr.isatty())
    images, held_out = datasets.hold_out(images, options.held_out)
    patches = extract_patches(images.values(), options.scales, size=options.patch, stride=options.stride)
    torch.manual_seed(config.seed)
    model = VDSR(options.depth, options.width, residual=not options.plain)
    if options.silent_start:
        silence_(model)
    fabric = training.default_fabric(config.precision, **where)
    print(f"{len(patches)} patches of {options.set} for scales {_commas(options.scales)}, depth {options.depth}")
    callbacks: list[training.Callback] = [] if options.quiet else [training.Progress(disable=None, mininterval=1)]
    if options.checkpoint:
        callbacks.append(training.Checkpointer(options.checkpoint, seconds=60))
    state = training.train(model, patches, config, callbacks, resume=options.checkpoint, fabric=fabric)
    model.load_state_dict(state.averaged_weights())
    pretrained.save(model, options.out, set=options.set, scales=options.scales, steps=state.step, config=asdict(config))
    if held_out:
        results = evaluation.evaluate(held_out, options.scales, model)
        means = {scale: evaluation.mean_score(scores) for scale, scores in results.items()}
        print(_table({f"{len(held_out)} held out": means}, {}))
    print(f"{options.out}: {state.step} steps; `vdsr evaluate --weights {options.out}` scores it")
    return 0


def _info() -> int:
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


def _load(options: Upscale | Evaluate) -> tuple[Network | None, str, str | None]:
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


def _paper_row(options: Evaluate, network: Network | None) -> Mapping[int, str]:
    """What the paper's table 3 has for the set, by scale; marked `?` where it was not confirmed."""
    from .book.paper import paper_table3

    column = "Bicubic" if network is None else type(network).__name__
    row = {}
    for scale in options.scales:
        try:
            psnr, ssim = (paper_table3(options.set, scale, column, metric) for metric in ("psnr", "ssim"))
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


def _progress(options: _Common, label: str, unit: str) -> Callable[[Iterable], Iterable]:
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

# What stands below is all that a command takes: tyro makes the options, the help and the shells' completion from it.


def _scales_from(words: Sequence[str]) -> tuple[int, ...]:
    (text,) = words
    try:
        scales = tuple(int(part) for part in text.split(","))
    except ValueError:
        scales = ()
    if not scales or min(scales) < 1 or len(set(scales)) < len(scales):
        raise ValueError(f"wanted whole numbers such as 2,3,4, got {text!r}")
    return scales


def _names_from(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in words[0].split(",") if part))


def _whole_from(words: Sequence[str]) -> int:
    number = int(words[0]) if words[0].isdecimal() else -1
    if number < 0:
        raise ValueError(f"wanted a whole number >= 0, got {words[0]!r}")
    return number


def _joined(values: Sequence[object]) -> list[str]:
    return [",".join(map(str, values))]


_Scales = Annotated[
    tuple[int, ...], PrimitiveConstructorSpec(1, "S,S", _scales_from, lambda value: isinstance(value, tuple), _joined)
]
_Names = Annotated[
    tuple[str, ...], PrimitiveConstructorSpec(1, "A,B", _names_from, lambda value: isinstance(value, tuple), _joined)
]
_Whole = Annotated[
    int, PrimitiveConstructorSpec(1, "N", _whole_from, lambda value: isinstance(value, int), lambda value: [str(value)])
]
_WEIGHTS = (
    "the name of shipped weights (see `vdsr info`), `authors` for the release of the paper's authors, `bicubic` "
    "for none, or a .safetensors file; by default the best there are"
)


@dataclass(frozen=True, kw_only=True)
class _Common:
    device: Annotated[str, arg(metavar="NAME", help="auto, cpu, cuda or mps")] = "auto"
    quiet: Annotated[bool, arg(aliases=["-q"], help="no progress bar")] = False


@dataclass(frozen=True, kw_only=True)
class Upscale(_Common):
    """Upscale image files.

    Whatever Pillow reads, to PNG, JPEG, TIFF or WebP. An input is never overwritten, and an output that is there
    already is kept unless --force is given. A file that fails does not stop the others. IN - is stdin, and OUT - is
    stdout, in the format of --format or PNG.
    """

    inputs: Annotated[
        Positional[tuple[str, ...]],
        arg(
            metavar="IN [IN ...]",
            help="image file, folder of images, or quoted pattern",
            help_behavior_hint="(required)",
        ),
    ] = ()
    output: Annotated[str, arg(aliases=["-o"], metavar="OUT", help="file for one input, or folder")]
    scale: Annotated[float, arg(aliases=["-s"], metavar="S", help="any number >= 1")]
    weights: Annotated[str | None, arg(aliases=["-w"], metavar="NAME", help=_WEIGHTS)] = None
    format: Annotated[Literal["png", "jpg", "tif", "webp"] | None, arg(help="of the files in an output folder")] = None
    background: Annotated[
        str | None, arg(metavar="COLOUR", help="what transparent parts are laid on, such as white")
    ] = None
    quality: Annotated[_Whole, arg(metavar="Q", help="of JPEG and WebP, 1 to 100")] = 95
    tile: Annotated[_Whole, arg(help="side of a tile in pixels, 0 for none")] = 512
    force: Annotated[bool, arg(help="replace outputs that are there already")] = False

    def run(self, words: Sequence[str]) -> int:
        return _upscale(self)


@dataclass(frozen=True, kw_only=True)
class Evaluate(_Common):
    """PSNR and SSIM on a test set.

    Degrades the images of a set, restores them, and prints PSNR and SSIM beside the paper's.
    """

    set: Annotated[str, arg(metavar="NAME", help="Set5, Set14, B100, Urban100, or a folder of images")] = "Set5"
    scales: Annotated[_Scales, arg(help="whole numbers")] = (2, 3, 4)
    weights: Annotated[str | None, arg(aliases=["-w"], metavar="NAME", help=_WEIGHTS)] = None
    protocol: Annotated[str, arg(metavar="NAME", help="how scores are made")] = "authors"
    images: Annotated[_Names, arg(help="only these images of the set")] = ()
    json: Annotated[Path | None, arg(metavar="FILE", help="write all values there")] = None

    def run(self, words: Sequence[str]) -> int:
        return _evaluate(self, words)


@dataclass(frozen=True, kw_only=True)
class Train(_Common):
    """Train a VDSR.

    By the paper's algorithm; every default is the paper's.
    """

    out: Annotated[Path, arg(metavar="FILE", help="weights to write, a .safetensors file")]
    set: Annotated[str, arg(metavar="NAME", help="T91, 291, or a folder of images")] = "T91"
    held_out: Annotated[_Whole, arg(help="keep every N-th image out, and score those at the end; 0 keeps none out")] = 0
    scales: Annotated[_Scales, arg(help="trained together")] = (2, 3, 4)
    patch: Annotated[_Whole, arg(help="side of a patch in pixels")] = 41
    stride: Annotated[_Whole, arg(help="from patch to patch, in pixels")] = 41
    depth: Annotated[_Whole, arg(help="number of layers")] = 20
    width: Annotated[_Whole, arg(help="channels of a layer")] = 64
    plain: Annotated[bool, arg(help="no residual: the network gives the image itself")] = False
    silent_start: Annotated[bool, arg(help="the last layer starts at zero, so the network at its input")] = False
    checkpoint: Annotated[
        Path | None, arg(metavar="FILE", help="written every minute; the same command goes on from it")
    ] = None
    force: Annotated[bool, arg(help="replace OUT if it is there already")] = False
    config: Annotated[OmitArgPrefixes[TrainingConfig], arg(name="the run", help="")] = field(
        default_factory=TrainingConfig
    )

    def run(self, words: Sequence[str]) -> int:
        return _train(self)


@dataclass(frozen=True, kw_only=True)
class Info:
    """Versions, device, cache, weights."""

    def run(self, words: Sequence[str]) -> int:
        return _info()


@dataclass(frozen=True, kw_only=True)
class Completion:
    """Print what lets a shell complete this command.

    For bash: `vdsr completion bash > ~/.local/share/bash-completion/completions/vdsr`. For zsh: `vdsr completion zsh >
    _vdsr`, in a folder that $fpath names.
    """

    shell: Annotated[Positional[Literal["bash", "zsh"]], arg(metavar="SHELL", help="bash or zsh")]

    def run(self, words: Sequence[str]) -> int:
        _parse(["--tyro-write-completion", self.shell, "-"])  # prints, and ends the process
        return 0


Command = Upscale | Evaluate | Train | Info | Completion
_COMMANDS: dict[str, type[Command]] = {
    "upscale": Upscale,
    "evaluate": Evaluate,
    "train": Train,
    "info": Info,
    "completion": Completion,
}
_DESCRIPTION = (
    "VDSR (Kim, Lee and Lee, CVPR 2016): super-resolution of single images. `vdsr --version` prints the version."
)


def _parse(words: Sequence[str]) -> Command:
    """The command that the words ask for; after help, or one line that says what is wrong, the process ends."""
    name = words[0] if words and words[0] in _COMMANDS else ""
    kinds: list[Any] = []
    for other, kind in _COMMANDS.items():
        title = None if other == name else (kind.__doc__ or "").splitlines()[0]  # its own page has the whole text
        kinds.append(Annotated[kind, subcommand(other, description=title)])
    commands: Any = Union[tuple(kinds)]  # noqa: UP007
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone, tyro.conf.HelptextFromCommentsOff)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(commands, prog="vdsr", description=_DESCRIPTION, args=words, config=config)
    except SystemExit as stop:
        if not stop.code:
            raise SystemExit(0) from None
        prog = f"vdsr {name}".strip()
        print(f"{prog}: {_one_line(said.getvalue())}; see {prog} --help", file=sys.stderr)
        raise SystemExit(2) from None


def _one_line(box: str) -> str:
    """What a framed message of tyro's says first, without its frame and colours."""
    lines = [line.strip(" │|") for line in re.sub(r"\x1b\[[\d;]*m", "", box).splitlines()]
    below_title = dropwhile(_is_rule, lines[1:])
    text = " ".join(" ".join(takewhile(lambda line: not _is_rule(line), below_title)).split())
    return re.sub(r"^Error parsing \S*config: ", "", text).rstrip(".")


def _is_rule(line: str) -> bool:
    return not line.strip("─-╰╯+")


if __name__ == "__main__":
    sys.exit(main())
