"""The download command, against the local server of test_datasets."""

import os
import subprocess
import sys

import pytest
from test_datasets import CONTENT, _files, server  # noqa: F401

from data_scripts.run import download
from vdsr_lib import datasets
from vdsr_lib.errors import DataError

ALL = sorted(f"cache/{name}" for name in CONTENT)


def test_everything(server, tmp_path, capsys):  # noqa: F811
    assert download.main(["--all"]) == 0
    out, err = capsys.readouterr()
    assert _files(tmp_path) == ALL
    assert "Other      1 of 1 files" in out
    assert "Toy        4 of 4 files" in out
    assert "research and teaching" in out
    assert err == ""  # no terminal, no bar
    asked = len(server.asked)
    assert download.main(["--all"]) == 0
    assert len(server.asked) == asked


def test_one_set(server, tmp_path):  # noqa: F811
    assert download.main(["Other"]) == 0
    assert _files(tmp_path) == ["cache/Other/0.png"]


def test_one_bad_file_does_not_stop_the_others(server, tmp_path, capsys):  # noqa: F811
    server.trouble |= {"Toy/1.png": "other", "Toy/2.png": 404}
    assert download.main(["Toy", "Other"]) == 2
    out, err = capsys.readouterr()
    assert _files(tmp_path) == ["cache/Other/0.png", "cache/Toy/0.png", "cache/Toy/3.png"]
    assert "Toy        2 of 4" in out
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("download: Toy/") for line in lines)
    server.trouble.clear()
    assert download.main(["Toy", "Other"]) == 0
    assert _files(tmp_path) == ALL


def test_a_server_that_is_away_is_given_up(server, capsys):  # noqa: F811
    server.trouble |= {name: 503 for name in CONTENT}
    assert download.main(["Toy"]) == 2
    assert len(server.asked) == download.FAILURES_IN_A_ROW
    assert capsys.readouterr().err.splitlines()[-1] == "download: Toy: and 1 more"


def test_wrong_checksums_are_no_reason_to_give_up(server):  # noqa: F811
    server.trouble |= {name: "other" for name in CONTENT}
    outcomes = download.download(["Toy"], quiet=True)
    assert len(server.asked) == 4
    assert len(outcomes[0].errors) == 4


def test_check(server, tmp_path, capsys):  # noqa: F811
    download.main(["Toy"])
    asked = len(server.asked)
    assert download.main(["--check", "Toy"]) == 0
    (tmp_path / "cache" / "Toy" / "1.png").write_bytes(b"x")
    (tmp_path / "cache" / "Toy" / "2.png").unlink()
    capsys.readouterr()
    assert download.main(["--check", "Toy"]) == 2
    out, err = capsys.readouterr()
    assert "2 of 4" in out
    assert "1.png: is damaged" in err
    assert "2.png: is missing" in err
    assert len(server.asked) == asked


def test_list(server, capsys):  # noqa: F811
    datasets.fetch("Toy/0.png")
    assert download.main(["--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[:3] for line in out.splitlines()[1:3]] == [["Other", "0", "1"], ["Toy", "1", "4"]]
    assert len(server.asked) == 1


def test_list_names_the_sources(capsys):
    assert download.main(["--list"]) == 0
    out = capsys.readouterr().out
    for source in ("BIDS/BSDS500", "jbhuang0604/SelfExSR", "tegg89/SRCNN-Tensorflow", "huangzehao/caffe-vdsr"):
        assert f"https://github.com/{source}" in out
    assert download.NOTICE in out


def test_unknown_set(server, capsys):  # noqa: F811
    assert download.main(["Set6"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["download: no set named 'Set6'; the sets are Other, Toy"]


def test_nothing_named(capsys):
    with pytest.raises(SystemExit) as caught:
        download.main([])
    assert caught.value.code == 2
    assert "--list shows them" in capsys.readouterr().err


def test_interrupted(server, monkeypatch, capsys):  # noqa: F811
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "fetch", interrupt)
    assert download.main(["Toy"]) == 130
    assert capsys.readouterr().err.splitlines() == ["download: interrupted; the same command goes on from here"]


def test_an_unreadable_file_is_one_failure(server, monkeypatch):  # noqa: F811
    def unreadable(name):
        raise DataError(f"{name}: cannot be read")

    monkeypatch.setattr(datasets, "status", unreadable)
    outcomes = download.download(["Toy"], check_only=True, quiet=True)
    assert outcomes[0].whole == 0
    assert len(outcomes[0].errors) == 4


def test_as_a_command(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "data_scripts.download", "--check", "Set5"],
        env={**os.environ, "VDSR_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert "0 of 5 files" in result.stdout
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1] == "download: Set5: and 2 more"
