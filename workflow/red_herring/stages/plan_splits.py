"""Count the images that the splits of one task would have, for all seeds, from the metadata alone."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.data.splits import draw_task
from red_herring.files import write_text
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    folders = {path.parent.name: path.parent for path in given.index}
    drawn = draw_task(given.settings, folders, given.settings["seeds"], all_readable=True)
    write_text(given.counts, pd.concat(counts for _, counts in drawn).to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--index", type=Path, nargs="+", required=True, help="input: index.csv of each source")
    arguments.add_output("--counts", "CSV")
    command.run(main, arguments)
