"""Localisation: the attribution maps of all positive test images, and how well each agrees with its ROI mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.analyses.base import Analysed, Run, untrained_steps
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import Maps, Steps, sigma_of, to_score
from red_herring.saliency.chance import chance_of
from red_herring.saliency.localisation import localise, measured
from red_herring.saliency.mapped import Mapped
from red_herring.saliency.summary import as_levels, drawn, mean_maps
from red_herring.study.catalogue import attribution_card

TITLE = "Localisation"
CITATION = "Viviano et al. 2021, section 4"
NEEDS = ["saliency"]
BY = {"attribution": "the attribution, or a control"}
COLUMNS = {
    "images": "positive test images with a mask",
    "undefined": "those of them whose map is constant",
    "iou": "intersection over union of mask and the map's largest values, mean over images",
    "iop": "intersection over predicted",
    "iot": "intersection over true",
    "pointing": "how often the largest value lies inside",
    "mass": "share of the map's sum inside",
    "auc": "area under the ROC curve of the pixels, inside against outside",
    "ap": "average precision of the pixels",
    "steps": "of integrated gradients, mean",
    "completeness_error": "of integrated gradients, largest",
}

ARMS = ("average_mask", "untrained")
"""What each score of a map stands beside, with chance; by name only, so that their titles may change."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """Maps of all attributions of the study. Arrays: mean_image, mean_mask and mean/{attribution}, float32 [height,
    width], over some images; example_rows, int64 [n], their rows among the images; example_image, example_mask and
    example/{attribution}, uint8 [n, height, width].

    Raises StudyError when no positive test image has a mask.
    """
    positive = _localised(run)
    saliency, masks = settings["saliency"], positive.masks.numpy()
    averaged = drawn(positive, saliency["mean_map_images"], run.seed)
    shown = drawn(positive, saliency["example_images"], run.seed)
    arrays = {
        "example_rows": shown,
        "example_image": positive.levels.numpy()[shown],
        "example_mask": masks[shown].astype(np.uint8),
    }
    prior = measured(np.broadcast_to(average_mask(run.data("train")), masks.shape), masks).add_prefix("average_mask_")
    sigma, tables, scores = saliency["smoothing_sigma"], {}, {}
    of_model = [name for name in saliency["attributions"] if not attribution_card(name).control]
    untrained = _mapped(run, run.untrained, positive, untrained_steps(saliency["steps"]))
    before = {name: _measured(to_score(name, untrained(name), sigma), masks) for name in of_model}
    del untrained  # and the maps that it keeps
    trained = _mapped(run, run.model, positive, saliency["steps"])
    for name in saliency["attributions"]:
        maps = to_score(name, trained(name), sigma)
        beside = prior.join(before[name] if name in before else _measured(maps, masks))
        scored = localise(maps.maps, masks, chance_of(masks.shape[1:], sigma_of(name, sigma)))
        scored = scored.join(maps.details).join(beside)
        scores[name] = pd.concat([positive.table[["source", "image"]], scored], axis=1)
        tables[name] = summarised(scored)
        arrays[f"mean/{name}"], arrays["mean_image"], arrays["mean_mask"] = mean_maps(maps.maps, positive, averaged)
        arrays[f"example/{name}"] = as_levels(maps.maps[shown])
    return Analysed(_stacked(tables), _stacked(scores), arrays)


def _measured(maps: Maps, masks: np.ndarray) -> pd.DataFrame:
    return measured(maps.maps, masks).join(maps.details).add_prefix("untrained_")


def _localised(run: Run) -> Dataset:
    test = run.test
    positive = test.subset(np.flatnonzero((test.labels == 1).numpy() & test.has_mask().numpy()))
    if len(positive) == 0:
        raise StudyError(f"{run.task}: no positive test image has a mask, so there is nothing to localise")
    return positive


def average_mask(train: Dataset) -> np.ndarray:
    """How many of the positive training images that have a mask have a pixel inside it, for each pixel, [height,
    width]: a map that knows where findings are and nothing of an image (Arun et al. 2021). As a score asks for the
    order and the shares of values only, it is a number of images and no mean. Zero everywhere where none has a mask.
    """
    rows = (train.labels == 1) & train.has_mask()
    return train.masks[rows].sum(dim=0).numpy()


def _mapped(run: Run, network: ResNet18, data: Dataset, steps: Steps) -> Mapped:
    return Mapped(network, data, run.hardware, str(run.weights), run.seed, steps)


def summarised(scores: pd.DataFrame) -> pd.DataFrame:
    """One row: images, undefined, and for each measure the means of it, chance_, corrected_ and those of ARMS over the
    images that have it; how many have none by an arm; for integrated gradients steps, their mean, and
    completeness_error, the largest.
    """
    measures = [name.removeprefix("chance_") for name in scores if name.startswith("chance_")]
    row = {"images": len(scores), "undefined": scores["iou"].isna().sum()}
    prefixes = ("", "chance_", "corrected_", *(f"{arm}_" for arm in ARMS))
    row |= scores[[f"{prefix}{measure}" for measure in measures for prefix in prefixes]].mean()
    row |= {f"{arm}_undefined": scores[f"{arm}_iou"].isna().sum() for arm in ARMS}
    details = scores.reindex(columns=["steps", "completeness_error"])
    return pd.DataFrame([row | {"steps": details["steps"].mean(), "completeness_error": details.iloc[:, 1].max()}])


def _stacked(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, names=["attribution"]).reset_index("attribution").reset_index(drop=True)
