"""Decode, crop and resize the images of a source, and set aside those that cannot be used."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.data.folders import fetched_folder, locate_images
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.data.sources.base import INDEX, Source
from red_herring.files import StudyError, sha256, write_json, write_text
from red_herring.frames import read_frame
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    index = read_frame(given.index, INDEX)
    allowed = settings["max_unreadable"]
    try:
        source = open_images(settings, given.fetched, index["image"])
        source.check(index["image"], int(allowed * len(index)))
        prepared = prepare(source, index, settings["size"], allowed, given.images, given.masks, given.threads)
    except StudyError as error:
        raise StudyError(f"source {settings['source']}: {error}") from error
    write_text(given.decoded, prepared.table.to_csv(index=False))
    write_text(given.quarantine, prepared.quarantine.to_csv(index=False))
    about = {
        "source": settings["source"],
        "kind": settings["kind"],
        "size": settings["size"],
        "pixel_range": list(source.pixel_range),
        "images": len(index),
        "unreadable": len(prepared.quarantine),
        "formats": prepared.formats,
        "histogram": prepared.histogram.tolist(),
        "sha256": sha256(given.images),
        "sha256_masks": sha256(given.masks),
    }
    write_json(given.about, about)


def open_images(settings: dict, fetched: Path | None, images: pd.Series) -> Source:
    """The source with the folder that the user has given, or that was fetched."""
    own = settings["settings"]
    if fetched:
        own = own | {"imgpath": str(locate_images(fetched_folder(fetched), images))}
    return open_source(settings["kind"], own)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--index", type=Path, required=True, help="input: CSV of index_source")
    arguments.add_argument("--fetched", type=Path, help="input: JSON of fetch_source, if the images were fetched")
    arguments.add_output("--images", "uint8 NPY")
    arguments.add_output("--masks", "uint8 NPY")
    arguments.add_output("--decoded", "CSV, one row per image")
    arguments.add_output("--quarantine", "CSV")
    arguments.add_output("--about", "JSON")
    arguments.add_argument("--threads", type=int, default=1, help="processes")
    command.run(main, arguments)
