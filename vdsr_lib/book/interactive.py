"""Sliders over pure drawing functions: ipywidgets when a kernel is there, ready-made frames on a page.

Nothing is computed here. Each interaction is one function that takes plain values and returns a
figure; this module only asks it for the figure that the sliders point at.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping
from typing import Any

from .display import Choice, Frames, Given, data_uri, describe, make_choices

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
    **choices: Given,
) -> Any:
    """Sliders that choose the arguments of a drawing function.

    Args:
        function: takes one keyword for each slider, and returns a figure with `.alt` (those of `figures` do).
        start: the values to begin with; the first of each slider unless given.
        static: frames without a kernel (True), live ipywidgets (False), or what fits the place (see `is_static`).
        choices: for each argument its values, in order, or a mapping from words to values, or a function that takes the
            arguments before it by name and gives either.

    Returns: `display.Frames`, or an `ipywidgets.VBox`; the last line of a cell shows either.
    Errors: `InputError`, see `display.make_choices`.
    """
    if is_static() if static is None else static:
        return Frames(function, choices, start)
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError("sliders need ipywidgets: pip install 'vdsr-lib[notebooks]'") from error

    def options(choice: Choice) -> list[tuple[str, Any]]:
        return list(zip(choice.words, choice.values, strict=True))

    sliders = []
    for choice in make_choices(choices, start):
        # Names have no order, so they are buttons.
        kind = ipywidgets.ToggleButtons if choice.named else ipywidgets.SelectionSlider
        slider = kind(
            options=options(choice),
            index=choice.start,
            description=choice.name.replace("_", " "),
            style={"description_width": "initial"},
        )
        sliders.append((choice.name, slider))
    view = ipywidgets.HTML()
    setting = False

    def show(_: Any = None) -> None:
        nonlocal setting
        if setting:  # one slider sets another: draw once, when all stand
            return
        setting = True
        values: dict[str, Any] = {}
        for name, slider in sliders:
            given = choices[name]
            if callable(given):
                now = options(make_choices({name: given(**values)})[0])
                if now != list(slider.options):
                    share = slider.index / max(1, len(slider.options) - 1)
                    slider.options = now
                    slider.index = round(share * (len(now) - 1))
            values[name] = slider.value
        setting = False
        drawing = function(**values)
        words = html.escape(describe(drawing), quote=True)
        view.value = f'<img src="{data_uri(drawing)}" alt="{words}" style="max-width:100%"><p>{words}</p>'

    for _, slider in sliders:
        slider.observe(show, names="value")
    show()
    return ipywidgets.VBox([*(slider for _, slider in sliders), view])
