"""What a run of a detection study leaves: boxes as tables, and images to be shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from red_herring.generation.detection_data import Owned
from red_herring.generation.detection_metrics import Predictions
from red_herring.generation.examples import Examples
from red_herring.generation.experiment import SHOWN
from red_herring.generation.study_data import levels_of

SIDES = ["top", "left", "bottom", "right"]
TRUTHS = ["image", "patient", *SIDES]
PREDICTIONS = [*TRUTHS, "score"]


def predictions_table(predictions: Predictions, test: Owned) -> pd.DataFrame:
    """PREDICTIONS, one row per predicted box, the best of an image first, images in their order. Every digit is
    written, so that measures come back exactly.
    """
    values = [torch.cat([boxes, scores[:, None]], dim=1).double() for boxes, scores in predictions]
    return _table(values, test, PREDICTIONS)


def truths_table(test: Owned) -> pd.DataFrame:
    """TRUTHS, one row per true box, whole pixels; an image without a box has one row with empty cells."""
    table = _table(test.examples.boxes, test, TRUTHS).astype(dict.fromkeys(SIDES, "Int64"))
    without = pd.DataFrame({"image": test.names, "patient": test.patients})
    return without.merge(table, how="left", on=["image", "patient"], validate="one_to_many", sort=False)[TRUTHS]


def _table(boxes: list[Tensor], images: Owned, columns: list[str]) -> pd.DataFrame:
    counts = [len(own) for own in boxes]
    values = pd.DataFrame(torch.cat(boxes).numpy(), columns=columns[2:])
    values.insert(0, "image", np.repeat(np.array(images.names, object), counts))
    values.insert(1, "patient", np.repeat(np.array(images.patients, object), counts))
    return values


def shown_arrays(further: Examples, real: Examples) -> dict[str, Tensor]:
    """`images`, uint8 [k, side, side], and `boxes`, int64 [k, 4], of further images, `real_images` and `real_boxes` of
    real ones, at most SHOWN of each. One row per box: an image with two boxes is there twice.
    """
    images, boxes = _one_by_one(further)
    real_images, real_boxes = _one_by_one(real)
    return {"images": images, "boxes": boxes, "real_images": real_images, "real_boxes": real_boxes}


def _one_by_one(examples: Examples) -> tuple[Tensor, Tensor]:
    rows = torch.repeat_interleave(torch.tensor([len(own) for own in examples.boxes]))[:SHOWN]
    return torch.from_numpy(levels_of(examples.images[rows])), torch.cat(examples.boxes)[:SHOWN].long()
