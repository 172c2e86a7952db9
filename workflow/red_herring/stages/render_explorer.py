"""The interactive page of a study, one HTML file that works without a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.files import write_text
from red_herring.results import explorer
from red_herring.results.reading import read_table
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    tables = (read_table(path) for path in (given.runs, given.localisation, given.missing))
    write_text(given.html, explorer.page(given.settings, *tables, given.maps))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--runs", type=Path, required=True, help="input: runs.csv")
    arguments.add_argument("--localisation", type=Path, required=True, help="input: localisation.csv")
    arguments.add_argument("--missing", type=Path, required=True, help="input: missing.csv")
    arguments.add_argument("--maps", type=Path, required=True, help="input: folder of all maps")
    arguments.add_output("--html")
    command.run(main, arguments)
