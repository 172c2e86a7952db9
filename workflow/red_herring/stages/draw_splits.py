"""Draw the images of one task and seed for training, validation and test."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.data.splits import Sizes, count_cells, draw, pool
from red_herring.files import write_text
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    candidates = pool(settings, {path.parent.name: path.parent for path in given.index})
    sizes = Sizes(**settings["sizes"]) if settings["sizes"] else None
    split = draw(candidates, settings["ratio"], given.seed, sizes, settings["task"])
    write_text(given.split, split.to_csv(index=False))
    write_text(given.counts, count_cells(split).to_csv(index=False))


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument(
        "--index", type=Path, nargs="+", required=True, help="input: index.csv of each source, quarantine.csv beside it"
    )
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--split", type=Path, required=True, help="output: CSV")
    arguments.add_argument("--counts", type=Path, required=True, help="output: CSV")
    command.run(main, arguments)
