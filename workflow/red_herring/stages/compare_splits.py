"""What the drawn splits of every two seeds share."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.files import write_text
from red_herring.results.splits import overlaps_table
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    table = overlaps_table(given.results, *(given.settings[key] for key in ("tasks", "seeds", "drawn_seeds")))
    write_text(given.overlaps, table.to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--results", type=Path, required=True, help="input: the folder of splits/")
    arguments.add_output("--overlaps", "CSV, a row per ordered pair of seeds and pair of splits")
    command.run(main, arguments)
