"""Where the files are that a configuration names: relative to where Snakemake runs, or below the folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from red_herring.runtime.files import StudyError

IMAGES = "RED_HERRING_IMAGES"
"""The environment variable that names the folder of the images, for paths that begin with it: $RED_HERRING_IMAGES/nih.

It is replaced where a file is opened only, so that moving the folder makes no result again.
"""

ANSWERS = "RED_HERRING_ANSWERS"
"""The environment variable that names the folder of readers' answers. It is no part of the results, which can be made
again.
"""

NEEDED_FOR = {"imgpath": "source.json", "maskpath": "source.json", "csvpath": "index.csv"}
"""Key of a source -> the file of results/data/{source} that is made of what it names."""


def located(path: str) -> str:
    """The path with the folder of the images in it; StudyError when it begins with that and the folder is not given."""
    variable, slash, rest = path.partition("/")
    if variable != f"${IMAGES}":
        return path
    if not os.environ.get(IMAGES):
        raise StudyError(
            f"{path}: {IMAGES} is not set; set it to the folder that holds {rest.split('/')[0] or 'the images'}, "
            f"or say `make ... IMAGES=folder`"
        )
    return os.environ[IMAGES] + slash + rest


def answer_files() -> list[str]:
    """The files of readers' answers; StudyError if their folder is not given or has none."""
    folder = os.environ.get(ANSWERS)
    if not folder:
        raise StudyError(
            f"{ANSWERS} is not set; set it to the folder of the files that readers saved, or say `make reader_results "
            "ANSWERS=folder`"
        )
    files = sorted(str(file) for file in Path(folder).glob("*.csv"))
    if not files:
        raise StudyError(f"{folder}: has no CSV, expected the files that readers saved; {ANSWERS} names the folder")
    return files


def named(path: str | Path) -> str:
    """The path for a sentence, with the folder that it is relative to, where Snakemake runs."""
    return str(path) if Path(path).is_absolute() else f"{path} (relative to {Path.cwd()})"


def check_images(config: dict[str, Any], sources: Iterable[str]) -> None:
    """StudyError for what these sources need, below the folder of the images or as a table, and is not there.

    What has been made of it once is enough, as results may be at home where the images are not. Folders of images
    elsewhere are looked at when they are read, as a study may be planned on another machine.
    """
    data = Path(config["pathvars"]["results"]) / "data"
    for name in sources:
        for key, made in NEEDED_FOR.items():
            path = config["sources"][name].get(key)
            if not path or (data / name / made).exists():
                continue
            _check_there(f"sources.{name}.{key}", path, "file" if key == "csvpath" else "folder")


def check_weights(config: dict[str, Any], sources: Iterable[str]) -> None:
    """StudyError for weights of one's own that are not there, and the anatomy of one of these sources has to be
    segmented by them.
    """
    data, path = Path(config["pathvars"]["results"]) / "data", config["anatomy"]["weights"]
    if path and not all((data / name / "anatomy.npy").exists() for name in sources):
        _check_there("anatomy.weights", path, "file")


def _check_there(key: str, path: str, what: str) -> None:
    """StudyError for a file, or for a folder below that of the images, that is not there."""
    below = path.startswith(f"${IMAGES}")
    try:
        there = Path(located(path)).exists()
    except StudyError as error:
        raise StudyError(f"config: {key}: {error}") from error
    if not there and (below or what == "file"):
        raise StudyError(
            f"config: {key}: {named(located(path))}: there is no such {what}; fix "
            + (IMAGES if below else f"`{key.rpartition('.')[-1]}`")
        )
