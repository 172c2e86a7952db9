"""What Snakemake takes to plan: `snakemake -n`, against Snakemake that only says its version."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from benchmarks.measuring import DEMO, process, side_by_side
from support.workflow_checkout import Checkout

SNAKEMAKE = Path(sys.executable).with_name("snakemake")

# Three jobs a seed, task and method, and one split a seed and task; searches, tables and figures need about 120 more.
STUDIES = {
    "about 10 jobs": ("training", [DEMO], {"methods": ["classification"], "seeds": 4}, 3),
    "about 100 jobs": ("all", [DEMO], {"seeds": 4}, 3),
    "about 1,000 jobs": ("all", [], {"seeds": 9}, 3),
    "about 10,000 jobs": ("all", [], {"seeds": 104}, 1),
}
"""Target, files laid over config.yaml, the study with the number of seeds, rounds."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("planner"))


@pytest.mark.parametrize("size", STUDIES)
def test_plan(benchmark, checkout, size):
    target, files, study, rounds = STUDIES[size]
    checkout.study("planned", {"study": study | {"seeds": list(range(1, study["seeds"] + 1))}})
    told = []

    def planning() -> None:
        told.append(process(SNAKEMAKE, "-n", target, "--configfile", *files, "planned.yaml", folder=checkout.folder))

    pieces = {"snakemake --version": lambda: process(SNAKEMAKE, "--version"), "snakemake -n": planning}
    row = side_by_side(benchmark, "Planning", {"target": target}, pieces, rounds=rounds, warmup=0)
    jobs = int(re.search(r"^total +(\d+)$", told[-1], re.MULTILINE)[1])
    row["row"]["jobs"] = jobs
    row["more"] = {"ms a job": min(row["seconds"]["snakemake -n"]) / jobs * 1000}
