"""Importing any module of the library changes no global state, and needs neither network nor pyplot."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# One interpreter loads the third-party libraries, whose own habits are not ours, and forks once a module.
PROBE = """
    import importlib, json, locale, logging, os, pkgutil, random, signal, socket, sys, warnings
    import matplotlib, numpy as np, PIL.Image, scipy.ndimage, skimage, torch
    import vdsr_lib

    def refuse(*arguments, **options):
        raise RuntimeError("the network was used")

    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse

    def state():
        return {
            "matplotlib's rcParams": repr(matplotlib.rcParams.copy()),
            "Python's random state": repr(random.getstate()),
            "numpy's random state": repr(np.random.get_state()),
            "torch's random state": torch.get_rng_state().tolist(),
            "torch's default dtype": str(torch.get_default_dtype()),
            "torch's threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
            "torch's gradient mode": torch.is_grad_enabled(),
            "torch's determinism": [torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark,
                                    torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()],
            "warning filters": repr(warnings.filters),
            "the environment": dict(os.environ),
            "numpy's errors and printing": repr((np.geterr(), np.get_printoptions())),
            "Pillow's limit": PIL.Image.MAX_IMAGE_PIXELS,
            "logging": [logging.getLogger().level, len(logging.getLogger().handlers)],
            "signal handlers": repr([signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]),
            "sys.path and hooks": repr((sys.path, sys.excepthook, sys.displayhook)),
            "locale": locale.setlocale(locale.LC_ALL),
            "folder": os.getcwd(),
        }

    def probe(name):
        before, files = state(), sorted(os.listdir())
        importlib.import_module(name)
        after = state()
        changed = [key for key in before if before[key] != after[key]]
        loaded = [m for m in ("matplotlib.pyplot", "lightning_fabric", "IPython", "data_scripts") if m in sys.modules]
        return {"changed": changed, "loaded": loaded, "files": sorted(set(os.listdir()) - set(files))}

    library = ["vdsr_lib", *(m.name for m in pkgutil.walk_packages(vdsr_lib.__path__, "vdsr_lib."))]
    for name in library + sys.argv[1:]:
        read, write = os.pipe()
        if os.fork() == 0:
            try:
                result = probe(name)
            except BaseException as error:
                result = {"error": repr(error)}
            os.write(write, json.dumps(result).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            print(json.dumps({name: json.load(pipe)}))
        os.wait()
"""


CARELESS = {
    "rc": ("import matplotlib; matplotlib.rcParams['figure.dpi'] = 61", "matplotlib's rcParams"),
    "torch_seed": ("import torch; torch.manual_seed(3)", "torch's random state"),
    "numpy_seed": ("import numpy; numpy.random.seed(3)", "numpy's random state"),
    "filters": ("import warnings; warnings.simplefilter('ignore')", "warning filters"),
    "environment": ("import os; os.environ['A_NAME'] = '1'", "the environment"),
    "threads": ("import torch; torch.set_num_threads(3)", "torch's threads"),
    "draws": ("import matplotlib.pyplot", "matplotlib.pyplot"),
    "leaves": ("open('left', 'w').close()", "left"),
    "fetches": ("import urllib.request as r; r.urlopen('http://127.0.0.1:9/')", "the network was used"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, dict]:
    """What importing each module of the library changes, and each of the careless ones above."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    folder, modules = tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("modules")
    for name, (line, _) in CARELESS.items():
        (modules / f"careless_{name}.py").write_text(line + "\n")
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    environment |= {"OMP_NUM_THREADS": "1", "VDSR_DATA": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(modules), str(ROOT)])
    command = [sys.executable, "-P", "-c", textwrap.dedent(PROBE), *(f"careless_{name}" for name in CARELESS)]
    output = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    return {name: result for line in output.splitlines() for name, result in json.loads(line).items()}


def test_importing_any_module_changes_nothing(results):
    ours = {name: result for name, result in results.items() if not name.startswith("careless")}
    assert {"vdsr_lib", "vdsr_lib.resize", "vdsr_lib.training", "vdsr_lib.book.figures", "vdsr_lib.cli"} <= ours.keys()
    assert {name: r for name, r in ours.items() if r != {"changed": [], "loaded": [], "files": []}} == {}


@pytest.mark.parametrize("name", CARELESS)
def test_the_probe_sees_what_a_careless_module_does(results, name):
    assert CARELESS[name][1] in json.dumps(results[f"careless_{name}"])
