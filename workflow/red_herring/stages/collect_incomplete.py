"""Collect those runs of a study that are there, and say why the others are not."""

from __future__ import annotations

import argparse
from itertools import product

import pandas as pd

from red_herring.files import StudyError
from red_herring.results.missing import missing_runs
from red_herring.results.runs import MISSING, study_tables
from red_herring.results.splits import overlaps_table
from red_herring.stages import command
from red_herring.stages._tables import add_tables, write_tables


def main(given: argparse.Namespace) -> None:
    study, results = given.settings, given.results
    runs = list(product(study["tasks"], study["methods"], study["seeds"]))
    reasons = missing_runs(results, runs, study["attributions"], study["made_by"]["train"])
    there = [run for run in runs if run not in reasons]
    if not there:
        raise StudyError(f"{results}: holds no finished run of the study; make some with `snakemake all`")
    missing = pd.DataFrame([(*run, why) for run, why in reasons.items()], columns=MISSING)
    shared = overlaps_table(results, study["tasks"], study["seeds"], study["drawn_seeds"])
    write_tables(study_tables(results, there, study) | {"missing": missing, "overlaps": shared}, given)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    add_tables(arguments)
    arguments.add_output("--overlaps", "CSV, what the splits of two seeds share, of those that are there")
    command.run(main, arguments)
