"""Collect the runs, epochs, searches and trials of a whole study into tidy tables."""

from __future__ import annotations

import argparse
import shutil
from itertools import product

import pandas as pd

from red_herring.results.runs import MISSING, check_made_by, run_folder, study_tables
from red_herring.stages import command
from red_herring.stages._tables import add_tables, write_tables

INCOMPLETE = ("incomplete.md", "incomplete")
"""What was made of the runs that were there while others were missing."""


def main(given: argparse.Namespace) -> None:
    study, results = given.settings, given.results
    runs = list(product(study["tasks"], study["methods"], study["seeds"]))
    check_made_by(results, runs, study["made_by"])
    write_tables(study_tables(results, runs, study) | {"missing": pd.DataFrame(columns=MISSING)}, given)
    # Snakemake has a record of all of them by now, so none will be started again for want of one.
    for folder in dict.fromkeys(
        folder for run in runs for folder in (run_folder(results / "runs", run), results / "tuning" / run[0] / run[1])
    ):
        shutil.rmtree(folder / command.RESUME, ignore_errors=True)
    (results / INCOMPLETE[0]).unlink(missing_ok=True)
    shutil.rmtree(results / INCOMPLETE[1], ignore_errors=True)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    add_tables(arguments)
    command.run(main, arguments)
