"""The registry, the cache, and downloads from a server that misbehaves."""

import hashlib
import io
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image

from vdsr_lib import datasets
from vdsr_lib.datasets import RegistryEntry
from vdsr_lib.errors import ChecksumError, DataError, ImageError


def _png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


CONTENT = {f"Toy/{k}.png": _png(k) for k in range(4)} | {"Other/0.png": _png(9)}


class Server(socketserver.ThreadingTCPServer):
    """Sends `CONTENT`; `trouble` says what goes wrong: a status code, `"cut"` or `"other"` bytes."""

    daemon_threads = True
    trouble: dict[str, object]
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        trouble = self.server.trouble.get(name)
        if isinstance(trouble, int):
            self.send_error(trouble)
            return
        body = CONTENT[name] if trouble != "other" else b"something else"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if trouble == "cut" else body)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    """A local server, a registry that points to it, and an empty cache."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.trouble, server.asked = {}, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        entries = {
            name: RegistryEntry(name, hashlib.sha256(body).hexdigest(), len(body), f"{address}/{name}")
            for name, body in CONTENT.items()
        }
        monkeypatch.setattr(datasets, "registry", lambda: entries)
        monkeypatch.setenv("VDSR_DATA", str(tmp_path / "cache"))
        yield server
        server.shutdown()


def _files(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


# --- the registry ------------------------------------------------------------------------------------


# Two pictures of T91 are one; a golden file's large picture is alike at scales that leave it the same size.
TWICE = [
    "T91/t36.bmp",
    "T91/t65.bmp",
    "goldens/imresize/Set5/x2/img_003_SRF_2_HR.png",
    "goldens/imresize/Set5/x2/img_004_SRF_2_HR.png",
    "goldens/imresize/Set5/x2/img_005_SRF_2_HR.png",
    "goldens/imresize/Set5/x3/img_002_SRF_3_HR.png",
    "goldens/imresize/Set5/x4/img_002_SRF_4_HR.png",
    "goldens/imresize/Set5/x4/img_003_SRF_4_HR.png",
    "goldens/imresize/Set5/x4/img_004_SRF_4_HR.png",
    "goldens/imresize/Set5/x4/img_005_SRF_4_HR.png",
]


def test_the_registry_is_sound():
    entries = datasets.registry()
    assert datasets.set_names() == ["B100", "BSD200", "Set14", "Set5", "T91", "Urban100", "authors", "goldens"]
    sizes = {name: len(datasets.names_of(name)) for name in datasets.set_names()}
    assert sizes == {
        "B100": 100, "BSD200": 200, "Set14": 14, "Set5": 5, "T91": 91, "Urban100": 100, "authors": 1, "goldens": 114,
    }  # fmt: skip
    for name, entry in entries.items():
        assert entry.name == name
        assert len(entry.sha256) == 64
        assert int(entry.sha256, 16) >= 0
        assert entry.size > 0
        # A commit, not a branch: what the address holds can then not change.
        owner, repository, commit, *path = entry.url.removeprefix("https://raw.githubusercontent.com/").split("/")
        assert f"{owner}/{repository}" == entry.repository
        assert len(commit) == 40
        assert int(commit, 16) >= 0
        assert path
    # The same picture stands in two sets, or twice among the golden files; no other checksum may stand twice.
    by_checksum = Counter(entry.sha256 for entry in entries.values())
    twice = sorted(name for name, entry in entries.items() if by_checksum[entry.sha256] > 1)
    assert twice == TWICE
    sizes = {entry.sha256: {e.size for e in entries.values() if e.sha256 == entry.sha256} for entry in entries.values()}
    assert all(len(size) == 1 for size in sizes.values())


def test_each_file_at_hand_is_the_one_that_the_registry_names():
    there = [name for name in datasets.registry() if (datasets.cache_folder() / name).is_file()]
    if not there:
        pytest.skip("no data set is at hand")
    assert [name for name in there if datasets.status(name) != "whole"] == []


def test_unknown_names():
    with pytest.raises(DataError, match="no set named 'Set6'; the sets are B100"):
        datasets.names_of("Set6")
    for call in (datasets.fetch, datasets.status):
        with pytest.raises(DataError, match="no file named 'Set5"):
            call("Set5/nobody.png")


def test_the_cache_folder(monkeypatch):
    monkeypatch.setenv("VDSR_DATA", "~/here")
    assert datasets.cache_folder() == Path.home() / "here"
    monkeypatch.setenv("VDSR_DATA", "")
    assert datasets.cache_folder() == Path(pooch.os_cache("vdsr"))


# --- what goes well ----------------------------------------------------------------------------------


def test_fetch_once_and_keep(server, tmp_path, capfd):
    path = datasets.fetch("Toy/0.png")
    assert path == tmp_path / "cache" / "Toy" / "0.png"
    assert path.read_bytes() == CONTENT["Toy/0.png"]
    assert datasets.fetch("Toy/0.png") == path
    assert server.asked == ["Toy/0.png"]
    assert _files(tmp_path) == ["cache/Toy/0.png"]
    assert capfd.readouterr() == ("", "")


def test_a_set_goes_on_where_it_stopped(server):
    datasets.fetch("Toy/2.png")
    assert datasets.present("Toy") == 1
    paths = datasets.fetch_set("Toy")
    assert [path.name for path in paths] == ["0.png", "1.png", "2.png", "3.png"]
    assert server.asked == ["Toy/2.png", "Toy/0.png", "Toy/1.png", "Toy/3.png"]
    assert datasets.present("Toy") == 4


def test_progress_is_shown_on_stderr_only_when_something_is_fetched(server, capsys):
    datasets.fetch_set("Toy", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Toy: 100%" in err
    datasets.fetch_set("Toy", progress=True)
    assert capsys.readouterr() == ("", "")


def test_load_set(server):
    images = datasets.load_set("Toy")
    assert list(images) == ["0", "1", "2", "3"]
    assert np.array_equal(images["2"], np.asarray(Image.open(io.BytesIO(CONTENT["Toy/2.png"]))))


def test_the_papers_291(server, monkeypatch):
    monkeypatch.setattr(datasets, "fetch_set", lambda name, progress: [Path(f"{name}.png")])
    monkeypatch.setattr(datasets, "read_image", lambda path: path.stem)
    assert datasets.load_set("291") == {"T91": "T91", "BSD200": "BSD200"}


def test_a_folder_of_ones_own(server, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    with pytest.raises(DataError, match="without images"):
        datasets.load_set(str(folder))
    (folder / "b.png").write_bytes(CONTENT["Toy/1.png"])
    Image.new("L", (5, 4)).save(folder / "a.bmp")
    (folder / "notes.txt").write_text("no image")
    images = datasets.load_set(str(folder))
    assert {name: image.shape for name, image in images.items()} == {"a.bmp": (4, 5), "b.png": (24, 24, 3)}
    (folder / "c.png").write_bytes(b"")
    with pytest.raises(ImageError, match="is empty"):
        datasets.load_set(str(folder))


# --- what goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        (404, DataError, r"the server answered 404 Not Found"),
        (503, DataError, r"the server answered 503"),
        ("cut", DataError, r"the connection broke off|another SHA-256"),
        ("other", ChecksumError, r"another SHA-256 .* was not kept"),
    ],
)
def test_a_bad_download_is_not_kept(server, tmp_path, capfd, trouble, error, message):
    server.trouble["Toy/1.png"] = trouble
    with pytest.raises(error, match=message) as caught:
        datasets.fetch("Toy/1.png")
    assert "Toy/1.png" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*")) == []  # no file, no part of one, no empty folder
    assert capfd.readouterr() == ("", "")
    server.trouble.clear()
    assert datasets.fetch("Toy/1.png").read_bytes() == CONTENT["Toy/1.png"]


def test_what_was_there_before_a_failure_stays(server, tmp_path):
    datasets.fetch("Toy/0.png")
    server.trouble["Toy/1.png"] = "cut"
    with pytest.raises(DataError):
        datasets.fetch_set("Toy")
    assert _files(tmp_path) == ["cache/Toy/0.png"]


def test_no_server(server, monkeypatch):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="no connection"):
        datasets.fetch("Toy/0.png")


def test_a_damaged_file_in_the_cache_is_an_error_and_is_not_deleted(server, tmp_path):
    path = datasets.fetch("Toy/0.png")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert datasets.status("Toy/0.png") == "damaged"
    with pytest.raises(ChecksumError, match="delete it, to download it anew"):
        datasets.fetch("Toy/0.png")
    assert path.exists()
    assert server.asked == ["Toy/0.png"]


def test_a_cache_that_is_a_file(server, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match="cannot be made in the cache"):
        datasets.fetch("Toy/0.png")


def test_a_disk_that_is_full(server, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.move", full)
    with pytest.raises(DataError, match="No space left on device"):
        datasets.fetch("Toy/0.png")
    assert list(tmp_path.rglob("*")) == []


def test_an_interrupt_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.move", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datasets.fetch("Toy/0.png")
    assert list(tmp_path.rglob("*")) == []


def test_a_cached_file_that_cannot_be_read(server, monkeypatch):
    datasets.fetch("Toy/0.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pooch, "file_hash", refuse)
    with pytest.raises(DataError, match="cannot be read"):
        datasets.fetch("Toy/0.png")


def test_pooch_keeps_its_own_voice(server):
    before = pooch.get_logger().level
    datasets.fetch("Toy/0.png")
    assert pooch.get_logger().level == before


def test_a_local_copy_serves_without_a_download(data, monkeypatch):
    monkeypatch.setattr(pooch, "retrieve", lambda *args, **kwargs: pytest.fail("downloaded"))
    data("Set5")
    assert datasets.present("Set5") == 5
    assert len(datasets.fetch_set("Set5")) == 5
    data(datasets.AUTHORS_WEIGHTS)
    assert datasets.status(datasets.AUTHORS_WEIGHTS) == "whole"


@pytest.mark.parametrize("name", ["T91", "BSD200"])
def test_stored_shapes_are_those_of_the_pictures(name):
    assert len(datasets.shapes_of(name)) == len(datasets.names_of(name))
    if datasets.present(name) < len(datasets.names_of(name)):
        pytest.skip(f"{name} is not in the cache")
    files = [datasets.cache_folder() / file for file in datasets.names_of(name)]
    assert [Image.open(file).size[::-1] for file in files] == datasets.shapes_of(name)


def test_shapes_of_a_set_that_is_not_stored_name_it():
    assert datasets.shapes_of("291") == datasets.shapes_of("T91") + datasets.shapes_of("BSD200")
    with pytest.raises(DataError, match="Set5"):
        datasets.shapes_of("Set5")
