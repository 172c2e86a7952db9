"""List the images of a source: who, which group, which findings. Needs the metadata only."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.data.folders import fetched_folder, locate_images
from red_herring.data.sources import open_source
from red_herring.data.sources.base import check_index
from red_herring.files import write_text
from red_herring.stages import command

METADATA = "metadata.csv"


def main(given: argparse.Namespace) -> None:
    settings = given.settings["settings"]
    if given.fetched:
        folder = locate_images(fetched_folder(given.fetched), [METADATA])
        settings = settings | {"csvpath": str(folder / METADATA)}
    index = open_source(given.settings["kind"], settings).index()
    check_index(index, given.settings["source"])
    write_text(given.index, index.to_csv(index=False))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument(
        "--fetched", type=Path, help="input: JSON of fetch_source, if the metadata came with the images"
    )
    arguments.add_output("--index", "CSV")
    command.run(main, arguments)
