"""The card's step is the library's: the same weights after the same steps, on the processor and in a CUDA graph."""

import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from data_scripts.run import card, experiments, reproduce
from vdsr_lib import pretrained, runs
from vdsr_lib.errors import InputError
from vdsr_lib.models import VDSR
from vdsr_lib.patches import Patches, extract_patches
from vdsr_lib.training import TrainingConfig, Validator, load_checkpoint, save_checkpoint, train

SGD = TrainingConfig(
    epochs=4, drop_epochs=1, batch_size=4, precision="fp32", log_every=1, augment=True, theta=3e-4, weight_decay=0.01
)
MUON = replace(
    SGD, steps=12, optimizer="muon", learning_rate=0.02, momentum=0.95, weight_decay=0.0, clip="none", loss="l1",
    schedule="cooldown", cooldown_steps=6, warmup_steps=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def patches() -> Patches:
    from skimage import data

    return extract_patches([data.camera()[140:240, 190:290]], (2, 3), size=21, stride=40)


def small_net(residual: bool = True) -> VDSR:
    torch.manual_seed(3)
    return VDSR(5, 8, residual=residual)


def distance(a: VDSR, tensors: dict[str, torch.Tensor]) -> float:
    return max(float((t - tensors[name]).abs().max()) for name, t in a.state_dict().items())


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(
    "config", [SGD, replace(SGD, clip="none", learning_rate=1e-4), MUON], ids=["clip", "free", "muon"]
)
def test_the_cards_step_gives_the_librarys_weights(patches, config, residual):
    prepared = card.tables(config, len(patches))
    stepper = card.Stepper(small_net(residual), patches, config, prepared, "plain")
    state = train(small_net(residual), patches, config)
    stepper.run(state.total_steps)
    moved = distance(small_net(residual), dict(state.model.state_dict()))
    assert moved > 1e-3
    assert distance(state.model, stepper.flat.tensors()) < 1e-3 * moved
    for k, entry in enumerate(state.history):
        assert entry["loss"] == pytest.approx(float(stepper.log[k, 0]), rel=1e-4)
        assert entry["clipped_share"] == pytest.approx(float(stepper.log[k, 1]), abs=2e-3)
        assert entry["residual_std"] == pytest.approx(float(stepper.log[k, 2]), rel=1e-3)
        assert entry["learning_rate"] == pytest.approx(float(prepared.rate[k]))


@pytest.mark.parametrize("config", [SGD, MUON], ids=["sgd", "muon"])
def test_a_checkpoint_goes_from_the_card_to_the_library_and_back(patches, config, tmp_path):
    path = tmp_path / "run.safetensors"
    whole = train(small_net(), patches, config)
    half = whole.total_steps // 2
    stepper = card.Stepper(small_net(), patches, config, card.tables(config, len(patches)), "plain")
    stepper.run(half)
    save_checkpoint(stepper.as_state(small_net()), path)
    resumed = train(small_net(), patches, config, resume=path)
    assert distance(whole.model, dict(resumed.model.state_dict())) < 1e-6

    again = card.Stepper(small_net(), patches, config, card.tables(config, len(patches)), "plain")
    state = again.as_state(small_net())
    load_checkpoint(path, state)
    again.take_state(state)
    again.run(whole.total_steps - half)
    assert distance(whole.model, again.flat.tensors()) < 1e-6


def test_flat_parameters_hold_every_weight_once():
    model = small_net()
    flat = card.FlatParameters(model, torch.device("cpu"))
    assert all(torch.equal(t, flat.tensors()[name]) for name, t in model.state_dict().items())
    kernels, biases = flat.views(flat.vector)
    x = torch.rand(2, 1, 21, 21)
    torch.testing.assert_close(card.forward(x, kernels, biases, True, False), model(x), rtol=1e-5, atol=1e-6)


def test_what_the_step_does_not_know_is_refused(patches):
    for change in ({"optimizer": "adam"}, {"ema": 0.9}, {"clip": "norm"}):
        config = replace(SGD, **change)
        with pytest.raises(InputError, match="card's step knows"):
            card.Stepper(small_net(), patches, config, card.tables(config, len(patches)), "plain")


@pytest.mark.parametrize("every", [0.5, 1.0, 3.0])
def test_scores_fall_due_when_the_validators_do(patches, every):
    seen = []

    class Look(Validator):
        def __call__(self, state):
            before = len(state.history)
            super().__call__(state)
            if len(state.history) > before:
                seen.append(state.step)

    train(small_net(), patches, replace(SGD, log_every=1000), [Look(lambda _: {"psnr_x2": 0.0}, every)])
    assert card.due_steps(SGD, len(patches), every) == seen


def test_scores_are_the_protocols(tmp_path):
    spec = {"kind": "VDSR", "depth": 3, "width": 4, "residual": True, "bias": True}
    torch.manual_seed(0)
    network = pretrained.build(spec).eval()
    inputs = card.network_inputs(experiments.PARTS, 0, (2, 3))
    with torch.inference_mode():
        outputs = [network(torch.from_numpy(x)).numpy() for x in inputs]
    wanted = reproduce.score_sets(network, {experiments.PARTS: (reproduce.load_images(experiments.PARTS), (2, 3))})[
        experiments.PARTS
    ]
    for scale, per in card.scores_of(experiments.PARTS, 0, (2, 3), outputs).items():
        for image, score in per.items():
            assert score == pytest.approx(wanted[scale][image], abs=1e-3)


def test_results_are_packed_below_the_limits(tmp_path):
    work, out = tmp_path / "work", tmp_path / "out"
    out.mkdir()
    (work / "kept").mkdir(parents=True)
    for k in range(6):
        (work / "kept" / f"{k}.safetensors").write_bytes(np.random.default_rng(k).bytes(400_000))
    (work / "record.json").write_text("{}")
    assert card.pack(work, out, limit=900_000, most=2) == ["4.safetensors", "5.safetensors"]
    names = [name for k in range(2) for name in zipfile.ZipFile(out / f"runs-{k}.zip").namelist()]
    assert sorted(names) == ["kept/0.safetensors", "kept/1.safetensors", "kept/2.safetensors", "kept/3.safetensors",
                             "record.json"]  # fmt: skip
    assert all(path.stat().st_size < 1_000_000 for path in out.iterdir())


def test_a_run_that_is_stopped_goes_on_and_its_record_names_both_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr(card, "CHUNK", 2)
    experiment = experiments.miniature(experiments.get_experiment("table1-field-residual-lr0.1"))
    places = reproduce.Folders(*(tmp_path / p for p in ("runs", "weights", "kept", "checkpoints")))
    for folder in (places.runs, places.weights, places.kept, places.checkpoints):
        folder.mkdir()
    prepared = card.tables(experiment.config, len(card.patches_of(experiment)))

    def go(seconds: float) -> str:
        with ThreadPoolExecutor(1) as pool:
            cpu = torch.device("cpu")
            here = card.Card(cpu, time.monotonic() + seconds, places, tmp_path, card.Scorer(pool, cpu), "plain", "abc")
            status = card.run_on_card(experiment, prepared, here)
            for finish in here.pending:
                finish()
        return status

    assert go(-1) == "partial"  # its time is up at its first look at the clock
    assert [s["to_step"] for s in runs.read_run(places.record(experiment.name)).stretches] == [2]
    assert go(100) == "done"
    record = runs.read_run(places.record(experiment.name))
    assert [(s["from_step"], s["to_step"], s["commit"]) for s in record.stretches] == [(0, 2, "abc"), (2, 6, "abc")]
    assert record.steps_done == 6


@pytest.mark.slow
def test_the_command_runs_stops_and_goes_on(tmp_path, capsys, monkeypatch):
    arguments = [
        "--profile",
        "quick",
        "--out",
        str(tmp_path / "out"),
        "--work",
        str(tmp_path / "work"),
        "--workers",
        "1",
    ]
    name = "table1-field-residual-lr0.1"
    assert card.main([name, "--seconds", "21", *arguments]) == 0  # a second of work: it stops at its first look
    places = reproduce.Folders(*(tmp_path / "work" / p for p in ("runs", "weights", "kept", "checkpoints")))
    first = runs.read_run(places.record(name)) if places.record(name).exists() else None
    assert card.main([name, "--seconds", "120", *arguments]) == 0
    record = runs.read_run(places.record(name))
    assert record.status == "done"
    assert first is None or first.status in ("partial", "done")
    assert record.checksums["weights"] == reproduce.file_checksum(places.weight_file(experiments.get_experiment(name)))
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["left out"] == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("variant", ["plain", "fused"])
def test_the_graph_gives_the_librarys_losses(patches, variant):
    config = replace(SGD, precision="bf16", theta=1e-5)
    on_card = card.Stepper(small_net(), patches.to("cuda"), config, card.tables(config, len(patches)), variant)
    on_card.run(10)
    state = train(small_net(), patches, replace(config, precision="fp32", steps=10, epochs=4))
    wanted = [entry["loss"] for entry in state.history]
    assert on_card.log[:10, 0].tolist() == pytest.approx(wanted, rel=0.05)
