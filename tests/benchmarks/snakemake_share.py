"""How much of a study's wall time is Snakemake's own: planning, choosing and starting jobs, recording what they made.

Runs the demo in a copy of the checkout and compares the wall time with what the stages took by Snakemake's benchmark
files (from the start of a stage's process to its end, its imports included). What is left of the cores' time is
Snakemake's own, and what a core idles when no job is ready; so the share printed is an upper bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from workflow_checkout import Checkout


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cores", type=int, default=2)
    arguments.add_argument("--study", default="workflow/studies/demo.yaml")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder))
        start = time.monotonic()
        checkout.snakemake(f"-c{given.cores}", "all", "--configfile", given.study)
        wall = time.monotonic() - start
        jobs = {file: pd.read_csv(file, sep="\t") for file in (Path(folder) / "results").rglob("benchmarks/**/*.tsv")}
        start = time.monotonic()
        checkout.snakemake("-n", "all", "--configfile", given.study)
        plan = time.monotonic() - start
    # A job of several threads holds as many cores.
    busy = sum(job["s"].sum() * (given.cores if "prepare_images" in str(file) else 1) for file, job in jobs.items())
    print(f"{len(jobs)} jobs on {given.cores} cores in {wall:.0f} s, of which a plan takes {plan:.1f} s")
    print(f"stages were at work for {busy:.0f} of {given.cores * wall:.0f} core seconds")
    print(f"Snakemake's own share, with idle cores: {1 - busy / (given.cores * wall):.1%}")


if __name__ == "__main__":
    main()
