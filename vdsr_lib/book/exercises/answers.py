"""What every self-check needs: the hint that a wrong answer gets, and answers converted to the type asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ...errors import VdsrError

PREFIX = "check_"
Answer = TypeVar("Answer")


class WrongAnswer(VdsrError):  # noqa: N818 -- the name a student reads
    """An exercise is not solved yet; the message is a hint."""

    def _render_traceback_(self) -> list[str]:
        # A notebook shows these lines instead of a traceback: a hint is no crash.
        return [f"✗ {self}"]


def exercise(check: Callable[[Answer], str]) -> Callable[[Answer], None]:
    """Make a check of a function that returns what to say of a right answer, and raises a hint for a wrong one.

    Both get the exercise's topic before them, which is the function's name: `check_soft_threshold`, soft threshold.
    """
    topic = check.__name__.removeprefix(PREFIX).replace("_", " ")

    @wraps(check)
    def checked(answer: Answer) -> None:
        try:
            words = check(answer)
        except WrongAnswer as hint:
            raise WrongAnswer(f"{topic}: {hint}") from None
        print(f"✓ {topic}: right. {words}".rstrip())

    checked.__annotations__ = {**check.__annotations__, "return": "None"}
    return checked


def answered(answer: Any) -> Any:
    """The answer, unless it is a blank.

    Errors: `WrongAnswer` for a blank.
    """
    if answer is None or answer is Ellipsis:
        raise WrongAnswer("no answer yet; put yours where the three dots are.")
    return answer


def as_number(answer: Any) -> float:
    """The answer as a finite number.

    Errors: `WrongAnswer` for anything else.
    """
    try:
        value = float(answered(answer))
        if isinstance(answer, str):
            raise TypeError
    except (TypeError, ValueError):
        raise WrongAnswer(f"a number is wanted, got {type(answer).__name__}.") from None
    if not math.isfinite(value):
        raise WrongAnswer(f"a finite number is wanted, got {value}.")
    return value


def as_function(answer: Any) -> Callable[..., Any]:
    """The answer as something to call.

    Errors: `WrongAnswer` for anything else.
    """
    if not callable(answered(answer)):
        raise WrongAnswer(f"a function is wanted, got {type(answer).__name__}. Hand it over without calling it.")
    return answer  # type: ignore[no-any-return]
