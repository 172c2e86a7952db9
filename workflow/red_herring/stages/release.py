"""Pack a finished study into one archive without images, with checksums, licences and an RO-Crate description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.release import release as released
from red_herring.report.release import write_archive
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.study.stage_settings import Releasing


def release(
    settings: Releasing,
    results: Annotated[Path, Input("the folder of the study")],
    archive: Annotated[Path, Output("zip")],
) -> None:
    write_archive(archive, released(results, vars(settings)))


if __name__ == "__main__":
    command.run(release)
