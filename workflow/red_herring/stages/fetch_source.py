"""Fetch the images of a source, from a torrent or a web server."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from red_herring.data.download import fetch
from red_herring.files import write_json
from red_herring.stages import command

log = logging.getLogger(__name__)


def main(given: argparse.Namespace) -> None:
    settings, network = given.settings, given.network
    # A warning, so that it is on a terminal too.
    log.warning("%s: %s", settings["source"], network["terms"])
    fetched = fetch(settings["origin"], Path(network["downloads"]), network["trackers"], network["stall_timeout"])
    about = {
        "origin": settings["origin"],
        "folder": str(fetched.folder),
        "files": fetched.files,
        "bytes": fetched.bytes,
    }
    write_json(given.fetched, about | ({"sha256": fetched.sha256} if fetched.sha256 else {}))


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument(
        "--network", type=json.loads, required=True, help="JSON: trackers, stall_timeout, downloads, terms"
    )
    arguments.add_output("--fetched", "JSON, where the images are")
    command.run(main, arguments)
