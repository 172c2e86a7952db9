"""What analyses that compare the maps of two runs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError
from red_herring.saliency.mapped import LEAST_IMAGES, Mapped
from red_herring.saliency.similarity import prepare
from red_herring.saliency.summary import drawn
from red_herring.statistics.paired import t_interval
from red_herring.study.catalogue import attribution_card


def of_models(attributions: list[str]) -> list[str]:
    """Those of a study that know the model; StudyError if none does."""
    found = [name for name in attributions if not attribution_card(name).control]
    if not found:
        raise StudyError(
            "config: saliency.attributions: has controls alone, which are the same for every model; expected one that "
            "is not, such as gradient"
        )
    return found


def unseen(run: Run, others: Sequence[Run], settings: dict[str, Any]) -> Dataset:
    """Shifted test images of patients whom none of the others has seen in training or validation, at most as many as
    are asked for, drawn with the seed. StudyError for fewer than LEAST_IMAGES.
    """
    found = run.unseen_by(*others)
    if len(found) < LEAST_IMAGES:
        named = " and ".join(f"{other.task}, seed {other.seed}," for other in others)
        raise StudyError(
            f"{run.task}, seed {run.seed}: {len(found)} of its {len(run.test)} shifted test images are new to {named} "
            f"whose maps it is compared with, expected {LEAST_IMAGES} or more; give the task more images, or leave the "
            "analysis out of study.analyses"
        )
    return found.subset(drawn(found, settings["images"], run.seed))


class Prepared:
    """The maps of a run as each similarity takes them, by attribution. seed: of SmoothGrad's noise, which is to be the
    same for maps that are compared.
    """

    def __init__(self, run: Run, data: Dataset, settings: dict[str, Any], seed: int):
        steps = settings["saliency"]["steps"]
        self._maps = Mapped(run.model, data, run.hardware, str(run.weights), seed, steps, compared=True)
        self._similarities = settings["similarities"]

    def __call__(self, name: str) -> dict[str, np.ndarray]:
        """Similarity -> maps, a row for each image."""
        maps, images = self._maps(name).maps, self._maps.images
        return {similarity: prepare(similarity, maps, images) for similarity in self._similarities}


def mean_over_images(values: np.ndarray) -> dict[str, float]:
    """Of values [images]: undefined, how many are NaN; value, the mean of the others; value_low and value_high, its
    95 % interval for other images and these networks.
    """
    undefined = np.isnan(values)
    value, low, high = t_interval(values[~undefined])
    return {"undefined": undefined.sum(), "value": value, "value_low": low, "value_high": high}
