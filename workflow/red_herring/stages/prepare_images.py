"""Decode, crop and resize the images of a source, and set aside those that cannot be read."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.files import StudyError, sha256, write_json, write_text
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    index = pd.read_csv(given.index, dtype=str, keep_default_na=False)
    source = open_source(settings["kind"], settings["settings"])
    source.check()
    outputs = (given.images, given.masks)
    try:
        quarantine = prepare(
            source, index["image"], settings["size"], settings["max_unreadable"], *outputs, threads=given.threads
        )
    except StudyError as error:
        raise StudyError(f"source {settings['source']}: {error}") from error
    table = pd.DataFrame(quarantine.items(), columns=["image", "reason"])
    write_text(given.quarantine, table.to_csv(index=False))
    about = {"source": settings["source"], "kind": settings["kind"], "size": settings["size"]}
    about |= {"pixel_range": list(source.pixel_range), "images": len(index), "unreadable": len(quarantine)}
    write_json(given.about, about | {"sha256": sha256(given.images), "sha256_masks": sha256(given.masks)})


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--index", type=Path, required=True, help="input: CSV of index_source")
    arguments.add_argument("--images", type=Path, required=True, help="output: uint8 NPY")
    arguments.add_argument("--masks", type=Path, required=True, help="output: uint8 NPY")
    arguments.add_argument("--quarantine", type=Path, required=True, help="output: CSV")
    arguments.add_argument("--about", type=Path, required=True, help="output: JSON")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
