"""Self-checks: how sure a score is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_distance_in_seeds(answer: Callable[[float, Sequence[float]], float]) -> str:
    """How many standard deviations a printed number is from runs of several seeds, `distance(paper, seeds)`."""
    function = as_function(answer)
    for paper, seeds in ((37.0, [36.9, 36.95, 36.85]), (36.5, [36.9, 36.95, 36.85, 36.8]), (37.1, [37.0, 37.2])):
        n, mean, spread = len(seeds), float(np.mean(seeds)), float(np.std(seeds, ddof=1))
        wanted = (mean - paper) / (spread * math.sqrt(1 + 1 / n))
        got = as_number(function(paper, list(seeds)))
        close = 1e-3 + 2e-3 * abs(wanted)  # float32 keeps no more of a spread of 0.05 around 37
        if abs(got - wanted) < close:
            continue
        for value, hint in (
            (-wanted, "the sign is turned: ours minus the paper's."),
            ((mean - paper) / spread, "the mean of n runs is itself uncertain, by spread/√n. Add the two variances."),
            (
                (mean - paper) / (spread / math.sqrt(n)),
                "the paper's number is one run, with a spread of its own. Add its variance to that of our mean.",
            ),
            (
                (mean - paper) / (float(np.std(seeds)) * math.sqrt(1 + 1 / n)),
                "a spread that is estimated from n runs has n − 1 in its denominator (ddof=1).",
            ),
        ):
            if abs(got - value) < close:
                raise WrongAnswer(hint)
        raise WrongAnswer(f"for {paper} and {seeds} it gives {got:.3f}, wanted {wanted:.3f}.")
    return "With three seeds a distance of 2 is nothing to write home about: the spread itself is a guess."


@exercise
def check_bootstrap_interval(answer: Callable[[Sequence[float], Sequence[float]], tuple[float, float]]) -> str:
    """A 95 % bootstrap interval of the mean gain of one method over another, `interval(ours, theirs)`, by pictures."""
    function = as_function(answer)
    rng = np.random.default_rng(8)
    # Many pictures, whose level is exact; then a few with a long tail, where a bootstrap is lopsided as they are.
    for n, spread in ((60, rng.normal(0.3, 0.4, 60)), (10, 0.02 * 2.0 ** np.arange(10))):
        theirs = rng.normal(29, 4, n)  # pictures differ much more than methods do
        ours = theirs + spread
        middle = float(spread.mean())
        low_wanted, high_wanted = np.quantile(rng.choice(spread, (40_000, n)).mean(axis=1), [0.025, 0.975])
        try:
            low, high = (as_number(v) for v in answered(function(ours.copy(), theirs.copy())))
        except (TypeError, ValueError):
            raise WrongAnswer("a pair (low, high) is wanted.") from None
        width, right = high - low, float(high_wanted - low_wanted)
        if width <= 0:
            raise WrongAnswer(f"the interval goes from {low:.3f} to {high:.3f}; the lower end comes first.")
        if width > 3 * right:
            raise WrongAnswer(
                "it is far too wide. Both methods saw the same pictures: take the gain of each "
                "picture, and draw gains, not scores."
            )
        told = f"for a test set it gives [{low:.3f}, {high:.3f}], wanted about [{low_wanted:.3f}, {high_wanted:.3f}]. "
        if not low < middle < high:
            raise WrongAnswer(told + "The mean gain itself should lie inside.")
        if not 0.92 < width / right < 1.09:
            raise WrongAnswer(
                told + f"It is {width / right:.0%} as wide as a 95 % interval. Draw as many gains as "
                "there are, with replacement, take their mean; do it some thousand times, and take the "
                "quantiles 0.025 and 0.975."
            )
        lopsided, wanted = ((h - middle) / (middle - lo) for lo, h in ((low, high), (low_wanted, high_wanted)))
        if n == 10 and abs(lopsided / wanted - 1) > 0.15:
            raise WrongAnswer(
                told + "The width is right and the place is not: these gains have a long tail, and a "
                "bell curve's interval has none. Take the quantiles of the drawn means."
            )
    return "An interval that holds 0 says: these pictures cannot tell the two apart."
