"""Collect the runs, epochs and trials of a study into three tidy tables."""

from __future__ import annotations

import argparse
import shutil
from itertools import product
from pathlib import Path

from red_herring.files import write_text
from red_herring.results.runs import check_made_by, histories_table, run_folder, runs_table, trials_table
from red_herring.stages import command

INCOMPLETE = "incomplete.md"
"""What report_missing has left of an earlier start."""


def main(given: argparse.Namespace) -> None:
    study, results = given.settings, given.results
    runs = list(product(study["tasks"], study["methods"], study["seeds"]))
    searches = list(product(study["tasks"], study["methods"]))
    check_made_by(results, runs, study["made_by"])
    write_text(given.runs, runs_table(results, runs, study["attributions"]).to_csv(index=False))
    write_text(given.histories, histories_table(results, runs).to_csv(index=False))
    # Snakemake has a record of all of them by now, so none will be started again for want of one.
    for folder in (
        *(run_folder(results / "runs", run) for run in runs),
        *(results / "tuning" / task / method for task, method in searches),
    ):
        shutil.rmtree(folder / command.RESUME, ignore_errors=True)
    (results / INCOMPLETE).unlink(missing_ok=True)
    write_text(given.trials, trials_table(results, searches).to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument(
        "--results", type=Path, required=True, help="input: the folder of runs/, saliency/ and tuning/"
    )
    arguments.add_output("--runs", "CSV, one row per run")
    arguments.add_output("--histories", "CSV, one row per epoch of every run")
    arguments.add_output("--trials", "CSV, one row per trial of every search")
    command.run(main, arguments)
