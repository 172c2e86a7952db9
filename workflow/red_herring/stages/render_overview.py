"""The front page of a study's report."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.files import read_json, write_text
from red_herring.provenance import environment
from red_herring.results.overview import front_page
from red_herring.results.reading import read_table
from red_herring.results.runs import KEYS, run_folder
from red_herring.stages import command

TABLES = ("runs", "missing", "comparisons", "relation")


def main(given: argparse.Namespace) -> None:
    tables = {name: read_table(getattr(given, name)) for name in TABLES}
    counts = pd.concat([read_table(file) for file in given.counts]) if given.counts else pd.DataFrame()
    files = [run_folder(given.records, run) / "run.json" for run in tables["runs"][KEYS].itertuples(index=False)]
    records = [read_json(file) for file in files if file.exists()]
    write_text(given.rst, front_page(given.settings, tables, counts, records, environment()))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    for name in TABLES:
        arguments.add_argument(f"--{name}", type=Path, required=True, help=f"input: {name}.csv")
    arguments.add_argument("--counts", type=Path, nargs="+", default=[], help="input: CSV, the counts of the splits")
    arguments.add_argument("--records", type=Path, required=True, help="input: the folder of the runs")
    arguments.add_output("--rst")
    command.run(main, arguments)
