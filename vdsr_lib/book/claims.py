"""The numbers that a page states, kept so that a test can compare them with what they were."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..files import write_atomically
from .interactive import is_static

# Names the file that takes the values; a notebook run by hand has none, and nothing is kept.
CLAIMS_VARIABLE = "VDSR_CLAIMS"

T = TypeVar("T")


def _plain(name: str, value: object) -> object:
    """The value as JSON holds it."""
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "tolist"):
        value = value.tolist()  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"claim {name!r} must be finite, got {value!r}")
    if isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"claim {name!r} must be a number, a word or a list of them, got {type(value).__name__}")


def claim(name: str, value: T, *, within: float = 0.0) -> T:
    """State a number of the page, and hand it back unchanged; the page's text can quote it by its name.

    Args:
        name: unique in its notebook; says what the number is.
        value: a number, a word, or a list or array of them.
        within: how far the number may move before the test speaks; ≥ 0, in the number's own unit.

    Errors: `InputError` for a name used before with another value, a value that JSON cannot hold or that is not
    finite, or a tolerance below 0.
    """
    if not within >= 0:
        raise InputError(f"claim {name!r} needs a tolerance >= 0, got {within!r}")
    entry = {"value": _plain(name, value), "within": within}
    target = os.environ.get(CLAIMS_VARIABLE)
    if target:
        path = Path(target)
        claims = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if claims.get(name, entry) != entry:
            raise InputError(f"claim {name!r} was made before with another value: {claims[name]['value']!r}")
        claims[name] = entry
        text = json.dumps(claims, indent=1, ensure_ascii=False) + "\n"
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    if is_static():
        _glue(name, entry["value"])
    return value


def _glue(name: str, value: object) -> None:
    """Leave the value in the notebook, so that its text can say {glue:text}`name:.2f`.

    It is what `myst_nb.glue` writes; Colab has no myst_nb, and a live notebook needs none of this.
    """
    from IPython.display import display

    kind = "application/papermill.record/"
    text = value if isinstance(value, str) else repr(value)
    display(
        {f"{kind}text/plain": text},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": kind}},
    )
