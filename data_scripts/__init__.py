"""What makes the book: its data in `run` (downloads, experiments, scores, the ledger), its pages in `site`.

The library never imports from here. `python -m data_scripts.reproduce` and the like are short for
`python -m data_scripts.run.reproduce`: stored records name the short form, and it works for every script.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[1]
# Scripts that had another name when records were made that give their command.
BEFORE = {"slips": "protocol_scores"}


class _ShortNames(MetaPathFinder, InspectLoader):
    """Finds `data_scripts.reproduce` as `data_scripts.run.reproduce`: the same module, imported or run by `-m`."""

    def whole(self, name: str) -> str | None:
        """The whole name of a script; None for what is none."""
        package, _, script = name.rpartition(".")
        script = BEFORE.get(script, script)
        if package == __name__:
            for wing in ("run", "site"):
                if (Path(__file__).parent / wing / f"{script}.py").exists() and script != "__init__":
                    return f"{__name__}.{wing}.{script}"
        return None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if self.whole(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        whole = self.whole(module.__name__)
        assert whole
        sys.modules[module.__name__] = importlib.import_module(whole)

    def get_code(self, fullname: str) -> CodeType:
        line = f"import runpy; runpy.run_module({self.whole(fullname)!r}, run_name='__main__', alter_sys=True)"
        return compile(line, fullname, "exec")

    def get_source(self, fullname: str) -> str | None:
        return None


sys.meta_path.append(_ShortNames())
