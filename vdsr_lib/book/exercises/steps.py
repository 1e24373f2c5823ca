"""Self-checks: how far a step may go: the clip, and Muon's orthogonal step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_largest_change(answer: float) -> str:
    """The most that a weight can change in one step with θ = 1e-4 and momentum 0.9, at any learning rate."""
    value = as_number(answer)
    if abs(value / 1e-4 - 1) < 0.01:
        raise WrongAnswer("that holds for a plain step. Momentum adds up the steps before: 1 + 0.9 + 0.81 + …")
    if abs(value / 1.9e-4 - 1) < 0.01:
        raise WrongAnswer("that counts one step before. All earlier steps still act, each a little less.")
    if any(abs(value / (1e-3 / rate) - 1) < 0.01 for rate in (0.1, 0.01, 0.001)):
        raise WrongAnswer("the step is γ times the clipped gradient, which is θ/γ at the most: γ falls out.")
    if abs(value / 1e-3 - 1) > 0.01:
        raise WrongAnswer("sum the series 1 + μ + μ² + …, and mind that γ falls out.")
    return "About a sixtieth of the spread of a fresh weight, √(2/576)."


@exercise
def check_clip(answer: Callable[[np.ndarray, float, float], tuple[np.ndarray, float]]) -> str:
    """The clip by hand, `my_clip(gradient, theta, learning_rate)`: the clipped gradient, and the share that was cut."""
    function = as_function(answer)
    rng = np.random.default_rng(6)
    # By hand, with elements on the bound; then as a convolution's gradient has them. No share comes twice.
    cases = [(np.array([-0.5, 0.1, 0.25, 0.3, -0.25, -0.01]), 0.03125, 0.125)]  # the bound is ¼, without rounding
    cases += [(rng.normal(size=(4, 3, 3, 3)), 0.5, rate) for rate in (1.0, 0.25)]
    for gradient, theta, rate in cases:
        given, bound = gradient.copy(), theta / rate
        try:
            clipped, share = function(gradient, theta, rate)
        except (TypeError, ValueError) as error:
            raise WrongAnswer(f"wanted a clipped gradient and a share; {error}.") from None
        if not np.array_equal(gradient, given):
            raise WrongAnswer("your function changes the gradient that it is given.")
        wanted, count = np.clip(given, -bound, bound), int(np.sum(np.abs(given) > bound))
        got = np.asarray(answered(clipped), dtype=float)
        norm = float(np.linalg.norm(given))
        for other, hint in (
            (np.clip(given, -theta, theta), "the bound is θ/γ, not θ."),
            (np.clip(given, -theta * rate, theta * rate), "the bound is θ *divided* by γ."),
            (given * min(1, bound / norm), "that is the clip by norm: it scales all elements together."),
        ):
            same = got.shape == wanted.shape and np.allclose(got, other)
            if same and not np.allclose(other, wanted):
                raise WrongAnswer(hint)
        if got.shape != wanted.shape or not np.allclose(got, wanted, atol=1e-6):
            shown = (
                "" if given.size > 9 else f" for {given.tolist()} it gives {got.tolist()}, wanted {wanted.tolist()}."
            )
            raise WrongAnswer(f"with bound {bound:g} the clipped gradient is not right.{shown}")
        cut = as_number(share)
        if abs(cut - count / len(given)) < 1e-5 < abs(cut - count / given.size):
            raise WrongAnswer(f"for a gradient {given.shape} it counts rows: divide by the number of elements.")
        if abs(cut - count / given.size) > 1e-5:
            raise WrongAnswer(
                f"the share is {cut:.3f}, wanted {count} of {given.size}: an element that lies on the bound is not cut."
            )
    return ""


@exercise
def check_averaged_loss(answer: tuple[float, float]) -> str:
    """`(γ, θ)` for a loss averaged over 41 × 41 pixels that trains as the paper's sum with 0.1 and 1e-4 does."""
    given = answered(answer)
    try:
        rate, theta = (as_number(v) for v in given)
    except (TypeError, ValueError):
        raise WrongAnswer("a pair (learning rate, θ) is wanted.") from None
    pixels = 41**2
    if abs(rate * pixels / 0.1 - 1) < 0.01:
        raise WrongAnswer("the gradients are smaller by 1,681 now. Must the rate rise or fall to make up for it?")
    if abs(rate / (0.1 * pixels) - 1) > 0.01:
        raise WrongAnswer("the step is the rate times the gradient, and the gradient is 41 · 41 times smaller.")
    if abs(theta / 1e-4 - 1) > 0.01:
        raise WrongAnswer("the rate is right. What does θ bound: a gradient, or the change of a weight?")
    return "θ has the unit of a weight, so no scale of the loss can change it."


@exercise
def check_theta_for_share(answer: Callable[[np.ndarray, float, float], float]) -> str:
    """The θ that cuts a given share of a gradient's elements, `theta_for_share(gradient, learning_rate, share)`."""
    function = as_function(answer)
    rng = np.random.default_rng(6)
    gradient = rng.normal(size=4000) * 10 ** rng.uniform(-3, 1, 4000)
    for rate in (0.1, 0.001):
        for share in (0.05, 0.5, 0.9):
            theta = as_number(function(gradient.copy(), rate, share))
            cut = float(np.mean(np.abs(gradient) > theta / rate))
            if abs(float(np.mean(np.abs(gradient) > theta)) - share) < 0.01 and abs(cut - share) > 0.01:
                raise WrongAnswer("that is the bound θ/γ. Multiply by γ.")
            if abs(1 - cut - share) < 0.01 and abs(cut - share) > 0.01:
                raise WrongAnswer(f"for a share of {share} it cuts {cut:.2f}: the share *above* the bound is wanted.")
            if abs(cut - share) > 0.01:
                raise WrongAnswer(
                    f"at learning rate {rate:g} it cuts {cut:.3f} of the elements, wanted {share:g}. "
                    "Sort their absolute values, or ask np.quantile."
                )
    return "Such a clip needs no θ, but the largest step is no longer known in advance."


@exercise
def check_orthogonal_step(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """The step of spectral norm 1 that lowers the loss most, `orthogonal_step(gradient)`, to be subtracted."""
    function = as_function(answer)
    rng = np.random.default_rng(9)
    for shape in ((4, 9), (9, 4), (5, 5)):
        gradient = rng.normal(size=shape) * 10 ** rng.uniform(-2, 0, shape[1])
        try:
            step = np.asarray(answered(function(gradient.copy())), dtype=float)
        except ValueError as error:
            raise WrongAnswer(
                f"for a gradient {shape} the shapes do not fit ({error}). Is U cut to the columns that "
                "count (full_matrices=False)?"
            ) from None
        if step.shape != shape:
            raise WrongAnswer(
                f"for a gradient {shape} the step is {step.shape}. Is U cut to the columns that count "
                "(full_matrices=False)?"
            )
        u, s, vt = np.linalg.svd(gradient, full_matrices=False)
        if np.allclose(step, u @ vt, atol=1e-4):
            continue
        if np.allclose(step, -u @ vt, atol=1e-4):
            raise WrongAnswer("the step will be subtracted, so it points along the gradient.")
        if np.allclose(step, np.sign(gradient)):
            raise WrongAnswer("that is the best step when single elements are bounded, as by the paper's clip.")
        if any(np.allclose(step, gradient / n) for n in (s[0], np.linalg.norm(gradient))):
            raise WrongAnswer(
                "that keeps the gradient's direction. Only its largest singular value may reach 1 so; "
                "here all of them may."
            )
        size, gain = float(np.linalg.norm(step, 2)), float((step * gradient).sum())
        if size > 1 + 1e-4:
            raise WrongAnswer(f"the spectral norm is {size:.3f}, it may be 1 at most.")
        raise WrongAnswer(f"it lowers the loss by {gain:.3f}, {s.sum():.3f} is possible: the sum of singular values.")
    return "Muon reaches it by products alone, without a decomposition."
