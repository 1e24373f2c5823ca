"""Self-checks of ensembles, Muon, sub-pixel layers and computing: right answers pass, usual mistakes get a hint."""

import numpy as np
import pytest
import torch

from vdsr_lib.book import exercises
from vdsr_lib.book.exercises import WrongAnswer
from vdsr_lib.symmetry import orient, orient_back


def wrong(check, answer, hint):
    with pytest.raises(WrongAnswer, match=hint):
        check(answer)


def test_ensemble_gain(capsys):
    exercises.check_ensemble_gain(0.2996)
    assert "✓ ensemble gain:" in capsys.readouterr().out
    wrong(exercises.check_ensemble_gain, -0.2996, "higher, not lower")
    wrong(exercises.check_ensemble_gain, 0.2803, "taken off")
    wrong(exercises.check_ensemble_gain, 0.599, "squares already")
    wrong(exercises.check_ensemble_gain, 2, "less the spread")


def ensemble(back=orient_back, number=8, divide=8):
    return lambda network, x: sum(back(network(orient(x, k)), k) for k in range(number)) / divide


def test_self_ensemble():
    exercises.check_self_ensemble(ensemble())
    wrong(exercises.check_self_ensemble, ensemble(divide=1), "Divide by eight")
    wrong(exercises.check_self_ensemble, ensemble(number=4, divide=4), "asked 4 times")

    def turns_alone(network, x):
        return sum(torch.rot90(network(torch.rot90(x, k, (-2, -1))), -k, (-2, -1)) for k in range(4)) / 4

    wrong(exercises.check_self_ensemble, turns_alone, "asked 4 times")
    wrong(exercises.check_self_ensemble, ensemble(back=lambda y, k: y), "undone first")

    def shapeless(network, x):
        return orient(network(x), 4)

    wrong(exercises.check_self_ensemble, lambda n, x: ensemble()(n, x)[..., :-1], "Turn the answers back")
    wrong(exercises.check_self_ensemble, shapeless, "asked 1 times|Turn the answers")

    def spoils(network, x):
        mean = ensemble()(network, x.clone())
        x.zero_()
        return mean

    wrong(exercises.check_self_ensemble, spoils, "changes the picture")


def polar(gradient):
    u, _, vt = np.linalg.svd(gradient, full_matrices=False)
    return u @ vt


def test_orthogonal_step():
    exercises.check_orthogonal_step(polar)
    wrong(exercises.check_orthogonal_step, lambda g: -polar(g), "subtracted")
    wrong(exercises.check_orthogonal_step, np.sign, "single elements")
    wrong(exercises.check_orthogonal_step, lambda g: g / np.linalg.norm(g, 2), "all of them may")
    wrong(exercises.check_orthogonal_step, lambda g: g / np.linalg.norm(g), "all of them may")
    wrong(exercises.check_orthogonal_step, lambda g: 2 * polar(g), "spectral norm is 2.000")
    wrong(exercises.check_orthogonal_step, lambda g: 0.5 * polar(g), "is possible")
    wrong(exercises.check_orthogonal_step, lambda g: np.linalg.svd(g)[0], "full_matrices")
    wrong(exercises.check_orthogonal_step, lambda g: np.linalg.svd(g)[0] @ np.linalg.svd(g)[2], "full_matrices=False")


def shuffled(features, scale, axes=(0, 3, 1, 4, 2)):
    n, _, h, w = features.shape
    blocks = features.reshape(n, scale, scale, h, w)
    return blocks.transpose(axes).reshape(n, 1, h * scale, w * scale)


def test_pixel_shuffle():
    exercises.check_pixel_shuffle(shuffled)
    exercises.check_pixel_shuffle(lambda f, s: torch.pixel_shuffle(torch.from_numpy(f), s).numpy())
    wrong(exercises.check_pixel_shuffle, lambda f, s: shuffled(f, s, (0, 3, 2, 4, 1)), "are exchanged")
    wrong(exercises.check_pixel_shuffle, lambda f, s: f.reshape(len(f), 1, s * f.shape[2], -1), "reshape alone")
    wrong(exercises.check_pixel_shuffle, lambda f, s: -shuffled(f, s), "is channel")
    wrong(exercises.check_pixel_shuffle, lambda f, s: f, "wanted")


def test_flop_count():
    exercises.check_flop_count(2.7567)
    wrong(exercises.check_flop_count, 2.7567e12, "divide")
    wrong(exercises.check_flop_count, 1.3783, "two operations")
    wrong(exercises.check_flop_count, 8.27, "training step")
    wrong(exercises.check_flop_count, 1, "once for each pixel")


def rounded(x, bits, how=np.rint):
    mantissa, exponent = np.frexp(x)
    return np.ldexp(how(np.ldexp(mantissa, bits + 1)), exponent - bits - 1)


def test_rounded_bits():
    exercises.check_rounded_bits(rounded)
    exercises.check_rounded_bits(lambda x, bits: rounded(x.astype(float), bits))
    wrong(exercises.check_rounded_bits, lambda x, b: rounded(x, b, np.trunc), "cuts digits off")
    wrong(exercises.check_rounded_bits, lambda x, b: rounded(x, b - 1), "leading 1")
    wrong(exercises.check_rounded_bits, lambda x, b: np.round(x * 2**b) / 2**b, "fixed point")
    wrong(exercises.check_rounded_bits, lambda x, b: rounded(x, b, lambda m: np.floor(m + 0.5)), "only ties")
    wrong(exercises.check_rounded_bits, lambda x, b: rounded(x, b) * 2, "becomes")
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong(exercises.check_rounded_bits, lambda x, b: x * np.log2(np.abs(x)), "zero")


def test_unequal_batches():
    def combine(gradients, counts):
        return np.average(gradients, axis=0, weights=counts)

    exercises.check_unequal_batches(combine)
    wrong(exercises.check_unequal_batches, lambda g, n: np.mean(g, axis=0), "plain mean")
    wrong(exercises.check_unequal_batches, lambda g, n: combine(g, n) * sum(n), "how many there are")
    wrong(exercises.check_unequal_batches, lambda g, n: 2 * combine(g, n), "share of the samples")
    wrong(exercises.check_unequal_batches, lambda g, n: sum(n), "shape")
    wrong(
        exercises.check_unequal_batches,
        lambda g, n: sum(c * np.asarray(v) for v, c in zip(g, n, strict=True)) / 16,
        "share",
    )


def tiles(shape, tile, margin, *, cut=True, edge=True):
    axes = []
    for size in shape:
        axis = []
        for start in range(0, size, tile):
            stop = min(start + tile, size)
            low, high = max(0, start - margin), min(stop + margin, size)
            keep = slice(start - low, stop - low) if cut else slice(0, stop - start)
            axis.append((slice(low, high), keep, slice(start, stop)))
        axes.append(axis if edge else axis[:-1])
    return [tuple(zip(row, column, strict=True)) for row in axes[0] for column in axes[1]]


def test_tiles():
    exercises.check_tiles(tiles)
    wrong(exercises.check_tiles, lambda s, t, m: tiles(s, t, 0), "seams")
    wrong(exercises.check_tiles, lambda s, t, m: tiles(s, t, m, cut=False), "seams")
    wrong(exercises.check_tiles, lambda s, t, m: tiles(s, t, m, edge=False), "not set")
    wrong(exercises.check_tiles, lambda s, t, m: tiles(s, max(s), m), "more than a tile")
    wrong(exercises.check_tiles, lambda s, t, m: [(r, r, p) for r, _, p in tiles(s, t, m)], "no margin|place")
    wrong(exercises.check_tiles, lambda s, t, m: [1, 2], "triples")
