"""Fetch what has an origin, and say where it is."""

from __future__ import annotations

import logging
from pathlib import Path

from red_herring.data.download import fetch
from red_herring.runtime.files import write_json
from red_herring.study.stage_settings import Fetching, Network

log = logging.getLogger(__name__)


def fetch_and_record(settings: Fetching, network: Network, fetched: Path) -> None:
    """fetched: becomes JSON with origin, folder, files, bytes and, from a web server, sha256."""
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
