"""A role for links that open the page *Playground* with settings."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


class PlaygroundLink(SphinxRole):
    """``{playground}`words <settings>` `` in a text; settings as they stand in the page's address."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        match = re.fullmatch(r"(.+?) *<([^<>]*)>", self.text, re.DOTALL)
        if match is None:
            message = self.inliner.reporter.error(f"wanted {{playground}}`words <settings>`, got {self.text!r}")
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        page = self.env.app.builder.get_relative_uri(self.env.docname, "playground")
        return [nodes.reference(self.rawtext, match[1], refuri=f"{page}?{match[2]}", internal=True)], []


def setup(app: Sphinx) -> None:
    """Called by `vdsr_ext`."""
    app.add_role("playground", PlaygroundLink())
