"""Five mistakes that would make pages wrong, each made on purpose in a copy: a named test of `make test` catches it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Break:
    """A mistake.

    Attributes:
        name: in words.
        file: where it is made.
        right, wrong: what stands there once, and what takes its place.
        test: the test that must fail.
        data: a set that the test reads.
    """

    name: str
    file: str
    right: str
    wrong: str
    test: str
    data: str | None = None


BREAKS = [
    Break(
        "the luma weight of red is 64.738",
        "vdsr_lib/images.py", "[65.481, 128.553, 24.966]", "[64.738, 128.553, 24.966]",
        "tests/test_images.py::test_pure_colours_are_matlabs",
    ),
    Break(
        "the border that is cut is one pixel short",
        "vdsr_lib/evaluation.py", "border = scale if p.cut_border", "border = scale - 1 if p.cut_border",
        "tests/test_evaluation.py::test_bicubic_of_set5_is_table_3", data="Set5",
    ),
    Break(
        "the clip is by norm in place of value",
        "vdsr_lib/clipping.py", "        gradient.clamp_(-bound, bound)\n",
        "        gradient.mul_(min(1.0, bound / float(torch.stack([g.norm() for g in gradients]).norm())))\n",
        "tests/test_clipping.py::test_clip_by_value_worked_by_hand",
    ),
    Break(
        "the residual is not added to the input",
        "vdsr_lib/models.py", "return interpolated + prediction if self.residual else prediction", "return prediction",
        "tests/test_models.py::test_residual_adds_the_input",
    ),
    Break(
        "a stored run's number is edited",
        "vdsr_lib/assets/runs/bicubic.json", '"101085":{"psnr":25.81683,', '"101085":{"psnr":26.81683,',
        "tests/test_reproduce.py::test_ledger_is_what_the_stored_runs_say",
    ),
]  # fmt: skip

# What `make test` runs, by the Makefile's own words.
(QUICK,) = re.findall(r"^QUICK := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The library, its tools and the named tests, where mistakes do no harm."""
    for name in ("vdsr_lib", "data_scripts"):
        ignored = shutil.ignore_patterns("__pycache__", "checkpoints", "*.safetensors")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / "tests").mkdir()
    for name in {"pyproject.toml", "tests/conftest.py", *(b.test.partition("::")[0] for b in BREAKS)}:
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def run_tests(folder: Path, *names: str) -> tuple[dict[str, int], str]:
    """Run tests of a copy as `make test` would; `({"passed": 9, ...}, what pytest wrote)`."""
    inherited = ("PYTEST_", "COV", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(inherited)}
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", QUICK, *names]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    counts = re.findall(r"(\d+) (passed|failed|skipped|deselected|error)", result.stdout.splitlines()[-1])
    return {word: int(number) for number, word in counts}, result.stdout + result.stderr


@pytest.mark.slow
def test_the_copy_passes_before_anything_is_broken(copy, data):
    data("Set5")
    counts, said = run_tests(copy, *(b.test for b in BREAKS))
    assert counts.keys() == {"passed"}, said
    assert counts["passed"] >= len(BREAKS)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", BREAKS, ids=lambda mistake: mistake.name)
def test_a_mistake_is_caught_by_its_test(copy, data, mistake):
    if mistake.data:
        data(mistake.data)
    path = copy / mistake.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mistake.right) == 1, f"{mistake.file} no longer holds this once, so name it anew: {mistake.right}"
    path.write_text(text.replace(mistake.right, mistake.wrong), encoding="utf-8")
    counts, said = run_tests(copy, mistake.test)
    assert counts.get("failed", 0) >= 1, said
    assert not counts.keys() & {"error", "skipped", "deselected"}, said


def test_each_named_test_is_one_that_make_test_runs():
    for mistake in BREAKS:
        file, _, name = mistake.test.partition("::")
        source = (ROOT / file).read_text(encoding="utf-8")
        (marks,) = re.findall(rf"((?:^@.*\n)*)^def {name}\(", source, re.MULTILINE)
        assert not re.search(r"mark\.(slow|gpu|site)", marks + "".join(re.findall(r"^pytestmark.*", source, re.M)))
        assert (ROOT / mistake.file).read_text(encoding="utf-8").count(mistake.right) == 1, mistake.name
