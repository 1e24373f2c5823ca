# Where the library is missing (in Colab, say), install it. torch and
# numpy stay as they are: the runtime's own builds fit its machine.
import importlib.util
import os
import subprocess
import sys

home = "git+https://github.com/example/vdsr-book@v0.2.0"
needs = {
    "vdsr_lib": os.environ.get("VDSR_LIB_SPEC", home),
    "pooch": "pooch>=1.8",
    "safetensors": "safetensors>=0.4",
    "lightning_fabric": "lightning-fabric>=2.4",
    "lightning_utilities": "lightning-utilities>=0.10",
}
find = importlib.util.find_spec
needs = [spec for name, spec in needs.items() if not find(name)]
if needs:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, *needs], check=True)
    importlib.invalidate_caches()
