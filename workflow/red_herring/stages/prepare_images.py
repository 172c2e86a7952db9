"""Decode, crop and resize the images of a source, and set aside those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.data.folders import fetched_folder, locate_images
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.data.sources.base import INDEX, Source
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError, sha256, write_json, write_text
from red_herring.runtime.frames import read_frame
from red_herring.study.stage_settings import Preparing


def prepare_images(
    settings: Preparing,
    index: Annotated[Path, Input("CSV of index_source")],
    images: Annotated[Path, Output("uint8 NPY")],
    masks: Annotated[Path, Output("uint8 NPY")],
    decoded: Annotated[Path, Output("CSV, one row per image")],
    quarantine: Annotated[Path, Output("CSV")],
    about: Annotated[Path, Output("JSON")],
    fetched: Annotated[Path | None, Input("JSON of fetch_source, if the images were fetched")] = None,
    threads: Annotated[int, "processes"] = 1,
) -> None:
    listed = read_frame(index, INDEX)
    allowed = settings.max_unreadable
    try:
        source = open_images(settings, fetched, listed["image"])
        source.check(listed["image"], int(allowed * len(listed)))
        prepared = prepare(source, listed, settings.size, allowed, images, masks, threads)
    except StudyError as error:
        raise StudyError(f"source {settings.source}: {error}") from error
    write_text(decoded, prepared.table.to_csv(index=False))
    write_text(quarantine, prepared.quarantine.to_csv(index=False))
    found = {
        "source": settings.source,
        "kind": settings.kind,
        "size": settings.size,
        "pixel_range": list(source.pixel_range),
        "images": len(listed),
        "unreadable": len(prepared.quarantine),
        "formats": prepared.formats,
        "nuisance": source.nuisance(settings.size),
        "histogram": prepared.histogram.tolist(),
        "sha256": sha256(images),
        "sha256_masks": sha256(masks),
    }
    write_json(about, found)


def open_images(settings: Preparing, fetched: Path | None, images: pd.Series) -> Source:
    """The source with the folder that the user has given, or that was fetched."""
    own = settings.settings
    if fetched:
        own = own | {"imgpath": str(locate_images(fetched_folder(fetched), images))}
    return open_source(settings.kind, own)


if __name__ == "__main__":
    command.run(prepare_images)
