"""Draw the images of one task and seed for training, validation and the test sets."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from red_herring.data.intensity import warnings_between_sources
from red_herring.data.splits import draw_task
from red_herring.files import write_text
from red_herring.stages import command

log = logging.getLogger(__name__)


def main(given: argparse.Namespace) -> None:
    folders = {path.parent.name: path.parent for path in given.index}
    ((split, counts),) = draw_task(given.settings, folders, [given.seed])
    for sentence in warnings_between_sources(split, folders):
        log.warning("%s", sentence)
    write_text(given.split, split.to_csv(index=False))
    write_text(given.counts, counts.to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument(
        "--index", type=Path, nargs="+", required=True, help="input: index.csv of each source, decoded.csv beside it"
    )
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_output("--split", "CSV")
    arguments.add_output("--counts", "CSV")
    command.run(main, arguments)
