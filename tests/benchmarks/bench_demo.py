"""What the cores did during the demo: how much of their time went to orchestration, to imports, and to the study itself.

Snakemake's benchmark files say how long each job's process ran, its imports included. What is left of the cores' time is
Snakemake's own (planning, choosing and starting jobs, recording what they made) and what cores idle when no job is ready.
Imports are those of a fresh process of that stage with nothing beside it, so a lower bound of what they took. That is where
each job loads its libraries itself (`preload: false`); the last row also has the seconds of the demo as it is.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from benchmarks.measuring import DEMO, importing, python
from support.workflow_checkout import Checkout

CORES = 2
IMPORTS = 3
"""How often the imports of a stage are measured; the shortest time counts."""

ORCHESTRATION = "orchestration: Snakemake itself and idle cores"
PARTS = {
    "data": (
        "fetch_source", "index_source", "prepare_images", "draw_splits", "plan_splits", "compare_splits", "tabulate_splits",
        "render_data_sheet",
    ),
    "search and training": ("tune", "train"),
    "analyses": ("localisation", "reliance"),
}  # fmt: skip
REST = "tables and figures"


def test_demo(benchmark, tmp_path):
    checkout, forked = Checkout(tmp_path), tmp_path / "forked"
    forked.mkdir()
    benchmark.group = f"Where the time of the demo goes, {CORES} cores"
    command = (f"-c{CORES}", "all", f"--configfile={DEMO}", "--benchmark-extended")  # which tells rules and threads
    start = time.perf_counter()
    Checkout(forked).snakemake(*command, anew=True)
    with_forks = time.perf_counter() - start
    start = time.perf_counter()
    benchmark.pedantic(checkout.snakemake, (*command, "--config", "preload=false"), {"anew": True}, rounds=1)
    wall = time.perf_counter() - start
    jobs = read_jobs(tmp_path / "results/demo/benchmarks")
    parts = core_seconds(wall, CORES, jobs, {stage: import_seconds(stage) for stage in jobs["stage"].unique()})
    parts[f"in all: {len(jobs)} jobs in {wall:.0f} s, forked in {with_forks:.0f} s"] = wall * CORES
    benchmark.extra_info["rows"] = [
        {"row": {"part": part}, "more": {"core seconds": f"{spent:.1f}", "share": f"{spent / wall / CORES:.1%}"}}
        for part, spent in parts.items()
    ]


def read_jobs(folder: Path) -> pd.DataFrame:
    """One row per job: stage, seconds, threads."""
    jobs = pd.concat([pd.read_csv(file, sep="\t") for file in sorted(folder.rglob("*.tsv"))], ignore_index=True)
    return jobs.rename(columns={"rule_name": "stage", "s": "seconds"})[["stage", "seconds", "threads"]]


def import_seconds(stage: str) -> float:
    """From the start of a process of this stage until all is imported."""
    times = []
    for _ in range(IMPORTS):
        start = time.perf_counter()
        python(importing(stage))()
        times.append(time.perf_counter() - start)
    return min(times)


def core_seconds(wall: float, cores: int, jobs: pd.DataFrame, imports: dict[str, float]) -> dict[str, float]:
    """The core seconds of each part, which add up to wall x cores: a job holds as many cores as it has threads."""
    part_of = {stage: part for part, stages in PARTS.items() for stage in stages}
    held = jobs["seconds"] * jobs["threads"]
    imported = jobs["seconds"].clip(upper=jobs["stage"].map(imports)) * jobs["threads"]
    worked = (held - imported).groupby(jobs["stage"].map(lambda stage: part_of.get(stage, REST))).sum()
    spent = {ORCHESTRATION: wall * cores - held.sum(), "imports": imported.sum()}
    return spent | {part: float(worked.get(part, 0.0)) for part in (*PARTS, REST)}
