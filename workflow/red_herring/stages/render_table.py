"""The tables of one task as CSV, Markdown and LaTeX."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.files import write_text
from red_herring.results.runs import of_task
from red_herring.results.tables import published, summarise, to_latex, to_markdown
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    runs = of_task(pd.read_csv(given.runs), given.task)
    reference = published(given.task, pd.read_csv(given.published_tables), pd.read_csv(given.published_runs))
    table = summarise(runs, given.settings["methods"], reference)
    write_text(given.csv, table.to_csv(index=False))
    groups = given.settings["tasks"][given.task]["groups"]
    write_text(given.markdown, to_markdown(given.task, table, groups))
    write_text(given.latex, to_latex(given.task, table, groups))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--task", required=True)
    arguments.add_argument("--runs", type=Path, required=True, help="input: runs.csv")
    arguments.add_argument("--published-tables", type=Path, required=True, help="input: CSV, the paper's tables")
    arguments.add_argument("--published-runs", type=Path, required=True, help="input: CSV, the authors' released runs")
    arguments.add_output("--csv")
    arguments.add_output("--markdown")
    arguments.add_output("--latex")
    command.run(main, arguments)
