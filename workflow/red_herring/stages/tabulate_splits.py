"""One table of how many images the splits of all tasks and seeds have, and of what they share."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.files import write_text
from red_herring.results.reading import read_table
from red_herring.results.splits import overlaps_to_markdown, splits_to_markdown
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    counts = pd.concat((read_table(path) for path in given.counts), ignore_index=True)
    write_text(given.csv, counts.to_csv(index=False))
    shared = pd.concat((read_table(path) for path in given.overlaps), ignore_index=True)
    settings = given.settings
    sections = [
        splits_to_markdown(counts, settings["tasks"]),
        overlaps_to_markdown(shared, settings["tasks"], settings["tuning_seed"]),
    ]
    write_text(given.markdown, "\n".join(section for section in sections if section))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument(
        "--counts", type=Path, nargs="+", required=True, help="input: CSVs of draw_splits or plan_splits"
    )
    arguments.add_argument(
        "--overlaps", type=Path, nargs="+", required=True, help="input: CSVs of compare_splits or plan_splits"
    )
    arguments.add_output("--csv", "one row per cell of every split")
    arguments.add_output("--markdown", "one row per split, and one per task of what seeds share")
    command.run(main, arguments)
