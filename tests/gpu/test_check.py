"""The table of `make gpu` is made to its end without a GPU, by what the script says it needs and no more."""

import importlib.metadata
import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from red_herring.study.catalogue import method_names

NEEDED = ("torch", "numpy", "pandas", "scipy", "captum", "tqdm", "safetensors")

# Refuses to import the modules of these names.
ALONE = """
import json, runpy, sys
refused = set(json.loads(sys.argv[1]))
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in refused:
            raise ModuleNotFoundError(f"No module named {name!r} (refused)", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv[:] = [sys.argv[2], "--device", "cpu"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def with_requirements(names):
    """These distributions and all that they require here."""
    found, waiting = set(), list(names)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += [one for one in required if "extra ==" not in one]
    return found


@pytest.mark.slow
def test_the_table_needs_seven_packages_and_no_gpu():
    modules = importlib.metadata.packages_distributions()
    allowed = with_requirements(NEEDED)
    refused = [
        name for name, owners in modules.items() if not {owner.lower().replace("_", "-") for owner in owners} & allowed
    ]
    assert {"snakemake", "pytest", "torchvision", "sklearn"} <= set(refused)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(refused), ROOT / "tests/gpu/check.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    checks = {row[0] for row in rows[2:]}
    assert {"two jobs", "a step against the CPU", "the same seed twice", "maps against the CPU", "training"} <= checks
    for method in set(method_names()) - {"dfr"}:
        assert any(row[0] == "the same seed twice" and row[1] == method and row[-1] == "ok" for row in rows)
    assert [row[1] for row in rows if "skipped" in row[-1] and "tf32" in row[1]], "says what it left out"
    assert "0 of" in done.stdout.splitlines()[-1]
