"""Fetch the images of a source, from a torrent or a web server."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from red_herring.data.download import fetch
from red_herring.files import write_json
from red_herring.stages import command

log = logging.getLogger(__name__)


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    # A warning, so that it is on a terminal too.
    log.warning("%s: %s", settings["source"], settings["terms"])
    fetched = fetch(settings["origin"], Path(settings["downloads"]), settings["trackers"], settings["stall_timeout"])
    about = {
        "origin": settings["origin"],
        "folder": str(fetched.folder),
        "files": fetched.files,
        "bytes": fetched.bytes,
    }
    write_json(given.fetched, about | ({"sha256": fetched.sha256} if fetched.sha256 else {}))


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--fetched", type=Path, required=True, help="output: JSON, where the images are")
    command.run(main, arguments)
