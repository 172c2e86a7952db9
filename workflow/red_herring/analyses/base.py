"""What an analysis is given of a run, and what it gives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.dataset import Dataset, load
from red_herring.data.splits import read_split
from red_herring.networks.resnet import ResNet18
from red_herring.networks.weights import load_classifier
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware


@dataclass(frozen=True)
class Run:
    """A trained run: what an analysis reads of it is read when it is asked for.

    weights: safetensors of `train`. split: CSV of `draw_splits`. images: images.npy of each source. mask: the `mask` of
    the task. batch_size: images at a time.
    """

    task: str
    seed: int
    weights: Path
    split: Path
    images: Sequence[Path]
    mask: dict[str, Any]
    batch_size: int
    hardware: Hardware

    @cached_property
    def model(self) -> ResNet18:
        """The classifier in evaluation mode on its device, batch norms folded, parameters frozen."""
        return load_classifier(self.weights).folded().to(self.hardware.device)

    def data(self, *splits: str) -> Dataset:
        """The images of these splits (red_herring.data.splits.ALL_SPLITS), each once, as split in the first of them."""
        table = read_split(self.split)
        parts = pd.concat([table[table["split"] == split] for split in splits]).drop_duplicates(["source", "image"])
        folders = [path.parent for path in self.images]
        (found,) = load(parts.assign(split="all"), folders, self.mask, ["all"])
        return Dataset(found.levels.numpy(), found.masks.numpy(), parts, (found.low, found.high))

    @cached_property
    def test(self) -> Dataset:
        """The shifted test set."""
        return self.data("test")


@dataclass(frozen=True)
class Analysed:
    """What an analysis found out about one run.

    table: its answer, a row for each value of what the card says under BY, or one row; all runs' are put together.
    per_image: one row per image (and value of BY): what the answer is made of. arrays: name -> array, such as maps.
    """

    table: pd.DataFrame
    per_image: pd.DataFrame = field(default_factory=pd.DataFrame)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def check_declared(name: str, table: pd.DataFrame, by: Collection[str], columns: Collection[str]) -> None:
    """StudyError unless the table of an analysis has the columns that its file declares: text under BY, or numbers."""
    for column in [*by, *columns]:
        if column not in table:
            raise StudyError(f"analyses/{name}.py: declares the column {column!r}, which its table lacks")
    for column in table:
        values = table[column].dropna().infer_objects()
        if column not in by and len(values) and not pd.api.types.is_numeric_dtype(values):
            raise StudyError(f"analyses/{name}.py: the column {column!r} of its table holds text; declare it under BY")
