"""Self-checks: PSNR and protocols."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ... import metrics
from .answers import WrongAnswer, answered, as_function, as_number, exercise


@exercise
def check_halved_error(answer: float) -> str:
    """How many dB PSNR gains when the root mean squared error is halved."""
    gain = as_number(answer)
    if abs(gain - 10 * math.log10(2)) < 0.02:
        raise WrongAnswer("that is the gain for half the *mean squared* error. Here its root is halved.")
    if abs(gain - 10 * math.log10(1 / 4)) < 0.03 or abs(gain - 10 * math.log10(1 / 2)) < 0.03:
        raise WrongAnswer("the right size with the wrong sign: a smaller error means a *higher* PSNR.")
    if abs(gain - 20 * math.log10(2)) > 0.03:  # 6 dB is right, to the digits that it has
        raise WrongAnswer("PSNR is 10 log10(255² / MSE). What becomes of MSE when its root is halved?")
    return "Each halving of the error is worth as much, wherever you start."


@exercise
def check_psnr(answer: Callable[[np.ndarray, np.ndarray, int], float]) -> str:
    """A PSNR of one's own, `my_psnr(output, truth, border)`, for uint8 and float images."""
    function = as_function(answer)
    rng = np.random.default_rng(1)
    truth = rng.integers(20, 180, (40, 50)).astype(np.uint8)  # no pixel has the peak, 255
    output = np.clip(truth + rng.normal(0, 9, truth.shape), 0, 255).astype(np.uint8)
    output[:3], output[:, -3:] = 0, 190  # a bad rim, to tell whether it is cut
    given = output.copy(), truth.copy()
    for border in (0, 3):
        wanted = metrics.psnr(metrics.shave(output, border), metrics.shave(truth, border))
        found = answered(function(output.astype(float), truth.astype(float), border))
        if border == 0 and isinstance(found, float | np.floating) and not math.isfinite(found):
            raise WrongAnswer(f"with a border of 0 it gives {found}: `image[0:-0]` is empty, so nothing is left.")
        floats = as_number(found)
        peaks = {
            "the truth's largest value": given[1].max(),
            "the output's largest value": given[0].max(),
            "the truth's range": np.ptp(given[1]),
            "1": 1.0,
        }
        for words, peak in peaks.items():
            if abs(floats - wanted - 20 * math.log10(float(peak) / 255)) < 0.01:
                raise WrongAnswer(
                    f"that has {words} as its peak. The peak is the largest value that 8 bits can "
                    "hold, 255, whatever is in this picture."
                )
        if abs(floats - wanted) > 0.01:
            cut = "" if border == 0 else f" with a border of {border}; are all four sides cut?"
            raise WrongAnswer(f"for two test images it gives {floats:.2f} dB, wanted {wanted:.2f} dB{cut or '.'}")
        if abs(as_number(function(output, truth, border)) - wanted) > 0.01:
            raise WrongAnswer("right for floats, wrong for uint8: 3 − 5 is 254 in uint8. Convert before subtracting.")
    if not (np.array_equal(output, given[0]) and np.array_equal(truth, given[1])):
        raise WrongAnswer("the numbers are right, but your function changes the images it is given.")
    return ""


MYSTERY = {"A": "no-antialias", "B": "bicubic-0.75-up", "C": "float-no-shave", "D": "rgb"}


@lru_cache(maxsize=1)
def mystery_reports() -> dict[str, float]:
    """Four reports of bicubic's PSNR (dB) on the cat ×3; each departs from the authors' protocol in its own way."""
    from skimage import data

    from ...evaluation import score

    return {letter: round(score(data.chelsea(), 3, None, name).psnr, 2) for letter, name in MYSTERY.items()}


@exercise
def check_mystery_protocols(answer: Mapping[str, str]) -> str:
    """Which protocol each of the reports of `mystery_reports` used: `{"A": a key of PROTOCOLS, ...}`."""
    named = answered(answer)
    if not isinstance(named, Mapping) or set(named) != set(MYSTERY):
        raise WrongAnswer(f"a dictionary with the keys {', '.join(MYSTERY)} is wanted.")
    from ...evaluation import PROTOCOLS

    strange = [name for name in named.values() if name not in PROTOCOLS]
    if strange:
        raise WrongAnswer(f"{strange[0]!r} is no key of PROTOCOLS. Keys are short, such as 'float' or 'rgb'.")
    wrong = [letter for letter, name in MYSTERY.items() if named[letter] != name]
    if wrong:
        raise WrongAnswer(
            f"{len(MYSTERY) - len(wrong)} of {len(MYSTERY)} are right; look again at {wrong[0]}. "
            "Score the picture by each of PROTOCOLS and compare."
        )
    return "A PSNR without its protocol says little."


@exercise
def check_new_protocols(answer: Mapping[str, Any]) -> str:
    """Two slips of one's own: `{a name: a Protocol}`, each one step away from the authors', none in `PROTOCOLS`."""
    from dataclasses import asdict

    from skimage import data

    from ...evaluation import PROTOCOLS, Protocol, score

    given = answered(answer)
    if not isinstance(given, Mapping) or len(given) < 2 or not all(isinstance(p, Protocol) for p in given.values()):
        raise WrongAnswer("a dictionary of two protocols is wanted; make each with `replace(PROTOCOLS['authors'], …)`.")

    def settings(protocol: Protocol) -> dict[str, Any]:
        return {key: value for key, value in asdict(protocol).items() if key not in ("name", "summary")}

    right = settings(PROTOCOLS["authors"])
    seen = [settings(protocol) for protocol in PROTOCOLS.values()]
    for name, protocol in given.items():
        mine = settings(protocol)
        changed = [key for key in right if mine[key] != right[key]]
        if len(changed) != 1:
            raise WrongAnswer(
                f"{name!r} changes {len(changed)} fields ({', '.join(changed) or 'none'}). Change one, "
                "or you cannot say which of them made the difference."
            )
        if mine in seen:
            raise WrongAnswer(f"{name!r} is one of PROTOCOLS already, or the same as another of yours.")
        seen.append(mine)
    base = score(data.chelsea(), 3, None, "authors").psnr
    moved = {name: score(data.chelsea(), 3, None, p).psnr - base for name, p in given.items()}
    words = [f"{name} {round(value, 2) + 0.0:+.2f} dB".replace("-", "−") for name, value in moved.items()]
    return f"On the cat at ×3: {', '.join(words)}."


@exercise
def check_recorded_scores(answer: tuple[float, float]) -> str:
    """PSNR and SSIM of the authors' weights on Set14 ×3, from the stored record, to the digits of the paper."""
    from ... import runs

    given = answered(answer)
    try:
        psnr, ssim = (as_number(v) for v in given)
    except (TypeError, ValueError):
        raise WrongAnswer("a pair (PSNR, SSIM) is wanted.") from None
    scores = list(runs.load_run("authors").scores["Set14"]["3"].values())
    wanted = (
        round(float(np.mean([s["psnr"] for s in scores])), 2),
        round(float(np.mean([s["ssim"] for s in scores])), 4),
    )
    pooled = -10 * math.log10(float(np.mean([10 ** (-s["psnr"] / 10) for s in scores])))
    if abs(psnr - pooled) < 0.02:
        raise WrongAnswer(
            "that is the PSNR of the mean squared error over all pictures. The tables average the "
            "PSNRs of the pictures."
        )
    if abs(psnr - wanted[0]) > 0.0051 or abs(ssim - wanted[1]) > 0.000051:
        raise WrongAnswer(
            f"({psnr:g}, {ssim:g}) is not it. `runs.load_run('authors').scores['Set14']['3']` holds a "
            "dictionary for each of 14 pictures; take the means."
        )
    return "That is the paper's cell, to the last digit."


@exercise
def check_protocol_of_a_report(answer: Callable[[Mapping[int, float]], str]) -> str:
    """Which protocol gave three printed numbers for the authors' weights on Set5, `which({2: ..., 3: ..., 4: ...})`."""
    from ... import runs
    from ...evaluation import PROTOCOLS

    function = as_function(answer)
    means = {}
    for name in PROTOCOLS:
        record = runs.load_run(f"slip-authors-{name}")
        means[name] = {s: record.mean("Set5", s) for s in (2, 3, 4)}
    reports = {name: {s: round(mean, 2) for s, mean in of.items()} for name, of in means.items()}
    found = {name: answered(function(dict(reported))) for name, reported in reports.items()}
    for got in found.values():
        if got not in PROTOCOLS:
            raise WrongAnswer(f"a key of PROTOCOLS is wanted, got {got!r}.")
    if len(set(found.values())) == 1:
        raise WrongAnswer(f"it says {found['authors']!r} of each report, so it does not look.")
    for name, reported in reports.items():
        if found[name] == name:
            continue
        told = f"for {reported} it says {found[name]!r}"
        for s, value in reported.items():
            if found[name] == min(means, key=lambda n: abs(means[n][s] - value)):
                raise WrongAnswer(f"{told}, which is the nearest at ×{s} alone. Use all three scales.")
        raise WrongAnswer(
            f"{told}. Compare with the mean of each record `slip-authors-…` at all three scales, and take the nearest."
        )
    return "Three numbers tell what one does not."
