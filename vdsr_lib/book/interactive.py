"""Sliders over pure drawing functions: ipywidgets when a kernel is there, ready-made frames on a page.

Nothing is computed here. Each interaction is one function that takes plain values and returns a
figure; this module only asks it for the figure that the sliders point at.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .display import Frames, data_uri, describe, make_choices

# Set while the book is built: a page has no kernel, so a widget on it would be dead.
STATIC_VARIABLE = "VDSR_STATIC"


def is_static() -> bool:
    """Whether drawings are for a page without a kernel: `$VDSR_STATIC` is set to anything but `0`."""
    return os.environ.get(STATIC_VARIABLE, "0") not in ("", "0")


def explore(
    function: Callable[..., Any],
    *,
    start: Mapping[str, Any] | None = None,
    static: bool | None = None,
    **choices: Sequence[Any] | Mapping[str, Any],
) -> Any:
    """Sliders that choose the arguments of a drawing function.

    Args:
        function: takes one keyword for each slider, and returns a figure with `.alt` (those of `figures` do).
        start: the values to begin with; the first of each slider unless given.
        static: frames without a kernel (True), live ipywidgets (False), or what fits the place (see `is_static`).
        choices: for each argument its values, in order, or a mapping from words to values.

    Returns: `display.Frames`, or an `ipywidgets.VBox`; the last line of a cell shows either.
    Errors: `InputError`, see `display.make_choices`.
    """
    if is_static() if static is None else static:
        return Frames(function, choices, start)
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError("sliders need ipywidgets: pip install 'vdsr-lib[notebooks]'") from error

    sliders = []
    for choice in make_choices(choices, start):
        options = list(zip(choice.words, choice.values, strict=True))
        # Names have no order, so they are buttons.
        kind = ipywidgets.ToggleButtons if choice.named else ipywidgets.SelectionSlider
        slider = kind(
            options=options,
            index=choice.start,
            description=choice.name.replace("_", " "),
            style={"description_width": "initial"},
        )
        sliders.append((choice.name, slider))
    view = ipywidgets.HTML()

    def show(_: Any = None) -> None:
        drawing = function(**{name: slider.value for name, slider in sliders})
        words = html.escape(describe(drawing), quote=True)
        view.value = f'<img src="{data_uri(drawing)}" alt="{words}" style="max-width:100%"><p>{words}</p>'

    for _, slider in sliders:
        slider.observe(show, names="value")
    show()
    return ipywidgets.VBox([*(slider for _, slider in sliders), view])
