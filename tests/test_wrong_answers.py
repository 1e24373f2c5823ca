"""Three wrong answers that students give to each exercise, and that each gets a hint of its own that fits."""

import math
import re

import numpy as np
import pytest
import test_exercises_batches_and_uncertainty as batches
import test_exercises_ensembles_and_computing as computing
import test_exercises_residuals_and_steps as steps
import test_exercises_scores_and_fields as scores
import test_exercises_srcnn_and_depth as depth
import torch

from vdsr_lib import runs
from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import PLACES, WrongAnswer
from vdsr_lib.book.exercises.scores import MYSTERY
from vdsr_lib.evaluation import PROTOCOLS
from vdsr_lib.models import SRCNN
from vdsr_lib.resize import axis_weights, imresize


def ista(shrinks=True, keeps=True, explains=True):
    def function(atoms, patch, weight, count):
        code = np.zeros(len(atoms))
        for _ in range(count):
            u = code * keeps + atoms @ (patch - (code @ atoms) * explains)
            code = depth.soft(u, weight) if shrinks else u
        return code

    return function


@torch.no_grad()
def divides_by_energy(network, x):
    for conv in network.convs:
        conv.weight /= conv(x).square().mean()
        x = conv(x).relu()


def rate(power, count=True):
    return lambda d, rho: 2 / ((d if count else 1) * rho ** power(d))


# What the student did, the answer, and words of the hint.
MISTAKES = {
    "halved_error": [
        ("10 log10(2), as for half the MSE", 10 * math.log10(2), "Here its root is halved"),
        ("the sign turned", -6.02, "smaller error means a \\*higher\\* PSNR"),
        ("twice as good", 2, "10 log10"),
    ],
    "psnr": [
        ("uint8 subtracted from uint8", scores.wraps_around, "Convert before subtracting"),
        ("border not cut", scores.cuts_nothing, "all four sides"),
        ("the picture's own maximum as peak", scores.with_peak(lambda output, truth: truth.max()), "largest value"),
    ],
    "doubling_matrix": [
        ("OpenCV's kernel", lambda n: axis_weights(n, 2 * n, kernel="bicubic-0.75").matrix(), "a = −0.75"),
        ("edges repeated", lambda n: axis_weights(n, 2 * n, edge="repeat").matrix(), "pixel −2 is pixel 1"),
        ("transposed", lambda n: axis_weights(n, 2 * n).matrix().T, "the shape is"),
    ],
    "mystery_protocols": [
        ("one taken for another", MYSTERY | {"B": "authors"}, "look again at B"),
        ("one report only", {"A": "rgb"}, "keys"),
        ("summaries instead of names", {k: PROTOCOLS[n].summary for k, n in MYSTERY.items()}, "no key of PROTOCOLS"),
    ],
    "new_protocols": [
        ("one protocol", {"no clamp": scores.replace(scores.RIGHT, clamp_input=False)}, "two protocols"),
        (
            "several fields at once",
            {"a": PROTOCOLS["no-antialias"], "b": scores.replace(scores.RIGHT, clamp_input=False)},
            "changes 6 fields",
        ),
        (
            "one that there is",
            {"a": PROTOCOLS["float-output"], "b": scores.replace(scores.RIGHT, clamp_input=False)},
            "one of PROTOCOLS already",
        ),
    ],
    "lost_directions": [
        ("what stays", 1 / 9, "share that stays"),
        ("one axis", 2 / 3, "two directions"),
        ("in percent", 88.9, "between 0 and 1"),
    ],
    "twin": [
        ("the same picture", lambda image, scale: image, "the picture itself"),
        ("brighter", lambda image, scale: image + 5, "differ by up to 5"),
        ("the small one", lambda image, scale: imresize(image, 1 / scale), "the twin has the shape"),
    ],
    "depth_for_field": [
        ("the first pixel forgotten", 49, "before any layer"),
        ("one pixel per layer", 99, "on either side"),
        ("three pixels per layer", 34, "overlap"),
    ],
    "chain_side": [
        ("dilation left out", scores.with_mistake(dilated=False), "apart|taps"),
        ("only the last stride", scores.with_mistake(jumps="last"), "multiplies up"),
        ("a layer's own stride counted", scores.with_mistake(jumps="early"), "behind it"),
        ("begun at 0", scores.with_mistake(start=0), "start at 1"),
    ],
    "dilations": [
        ("four layers", [1, 2, 4, 8], "six"),
        ("doubled to the end", [1, 2, 4, 8, 16, 32], "span 127"),
        ("with holes", [4, 4, 4, 4, 2, 2], "holes"),
    ],
    "centre_share": [
        ("one axis", 0.926, "A square has two"),
        ("in percent", 85.8, "between 0 and 1"),
        ("the share of pixels", 0.1, "squared gradient"),
    ],
    "centre_share_of_5x5": [
        ("one axis", scores.share(5, 10, axes=1), "one axis"),
        ("twenty layers", scores.share(5, 20), "for twenty layers"),
        ("in percent", 72.7, "between 0 and 1"),
    ],
    "weight_count": [
        ("with biases", 57_281, "biases"),
        ("the smaller one", 8_032, "9-1-5"),
        ("sides instead of areas", 9 * 64 + 5 * 64 * 32 + 5 * 32, "kernel height"),
    ],
    "soft_threshold": [
        ("one side", lambda u, t: np.maximum(u - t, 0), "positive side"),
        ("the hard threshold", lambda u, t: np.where(np.abs(u) > t, u, 0), "hard threshold"),
        ("added instead of subtracted", lambda u, t: np.maximum(u - t, 0) + np.maximum(-u - t, 0), "Subtract"),
    ],
    "ista": [
        ("no threshold", ista(shrinks=False), "soft threshold is missing"),
        ("the old code forgotten", ista(keeps=False), "begins anew"),
        ("the patch itself explained again", ista(explains=False), "what is left"),
    ],
    "identity_network": [
        ("one channel", lambda: depth.identity(1), "negative values"),
        ("another module", torch.nn.Identity, "an SRCNN is wanted"),
        ("weights as they come", SRCNN, "for a picture the result is off"),
    ],
    "trained_srcnn": [
        ("all other weights zero", depth.sharper(0), "has not moved"),
        ("no start at all", SRCNN(), "below bicubic"),
        ("1 × 1 kernels", depth.identity(), "kernels of 9, 1 and 5"),
    ],
    "leaky_gain": [
        ("ReLU's", 2, "ReLU's gain"),
        ("slope not squared", 2 / 1.2, "counts squared"),
        ("no loss", 1, "half of the energy"),
    ],
    "layer_energies": [
        ("no ReLU", lambda layers, start: start * np.cumprod([n * v for n, v in layers]), "throws away half"),
        ("behind the ReLU", depth.behind_relus, "after each ReLU"),
        ("sizes", lambda layers, start: np.sqrt(depth.energies(layers, start)), "those are sizes"),
    ],
    "fan_out_energy": [
        ("its size", 8, "the square"),
        ("the other way round", 1 / 64, "the other way round"),
        ("both fans taken together", 65 / 2, "9·64"),
    ],
    "levelled_network": [
        ("nothing in place", lambda network, x: network, "no weight has changed"),
        ("by the energy", divides_by_energy, "by its root"),
        ("weights drawn anew", depth.drawn_anew, "do not draw it anew"),
        ("all layers at once", depth.level_at_once, "from the first layer to"),
    ],
    "sigmoid_chain": [
        ("ReLUs", lambda d, w: depth.chain(d, w, torch.nn.ReLU), "ReLUs still"),
        ("a sigmoid at the end", lambda d, w: depth.chain(d, w, last=True), "no sigmoid behind"),
        ("one layer too few", lambda d, w: depth.chain(d - 1, w), "it has 7"),
    ],
    "bicubic_psnr": [
        ("root not squared", 16.99, "Square the standard deviation"),
        ("sign turned", -33.98, "above zero"),
        ("peak 255", 82.11, "not 255"),
    ],
    "residual_loss": [
        ("no half", steps.loss(half=1), "½ is missing"),
        ("mean over pixels", steps.loss(per=1 / 25), "not averaged"),
        ("gradient turned", steps.loss(sign=-1), "wrong sign"),
    ],
    "stable_rate": [
        ("1/λ", lambda d, rho: 1 / (d * rho ** (2 - 2 / d)), "not 1/λ"),
        ("one gain alone", rate(lambda d: 2 - 2 / d, count=False), "all D gains"),
        ("slope ρ", rate(lambda d: 2), "product of the others"),
    ],
    "network_without_sum": [
        ("the same network", lambda model: model, "residual=False"),
        ("no channel for x", lambda model: steps.as_plain(model, copy=0.0), "not added yet"),
        ("x not kept whole", lambda model: steps.as_plain(model, copy=0.9), "through each ReLU"),
    ],
    "deep_rate_ratio": [
        ("slopes not squared", 10, "square"),
        ("turned round", 0.01, "other way round"),
        ("20 layers", 0.1 ** (2 / 20 - 2), "Let the depth grow"),
    ],
    "sum_against_copy": [
        ("other names", {"residual": [1.0] * 20, "plain": [1.0] * 20}, "under 'sum' and 'copy'"),
        ("another start", {"sum": np.linspace(1, 0.5, 20), "copy": np.linspace(60, 1, 20)}, "begin alike"),
        ("one network twice", {"sum": np.linspace(1, 0.5, 20), "copy": np.linspace(1, 0.5, 20)}, "trained twice"),
    ],
    "largest_change": [
        ("no momentum", 1e-4, "Momentum adds up"),
        ("one step before", 1.9e-4, "All earlier steps"),
        ("divided by γ", 1e-2, "γ falls out"),
    ],
    "clip": [
        ("θ alone", steps.clip(lambda t, r: t), "not θ"),
        ("θ times γ", steps.clip(lambda t, r: t * r), "\\*divided\\*"),
        ("by norm", lambda g, t, r: (g * min(1, t / r / np.linalg.norm(g)), 0), "clip by norm"),
    ],
    "averaged_loss": [
        ("the rate divided", (0.1 / 1681, 1e-4), "rise or fall"),
        ("θ changed too", (168.1, 0.1681), "What does θ bound"),
        ("nothing changed", (0.1, 1e-4), "41 · 41"),
    ],
    "theta_for_share": [
        ("the bound", lambda g, r, s: np.quantile(np.abs(g), 1 - s), "Multiply by γ"),
        ("the share below", lambda g, r, s: r * np.quantile(np.abs(g), s), "\\*above\\*"),
        ("the mean", lambda g, r, s: r * np.abs(g).mean(), "np.quantile"),
    ],
    "lost_frequencies": [
        ("one axis", 0.6, "along one axis"),
        ("what it holds", 0.16, "\\*can\\* hold"),
        ("a guess", 0.5, "1/s²"),
    ],
    "loss_shares": [
        ("means", batches.shares(torch.mean), "as many patches"),
        ("not to 1", batches.shares(torch.sum, total=2.0), "sum to 2"),
        ("a list", lambda patches: [0.1, 0.3, 0.6], "a dictionary"),
    ],
    "balanced_batch": [
        ("at random from all", lambda s, e, g: torch.randperm(len(s), generator=g)[: 3 * e], "wanted 3 of each"),
        ("a patch twice", lambda s, e, g: torch.tensor([0, 0, 3, 1, 6, 9, 2, 5, 8]), "twice"),
        ("always the first", lambda s, e, g: torch.tensor([0, 3, 4, 1, 6, 9, 2, 5, 8]), "Draw at random"),
    ],
    "guessed_scale": [
        ("one answer for all", lambda x: 3, "does not look"),
        ("the inverse", lambda x: 1 / batches.by_fit(x), "2, 3 or 4 is wanted"),
        ("by smoothness", lambda x: 2 + int(np.abs(np.diff(x)).mean() < 6) + int(np.abs(np.diff(x)).mean() < 4), "Fit"),
    ],
    "recorded_scores": [
        ("mean of the errors", lambda p, s, pooled: (pooled, s), "mean squared error"),
        ("SSIM of another set", lambda p, s, pooled: (p, 0.8), "is not it"),
        ("PSNR alone", lambda p, s, pooled: p, "a pair"),
    ],
    "protocol_of_a_report": [
        ("one answer for all", lambda reported: "authors", "does not look"),
        ("×4 alone", batches.nearest((4,)), "at ×4 alone"),
        ("the summary", lambda reported: PROTOCOLS["rgb"].summary, "a key of PROTOCOLS"),
    ],
    "distance_in_seeds": [
        ("the spread of one run", lambda p, s: (np.mean(s) - p) / np.std(s, ddof=1), "itself uncertain"),
        ("the error of the mean", lambda p, s: (np.mean(s) - p) / np.std(s, ddof=1) * len(s) ** 0.5, "is one run"),
        ("n for n − 1", lambda p, s: (np.mean(s) - p) / np.std(s) / (1 + 1 / len(s)) ** 0.5, "ddof=1"),
    ],
    "bootstrap_interval": [
        ("scores drawn apart", batches.interval(paired=False), "draw gains"),
        ("90 %", batches.interval(level=0.9), "as wide as a 95 %"),
        ("ends turned", lambda a, b: batches.interval()(a, b)[::-1], "lower end comes first"),
    ],
    "ensemble_gain": [
        ("sign turned", -0.2996, "not lower"),
        ("spread added", 10 * math.log10(32 / 30), "not added"),
        ("squared again", 20 * math.log10(30 / 28), "squares already"),
    ],
    "self_ensemble": [
        ("the sum", computing.ensemble(divide=1), "Divide by eight"),
        ("four turns", computing.ensemble(number=4, divide=4), "asked 4 times"),
        ("not turned back", computing.ensemble(back=lambda y, k: y), "undone first|Turn the answers back"),
    ],
    "orthogonal_step": [
        ("scaled", lambda g: g / np.linalg.norm(g, 2), "all of them may"),
        ("the sign of each element", np.sign, "single elements"),
        ("turned", lambda g: -computing.polar(g), "subtracted"),
    ],
    "pixel_shuffle": [
        ("reshape alone", lambda f, s: f.reshape(len(f), 1, s * f.shape[2], -1), "reshape alone"),
        ("rows for columns", lambda f, s: computing.shuffled(f, s, (0, 3, 2, 4, 1)), "are exchanged"),
        ("nothing done", lambda f, s: f, "the shape is"),
    ],
    "flop_count": [
        ("products alone", 1.3783, "two operations"),
        ("a training step", 8.27, "training step"),
        ("not in units of 10¹²", 2.7567e12, "divide"),
    ],
    "rounded_bits": [
        ("cut off", lambda x, b: computing.rounded(x, b, np.trunc), "cuts digits off"),
        ("leading digit counted", lambda x, b: computing.rounded(x, b - 1), "leading 1"),
        ("fixed point", lambda x, b: np.round(x * 2**b) / 2**b, "fixed point"),
    ],
    "unequal_batches": [
        ("plain mean", lambda g, n: np.mean(g, axis=0), "plain mean"),
        ("sum over samples", lambda g, n: sum(c * v for c, v in zip(n, g, strict=True)), "Divide by how many"),
        ("sum of the gradients", lambda g, n: np.sum(g, axis=0), "weigh each gradient"),
    ],
    "tiles": [
        ("no margin", lambda s, t, m: computing.tiles(s, t, 0), "seams"),
        ("margin not cut off", lambda s, t, m: [(r, r, p) for r, _, p in computing.tiles(s, t, m)], "is put into"),
        ("the last tiles forgotten", lambda s, t, m: computing.tiles(s, t, m, edge=False), "are not set"),
    ],
}  # fmt: skip


def given(name, answer):
    """The answer as it is handed over; those to a record are made from the record."""
    if name != "recorded_scores":
        return answer
    images = list(runs.load_run("authors").scores["Set14"]["3"].values())
    psnr, ssim = (float(np.mean([i[m] for i in images])) for m in ("psnr", "ssim"))
    return answer(psnr, ssim, -10 * np.log10(np.mean([10 ** (-i["psnr"] / 10) for i in images])))


def hint_for(name, answer):
    with pytest.raises(WrongAnswer) as caught, np.errstate(all="ignore"):
        getattr(exercises, f"check_{name}")(given(name, answer))
    return str(caught.value)


def test_each_exercise_is_here_with_three_mistakes_or_more():
    assert {f"check_{name}" for name in MISTAKES} == set(PLACES)
    assert min(map(len, MISTAKES.values())) >= 3


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_gets_a_hint_of_its_own(name):
    hints = []
    for what, answer, words in MISTAKES[name]:
        hint = hint_for(name, answer)
        assert re.search(words, hint), f"{what}: {hint}"
        hints.append(hint)
    assert len(set(hints)) == len(hints), "no two mistakes get the same hint"
