"""The measures of `red_herring.statistics.boxes`, of a detector's tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from red_herring.statistics import boxes
from red_herring.statistics.common import RESAMPLES

Predictions = Sequence[tuple[Tensor, Tensor]]
"""As `Detector.predict` gives them: of each image boxes [k, 4] and their scores [k]."""


def detection_measures(
    predictions: Predictions,
    truths: Sequence[Tensor],
    patients: Sequence[object],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """See `red_herring.statistics.boxes.detection_measures`."""
    found = [(_array(own), _array(scores)) for own, scores in predictions]
    return boxes.detection_measures(found, list(map(_array, truths)), patients, resamples, seed)


def average_precision(predictions: Predictions, truths: Sequence[Tensor]) -> float:
    """At an IoU of 0.5, see `red_herring.statistics.boxes.average_precision`."""
    found = [(_array(own), _array(scores)) for own, scores in predictions]
    return boxes.average_precision(boxes.match(found, list(map(_array, truths))))


def _array(values: Tensor) -> np.ndarray:
    """In float64, so that a box of exactly half the overlap is found."""
    converted: np.ndarray = values.cpu().numpy().astype(np.float64)
    return converted
