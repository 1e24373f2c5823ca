"""The command `vdsr`: what it prints, what it writes, and how it fails."""

import inspect
import io
import json
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_scripts.run import reproduce
from data_scripts.run.experiments import get_experiment, miniature
from vdsr_lib import cli, datasets, pretrained, upscaling_files
from vdsr_lib.devices import PRECISIONS
from vdsr_lib.models import VDSR
from vdsr_lib.training import TrainingConfig, config
from vdsr_lib.upscaling import TILE, upscale

ROOT = Path(__file__).parents[1]
VDSR_COMMAND = [sys.executable, "-m", "vdsr_lib.cli"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A small network in a file, instead of the downloaded one."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    torch.manual_seed(0)
    pretrained.save(VDSR(3, 8), path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    from skimage import data

    Image.fromarray(data.astronaut()[:60, :70]).save(tmp_path / "a.png")
    Image.fromarray(data.camera()[:50, :40]).save(tmp_path / "b.jpg")
    return tmp_path


def _run(capsys, *words: object) -> tuple[int, list[str], list[str]]:
    """`(exit status, lines of stdout, lines of stderr)` of a command line."""
    try:
        status = cli.main([str(word) for word in words])
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()


def _fails(capsys, *words: object) -> str:
    """The one line that a command which must fail writes to stderr."""
    status, _, err = _run(capsys, *words)
    assert status == 2
    assert len(err) == 1, err
    assert err[0].startswith("vdsr")
    return err[0]


# --- upscale -----------------------------------------------------------------------------------------


def test_upscale_one(capsys, folder, weights):
    status, out, err = _run(capsys, "upscale", folder / "a.png", "-o", folder / "x.tif", "--scale", 2.5, "-w", weights)
    assert (status, err) == (0, [])
    assert out == [f"weights: {weights}", f"{folder / 'x.tif'}: 70x60 -> 175x150"]
    expected = upscale(np.asarray(Image.open(folder / "a.png")), 2.5, pretrained.load_file(weights))
    assert np.array_equal(np.asarray(Image.open(folder / "x.tif")), expected)


def test_upscale_a_folder_into_a_new_one(capsys, folder):
    status, out, _ = _run(capsys, "upscale", folder, "-o", folder / "new" / "out", "-s", 2, "-w", "bicubic")
    assert status == 0
    assert out[0] == "weights: none, bicubic alone"
    assert sorted(os.listdir(folder / "new" / "out")) == ["a.png", "b.jpg"]
    assert Image.open(folder / "new" / "out" / "b.jpg").mode == "L"


def test_upscale_a_pattern_to_one_format(capsys, folder):
    words = ["upscale", f"{folder}/*.*g", "-o", folder / "out", "-s", 1.5, "-w", "bicubic", "--format", "webp"]
    assert _run(capsys, *words)[0] == 0
    assert sorted(os.listdir(folder / "out")) == ["a.webp", "b.webp"]


def test_one_bad_file_does_not_stop_the_others(capsys, folder):
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:500])
    words = ["upscale", folder, folder / "gone.png", "-o", folder / "out", "-s", 2, "-w", "bicubic"]
    status, out, err = _run(capsys, *words)
    assert status == 2
    assert len(out) == 3
    assert len(err) == 3
    assert "c.png: cannot be read as an image" in err[0]
    assert err[1] == f"vdsr: {folder / 'gone.png'}: no such file"
    assert err[2] == "vdsr: 2 of 4 images failed"
    assert sorted(os.listdir(folder / "out")) == ["a.png", "b.jpg"]


def test_the_same_command_again_keeps_what_is_there(capsys, folder):
    words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 2, "-w", "bicubic"]
    assert _run(capsys, *words)[0] == 0
    before = (folder / "x.png").stat().st_mtime_ns
    assert "is there already, and is kept" in _fails(capsys, *words)
    assert (folder / "x.png").stat().st_mtime_ns == before
    assert _run(capsys, *words, "--force")[0] == 0
    assert (folder / "x.png").stat().st_mtime_ns > before


def test_the_input_is_never_overwritten(capsys, folder):
    before = (folder / "a.png").read_bytes()
    (folder / "link.png").symlink_to(folder / "a.png")
    for out in (folder / "a.png", folder / "link.png", folder):
        words = ["upscale", folder / "a.png", "-o", out, "-s", 2, "-w", "bicubic", "--force"]
        assert "is the input itself" in _fails(capsys, *words)
    assert (folder / "a.png").read_bytes() == before


def test_notes_are_printed(capsys, folder):
    Image.new("CMYK", (9, 9)).save(folder / "c.tif")
    _, out, _ = _run(capsys, "upscale", folder / "c.tif", "-o", folder / "x.png", "-s", 2, "-w", "bicubic")
    assert out[-1].endswith("9x9 -> 18x18; CMYK became RGB")


def test_tiles_and_quality_reach_the_library(capsys, folder, weights, monkeypatch):
    seen = {}
    real = upscaling_files.upscale_file
    monkeypatch.setattr(upscaling_files, "upscale_file", lambda *a, **k: seen.update(k) or real(*a, **k))
    words = ["upscale", folder / "a.png", "-o", folder / "x.jpg", "-s", 2, "-w", weights]
    _run(capsys, *words)
    assert (seen["tile"], seen["quality"]) == (TILE, 95)
    whole = (folder / "x.jpg").read_bytes()
    _run(capsys, *words, "--tile", 64, "--force")
    assert seen["tile"] == 64
    assert (folder / "x.jpg").read_bytes() == whole
    _run(capsys, *words, "--tile", 0, "--quality", 50, "--force")
    assert (seen["tile"], seen["quality"]) == (None, 50)


def test_the_default_weights_are_those_that_the_library_names(capsys, folder):
    words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 1, "--force"]
    assert _run(capsys, *words)[1][0] == f"weights: {pretrained.DEFAULT} (ships with vdsr_lib)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"this is text", "not an image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "a.png: "),
    ],
)
def test_bad_inputs(capsys, tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    before = sorted(os.listdir(tmp_path))
    words = ["upscale", tmp_path / "a.png", "-o", tmp_path / "x.png", "-s", 2, "-w", "bicubic"]
    assert message in _fails(capsys, *words)
    assert sorted(os.listdir(tmp_path)) == before


def test_a_decompression_bomb(capsys, tmp_path):
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 30_000, 30_000)  # the header promises 900 million pixels
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "a.png").write_bytes(content)
    words = ["upscale", tmp_path / "a.png", "-o", tmp_path / "x.png", "-s", 2, "-w", "bicubic"]
    assert "pixels" in _fails(capsys, *words)


@pytest.mark.parametrize("scale", ["0.5", "nan", "inf", "-1", "two", ""])
def test_bad_scales(capsys, folder, scale):
    message = _fails(capsys, "upscale", folder / "a.png", "-o", folder / "x.png", f"--scale={scale}")
    assert "scale" in message
    assert not (folder / "x.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x.gif", "-w", "never loaded"], "ends in .png"),
        (["-o", "no/x.png", "-w", "bicubic"], "there is no folder"),
        (["-o", "x.png", "-w", "nobody"], "no weights named 'nobody'"),
        (["-o", "x.png", "-w", "no.safetensors"], "no.safetensors"),
        (["-o", "x.png", "-w", "bicubic", "--device", "abacus"], "abacus"),
        (["-o", "x.png", "-w", "bicubic", "--tile", "-3"], "--tile"),
        (["-o", "x.png", "-w", "bicubic", "--tile", "a few"], "--tile"),
        (["-o", "x.jpg", "-w", "bicubic", "--quality", "101"], "quality"),
        (["-o", "x.png", "-w", "bicubic", "--frob"], "--frob"),
        ([], "required"),
    ],
)
def test_bad_arguments(capsys, folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    assert message in _fails(capsys, "upscale", "a.png", "-s", 2, *words)
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


def test_too_large_an_output(capsys, folder):
    words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 1e6, "-w", "bicubic"]
    assert "more than 400,000,000" in _fails(capsys, *words)


def test_out_of_memory_names_the_remedy(capsys, folder, monkeypatch):
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def fail(*args, error=error, **kwargs):
            raise error

        monkeypatch.setattr(upscaling_files, "upscale_file", fail)
        words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 2, "-w", "bicubic"]
        assert "smaller --tile" in _fails(capsys, *words)


def test_an_error_of_ours_is_not_hidden(folder, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("a mistake in the library")

    monkeypatch.setattr(upscaling_files, "upscale_file", fail)
    with pytest.raises(RuntimeError, match="a mistake"):
        cli.main(["upscale", str(folder / "a.png"), "-o", str(folder / "x.png"), "-s", "2", "-w", "bicubic"])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="root, to become somebody else")
def test_a_read_only_folder_and_an_unreadable_file(capsys):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.new("L", (5, 5)).save(folder / "a.png")
        (folder / "out").mkdir()
        secret = folder / "secret"
        secret.mkdir(0o700)
        shutil.copy(folder / "a.png", secret / "b.png")
        folder.chmod(0o755)
        (folder / "out").chmod(0o755)
        good = ["upscale", folder / "a.png", "-o", folder / "out" / "x.png", "-s", 2, "-w", "bicubic"]
        assert _run(capsys, *good)[0] == 0  # and everything is imported now
        os.setresuid(65534, 65534, 0)
        try:
            read_only = _fails(capsys, *good[:3], folder / "out" / "y.png", *good[4:])
            unreadable = _fails(capsys, "upscale", secret / "b.png", "-o", folder / "out" / "y.png", *good[4:])
        finally:
            os.setresuid(0, 0, 0)
        assert "y.png: cannot be written, the folder is read-only" in read_only
        assert "read-only" in unreadable or "cannot be read" in unreadable
        assert os.listdir(folder / "out") == ["x.png"]


def test_a_full_disk(capsys, folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 2, "-w", "bicubic"]
    assert _fails(capsys, *words) == f"vdsr: {folder / 'x.png'}: cannot be written (No space left on device)"
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


def test_an_interrupt_is_one_line(capsys, folder, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    words = ["upscale", folder / "a.png", "-o", folder / "x.png", "-s", 2, "-w", "bicubic"]
    status, _, err = _run(capsys, *words)
    assert (status, err) == (130, ["vdsr: interrupted"])
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


def _hear_interrupts():
    """A shell's background job is born deaf to Ctrl-C, and so would its children be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_real_interrupt(folder):
    Image.new("RGB", (6000, 4000)).save(folder / "large.png")
    command = [*VDSR_COMMAND, "upscale", "large.png", "-o", "x.png", "-s", "2", "-w", "bicubic"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONUNBUFFERED": "1"},
                          preexec_fn=_hear_interrupts) as process:  # fmt: skip
        assert process.stdout.readline().startswith("weights")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "vdsr: interrupted\n"
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg", "large.png"]


def test_a_reader_that_goes_away():
    command = f"{' '.join(VDSR_COMMAND)} info"
    result = subprocess.run(
        ["bash", "-c", f"{command} | true; echo ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert result.stdout == "141\n"
    assert result.stderr == ""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_bar_is_on_stderr_of_a_terminal(capsys, folder, monkeypatch):
    words = ["upscale", str(folder / "a.png"), "-o", str(folder / "x.png"), "-s", "2", "-w", "bicubic", "--force"]
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(words) == 0
    assert "a.png:   0%" in terminal.getvalue()
    assert "tile/s" in terminal.getvalue()
    written = len(terminal.getvalue())
    assert cli.main([*words, "--quiet"]) == 0
    assert len(terminal.getvalue()) == written
    assert "%" not in capsys.readouterr().out


def _process(*words: object, folder: Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*VDSR_COMMAND, *map(str, words)], cwd=folder, capture_output=True, timeout=120, check=False, **options
    )


def test_what_a_folder_leaves_out_is_said(capsys, folder):
    (folder / "a.png").rename(folder / "a.jfif")
    (folder / "notes.txt").write_text("x")
    status, out, err = _run(capsys, "upscale", folder, "-o", folder / "out", "-s", 2, "-w", "bicubic")
    assert (status, err) == (0, [])
    assert out[0] == f"{folder}: left out notes.txt (no image by its name)"
    assert sorted(os.listdir(folder / "out")) == ["a.png", "b.jpg"]
    (folder / "b.jpg").rename(folder / "b.jpe")
    status, out, err = _run(capsys, "evaluate", "--set", folder, "-w", "bicubic", "--scales", 2)
    assert (status, err) == (0, [])
    assert out[0] == f"{folder}: left out out (a folder); notes.txt (no image by its name)"
    assert [line.split()[0] for line in out[3:]] == ["a.jfif", "b.jpe", "mean"]


def test_transparent_parts_and_their_background(capsys, folder):
    pixels = np.full((8, 8, 4), 200, np.uint8)
    Image.fromarray(pixels).save(folder / "c.png")
    words = ["upscale", folder / "c.png", "-o", folder / "x.jpg", "-s", 2, "-w", "bicubic"]
    assert "parts of the image are transparent; write PNG, TIFF or WebP, or give a background" in _fails(capsys, *words)
    assert "background must be a colour" in _fails(capsys, *words, "--background", "plaid")
    assert _run(capsys, *words, "--background", "black")[0] == 0
    assert abs(int(np.asarray(Image.open(folder / "x.jpg"))[8, 8, 0]) - round(200 * 200 / 255)) <= 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_names_that_the_terminal_cannot_show(folder, encoding):
    names = [os.fsdecode(name) for name in ("łódź.png".encode(), "画像.png".encode(), b"caf\xe9.png")]
    for name in names:
        shutil.copy(folder / "a.png", folder / name)
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = _process("upscale", *names, "-o", "out", "-s", 1, "-w", "bicubic", folder=folder, env=environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.count(b": 70x60 -> 70x60") == 3
    assert sorted(os.listdir(folder / "out")) == sorted(names)


@pytest.mark.parametrize("stem", ["x" * 251, "ü" * 125 + "x"])
def test_the_longest_names(capsys, folder, stem):
    name = f"{stem}.png"
    assert len(os.fsencode(name)) == 255
    words = ["-s", 2, "-w", "bicubic"]
    assert _run(capsys, "upscale", folder / "a.png", "-o", folder / name, *words)[0] == 0
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg", name]
    message = _fails(capsys, "upscale", folder / "a.png", "-o", folder / f"x{name}", *words)
    assert "name too long" in message.lower()
    assert "name too long" in _fails(capsys, "upscale", folder / f"x{name}", "-o", folder / "y.png", *words).lower()


def test_from_a_pipe_and_to_one(folder):
    shown = ["-s", 2, "-w", "bicubic"]
    result = _process("upscale", "-", "-o", "-", *shown, folder=folder, input=(folder / "a.png").read_bytes())
    assert result.returncode == 0
    assert result.stderr == b"weights: none, bicubic alone\nstdout: 70x60 -> 140x120\n"
    expected = upscale(np.asarray(Image.open(folder / "a.png")), 2)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result.stdout))), expected)
    with open(folder / "a.png", "rb") as file:  # a file that stdin reads is no pipe
        again = _process("upscale", "/dev/stdin", "-o", "-", *shown, "--format", "jpg", folder=folder, stdin=file)
    assert Image.open(io.BytesIO(again.stdout)).format == "JPEG"
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


def test_from_a_shells_substitution(folder):
    command = f"{' '.join(VDSR_COMMAND)} upscale <(cat a.png) -o x.png -s 2 -w bicubic"
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, capture_output=True, timeout=120)
    assert Image.open(folder / "x.png").size == (140, 120)


def test_stdout_takes_one_image_or_none(capsys, folder):
    assert "stdout takes one image" in _fails(capsys, "upscale", folder, "-o", "-", "-s", 2, "-w", "bicubic")
    result = _process("upscale", "b.jpg", "-o", "-", "-s", 0.5, "-w", "bicubic", folder=folder)
    assert (result.returncode, result.stdout) == (2, b"")
    result = _process("upscale", "none.jpg", "-o", "-", "-s", 2, "-w", "bicubic", folder=folder)
    assert (result.returncode, result.stdout) == (2, b"")


def test_the_package_is_the_command(folder):
    result = subprocess.run([sys.executable, "-m", "vdsr_lib", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"vdsr {cli.__version__}\n"


DEVICES = ["cuda", "cuda:7", "mps", "meta", "abacus", "cpu:x"]


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="needs a machine without")
@pytest.mark.parametrize("device", DEVICES)
def test_a_device_that_is_not_there(capsys, folder, device):
    words = ["-o", folder / "x.png", "-s", 2, "-w", "bicubic", "--device", device]
    for message in (
        _fails(capsys, "upscale", folder / "a.png", *words),
        _fails(capsys, *_train_words(folder), "--device", device),
    ):
        assert device in message
        assert len(message) < 160  # torch's own message lists every backend
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


# --- evaluate ----------------------------------------------------------------------------------------


def test_evaluate_a_folder(capsys, folder, weights):
    status, out, err = _run(
        capsys, "evaluate", "--set", folder, "--scales", "2,3", "-w", weights, "--json", folder / "x.json"
    )
    assert (status, err) == (0, [])
    assert out[1].split() == ["x2", "PSNR", "SSIM", "x3", "PSNR", "SSIM"]
    assert [line.split()[0] for line in out[2:]] == ["a.png", "b.jpg", "mean"]
    record = json.loads((folder / "x.json").read_text())
    assert record["set"] == str(folder)
    assert record["protocol"]["name"] == "authors"
    assert record["weights"]["name"] == str(weights)
    assert len(record["weights"]["sha256"]) == 64
    assert record["versions"]["torch"] == torch.__version__
    assert record["seconds"] > 0
    assert record["command"].startswith("vdsr evaluate --set ")
    for scale in ("2", "3"):
        scores = record["scales"][scale]
        assert scores["mean"]["psnr"] == pytest.approx(np.mean([s["psnr"] for s in scores["images"].values()]))
        assert f"{scores['mean']['psnr']:.3f}" in out[-1]
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg", "x.json"]


def test_evaluate_gives_the_papers_bicubic(capsys, images):
    images("Set5")
    status, out, _ = _run(capsys, "evaluate", "--weights", "bicubic", "--scales", "2,3,4")
    assert status == 0
    mean, paper = out[-2].split(), out[-1].split()
    assert (mean[0], paper[0]) == ("mean", "paper")
    assert paper[1:] == ["33.66", "0.9299", "30.39", "0.8682", "28.42", "0.8104"]
    for ours, theirs in zip(mean[1::2], paper[1::2], strict=True):
        assert abs(float(ours) - float(theirs)) <= 0.01


def test_evaluate_the_authors_weights_on_one_image(capsys, authors, images):
    images("Set5")
    _, out, _ = _run(capsys, "evaluate", "--weights", "authors", "--scales", "2", "--images", "head_GT")
    assert out[2].split()[:2] == ["head_GT", "35.933"]  # the paper's own value for that image
    assert out[-1].startswith("mean")  # one image is not the paper's row


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "Set6"], "no set named 'Set6'; the sets are"),
        (["--scales", "2,x"], "whole numbers"),
        (["--scales", "0"], "whole numbers"),
        (["--scales", "2.5"], "whole numbers"),
        (["--scales", "2,2"], "whole numbers"),
        (["--protocol", "mine"], "no protocol named 'mine'"),
        (["--images", "nobody"], "has no image nobody"),
        (["--json", "no/x.json"], "cannot be written there"),
        (["--weights", "nobody"], "no weights named"),
    ],
)
def test_evaluate_bad_arguments(capsys, folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    assert message in _fails(capsys, "evaluate", "--set", ".", "-w", "bicubic", *words)


def test_a_set_that_cannot_be_had(capsys, tmp_path, monkeypatch):
    entries = {
        name: datasets.RegistryEntry(name, entry.sha256, entry.size, "http://127.0.0.1:9/" + name)
        for name, entry in datasets.registry().items()
    }
    monkeypatch.setattr(datasets, "registry", lambda: entries)
    monkeypatch.setenv("VDSR_DATA", str(tmp_path))
    message = _fails(capsys, "evaluate", "--set", "Urban100", "-w", "bicubic")
    assert "Urban100/img_001_SRF_4_HR.png: cannot be downloaded" in message
    assert os.listdir(tmp_path) == []
    message = _fails(capsys, "evaluate", "--set", "Urban100", "-w", "authors", "--json", tmp_path / "x.json")
    assert os.listdir(tmp_path) == []


def test_a_json_file_that_cannot_be_written(capsys, folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr(os, "fsync", full)
    words = ["evaluate", "--set", folder, "-w", "bicubic", "--scales", 2, "--json", folder / "x.json"]
    assert _fails(capsys, *words) == "vdsr: x.json: No space left on device"
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


# --- train -------------------------------------------------------------------------------------------


def _train_words(folder: Path) -> list[object]:
    return [
        "train", "--set", folder, "--scales", 2, "--depth", 3, "--width", 4, "--steps", 3, "--batch-size", 2,
        "--precision", "fp32", "--device", "cpu", "--out", folder / "w.safetensors",
        "--checkpoint", folder / "c.safetensors",
    ]  # fmt: skip


def test_train_writes_weights_that_evaluate_reads(capsys, folder):
    status, out, err = _run(capsys, *_train_words(folder), "--seed", 5, "--augment")
    assert (status, err) == (0, [])
    assert out[-1].startswith(f"{folder / 'w.safetensors'}: 3 steps")
    model = pretrained.load(str(folder / "w.safetensors"))
    assert (model.depth, model.width) == (3, 4)
    # The checkpoint is of the finished run, so the same command has nothing left to do, and gives the same.
    assert _run(capsys, *_train_words(folder), "--seed", 5, "--augment", "--force")[0] == 0
    again = pretrained.load(str(folder / "w.safetensors")).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in model.state_dict().items())
    assert _run(capsys, "evaluate", "--set", folder, "--images", "a.png", "-w", folder / "w.safetensors")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--theta", -1], "theta must be a number > 0, got -1.0"),
        (["--seed", 2**64], "seed must be a whole number in [0, 4294967295]"),
        (["--seed", -1], "seed must be a whole number in [0, 4294967295]"),
        (["--weight-decay", -1], "weight_decay must be a number in [0, 1000000000]"),
        (["--weight-decay", "nan"], "weight_decay must be a number in [0, 1000000000], got nan"),
        (["--learning-rate", "inf"], "learning_rate must be a number in (0, 1e+09], got inf"),
        (["--steps", 0], "steps must be a whole number in [1,"),
        (["--batch-size", 10**9], "batch_size must be a whole number in [1, 65536]"),
        (["--ema", 1], "ema and momentum must be in [0, 1)"),
        (["--optimizer", "magic"], "invalid choice 'magic' for argument '--optimizer'"),
        (["--schedule", "never"], "('step', 'cosine', 'cooldown', 'constant')"),
        (["--steps"], "--steps"),
        (["--patch", 0], "wanted size >= 1, stride >= 1"),
        (["--held-out", 1], "no image"),
        (["--depth", 1], "depth must be a whole number >= 2"),
        (["--set", "nowhere"], "no set named"),
        (["--out", "w.pth"], "ends in .safetensors"),
        (["--out", "no/w.safetensors"], "cannot be written there"),
        (["--learning-rate", "fast"], "--learning-rate"),
    ],
)
def test_train_bad_arguments(capsys, folder, monkeypatch, words, message):
    monkeypatch.chdir(folder)
    assert message in _fails(capsys, *_train_words(folder), *words)
    assert sorted(os.listdir(folder)) == ["a.png", "b.jpg"]


def test_train_does_not_replace_weights_untold(capsys, folder):
    (folder / "w.safetensors").write_text("mine")
    assert "--force replaces it" in _fails(capsys, *_train_words(folder))
    assert (folder / "w.safetensors").read_text() == "mine"


def test_a_checkpoint_of_another_run(capsys, folder):
    words = _train_words(folder)
    assert _run(capsys, *words)[0] == 0
    assert "belongs to a run with seed=0" in _fails(capsys, *words, "--force", "--seed", 1)


def _parsed(*words: object) -> cli.Command:
    return cli._parse([str(word) for word in words])


def _other(name: str, default: object) -> object:
    """A value of a field that is not its default."""
    if choices := config._CHOICES.get(name):
        return next(choice for choice in choices if choice != default)
    if default is None or isinstance(default, int):
        return 7 if not isinstance(default, bool) else not default
    return 0.25


@pytest.mark.parametrize("field", fields(TrainingConfig), ids=lambda field: field.name)
def test_each_field_of_the_configuration_is_an_option(field):
    value, option = _other(field.name, field.default), f"--{field.name.replace('_', '-')}"
    words = [option] if value is True else [option, value]
    assert _parsed("train", "--out", "w.safetensors", *words).config == replace(TrainingConfig(), **{field.name: value})


def _unframed(help_text: list[str]) -> str:
    return " ".join(" ".join(line.strip("│ ") for line in help_text).split())


def test_the_help_of_an_option_is_what_the_field_says(capsys):
    shown = _unframed(_run(capsys, "train", "--help")[1])
    documented = dict(
        re.findall(r"^    (\w+): (.+?)(?=\n    \w+:|\n\S|\Z)", inspect.cleandoc(TrainingConfig.__doc__), re.M | re.S)
    )
    assert documented.keys() == {field.name for field in fields(TrainingConfig)}
    for name, text in documented.items():
        assert f"--{name.replace('_', '-')} " in shown
        assert " ".join(text.split()) in shown, name


def _documented() -> list[str]:
    """Every command `vdsr …` that README and book show in a block of code, a continued line being one."""
    blocks = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "book").glob("*.md")]:
        blocks += re.findall(r"^```(?:console|bash|sh)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    shown = [line.removeprefix("$ ").partition(" > ")[0] for line in lines]
    return [line for line in shown if line.startswith("vdsr ")]


def test_the_commands_that_are_documented_are_understood():
    commands = _documented()
    assert {command.split()[1] for command in commands} >= {"upscale", "evaluate", "train", "completion"}
    for command in commands:
        words = shlex.split(command)[1:]
        assert isinstance(_parsed(*words), cli._COMMANDS[words[0]])


def test_the_documented_recipe_is_that_of_the_weights_that_ship():
    (command,) = (line for line in _documented() if line.startswith("vdsr train"))
    given, wanted = _parsed(*shlex.split(command)[1:]), get_experiment(pretrained.DEFAULT)
    assert given.config == wanted.config
    assert (given.set, given.held_out, given.scales) == (wanted.training_set, wanted.held_out, wanted.scales)
    assert (given.patch, given.stride, given.silent_start) == (wanted.patch, wanted.stride, wanted.silent_start)
    network = VDSR(given.depth, given.width, residual=not given.plain)
    assert pretrained.model_spec(network) == dict(wanted.model)
    assert wanted.he_start is False


def test_the_command_trains_what_the_experiment_trains(capsys, tmp_path):
    """The recipe that ships, made small: by `vdsr train` and by `data_scripts` the same weights, bit for bit."""
    experiment = miniature(get_experiment(pretrained.DEFAULT))
    results = reproduce.Folders(*(tmp_path / name for name in ("runs", "weights", "kept", "checkpoints")))
    reproduce.run(experiment, results, progress=False)
    (tmp_path / "set").mkdir()
    for name, image in reproduce.load_images(experiment.training_set).items():
        Image.fromarray(image).save(tmp_path / "set" / f"{name}.png")
    words = ["train", "--set", tmp_path / "set", "--depth", 4, "--width", 8, "--silent-start", "--quiet"]
    words += ["--device", "cpu", "--out", tmp_path / "w.safetensors"]
    for field in fields(TrainingConfig):
        value = getattr(experiment.config, field.name)
        if value != field.default:
            words += [f"--{field.name.replace('_', '-')}", *([] if value is True else [value])]
    status, _, err = _run(capsys, *words)
    assert (status, err) == (0, [])
    ours = pretrained.load(str(tmp_path / "w.safetensors")).state_dict()
    theirs = pretrained.load(str(results.weight_file(experiment))).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_held_out_images_are_scored_and_not_trained_on(capsys, folder):
    def patches(lines: list[str]) -> int:
        return next(int(line.split()[0]) for line in lines if " patches of " in line)

    shutil.copy(folder / "a.png", folder / "aa.png")  # the one in the middle, which is kept out
    words = _train_words(folder)
    _, whole, _ = _run(capsys, *words)
    status, less, err = _run(capsys, *words[:-2], "--held-out", 2, "--force")
    assert (status, err) == (0, [])
    assert (patches(less), patches(whole)) == (1, 2)
    assert less[-3].split() == ["x2", "PSNR", "SSIM"]
    assert less[-2].startswith("1 held out  ")


# --- completion --------------------------------------------------------------------------------------


def test_completion_for_bash_completes(capsys, tmp_path):
    status, out, err = _run(capsys, "completion", "bash")
    assert (status, err) == (0, [])
    script = tmp_path / "vdsr"
    script.write_text("\n".join(out))
    subprocess.run(["bash", "-n", script], check=True, timeout=60)
    for typed, wanted in [("tr", "train"), ("train --opt", "--optimizer"), ("train --optimizer mu", "muon")]:
        words = ["vdsr", *typed.split()]
        ask = f"source {script}; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _tyro_vdsr"
        result = subprocess.run(
            ["bash", "-c", f'{ask}; echo "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True, timeout=60
        )
        assert result.stdout.split() == [wanted], result.stderr


def test_completion_for_zsh_is_a_function_of_its_own(capsys, tmp_path):
    status, out, err = _run(capsys, "completion", "zsh")
    assert (status, err) == (0, [])
    assert out[0] == "#compdef vdsr"
    assert any("'--cooldown-steps'" in line for line in out)
    if shutil.which("zsh"):
        (tmp_path / "_vdsr").write_text("\n".join(out))
        subprocess.run(["zsh", "-n", tmp_path / "_vdsr"], check=True, timeout=60)


# --- info and the rest -------------------------------------------------------------------------------


def test_info(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("VDSR_DATA", str(tmp_path))
    status, out, err = _run(capsys, "info")
    assert (status, err) == (0, [])
    text = "\n".join(out)
    for word in ("vdsr_lib", torch.__version__, np.__version__, "threads", "bf16", str(tmp_path), "default"):
        assert word in text
    assert "Set5         0 of   5 files here" in text


def test_help_is_quick_and_loads_no_torch():
    code = "import sys; from vdsr_lib import cli\ntry: cli.main(['upscale', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    for command, option in [("upscale", "--tile"), ("train", "--cooldown-steps")]:
        asked = code.replace("'upscale'", f"'{command}'")
        result = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
        assert option in result.stdout


def test_the_precisions_are_those_that_devices_know():
    assert config._CHOICES["precision"] == ("auto", *PRECISIONS)


def test_version_and_bad_commands(capsys):
    status, out, _ = _run(capsys, "--version")
    assert (status, out) == (0, [f"vdsr {cli.__version__}"])
    assert "frob" in _fails(capsys, "frob")
    assert "upscale, evaluate, train, info, completion" in _fails(capsys)
    assert "--frob; see vdsr info --help" in _fails(capsys, "info", "--frob")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_message_has_no_frame(folder, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = _process("upscale", "a.png", "-o", "x.png", "-s", "two", folder=folder, env=environment)
    assert result.returncode == 2
    message = "could not convert string to float: 'two'; see vdsr upscale --help"
    assert result.stderr.decode() == f"vdsr upscale: Error parsing -s/--scale: {message}\n"
    assert (
        cli._one_line("\x1b[31m╭─\x1b[0m \x1b[1mTitle\x1b[0m ─╮\n│ two  │\n│ words. │\n│ ── │\n│ more │\n")
        == "two words"
    )


def test_warnings_do_not_reach_the_user(capsys, folder, monkeypatch):
    import warnings

    real = upscaling_files.upscale_file

    def noisy(*args, **kwargs):
        warnings.warn("an inner matter", UserWarning, stacklevel=1)
        return real(*args, **kwargs)

    monkeypatch.setattr(upscaling_files, "upscale_file", noisy)
    monkeypatch.setattr(sys, "warnoptions", [])
    status, _, err = _run(capsys, "upscale", folder / "a.png", "-o", folder / "x.png", "-s", 2, "-w", "bicubic")
    assert (status, err) == (0, [])
