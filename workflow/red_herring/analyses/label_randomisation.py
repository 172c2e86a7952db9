"""Label randomisation: whether maps change when a network is trained on labels that say nothing of the images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.analyses._maps import Prepared, mean_over_images, of_models, unseen
from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.saliency.mapped import line_of
from red_herring.saliency.similarity import compare
from red_herring.statistics.randomisation import pair_interval
from red_herring.training.evaluate import accuracy, predict

TITLE = "Label randomisation"
CITATION = "Adebayo et al. 2018"
OF_TASKS = {"labels": "permuted"}
NEEDS = ["saliency", "similarities", "base_run", "other_seed"]
MAPS_BY = ["gradient", "local_integrated_gradients"]
BY = {
    "attribution": "the attribution",
    "similarity": "of two maps of an image",
    "pair": "what is compared: permuted, the networks of true and of permuted labels with the same initial weights; "
    "permuted_other_seed, that of true labels of another seed and that of permuted labels; other_seed, the two of true "
    "labels; cross_image, two images, by the network of true labels",
}
COLUMNS = {
    "images": "shifted test images of patients whom none of the three runs has seen in training or validation, some "
    "drawn with the seed",
    "undefined": "of cross_image how many pairs of images, of the others how many images have no similarity, as a map "
    "is constant",
    "value": "similarity of the maps, mean over images; the test says that maps depend on the labels where permuted is "
    "below other_seed",
    "value_low": "its 95 % interval, for other images and these networks",
    "value_high": "the same",
    "train_accuracy": "share of the training images whose permuted label the network of permuted labels gives; the "
    "test asks for 0.95",
    "test_accuracy": "its accuracy on the shifted test images, by their true labels",
    "base_train_accuracy": "the same of the network of true labels",
    "base_test_accuracy": "the same",
}


NETWORKS = {
    "permuted": ("base", "own"),
    "permuted_other_seed": ("other", "own"),
    "other_seed": ("base", "other"),
}
"""Pair -> the two networks whose maps of an image are compared: own is that of permuted labels."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: each similarity of each attribution and pair, but for cross_image. StudyError for fewer than three
    images.
    """
    assert run.base is not None
    assert run.base.other is not None
    runs = {"own": run, "base": run.base, "other": run.base.other}
    data = unseen(run.base, [run, run.base.other], settings)
    accuracies = _accuracies(run, run.base)
    prepared = {key: Prepared(of, data, settings, run.seed) for key, of in runs.items()}
    rows, images = [], []

    def add(name: str, pair: str, similarity: str, found: dict[str, float]) -> None:
        by = {"attribution": name, "similarity": similarity, "pair": pair}
        rows.append({**by, "images": len(data), **found, **accuracies})

    for name in of_models(settings["saliency"]["attributions"]):
        maps = {key: of(name) for key, of in prepared.items()}
        for pair, (first, second) in NETWORKS.items():
            values = {each: compare(each, maps[first][each], maps[second][each]) for each in settings["similarities"]}
            for similarity, alike in values.items():
                add(name, pair, similarity, mean_over_images(alike))
            images.append(data.table[["source", "image", "label"]].assign(attribution=name, pair=pair, **values))
        for similarity, own in maps["base"].items():
            add(name, "cross_image", similarity, _of_other_images(similarity, own))
    return Analysed(pd.DataFrame(rows), pd.concat(images))


def _of_other_images(similarity: str, maps: np.ndarray) -> dict[str, float]:
    line = line_of(similarity, maps)
    value, low, high = pair_interval(line, len(maps))
    return {"undefined": np.isnan(line.alike).sum(), "value": value, "value_low": low, "value_high": high}


def _accuracies(run: Run, base: Run) -> dict[str, float]:
    """Of both networks by the labels that they were trained on, and by the true ones of the shifted test images."""
    train = run.data("train")
    return {
        "train_accuracy": _accuracy(run, train.permuted(run.seed)),
        "test_accuracy": _accuracy(run, run.test),
        "base_train_accuracy": _accuracy(base, base.data("train")),
        "base_test_accuracy": _accuracy(base, base.test),
    }


def _accuracy(run: Run, data: Dataset) -> float:
    return accuracy(predict(run.model, data, run.batch_size, run.hardware), data.labels)
