"""The experiments against what the paper says, typed here from its text and derived from no code of ours."""

import re
from dataclasses import replace

import numpy as np
import pytest
import skimage

from data_scripts.run import experiments, fractional, reproduce
from data_scripts.run.experiments import EXPERIMENTS
from vdsr_lib import datasets, runs

# Sections 3.2 and 5.2: what every run by the paper's own recipe has.
RECIPE = {
    "optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 64, "drop_factor": 10, "loss": "l2",
    "clip": "value", "schedule": "step", "warmup_steps": 0, "cooldown_steps": 0, "last_layer_factor": 1.0, "ema": 0.0,
    "steps": None,
}  # fmt: skip
WHOLE = {"epochs": 80, "drop_epochs": 20}
T91_X2 = {"training_set": "T91", "scales": (2,), "patch": 41, "stride": 41}
T91_X234 = {"training_set": "T91", "scales": (2, 3, 4), "patch": 41, "stride": 41}
# SRCNN's own paper (Dong et al. 2014): 9-1-5, 1e-4 and for the last layer 1e-5, no padding, patches of 33 by 14.
SRCNN = {
    "model": {"kind": "SRCNN", "kernels": [9, 1, 5], "widths": [64, 32], "padding": "valid"},
    "training_set": "T91", "scales": (3,), "patch": 33, "stride": 14,
}  # fmt: skip

# A pattern of names, and the facts of each run so named. `{1}` and so on stand for the pattern's groups.
FACTS = [
    # Table 1, figure 4: depth 10, ×2, three rates, residual and not.
    (r"table1-(?:residual|plain)-lr0\.1(?:-seed[12])?",
     {**RECIPE, **WHOLE, **T91_X2, "depth": 10, "learning_rate": 0.1}),
    (r"table1-(?:residual|plain)-lr0\.01", {**RECIPE, **WHOLE, **T91_X2, "depth": 10, "learning_rate": 0.01}),
    (r"table1-(?:residual|plain)-lr0\.001", {**RECIPE, **WHOLE, **T91_X2, "depth": 10, "learning_rate": 0.001}),
    (r"table1-residual-lr0\.1-three-scales", {**RECIPE, **WHOLE, **T91_X234, "depth": 10, "learning_rate": 0.1}),
    # Section 3.2: a patch is as large as the receptive field, 2D + 1.
    (r"table1-field-(?:residual|plain)-lr0\.1(?:-seed[12])?(?:-augmented)?",
     {**RECIPE, **WHOLE, **T91_X2, "patch": 21, "stride": 21, "depth": 10, "learning_rate": 0.1}),
    (r"table1-field-(?:residual|plain)-lr0\.01(?:-augmented)?",
     {**RECIPE, **WHOLE, **T91_X2, "patch": 21, "stride": 21, "depth": 10, "learning_rate": 0.01}),
    (r"table1-field-(?:residual|plain)-lr0\.001(?:-augmented)?",
     {**RECIPE, **WHOLE, **T91_X2, "patch": 21, "stride": 21, "depth": 10, "learning_rate": 0.001}),
    # Table 2: depth 20, every set of scales, tested at all three.
    *((rf"table2-{''.join(map(str, scales))}-80-epochs",
       {**RECIPE, **WHOLE, **T91_X2, "scales": scales, "depth": 20, "learning_rate": 0.1, "residual": True,
        "final": (("Set5", (2, 3, 4)),)})
      for scales in ((2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4))),
    # Figure 3: depth 5 to 20, all scales.
    *((rf"depth-{depth:02d}-80-epochs",
       {**RECIPE, **WHOLE, **T91_X234, "depth": depth, "learning_rate": 0.1, "residual": True})
      for depth in (5, 8, 10, 15, 20)),
    # Section 5.1 and 5.2: the network of table 3, the 291 images turned and flipped.
    (r"paper-291", {**RECIPE, **WHOLE, "training_set": "291", "scales": (2, 3, 4), "patch": 41, "stride": 41,
                    "depth": 20, "learning_rate": 0.1, "residual": True, "augment": True, "held_out": 0,
                    "final": tuple((name, (2, 3, 4)) for name in ("Set5", "Set14", "B100", "Urban100"))}),
    (r"printed-theta-.*", {**RECIPE, **WHOLE, **T91_X234, "depth": 20, "learning_rate": 0.1, "residual": True}),
    (r"srcnn-915", {**SRCNN, "learning_rate": 1e-4, "last_layer_factor": 0.1, "optimizer": "sgd", "momentum": 0.9,
                    "clip": "none", "weight_decay": 0.0}),
    (r"srcnn-915-one-rate", {**SRCNN, "learning_rate": 1e-4, "last_layer_factor": 1.0}),
]  # fmt: skip


def fact_of(experiment, name: str):
    for holder in (experiment.config, experiment):
        if hasattr(holder, name) and name != "model":
            return getattr(holder, name)
    return dict(experiment.model) if name == "model" else experiment.model[name]


@pytest.mark.parametrize(("pattern", "facts"), FACTS)
def test_each_run_is_the_papers(pattern, facts):
    runs = [e for name, e in EXPERIMENTS.items() if re.fullmatch(pattern, name)]
    assert runs
    for experiment in runs:
        assert {name: fact_of(experiment, name) for name in facts} == facts, experiment.name


def test_residual_and_plain_differ_in_that_alone_and_width_is_64():
    for name, experiment in EXPERIMENTS.items():
        if experiment.model["kind"] == "VDSR":
            assert (experiment.model["width"], experiment.model["bias"]) == (64, True), name
            assert experiment.model["residual"] == ("plain" not in name), name
        if "plain" in name and (
            twin := EXPERIMENTS.get(name.replace("plain-depth", "depth").replace("plain", "residual"))
        ):
            assert (twin.config, twin.scales, twin.patch) == (experiment.config, experiment.scales, experiment.patch)


def test_only_what_is_named_so_is_augmented_or_of_another_seed():
    for name, experiment in EXPERIMENTS.items():
        by_the_paper = any(re.fullmatch(pattern, name) for pattern, _ in FACTS)
        if by_the_paper and name != "paper-291":
            assert experiment.config.augment == name.endswith("-augmented"), name
            seed = re.search(r"-seed(\d)", name)
            assert experiment.config.seed == (int(seed[1]) if seed else 0), name
            assert (experiment.he_start, experiment.silent_start, experiment.held_out) == (False, False, 0), name


@pytest.mark.parametrize(
    ("name", "kernels", "widths", "he_start"),
    [("srcnn-9115", [9, 1, 1, 5], [64, 32, 16], False), ("srcnn-9115-he", [9, 1, 1, 5], [64, 32, 16], True),
     ("srcnn-915-he", [9, 1, 5], [64, 32], True)],
)  # fmt: skip
def test_a_deeper_srcnn_differs_in_its_layers_and_its_start_alone(name, kernels, widths, he_start):
    experiment, base = EXPERIMENTS[name], EXPERIMENTS["srcnn-915"]
    assert dict(experiment.model) == {**base.model, "kernels": kernels, "widths": widths}
    assert experiment.he_start == he_start
    same = {"name": name, "shows": experiment.shows, "model": experiment.model, "weights": experiment.weights}
    assert experiment == replace(base, he_start=he_start, **same)


def test_the_deeper_srcnn_is_trained_well_by_the_fair_ones_recipe():
    deep, fair = EXPERIMENTS["srcnn-9115-fair"], EXPERIMENTS["srcnn-915-fair"]
    assert dict(deep.model) == dict(EXPERIMENTS["srcnn-9115"].model)
    same = {"name": deep.name, "shows": deep.shows, "model": deep.model, "weights": deep.weights}
    assert deep == replace(fair, **same)


def test_the_papers_questions_differ_in_what_is_asked_alone():
    base, shipped = EXPERIMENTS["modern-scales-234"], EXPERIMENTS["vdsr-291"]
    assert (base.config.steps, base.config.batch_size, base.patch, base.model["depth"]) == (10_000, 16, 41, 20)
    assert (base.training_set, base.held_out, base.scales) == (shipped.training_set, shipped.held_out, (2, 3, 4))
    asked = [e for name, e in EXPERIMENTS.items() if name.startswith("modern-")]
    assert len(asked) == 8
    for e in asked:
        kind, what = e.name.split("-")[1:3]
        scales = tuple(map(int, what)) if kind == "scales" else base.scales
        depth = int(what) if kind == "depth" else 20
        seed = int(e.name.endswith("-seed1"))
        same = {"name": e.name, "config": replace(base.config, seed=seed), "scales": scales,
                "curve": (base.curve[0], scales)}  # fmt: skip
        assert e == replace(base, model=e.model, **same), e.name
        assert dict(e.model) == {**base.model, "depth": depth}


def test_names_say_their_theta_and_rate():
    for name, experiment in EXPERIMENTS.items():
        if theta := re.search(r"theta-(\de-\d)", name):
            assert experiment.config.theta == float(theta[1]), name
        if rate := re.search(r"-lr([\d.]+)", name):
            times = re.search(r"-times-(\d)", name)
            assert experiment.config.learning_rate == float(rate[1]) * (int(times[1]) if times else 1), name


# Section 5.1, and what the sets are known to hold.
@pytest.mark.parametrize(("name", "count"), [("T91", 91), ("BSD200", 200), ("Set5", 5), ("Set14", 14), ("B100", 100)])
def test_sets_hold_as_many_pictures_as_the_paper_says(name, count):
    assert len(datasets.names_of(name)) == count


@pytest.mark.parametrize(
    ("name", "samples", "steps"),
    # T91 gives 2,675 patches at ×2, at three scales 7,992, of which 80 epochs are 9,990 batches of 64 (printed: 9,960).
    [("table1-residual-lr0.1", 2_675, 3_344), ("table1-residual-lr0.1-three-scales", 7_992, 9_990),
     ("paper-291", 54_192, 67_740)],
)  # fmt: skip
def test_iterations(name, samples, steps):
    assert EXPERIMENTS[name].config.total_steps(samples) == steps


def test_the_rate_falls_after_20_40_and_60_epochs():
    config, samples = EXPERIMENTS["paper-291"].config, 6_400
    rates = [config.rate(step, samples) for step in (0, 1_999, 2_000, 3_999, 4_000, 5_999, 6_000, 7_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4])


def test_three_sets_of_embedded_pictures_have_three_names():
    whole, parts, middles = "embedded", experiments.PARTS, fractional.MIDDLES
    sets = [datasets.load_set(whole), reproduce.load_images(parts), fractional.images_of(middles)]
    assert len({whole, parts, middles}) == 3
    shapes = [{name: image.shape[:2] for name, image in images.items()} for images in sets]
    assert shapes[1] == {"camera": (256, 256), "astronaut": (256, 256)}
    assert set(shapes[2].values()) == {(240, 240)}
    assert shapes[2].keys() == shapes[0].keys()
    # The parts are those that every run was scored on, whatever its record calls them.
    assert np.array_equal(sets[1]["camera"], skimage.data.camera()[128:384, 128:384])
    assert np.array_equal(sets[1]["astronaut"], skimage.data.astronaut()[:256, :256])
    # No name is taken for another's: each loader knows its own, and hands the library's on.
    assert {name: image.shape[:2] for name, image in reproduce.load_images(whole).items()} == shapes[0]
    assert fractional.images_of(whole)["coffee"].shape[:2] == shapes[0]["coffee"]


def test_records_that_call_the_parts_by_their_old_name_are_read():
    record = runs.load_run("srcnn-915-fair")
    assert record.scores["embedded"]["3"].keys() == {"camera", "astronaut"}
    assert record.mean("embedded", 3) > 20
