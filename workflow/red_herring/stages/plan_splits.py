"""Count the images that the splits of one task would have, for all seeds, and share, from the metadata alone."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.data.overlaps import overlaps
from red_herring.data.splits import draw_task
from red_herring.files import write_text
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    folders = {path.parent.name: path.parent for path in given.index}
    task, seeds, drawn_seeds = (given.settings[key] for key in ("task", "seeds", "drawn_seeds"))
    drawn = dict(zip(drawn_seeds, draw_task(given.settings, folders, drawn_seeds, all_readable=True), strict=True))
    write_text(given.counts, pd.concat(drawn[seed][1] for seed in seeds).to_csv(index=False))
    splits = {seed: split for seed, (split, _) in drawn.items()}
    write_text(given.overlaps, overlaps(task, splits, seeds).to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--index", type=Path, nargs="+", required=True, help="input: index.csv of each source")
    arguments.add_output("--counts", "CSV")
    arguments.add_output("--overlaps", "CSV, what the splits of two seeds share")
    command.run(main, arguments)
