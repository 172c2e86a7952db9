"""The shifted test images with their nuisance and without it, where its pixels are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.data.nuisance import nuisance_pixels, removed
from red_herring.training.evaluate import predict

CHANGES = (
    *("nuisance_change", "nuisance_change_0", "nuisance_change_1"),
    *("nuisance_flips_0", "nuisance_flips_1", "logit_sd"),
)


@dataclass(frozen=True)
class Nuisance:
    """data: images that bear the nuisance; pixels: where, bool [n, height, width]; without: the same images without."""

    data: Dataset
    pixels: np.ndarray
    without: Dataset

    @property
    def rows(self) -> np.ndarray:
        """Of the images whose pixels are known."""
        return np.flatnonzero(self.pixels.any(axis=(1, 2)))


def nuisance_of(run: Run) -> Nuisance | None:
    """That of all shifted test images: the signal of the task, which they are given, or what their source draws, as far
    as it is outside the ROI mask; None where its pixels are not known.
    """
    test = run.test
    if run.signal is not None:
        return Nuisance(*run.planted(test), test)
    pixels = nuisance_pixels(test.table, [path.parent for path in run.images])
    if pixels is None:
        return None
    pixels &= ~test.masks.numpy()
    without = removed(test.levels.numpy(), pixels)
    return Nuisance(test, pixels, Dataset(without, test.masks.numpy(), test.table, (test.low, test.high)))


def nuisance_change(run: Run, nuisance: Nuisance | None) -> dict[str, float]:
    """nuisance_images, how many there are, and what taking the nuisance away does to y1 - y0: nuisance_change, its mean
    absolute change, nuisance_change_0 and nuisance_change_1, the mean change of each class, nuisance_flips_0 and
    nuisance_flips_1, the share of each class whose predicted class changes, and logit_sd, the standard deviation of
    y1 - y0 as the images are. NaN without images.
    """
    if nuisance is None or len(nuisance.rows) == 0:
        return {"nuisance_images": 0, **dict.fromkeys(CHANGES, np.nan)}
    rows = nuisance.rows
    bearing, without = (_differences(run, data.subset(rows)) for data in (nuisance.data, nuisance.without))
    change, label = without - bearing, nuisance.data.labels.numpy()[rows]
    flips = (without > 0) != (bearing > 0)
    of_classes = [values[label == one].mean() for values in (change, flips) for one in (0, 1)]
    return {"nuisance_images": len(rows)} | dict(
        zip(CHANGES, (change.abs().mean(), *of_classes, bearing.std()), strict=True)
    )


def _differences(run: Run, data: Dataset) -> pd.Series:
    logits = predict(run.model, data, run.batch_size, run.hardware).double().numpy()
    return pd.Series(logits[:, 1] - logits[:, 0])
