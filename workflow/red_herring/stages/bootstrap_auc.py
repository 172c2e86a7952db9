"""The interval of the AUC of every run, and of every method over its runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.files import write_text
from red_herring.results.intervals import auc_intervals
from red_herring.results.reading import read_table
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    write_text(given.intervals, auc_intervals(read_table(given.runs), given.predictions).to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__, settings=False)
    arguments.add_argument("--runs", type=Path, required=True, help="input: runs.csv")
    arguments.add_argument("--predictions", type=Path, required=True, help="input: the folder of the runs")
    arguments.add_output("--intervals", "CSV, one row per run and one per method")
    command.run(main, arguments)
