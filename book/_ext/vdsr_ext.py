"""What the site needs and Jupyter Book 1 cannot be told by configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def add_vendored(app: Sphinx, config: Config) -> None:
    """Serve `_vendor` from `_static`.

    Jupyter Book loads every script and style sheet of each `html_static_path` into every page. It has
    looked through them by now, so what is added here is served and loaded only where a page asks for it.
    """
    config.html_static_path.append(str(Path(app.srcdir) / "_vendor"))


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out sphinx_thebe's scripts: they come even when it is off, twice, and throw on every page."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in str(getattr(script, "filename", "") or "").lower()
        and "thebe" not in str(getattr(script, "attributes", {}).get("body", "")).lower()
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("config-inited", add_vendored)
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
