"""Every experiment of the paper, each a named, frozen configuration; the order here is the queue's order.

What the paper says is the default of `TrainingConfig`; only what differs stands here. Where it is silent
(θ, the search for it), the choice is ours and `shows` says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from vdsr_lib.errors import InputError
from vdsr_lib.training import TrainingConfig

LEARNING_RATES = (0.1, 0.01, 0.001)
SCALE_SETS = ((2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4))
DEPTHS = (5, 8, 10, 15, 20)
LONG_RATE = 0.02  # Muon's for batches of 64; a first guess, which the runs named search-rate-… are there to mend
# Parts of two embedded pictures, scored in a moment. Records until November 2026 call them "embedded", which is the
# library's name for the four whole pictures.
PARTS = "embedded-parts"
WHOLE = "-80-epochs"  # ends the name of a run of the depth figure or of table 2 with the paper's whole schedule


@dataclass(frozen=True)
class Experiment:
    """One run.

    Attributes:
        name: of the record and the weights.
        shows: which table, figure or question it belongs to.
        model: what `pretrained.build` takes.
        config: the training.
        training_set: `"T91"`, or `"291"` for T91 with BSD200.
        scales: that patches are made for, mixed.
        patch, stride: in pixels.
        he_start: every kernel starts by He's rule, whatever the network's own start is.
        silent_start: the last layer starts at zero, and so the network at the interpolated image.
        begins_with: the run whose checkpoint from before its cooldown is this run's beginning.
        held_out: every so many-th training image is kept out for validation; 0 keeps none out.
        curve: `(set, scales)` scored along the way; the held-out images if `held_out` is set.
        curve_every_epochs: how often.
        final: `(set, scales)` scored by the authors' protocol at the end, on the last weights.
        weights: where the final weights are kept: `"package"` (they ship), `"repository"`, or `"none"`.
    """

    name: str
    shows: str
    model: Mapping[str, Any]
    config: TrainingConfig = field(default_factory=TrainingConfig)
    training_set: str = "T91"
    scales: tuple[int, ...] = (2,)
    patch: int = 41
    stride: int = 41
    he_start: bool = False
    silent_start: bool = False
    begins_with: str = ""
    held_out: int = 0
    curve: tuple[str, tuple[int, ...]] = ("Set5", (2,))
    curve_every_epochs: float = 1.0
    final: tuple[tuple[str, tuple[int, ...]], ...] = (("Set5", (2,)),)
    weights: str = "repository"

    def as_dict(self) -> dict[str, Any]:
        """The whole configuration as JSON values, for the record."""
        return json.loads(json.dumps(asdict(replace(self, model=dict(self.model)))))


def vdsr(depth: int = 20, residual: bool = True) -> Mapping[str, Any]:
    """A VDSR as `pretrained.build` takes it."""
    return MappingProxyType({"kind": "VDSR", "depth": depth, "width": 64, "residual": residual, "bias": True})


def _queue() -> list[Experiment]:
    ours = TrainingConfig()
    all_scales = (2, 3, 4)
    queue: list[Experiment] = []
    tests = tuple((name, all_scales) for name in ("Set5", "Set14", "B100"))
    all_tests = (*tests, ("Urban100", all_scales))

    # (a) The search for θ: two epochs, depth 10, on a decade grid; and what no clip does.
    def search(theta: float, rate: float) -> Experiment:
        config = replace(ours, epochs=2, learning_rate=rate, theta=theta, log_every=1)
        name = f"theta-{theta:.0e}-lr{rate:g}".replace("e-0", "e-")
        return Experiment(name, "search for θ", vdsr(10), config, weights="none")

    queue += [search(theta, 0.1) for theta in (1e-4, 1e-5, 1e-3, 1e-6)]
    for rate in LEARNING_RATES:
        config = replace(ours, epochs=2, learning_rate=rate, clip="none", log_every=1)
        queue.append(Experiment(f"noclip-lr{rate:g}", "chapter 6, divergence", vdsr(10), config, weights="none"))

    # (b) Table 1 and the learning-rate figure: depth 10, T91, ×2, 80 epochs.
    def table1(residual: bool, rate: float, seed: int = 0) -> Experiment:
        kind = "residual" if residual else "plain"
        config = replace(ours, learning_rate=rate, seed=seed)
        name = f"table1-{kind}-lr{rate:g}" + (f"-seed{seed}" if seed else "")
        weights = "package" if rate == 0.1 and not seed else "repository"
        return Experiment(name, "table 1", vdsr(10, residual), config, weights=weights)

    queue.append(table1(True, 0.1))
    queue += [search(theta, rate) for rate in (0.01, 0.001) for theta in (1e-4, 1e-5, 1e-3)]
    queue += [table1(False, 0.1), table1(True, 0.001), table1(False, 0.001), table1(True, 0.01), table1(False, 0.01)]

    # (c) The weights that ship: one net for all scales, the 291 images, chosen on held-out training images.
    modern = TrainingConfig(
        steps=14_000,
        batch_size=16,
        optimizer="muon",
        learning_rate=0.01,
        momentum=0.95,
        weight_decay=0.0,
        schedule="cooldown",
        cooldown_steps=10_000,
        warmup_steps=20,
        clip="none",
        loss="l1",
        augment=True,
        log_every=20,
    )
    shipped = Experiment(
        "vdsr-291",
        "table 3, the shipped weights (modern recipe)",
        vdsr(20),
        modern,
        "291",
        all_scales,
        silent_start=True,
        held_out=24,
        curve=("held-out", all_scales),
        curve_every_epochs=0.5,
        final=tests,
        weights="package",
    )
    queue.append(shipped)

    # (c') Why that recipe: the same few steps by each, on the same batches, scored on the held-out images.
    def recipe(name: str, silent_start: bool = True, **changes: Any) -> Experiment:
        config = replace(modern, **{"steps": 300, "cooldown_steps": 300, **changes})
        return replace(
            shipped, name=f"recipe-{name}", shows="chapter 9, recipes", config=config, silent_start=silent_start,
            curve_every_epochs=1.0, final=(), weights="none",
        )  # fmt: skip

    queue += [
        recipe("muon"),
        recipe("muon-l2", loss="l2"),
        recipe(
            "sgd", False, optimizer="sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-4, clip="value", loss="l2"
        ),
        recipe("adam", optimizer="adam", learning_rate=1e-3, momentum=0.9),
        recipe("muon-he-start", False),
        recipe("muon-rate-0.003", learning_rate=0.003),
        recipe("muon-rate-0.03", learning_rate=0.03),
        recipe("muon-batch-8", batch_size=8, steps=600, cooldown_steps=600),
    ]

    # (d) SRCNN 9-1-5 under the same trainer, with and without its own layer-wise rate.
    srcnn = MappingProxyType({"kind": "SRCNN", "kernels": [9, 1, 5], "widths": [64, 32], "padding": "valid"})

    def published(factor: float = 0.1) -> TrainingConfig:
        return replace(
            ours, steps=20_000, learning_rate=1e-4, clip="none", schedule="constant", weight_decay=0.0,
            last_layer_factor=factor,
        )  # fmt: skip

    for factor in (0.1, 1.0):
        name = "srcnn-915" + ("" if factor == 0.1 else "-one-rate")
        final = (("Set5", (3,)),)
        queue.append(
            Experiment(name, "chapter 3, table 3's SRCNN", srcnn, published(factor), scales=(3,), patch=33, stride=14,
                       curve=("Set5", (3,)), final=final, weights="package" if factor == 0.1 else "repository")
        )  # fmt: skip

    # (d*) The layer that SRCNN's authors added without success, from their start and from He's; all else the same.
    deeper = MappingProxyType({"kind": "SRCNN", "kernels": [9, 1, 1, 5], "widths": [64, 32, 16], "padding": "valid"})
    for name, model, he_start in (
        ("srcnn-9115", deeper, False), ("srcnn-9115-he", deeper, True), ("srcnn-915-he", srcnn, True)
    ):  # fmt: skip
        queue.append(
            Experiment(name, "chapter 4, a deeper SRCNN", model, published(), scales=(3,), patch=33, stride=14,
                       he_start=he_start, curve=("Set5", (3,)), final=(("Set5", (3,)),))
        )  # fmt: skip

    # (d') SRCNN by the recipe of the shipped net, on the same images: what stands beside it on the page *Try it*.
    # Start, rate and batch were chosen on the held-out images, by runs of 96,000 patches: the original's
    # start, σ = 0.001, stays 2.8 dB below He's there, and below bicubic interpolation.
    shallow = replace(modern, steps=24_000, cooldown_steps=18_000, learning_rate=0.03, log_every=100)
    queue.append(
        replace(shipped, name="srcnn-291", shows="table 3's SRCNN by the modern recipe", model=srcnn, config=shallow,
                silent_start=False, he_start=True, curve_every_epochs=0.5)
    )  # fmt: skip

    # (d'') SRCNN 9-1-5 at ×3 on T91, trained as well as we can: what VDSR is compared with fairly. Optimiser, rate
    # and loss by a search on scikit-image's pictures.
    def fair_srcnn(name: str, steps: int = 4_000, **changes: Any) -> Experiment:
        base: dict[str, Any] = {
            "steps": steps, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3, "momentum": 0.9,
            "weight_decay": 0.0, "schedule": "cosine", "warmup_steps": 100, "clip": "none", "augment": True,
            "log_every": 100,
        }  # fmt: skip
        return Experiment(name, "chapter 3, a fair SRCNN", srcnn, replace(ours, **{**base, **changes}), scales=(3,),
                          patch=33, stride=14, he_start=True, curve=(PARTS, (3,)), curve_every_epochs=1000.0,
                          final=((PARTS, (3,)),), weights="none")  # fmt: skip

    queue += [
        fair_srcnn("search-srcnn-adam-1e-3"),
        fair_srcnn("search-srcnn-adam-3e-3", learning_rate=3e-3),
        fair_srcnn("search-srcnn-adam-1e-3-l1", loss="l1"),
        fair_srcnn("search-srcnn-muon-0.03", optimizer="muon", learning_rate=0.03, momentum=0.95),
        fair_srcnn("search-srcnn-muon-0.01", optimizer="muon", learning_rate=0.01, momentum=0.95),
    ]

    # Muon at 0.03 led that search: 29.19 dB on the mean of two pictures, against 29.00 by the best of Adam.
    fair = fair_srcnn(
        "srcnn-915-fair", steps=60_000, optimizer="muon", learning_rate=0.03, momentum=0.95, log_every=500
    )
    fair = replace(fair, curve=("Set5", (3,)), curve_every_epochs=10.0, weights="package",
                   final=tuple((name, (3,)) for name in (PARTS, "Set5", "Set14", "B100")))  # fmt: skip
    queue += [fair, replace(fair, name="srcnn-9115-fair", shows="chapter 4, a deeper SRCNN", model=deeper,
                            weights="repository")]  # fmt: skip

    # (e) Depth: the same steps for each; and plain nets, to show what fails. (f) Table 2: which scales a net was
    # trained on, as often for each patch. The whole schedule is a night a net here; these see a part of it, in
    # which the rate falls as often. Depth is compared at ×2 alone: in so few steps three scales disturb each other.
    def shortened(epochs: float) -> TrainingConfig:
        return replace(ours, epochs=epochs, drop_epochs=epochs / 4)

    def deep(depth: int, residual: bool = True, whole: bool = False) -> Experiment:
        name = f"{'depth' if residual else 'plain-depth'}-{depth:02d}{WHOLE if whole else ''}"
        scales = all_scales if whole else (2,)
        return Experiment(name, "the depth figure", vdsr(depth, residual), ours if whole else shortened(24),
                          scales=scales, curve=("Set5", scales), curve_every_epochs=4 if whole else 3,
                          final=(("Set5", scales),))  # fmt: skip

    def table2(scales: tuple[int, ...], whole: bool = False) -> Experiment:
        name = f"table2-{''.join(map(str, scales))}{WHOLE if whole else ''}"
        set5 = ("Set5", all_scales)
        return Experiment(name, "table 2", vdsr(20), ours if whole else shortened(12), scales=scales, curve=set5,
                          curve_every_epochs=4 if whole else 1.5, final=(set5,))  # fmt: skip

    queue += [deep(depth) for depth in (5, 20, 10)]
    queue += [table2(scales) for scales in ((2,), (3,), (4,), all_scales)]
    queue += [deep(depth, residual=False) for depth in (20, 5)]
    queue += [deep(depth) for depth in (8, 15)]
    queue += [table2(scales) for scales in SCALE_SETS if len(scales) == 2]

    # (b') The paper counts 124.5 iterations an epoch, which T91 gives at three scales, not at ×2 alone. If its
    # table 1 was trained so, this is that table's first row.
    mixed = table1(True, 0.1)
    queue.append(replace(mixed, name=f"{mixed.name}-three-scales", scales=all_scales, weights="repository"))

    # (j) Table 1 as section 3.2 has it: patches as large as the field of the network that is trained, 21 for depth 10.
    # Turned and flipped patches are a row beside, for the paper does not say whether these were augmented.
    def table1_by_field(residual: bool, rate: float, seed: int = 0, augment: bool = False) -> Experiment:
        row = table1(residual, rate, seed)
        name = row.name.replace("table1-", "table1-field-") + ("-augmented" if augment else "")
        config = replace(row.config, augment=augment, log_every=100)
        return replace(
            row,
            name=name,
            shows="table 1, patches by the field",
            config=config,
            patch=21,
            stride=21,
            weights="repository",
        )

    queue += [table1_by_field(residual, rate) for rate in LEARNING_RATES for residual in (True, False)]
    queue += [table1_by_field(residual, 0.1, seed) for seed in (1, 2) for residual in (True, False)]
    queue += [table1_by_field(True, rate, augment=True) for rate in LEARNING_RATES]
    # Which scale of the loss the paper's 0.001 means: without the half, or by halves of 32 that are summed.
    for factor in (2, 4):
        row = table1_by_field(True, 0.001)
        config = replace(row.config, learning_rate=0.001 * factor)
        queue.append(replace(row, name=f"{row.name}-times-{factor}", config=config, weights="none"))

    # (k) The printed run: T91, three scales, 9,960 iterations of 64. Its θ is searched by whole runs, and chosen on
    # scikit-image's pictures, before any test set is looked at.
    def printed(theta: float, augment: bool = False) -> Experiment:
        config = replace(ours, theta=theta, augment=augment, log_every=100)
        name = f"printed-theta-{theta:.0e}".replace("e-0", "e-") + ("-augmented" if augment else "")
        return Experiment(name, "the printed recipe, T91 at three scales", vdsr(20), config, scales=all_scales,
                          curve=("Set5", all_scales), curve_every_epochs=4,
                          final=((PARTS, all_scales), ("Set5", all_scales)))  # fmt: skip

    queue += [printed(theta) for theta in (1e-5, 3e-5, 1e-4, 3e-6)]
    queue.append(printed(1e-5, True))

    # (l) Searches on a card, on the held-out pictures: what a long run of the modern recipe should be.
    def search_modern(name: str, patch: int = 41, stride: int = 41, **changes: Any) -> Experiment:
        base = {"steps": 3_000, "cooldown_steps": 2_980, "batch_size": 64, "learning_rate": 0.02, "log_every": 50}
        config = replace(modern, **{**base, **changes})
        return replace(shipped, name=f"search-{name}", shows="the search for the long run", config=config, patch=patch,
                       stride=stride, curve_every_epochs=1000.0, final=((PARTS, all_scales),),
                       weights="none")  # fmt: skip

    queue += [search_modern(f"rate-{rate:g}", learning_rate=rate) for rate in (0.01, 0.02, 0.04)]
    queue += [
        search_modern("patch-82", 82, 82, batch_size=16),
        search_modern("stride-20", 41, 20),
        search_modern("l2", loss="l2"),
    ]
    for theta in (3e-6, 1e-5, 3e-5, 1e-4):
        config = replace(ours, augment=True, theta=theta, epochs=4.8, drop_epochs=1.2, log_every=50)
        name = f"search-theta-{theta:.0e}".replace("e-0", "e-")
        queue.append(
            replace(shipped, name=name, shows="θ at depth 20 on the 291 images", config=config, silent_start=False,
                    curve_every_epochs=1000.0, final=((PARTS, all_scales),), weights="none")
        )  # fmt: skip

    # (g) Second and third seeds of the cheap rows.
    queue += [table1(residual, 0.1, seed) for seed in (1, 2) for residual in (True, False)]

    # (h) The shipped net's run made longer, from where the shorter one began to cool down.
    longer = replace(modern, steps=60_000, cooldown_steps=50_000)
    queue.append(
        replace(shipped, name="vdsr-291-long", shows="table 3, the modern recipe made longer", config=longer,
                begins_with="vdsr-291", weights="package")
    )  # fmt: skip

    # (m) The paper's questions, one net for all scales and deeper is better, by a recipe that converges here: the
    # shipped net's, with the rate on its way down from the beginning.
    answer = replace(modern, steps=10_000, cooldown_steps=9_980, log_every=100)

    def question(name: str, scales: tuple[int, ...], depth: int = 20, seed: int = 0) -> Experiment:
        name += f"-seed{seed}" if seed else ""
        return replace(shipped, name=name, shows="the paper's questions, modern recipe",
                       model=vdsr(depth), config=replace(answer, seed=seed), scales=scales,
                       curve=("held-out", scales), curve_every_epochs=1000.0,
                       final=((PARTS, all_scales), ("Set5", all_scales)), weights="repository")  # fmt: skip

    queue += [question(f"modern-scales-{''.join(map(str, s))}", s) for s in ((2,), (3,), (4,), all_scales)]
    queue += [question(f"modern-depth-{depth:02d}", all_scales, depth) for depth in (5, 10)]
    queue += [question(f"modern-scales-{''.join(map(str, s))}", s, seed=1) for s in ((2,), all_scales)]

    # (n) The net that ships, on a card: 23 times the samples of vdsr-291, from patches that overlap by half.
    # LONG_RATE is what the search on a card has to confirm.
    long = replace(modern, steps=80_000, cooldown_steps=79_000, warmup_steps=200, batch_size=64,
                   learning_rate=LONG_RATE, log_every=200)  # fmt: skip
    queue.append(
        replace(shipped, name="vdsr-291-card", shows="table 3, the modern recipe on a card", config=long, stride=20,
                curve_every_epochs=1.0, final=all_tests, weights="package")
    )  # fmt: skip

    # (e), (f) with the whole schedule.
    queue += [deep(depth, whole=True) for depth in DEPTHS]
    queue += [deep(depth, residual=False, whole=True) for depth in (5, 20)]
    queue += [table2(scales, whole=True) for scales in SCALE_SETS]

    # (i) The paper's own recipe on the 291 set. θ: from one start at depth 20 on three scales, 1e-5 led 1e-4 by 0.4 dB.
    by_letter = replace(ours, theta=1e-5, log_every=100)
    queue.append(
        Experiment("paper-291", "table 3, the paper's recipe", vdsr(20), replace(by_letter, augment=True), "291",
                   all_scales, curve=("Set5", all_scales), curve_every_epochs=1, final=all_tests)
    )  # fmt: skip
    return queue


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType({e.name: e for e in _queue()})


CARD_SEARCH = tuple(name for name in EXPERIMENTS if name.startswith(("search-rate", "search-patch", "search-stride")))
"""What a first call on a card has to say, before LONG_RATE and the long run's patches are settled."""

CARD_QUEUE = (
    "vdsr-291-card",
    *(name for name in EXPERIMENTS if name.startswith(("table1-field", "printed", "modern-"))),
    "paper-291",
)
"""What a card does with its minutes, in this order."""


def get_experiment(name: str) -> Experiment:
    """An experiment by name. Errors: `InputError` for an unknown one."""
    if name not in EXPERIMENTS:
        raise InputError(f"no experiment named {name!r}; see --status for all {len(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def miniature(experiment: Experiment) -> Experiment:
    """The same experiment made small enough to run in seconds, for tests: few steps, a small net."""
    model = dict(experiment.model)
    if model["kind"] == "VDSR":
        model |= {"depth": min(4, model["depth"]), "width": 8}
    else:
        model |= {"widths": [8, 4]}
    config = replace(
        experiment.config, steps=6, batch_size=8, precision="fp32", log_every=2, warmup_steps=0, cooldown_steps=2
    )
    return replace(
        experiment,
        model=MappingProxyType(model),
        config=config,
        training_set=PARTS,
        begins_with="",
        held_out=0,
        curve=(PARTS, experiment.curve[1]),
        curve_every_epochs=1000,
        final=tuple((PARTS, scales) for _, scales in experiment.final[:1]),
        weights="repository",
    )


def step_flop(experiment: Experiment) -> float:
    """Floating-point operations in the convolutions of one training step, as torch counts them; nothing is computed.

    A multiply-add is two. The backward pass makes two products of the forward's size, one for the weights
    and one for the input; the first layer's input needs no gradient.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from vdsr_lib import pretrained

    with torch.device("meta"):
        network = pretrained.build(experiment.model)
        x = torch.empty(experiment.config.batch_size, 1, experiment.patch, experiment.patch)
        with FlopCounterMode(display=False) as counter:
            network(x).sum().backward()
    return float(counter.get_total_flops())
