"""Pack a finished study into one archive without images, with checksums, licences and an RO-Crate description."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.results.release import release, write_archive
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    write_archive(given.archive, release(given.results, given.settings))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--results", type=Path, required=True, help="input: the folder of the study")
    arguments.add_output("--archive", "zip")
    command.run(main, arguments)
