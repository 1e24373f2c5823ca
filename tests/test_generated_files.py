"""Files that are whole, odd or broken, through the command: right, or refused in one line; see `generated_files`."""

import os
from pathlib import Path

import generated_files
import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and limits")


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    return generated_files.small_network(tmp_path_factory.mktemp("network"))


def _faults(results: list[dict]) -> list[str]:
    return [f"{result['number']}: {result['fault']}" for result in results if result["fault"]]


def test_five_hundred_files(network):
    results = generated_files.run_forked(range(500), network)
    assert len(results) == 500
    assert _faults(results) == []
    done = sum(result["status"] == 0 for result in results)
    assert 100 < done < 400  # neither are all refused, nor are all whole


def test_fifty_through_one_process():
    assert generated_files.run_together(range(500, 550)) == []


@pytest.mark.slow
def test_ten_thousand_files(network):
    results = generated_files.run_forked(range(10_000), network)
    assert len(results) == 10_000
    assert _faults(results) == []


@pytest.mark.slow
def test_fifty_through_a_process_each(network):
    assert _faults(generated_files.run_processes(range(500, 550), network)) == []


def test_a_file_is_the_same_each_time_and_its_neighbour_another():
    assert generated_files.generate(17) == generated_files.generate(17)
    assert generated_files.generate(17) != generated_files.generate(18)


@pytest.mark.parametrize(
    ("status", "out", "err", "files", "says"),
    [
        (0, "a -> 9x6", "", ["out.png"], ""),
        (0, "a -> 9x7", "", ["out.png"], "the output is 9x6"),
        (0, "a -> 9x6", "a warning", ["out.png"], "on stderr"),
        (0, "a -> 9x6", "", [], "the folder holds"),
        (0, "a -> 9x6", "", ["out.png", ".out-12345678.png"], "the folder holds"),
        (2, "", "vdsr: no\n", [], ""),
        (2, "", "vdsr: no\nvdsr: no\n", [], "on stderr"),
        (2, "", "no\n", [], "on stderr"),
        (2, "", "vdsr: no\n", [".out-12345678.png"], "the folder holds"),
        (1, "", "Traceback", [], "exit 1"),
        (-11, "", "", [], "exit -11"),
    ],
)
def test_what_is_a_fault(tmp_path, status, out, err, files, says):
    for name in files:
        generated_files.Image.new("L", (9, 6)).save(tmp_path / name)
    fault = generated_files.faults_of(status, out, err, tmp_path)
    assert says in fault
    assert bool(fault) == bool(says)


def test_a_half_written_output_is_a_fault(tmp_path):
    generated_files.Image.effect_noise((64, 64), 50).save(tmp_path / "out.png")
    content = (tmp_path / "out.png").read_bytes()
    (tmp_path / "out.png").write_bytes(content[: len(content) // 2])
    assert "cannot be read" in generated_files.faults_of(0, "a -> 64x64", "", tmp_path)


def _hang(number: int, network: Path) -> dict:
    while True:
        pass


def _die(number: int, network: Path) -> dict:
    os._exit(9)


def _eat(number: int, network: Path) -> dict:
    return {"number": number, "status": 0, "fault": "", "seconds": 0.0, "peak": len(bytes(2 * generated_files.MEMORY))}


@pytest.mark.parametrize(("what", "says"), [(_hang, "hangs"), (_die, "died with 9"), (_eat, "")])
def test_workers_that_hang_die_or_eat_are_seen_and_the_next_file_is_done(monkeypatch, network, what, says):
    real = generated_files._run_one
    monkeypatch.setattr(generated_files, "PATIENCE", 3)
    monkeypatch.setattr(generated_files, "_run_one", lambda n, w: what(n, w) if n == 1 else real(n, w))
    results = generated_files.run_forked(range(3), network)
    assert [result["number"] for result in results] == [0, 1, 2]
    assert says in results[1]["fault"]
    assert not results[0]["fault"]
    assert not results[2]["fault"]
