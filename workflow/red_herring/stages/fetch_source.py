"""Fetch the images of a source, from a torrent or a web server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from red_herring.data.download import fetch
from red_herring.runtime import command
from red_herring.runtime.command import Output
from red_herring.runtime.files import write_json
from red_herring.study.stage_settings import Fetching, Network

log = logging.getLogger(__name__)


def fetch_source(
    settings: Fetching,
    network: Network,
    fetched: Annotated[Path, Output("JSON, where the images are")],
) -> None:
    # A warning, so that it is on a terminal too.
    log.warning("%s: %s", settings.source, network.terms)
    found = fetch(settings.origin, Path(network.downloads), network.trackers, network.stall_timeout)
    about = {
        "origin": settings.origin,
        "folder": str(found.folder),
        "files": found.files,
        "bytes": found.bytes,
    }
    write_json(fetched, about | ({"sha256": found.sha256} if found.sha256 else {}))


if __name__ == "__main__":
    command.run(fetch_source)
