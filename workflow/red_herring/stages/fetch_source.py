"""Fetch the images of a source, from a torrent or a web server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.runtime import command
from red_herring.runtime.command import Output
from red_herring.stages._fetched import fetch_and_record
from red_herring.study.stage_settings import Fetching, Network


def fetch_source(
    settings: Fetching,
    network: Network,
    fetched: Annotated[Path, Output("JSON, where the images are")],
) -> None:
    fetch_and_record(settings, network, fetched)


if __name__ == "__main__":
    command.run(fetch_source)
