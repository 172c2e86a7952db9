"""The images of a drawn split as experiments need them: with the boxes of their findings, from prepared sources.

A box is that of a component of an ROI mask, whose pixels touch along a side, so the boxes of two findings that touch or
overlap in the mask count as one.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from red_herring.data.dataset import Dataset, load
from red_herring.generation.detection_data import DetectionData, Owned, TrainingData
from red_herring.generation.examples import Examples, together
from red_herring.runtime.files import StudyError
from red_herring.saliency.boxes import true_boxes

log = logging.getLogger(__name__)

MASKS = "source"
"""The kind of mask that says where in an image its finding is."""


def detection_data(split: pd.DataFrame, folders: Collection[Path], mask: Mapping[str, Any]) -> DetectionData:
    """Of the splits train, valid and test; nothing else of the split is read. mask: that of the task.

    Positives are the images with boxes, negatives the object-free ones. A positive without a mask is in neither, as
    nobody says where its finding is, and the log says so. StudyError for a negative with a mask, for a mask that is not
    the source's own, and as `DetectionData` and `red_herring.data.dataset.load` have it.
    """
    (real, free), *others = (sorted_by_boxes(data) for data in loaded(split, folders, mask, "train", "valid", "test"))
    return DetectionData(real, free, *(both(*own) for own in others))


def training_data(split: pd.DataFrame, folders: Collection[Path], mask: Mapping[str, Any]) -> TrainingData:
    """The same without the test images, which are not read."""
    (real, free), valid = (sorted_by_boxes(data) for data in loaded(split, folders, mask, "train", "valid"))
    return TrainingData(real, free, both(*valid))


def loaded(split: pd.DataFrame, folders: Collection[Path], mask: Mapping[str, Any], *names: str) -> list[Dataset]:
    """These splits, and no image of another, whose tables have names that no two images of the split have."""
    if mask["kind"] != MASKS:
        raise StudyError(f"mask.kind: is {mask['kind']}, which says of no finding where it is; set it to {MASKS}")
    if len(split["source"].unique()) > 1:
        split = split.assign(image=split["source"] + "/" + split["image"])
    return load(split, folders, mask, names)


def sorted_by_boxes(data: Dataset) -> tuple[Owned, Owned]:
    """The positives with a mask, and the negatives, each in their order."""
    positive, has_mask = data.labels.numpy() == 1, data.has_mask().numpy()
    _refuse(data.table[~positive & has_mask])
    if (lost := data.table[positive & ~has_mask]).size:
        log.warning("left out: %d positives without a mask, such as %s", len(lost), lost["image"].iloc[0])
    return _owned(data.subset(np.flatnonzero(positive & has_mask))), _owned(data.subset(np.flatnonzero(~positive)))


def _refuse(masked: pd.DataFrame) -> None:
    if len(masked):
        raise StudyError(
            f"{masked['image'].iloc[0]}: is a negative and has a mask, as have {len(masked) - 1} others, so it may not "
            "be object-free; fix its label or its mask"
        )


def _owned(data: Dataset) -> Owned:
    boxes = [torch.from_numpy(true_boxes(mask)) for mask in data.masks.numpy()]
    examples = Examples(images_of(data.levels), boxes)
    return Owned(examples, data.table["patient"].tolist(), data.table["image"].tolist())


def both(real: Owned, free: Owned) -> Owned:
    """Images with boxes, then those without."""
    examples = together([real.examples, free.examples])
    return Owned(examples, [*real.patients, *free.patients], [*real.names, *free.names])


def images_of(levels: Tensor) -> Tensor:
    """Stored levels, uint8 [n, side, side], as networks are shown them: float32 [n, 1, side, side], -1 to 1."""
    return levels.unsqueeze(1).float() / 127.5 - 1


def levels_of(images: Tensor) -> np.ndarray:
    """The same back, uint8 [n, side, side]; of images that came from levels exactly these."""
    levels: np.ndarray = ((images[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    return levels
