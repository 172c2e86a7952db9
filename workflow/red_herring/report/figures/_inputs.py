"""What figures are drawn from: tables, the splits of the tasks, and the images and masks of the sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.generated import without_generated
from red_herring.data.splits import read_split
from red_herring.report.collect import KEYS
from red_herring.report.reading import read_table
from red_herring.report.scores import methods_of, with_overlaps
from red_herring.runtime.files import StudyError

CHUNK = 256
"""Images in memory at a time."""


def has_table(files: Collection[Path], name: str) -> bool:
    """Whether the table called `name` is among the files."""
    return any(path.name == name for path in files)


def table_of(files: Collection[Path], name: str, *columns: str) -> pd.DataFrame:
    """The table called `name` among the files, such as runs.csv; a file without a line is a table without rows.

    columns: those that the figure reads. StudyError when there is no such file, or it lacks one of them.
    """
    path = next((path for path in files if path.name == name), None)
    if path is None:
        given = ", ".join(sorted(path.name for path in files)) or "nothing"
        raise StudyError(f"{name}: is not among the files of this figure, given is {given}; name it in the rule")
    table = read_table(path)
    if table.columns.empty:
        return pd.DataFrame(columns=list(columns))
    missing = [column for column in columns if column not in table]
    if missing:
        raise StudyError(f"{path}: has no column {missing[0]!r}, expected {', '.join(columns)}; make it again")
    return table


def scored_runs(files: Collection[Path], attributions: Sequence[str], *columns: str) -> pd.DataFrame:
    """The runs with these columns of runs.csv, and the IoU of each attribution beside them from localisation.csv, see
    `with_overlaps`.
    """
    runs = table_of(files, "runs.csv", *KEYS, *columns)
    if not attributions:
        return runs
    return with_overlaps(
        runs, table_of(files, "localisation.csv", *KEYS, "attribution", "iou", "chance_iou"), attributions
    )


def rows_of(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows in which each of the named columns has its value."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def seeds_expected(study: Mapping[str, Any]) -> int | None:
    """How many seeds every method should have; None when the study does not say."""
    return len(study["seeds"]) if "seeds" in study else None


def runs_expected(study: Mapping[str, Any], task: str) -> int | None:
    """How many runs a task should have; None when the study does not say."""
    return len(methods_of(study, task)) * len(study["seeds"]) if "seeds" in study else None


def only_task(study: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and settings of the one task of a figure; StudyError if it is given several or none."""
    if len(study["tasks"]) != 1:
        given = ", ".join(study["tasks"]) or "none"
        raise StudyError(f"tasks: this figure shows one task, given are {given}; name one in the rule")
    ((name, task),) = study["tasks"].items()
    return name, task


def splits_of(files: Collection[Path]) -> dict[str, pd.DataFrame]:
    """Task -> its split, of the files .../splits/{task}/seed=*.csv, without generated images."""
    splits = {path.parent.name: read_split(path) for path in files if path.suffix == ".csv"}
    return {task: without_generated(split) for task, split in splits.items()}


def seeds_of(files: Collection[Path]) -> dict[str, int]:
    """Task -> the seed of its split, of the same files."""
    return {path.parent.name: int(path.stem.removeprefix("seed=")) for path in files if path.suffix == ".csv"}


def images_of(files: Collection[Path], name: str = "images.npy") -> dict[str, np.ndarray]:
    """Source -> images, uint8 [n, size, size], of the files .../data/{source}/images.npy; or what `name` holds beside
    them, where it is there. Nothing is read until it is asked for.
    """
    paths = {path.with_name(name) for path in files if path.suffix == ".npy"}
    return {path.parent.name: np.load(path, mmap_mode="r") for path in sorted(paths) if path.exists()}


def shape_of(table: pd.DataFrame, images: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Height and width of the images of all sources in `table`; StudyError where they differ."""
    shapes = {source: images[source].shape[1:] for source in table["source"].unique()}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{source} {height}" for source, (height, _) in shapes.items())
        raise StudyError(f"the sources of a task have images of different sizes, {sizes}; give them one `size`")
    return next(iter(shapes.values()))


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """`rows` in order, at most CHUNK at a time."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
