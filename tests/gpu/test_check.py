"""The table of `make gpu` is made to its end without a GPU, by what the script says it needs and no more."""

import importlib.metadata
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from gpu.table import Table
from red_herring.study.catalogue import analysis_names, attribution_names, method_names
from red_herring.study.pairs import analysed

NEEDED = (
    "torch", "numpy", "pandas", "scipy", "captum", "tqdm", "safetensors", "PyYAML", "scikit-learn", "scikit-image",
    "statsmodels",
)  # fmt: skip

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
def test_the_table_needs_eleven_packages_and_no_gpu():
    modules = importlib.metadata.packages_distributions()
    allowed = with_requirements(NEEDED)
    refused = [
        name for name, owners in modules.items() if not {owner.lower().replace("_", "-") for owner in owners} & allowed
    ]
    assert {"snakemake", "pytest", "torchvision", "jsonschema", "skopt"} <= set(refused)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, json.dumps(refused), ROOT / "tests/gpu/check.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    failed = [line for line in done.stdout.splitlines() if line.endswith("| FAILED |")]
    assert done.returncode == 0, "\n".join([*failed, done.stderr[-3000:]])
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    checks = {row[0] for row in rows[2:]}
    assert {
        "two jobs", "a step against the CPU", "randomised networks against the CPU", "the stage train twice",
        "seconds an image of a map", "training", "GPU-hours of the full study",
    } <= checks  # fmt: skip
    right = {(row[0], row[1].partition(",")[0]) for row in rows if row[-1] == "ok"}
    assert {("the same seed twice", method) for method in method_names()} <= right
    assert {("signed maps against the CPU", name) for name in attribution_names()} <= right
    assert {("the same map twice", name) for name in attribution_names()} <= right
    assert {("an analysis against the CPU", name) for name in analysis_names()} <= right
    assert [row[1] for row in rows if "skipped" in row[-1] and "tf32" in row[1]], "says what it left out"
    assert "0 of" in done.stdout.splitlines()[-1]


def test_what_is_missing_or_fails_is_a_row():
    table = Table(seconds=60)
    for error in (
        ModuleNotFoundError("no", name="captum.attr"),
        ModuleNotFoundError("no red_herring.x", name="red_herring.x"),
        ValueError("a | b"),
    ):
        with table.reporting("check", "map"):
            raise error
    assert [row["verdict"] for row in table.rows] == ["skipped: captum is not installed", "FAILED", "FAILED"]
    assert table.rows[-1]["found"] == "ValueError: a / b"
    table.compare("check", "map", "float32", 28, float("nan"), 1.0)
    assert table.failed == 3, "what is no number is not right"


def test_nothing_is_begun_when_time_is_over():
    assert Table(seconds=-1).late("check", "map")
    assert not Table(seconds=60).late("check", "map")


@pytest.mark.slow
def test_tables_differ_by_what_they_may_and_no_more():
    from gpu.asked import differences

    table = pd.DataFrame({"map": ["a", "b"], "value": [0.5, 1.0], "p": [0.1, np.nan]})
    twin = table.assign(p=[0.2, np.nan])
    found = table.assign(value=[0.5, 0.98], p=[0.35, np.nan])
    assert list(differences(found, table, twin)) == [
        ("value", pytest.approx(0.02), 0.1),
        ("p", pytest.approx(2.5), pytest.approx(3.0)),
    ]
    for other in (table.assign(p=0.1), table.assign(map="a"), table.iloc[:1], table.rename(columns={"p": "q"})):
        with pytest.raises(ValueError, match=r"has|missing"):
            list(differences(other, table, twin))


@pytest.mark.slow
def test_the_small_study_is_one_that_may_be_planned():
    """The script takes it unchecked, as it does without jsonschema."""
    from gpu.asked import asked_task, study_of
    from gpu.small import CPU_SIZES, GPU_SIZES
    from red_herring.study.check import check

    for sizes in (CPU_SIZES, GPU_SIZES):
        config = study_of(sizes, "cpu")
        check(config)
        for name in analysis_names():
            task, _ = asked_task(name)
            assert (task, "classification") in analysed(config, name)
