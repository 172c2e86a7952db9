"""List the images of a source: who, which group, which findings. Needs the metadata only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.data.folders import fetched_folder, locate_images
from red_herring.data.sources import open_source
from red_herring.data.sources.base import check_index
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Listing

METADATA = "metadata.csv"


def index_source(
    settings: Listing,
    index: Annotated[Path, Output("CSV")],
    fetched: Annotated[Path | None, Input("JSON of fetch_source, if the metadata came with the images")] = None,
) -> None:
    own = settings.settings
    if fetched:
        folder = locate_images(fetched_folder(fetched), [METADATA])
        own = own | {"csvpath": str(folder / METADATA)}
    table = open_source(settings.kind, own).index()
    check_index(table, settings.source)
    write_text(index, table.to_csv(index=False))


if __name__ == "__main__":
    command.run(index_source)
