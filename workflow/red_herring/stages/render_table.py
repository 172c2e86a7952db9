"""One table as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.files import write_text
from red_herring.reference import PUBLISHED_RUNS, PUBLISHED_TABLES
from red_herring.results.reading import read_table
from red_herring.results.tabulate import table
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    files = [*given.files, PUBLISHED_TABLES, PUBLISHED_RUNS]
    found = table(given.table, {file.stem: read_table(file) for file in files}, given.settings)
    write_text(given.csv, found.to_csv())
    write_text(given.markdown, found.to_markdown())
    write_text(given.latex, found.to_latex())
    write_text(given.html, found.to_html())


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--table", required=True, help="the name of a table, see red_herring.results.tabulate")
    arguments.add_argument("--files", type=Path, nargs="+", required=True, help="input: tables of the study")
    arguments.add_output("--csv")
    arguments.add_output("--markdown")
    arguments.add_output("--latex")
    arguments.add_output("--html")
    command.run(main, arguments)
