"""The images of a drawn split in memory, and the batches that training sees."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from red_herring.data import masks as roi
from red_herring.data import signals
from red_herring.networks.resnet import Batch, cells_of
from red_herring.runtime.files import StudyError, read_json


class Dataset:
    """One of train, valid and test: stored levels, masks, labels, and the table they come from.

    levels: uint8 [n, size, size]; masks: bool of that shape, or one [size, size] for all; table: the rows of the split,
    in the same order.
    """

    def __init__(self, levels: np.ndarray, masks: np.ndarray, table: pd.DataFrame, pixel_range: tuple[float, float]):
        self.levels = torch.from_numpy(levels)
        self.masks = torch.from_numpy(masks).expand(self.levels.shape)
        self.labels = torch.from_numpy(table["label"].to_numpy(np.int64, copy=True))
        self.groups = torch.from_numpy(table["nuisance"].to_numpy(np.int64, copy=True))
        self.table = table.reset_index(drop=True)
        self.low, self.high = pixel_range

    def __len__(self) -> int:
        return len(self.labels)

    def guided(self, guidance: Mapping[str, Any], seed: int, finding: torch.Tensor) -> Dataset:
        """The same images with the masks that training is shown, see `red_herring.data.masks.guide`.

        finding: int64 [n], 1 for the images that have what the masks are of.
        """
        masks = roi.guide(self.masks.numpy(), finding.numpy(), guidance, seed)
        return Dataset(self.levels.numpy(), masks, self.table, (self.low, self.high))

    def permuted(self, seed: int) -> Dataset:
        """The same images, masks and groups with the labels of all in another order, drawn with `seed`."""
        order = np.random.default_rng([seed, *b"labels"]).permutation(len(self))
        table = self.table.assign(label=self.table["label"].to_numpy()[order])
        return Dataset(self.levels.numpy(), self.masks.numpy(), table, (self.low, self.high))

    def planted(self, signal: Mapping[str, Any]) -> tuple[Dataset, np.ndarray]:
        """The same images, all with a signal, and its pixels, bool [n, size, size]; see `red_herring.data.signals`."""
        found = signals.plant(self.levels.numpy(), self.masks.numpy(), signals.names_of(self.table), signal)
        return Dataset(found.levels, self.masks.numpy(), self.table, (self.low, self.high)), found.truth

    @property
    def cells(self) -> torch.Tensor:
        """The nuisance-by-label cell of each image, int64 [n]."""
        return cells_of(self.groups, self.labels)

    def has_mask(self) -> torch.Tensor:
        """Which images have any pixel inside, bool [n]."""
        return self.masks.any(dim=2).any(dim=1)

    def subset(self, rows: np.ndarray) -> Dataset:
        return Dataset(
            self.levels[rows].numpy(), self.masks[rows].numpy(), self.table.iloc[rows], (self.low, self.high)
        )

    def batch(self, rows: torch.Tensor | slice, device: torch.device | str = "cpu") -> Batch:
        levels = self.levels[rows].to(device)
        images = levels.unsqueeze(1).to(torch.float32).mul_((self.high - self.low) / 255).add_(self.low)
        of_images = (self.labels[rows], self.masks[rows].unsqueeze(1), self.groups[rows])
        return Batch(images, *(values.to(device) for values in of_images))

    def batches(
        self, size: int, device: torch.device | str = "cpu", order: torch.Tensor | None = None
    ) -> Iterator[Batch]:
        """The images of these rows in this order, or all as stored, in batches of `size`; the last may be smaller."""
        for start in range(0, len(self) if order is None else len(order), size):
            rows = slice(start, start + size) if order is None else order[start : start + size]
            yield self.batch(rows, device)


def load(
    split: pd.DataFrame, folders: Collection[Path], mask: Mapping[str, Any], names: Collection[str]
) -> list[Dataset]:
    """The named splits (of train, valid, test) from the prepared sources in `folders`, one folder per source.

    mask: which pixels are inside, as `red_herring.study.stage_settings.Mask` has it. StudyError
    when the sources do not fit together or have no masks.
    """
    about = {folder.name: read_json(folder / "source.json") for folder in folders}
    shapes = {(entry["size"], tuple(entry["pixel_range"])) for entry in about.values()}
    if len(shapes) != 1:
        raise StudyError(f"sources {', '.join(about)}: their size or pixel range differ, {sorted(shapes)}")
    (size, pixel_range) = shapes.pop()
    images = {folder.name: np.load(folder / "images.npy", mmap_mode="r") for folder in folders}
    stored = _stored_masks(folders, mask)
    unknown = set(split["source"]) - set(images)
    if unknown:
        raise StudyError(
            f"the split draws from source {sorted(unknown)[0]!r}, but only {', '.join(images)} is prepared"
        )
    datasets = []
    for name in names:
        table = split[split["split"] == name].reset_index(drop=True)
        levels = np.empty((len(table), size, size), np.uint8)
        masks = np.empty(levels.shape, bool) if stored else roi.ellipse(size, mask["semi_axis"])
        for source, rows in table.groupby("source"):
            levels[rows.index] = images[source][rows["row"]]
            if stored:
                masks[rows.index] = roi.inside(stored[source][rows["row"]], mask)
        datasets.append(Dataset(levels, masks, table, pixel_range))
    return datasets


def with_carriers(data: Dataset, signal: Mapping[str, Any] | None, seed: int) -> Dataset:
    """The same images as training sees them: with the signal of the task on those that carry it, see
    `red_herring.data.signals.carriers`. data: all images of a split, as a share of them carries it.
    """
    rows = np.flatnonzero(signals.carriers(data.table, signal, seed)) if signal else np.empty(0, np.int64)
    if signal is None or len(rows) == 0:
        return data
    levels = data.levels.numpy().copy()
    levels[rows] = data.subset(rows).planted(signal)[0].levels.numpy()
    return Dataset(levels, data.masks.numpy(), data.table, (data.low, data.high))


def _stored_masks(folders: Collection[Path], mask: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Source -> the file of its masks, rows as those of its images; nothing for a mask that is drawn."""
    file = roi.STORED.get(mask["kind"])
    stored = {folder.name: np.load(folder / file, mmap_mode="r") for folder in folders} if file else {}
    without = [name for name, rows in stored.items() if len(rows) == 0]
    if without:
        raise StudyError(
            f"source {without[0]}: has no masks of its own; set the task's mask kind to anatomy (X-rays) or ellipse"
        )
    return stored


def check_masks(data: Dataset, finding: torch.Tensor) -> None:
    """StudyError when no positive image has a mask: no method can be told to look there. finding: as for `guided`."""
    positive = finding == 1
    if not (positive & data.has_mask()).any():
        first = data.table["image"][int(positive.nonzero()[0])]
        raise StudyError(
            f"{first}: its ROI mask is empty, as in all {int(positive.sum())} positive training images, and the method "
            "needs one; give masks for some or use a mask of another kind"
        )
