"""Agreement of seeds: whether two runs of a method that differ in the seed alone explain the same images alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.analyses._maps import Prepared, mean_over_images, of_models, unseen
from red_herring.analyses.base import Analysed, Run
from red_herring.saliency.mapped import line_of
from red_herring.saliency.similarity import compare
from red_herring.statistics.randomisation import image_interval

TITLE = "Agreement of seeds"
CITATION = "after Arun et al. 2021 (repeatability)"
NEEDS = ["saliency", "similarities", "other_seed"]
MAPS_BY = ["gradient", "local_integrated_gradients"]
BY = {"attribution": "the attribution", "similarity": "of two maps of an image"}
COLUMNS = {
    "other_seed": "of the other run, the next seed of the study",
    "images": "shifted test images of patients whom the other run has not seen in training or validation, some drawn "
    "with the seed",
    "undefined": "those of them that have no similarity, as one of the two maps is constant",
    "value": "similarity of the maps of the two runs, mean over images",
    "value_low": "its 95 % interval, for other images and these two networks",
    "value_high": "the same",
    "cross_image": "the line: similarity of this run's maps of two different images",
    "difference": "value less cross_image; above 0, a map says more of its image than of its network",
    "difference_low": "its 95 % interval, for other images and these two networks",
    "difference_high": "the same",
}


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: each similarity of each attribution. StudyError for fewer than three images."""
    assert run.other is not None
    data = unseen(run, [run.other], settings)
    maps, maps_of_other = (Prepared(of, data, settings, run.seed) for of in (run, run.other))
    rows, images = [], []
    for name in of_models(settings["saliency"]["attributions"]):
        own, other = maps(name), maps_of_other(name)
        values = {similarity: compare(similarity, own[similarity], other[similarity]) for similarity in own}
        images.append(data.table[["source", "image", "label"]].assign(attribution=name, **values))
        about = {"other_seed": run.other.seed, "images": len(data)}
        for similarity, alike in values.items():
            by = {"attribution": name, "similarity": similarity}
            rows.append(by | about | _agreement(similarity, own[similarity], alike))
    return Analysed(pd.DataFrame(rows), pd.concat(images))


def _agreement(similarity: str, maps: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """maps: of the run, made ready. values: their similarity to those of the other run, [images]."""
    line = line_of(similarity, maps)
    difference, low, high = image_interval(values, line)
    return {
        **mean_over_images(values),
        "cross_image": float(pd.Series(line.alike).mean()),
        "difference": difference,
        "difference_low": low,
        "difference_high": high,
    }
