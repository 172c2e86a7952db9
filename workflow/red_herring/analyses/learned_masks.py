"""Learned masks: how well those of a run's maskers find what a classifier should look at, and what it should not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from red_herring.analyses._masks import REFERENCES, learned_masks, reference_masks
from red_herring.analyses._nuisance import Nuisance, nuisance_change, nuisance_of
from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.methods._masking import fill, inside
from red_herring.networks.masker import FIXED
from red_herring.runtime.files import StudyError, read_json
from red_herring.saliency.boxes import (
    crops,
    f1,
    localisation_error,
    pixel_average_precision,
    predicted_box,
    saliency_metric,
    true_boxes,
)
from red_herring.saliency.chance import chance_of
from red_herring.saliency.localisation import localise
from red_herring.saliency.summary import drawn
from red_herring.training.evaluate import predict
from red_herring.training.masking import mean_of

TITLE = "Learned masks"
CITATION = "Phang et al. 2020"
NEEDS = ["masker"]
MAPS_BY = ["centre_prior", "grad_cam", "guided_backprop", "gradient"]
BY = {
    "arm": "how the masker was fitted, joint if it was trained with the classifier; or a mask to set it against: ones, "
    "zeros, centre_box (33 to 191 of 224 pixels), centre_gaussian (standard deviation a quarter of the side), true_box "
    "(all boxes of the image, of which those that touch are one), input (the image itself, black 0 to white 1), and "
    "the absolute values of grad_cam, guided_backprop and gradient of y1, not smoothed, each scaled to 0 to 1 by its "
    "own range",
}
COLUMNS = {
    "reference": "1 of a mask to set maskers against, 0 of a masker",
    "collapsed": "1 of a masker whose masks of training images do not keep the answers, so that it has no score",
    "kept_0": "of the negative training images that are told right, the share that is told right inside the mask, too",
    "kept_1": "the same of the positive ones",
    "examples": "training images of each class that the masker was fitted to; empty: all",
    "draw": "which draw of these; empty: all",
    "examples_alone": "1 of a masker that differs from the arm `fixed` in these alone",
    "images": "positive shifted test images with an ROI mask; what follows, down to chance_mass, is of these",
    "le": "localisation error: the share whose predicted box overlaps no true one by an IoU above 0.5. A predicted box "
    "is that of the largest component above the mean of the mask, true ones those of the components of the ROI mask",
    "om": "the same, or the classifier is wrong",
    "f1": "of mask and the box that it fits best, mean over images",
    "f1a": "mean over the boxes",
    "sm": "saliency metric: log of the area share of the predicted box, at least 0.05, less log p of the label of the "
    "crop, mean over images; lower is better",
    "pxap": "average precision of the pixels of all images together",
    "iou": "of the ROI mask and as many of the largest values, mean over images",
    "ap": "average precision of the pixels of an image, mean over images",
    "pointing": "how often the largest value lies inside the ROI mask",
    "mass": "share of the sum inside the ROI mask",
    "chance_iou": "of masks of independent pixels",
    "chance_ap": "the same",
    "chance_pointing": "the same",
    "chance_mass": "the same",
    "undefined": "those of them whose mask is constant, so that it has no score of pixels",
    "iou_0": "iou of negative shifted test images with an ROI mask",
    "mean_mask": "mean over all pixels of all shifted test images",
    "mean_mask_0": "of negative ones",
    "mean_mask_1": "of positive ones",
    "test_kept_0": "of the negative shifted test images the share whose predicted class is the same inside the mask, "
    "right or wrong; the rest is filled as the masker was fitted, or with the mean of the training images",
    "test_kept_1": "the same of the positive ones",
    "nuisance_images": "shifted test images of both classes whose nuisance is in known pixels outside the ROI mask: a "
    "box, or the signal of the task, which all are then given",
    "nuisance_iou": "of these pixels and as many of the largest values, mean over images",
    "nuisance_iou_0": "the same of negative images",
    "nuisance_iou_1": "of positive ones",
    "nuisance_ap": "average precision of these pixels",
    "nuisance_pointing": "how often the largest value lies on them",
    "nuisance_mass": "share of the sum on them",
    "chance_nuisance_iou": "of masks of independent pixels",
    "chance_nuisance_ap": "the same",
    "chance_nuisance_pointing": "the same",
    "chance_nuisance_mass": "the same",
    "nuisance_change": "mean absolute change of y1 - y0 when the nuisance is taken away: a box becomes the median of "
    "the pixels around, without its signal an image is as it was; the same for all arms, as it asks no mask",
    "nuisance_change_0": "mean change of negative images, with its sign",
    "nuisance_change_1": "of positive ones",
    "nuisance_flips_0": "share of negative images whose predicted class changes with it",
    "nuisance_flips_1": "of positive ones",
    "logit_sd": "standard deviation of y1 - y0 over these images as they are, to compare classifiers by",
}

PIXELS = ("iou", "ap", "pointing", "mass")
"""The measures of pixels that are shown, with their chance levels."""

SCORES = ("le", "om", "f1", "f1a", "sm", *PIXELS, *(f"chance_{measure}" for measure in PIXELS))
ON_NUISANCE = tuple(f"{chance}nuisance_{measure}" for chance in ("", "chance_") for measure in PIXELS)
EXAMPLES = 4
"""Images of each class that a figure may show."""


@dataclass(frozen=True)
class Asked:
    """A run, the predicted class of each of its shifted test images, int64 [n], the mean of its training images in
    their pixel range, and the nuisance of the shifted test images, where it is known.
    """

    run: Run
    predicted: np.ndarray
    mean: float
    nuisance: Nuisance | None

    @property
    def right(self) -> np.ndarray:
        """Which images are told right, bool [n]."""
        return np.asarray(self.predicted == self.run.test.labels.numpy())


@dataclass(frozen=True)
class Arm:
    """masks_of: images -> masks, 0 to 1, float32 [n, height, width]. about: the columns of the table that do not depend
    on the test images. infill: what is outside a mask is filled with.
    """

    masks_of: Callable[[Dataset], np.ndarray]
    about: Mapping[str, Any]
    infill: str = "mean"


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """A row for each masker and each of REFERENCES. per_image: the scores of every shifted test image. Arrays:
    example_rows, int64 [n], rows of the shifted test set, positives first, and example_label; example_image, uint8 [n,
    height, width]; example_mask, 0 or 1, and example/{arm}, the mask from 0 to 255, like it.

    Raises StudyError when no positive test image has a mask.
    """
    test = run.test
    positive = _positive(test)
    if len(positive) == 0:
        raise StudyError(f"{run.task}: no positive test image has a mask, so there is nothing to localise")
    predicted = predict(run.model, test, run.batch_size, run.hardware).argmax(dim=1).numpy()
    asked = Asked(run, predicted, mean_of(run.data("train")), nuisance_of(run))
    shown, change = _examples(test, run.seed), nuisance_change(run, asked.nuisance)
    images, masks = test.levels.numpy()[shown], test.masks.numpy()[shown].astype(np.uint8)
    arrays = {"example_rows": shown, "example_image": images, "example_mask": masks}
    arrays["example_label"] = test.labels.numpy()[shown]
    rows, per_image = [], []
    for name, arm in arms_of(run).items():
        found = arm.masks_of(test)
        scores = _of_images(asked, arm, found)
        pooled = pixel_average_precision(found[positive], test.masks.numpy()[positive])
        of_all = {"images": len(positive), "pxap": np.nan if arm.about["collapsed"] else pooled}
        rows.append({"arm": name, **arm.about, **of_all, **summarised(scores), **change})
        per_image.append(scores.assign(arm=name))
        arrays[f"example/{name}"] = np.rint(255 * found[shown]).astype(np.uint8)
    return Analysed(pd.DataFrame(rows), pd.concat(per_image, ignore_index=True), arrays)


def arms_of(run: Run) -> dict[str, Arm]:
    """Name -> each masker of the run, then each of REFERENCES."""
    record = read_json(run.masker_file.with_suffix(".json"))["arms"] if run.masker_file else {}
    found = {}
    for name in record:  # in the order of the study
        masker, own = run.maskers[name], record[name].get("settings", {})
        examples = own.get("examples")
        fitted = {"examples": examples or np.nan, "draw": own["draw"] if examples else np.nan}
        kept = {key: record[name][key] for key in ("kept_0", "kept_1")}
        fitted["examples_alone"] = int(_but_examples(own) == _but_examples(record.get(FIXED, {}).get("settings")))
        about = {"reference": 0, "collapsed": int(masker.collapsed), **kept, **fitted}
        found[name] = Arm(partial(learned_masks, run, masker), about, own.get("infill", "mean"))
    unknown = dict.fromkeys(("kept_0", "kept_1", "examples", "draw", "examples_alone"), np.nan)
    about = {"reference": 1, "collapsed": 0, **unknown}
    return found | {name: Arm(partial(reference_masks, run, name), about) for name in REFERENCES}


def _but_examples(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a masker was fitted but for its examples."""
    return {key: value for key, value in (settings or {}).items() if key not in ("examples", "draw")}


def _of_images(asked: Asked, arm: Arm, masks: np.ndarray) -> pd.DataFrame:
    """A row for each shifted test image. masks: of the arm."""
    test = asked.run.test
    kept = _inside(asked, masks, arm.infill).argmax(axis=1) == asked.predicted
    table = test.table[["source", "image", "label", "nuisance"]].reset_index(drop=True)
    table["right"], table["kept"] = asked.right.astype(int), kept.astype(int)
    table["mean_mask"] = masks.mean(axis=(1, 2), dtype=np.float64)
    if arm.about["collapsed"]:
        return table.assign(**dict.fromkeys((*SCORES, *ON_NUISANCE), np.nan))
    scores = [_localised(asked, masks), _on_nuisance(asked, arm, masks)]
    return table.join([part.reindex(range(len(test))) for part in scores])


def _inside(asked: Asked, masks: np.ndarray, infill: str) -> np.ndarray:
    """Logits of the shifted test images inside the masks, float64 [n, 2]."""
    run, parts = asked.run, []
    generator = torch.Generator(run.hardware.device).manual_seed(run.seed)
    found = torch.from_numpy(masks).unsqueeze(1).split(run.batch_size)
    with torch.inference_mode(), run.hardware.mixed():
        for batch, mask in zip(run.test.batches(run.batch_size, run.hardware.device), found, strict=True):
            images = batch.images
            parts.append(run.model(inside(images, mask.to(images), fill(images, infill, asked.mean, generator))).cpu())
    return torch.cat(parts).double().numpy()


def _localised(asked: Asked, masks: np.ndarray) -> pd.DataFrame:
    """SCORES of the images that have an ROI mask, by row."""
    rows = np.flatnonzero(asked.run.test.has_mask().numpy())
    data, masks, right = asked.run.test.subset(rows), masks[rows], asked.right[rows]
    truth = data.masks.numpy()
    true, predicted = [true_boxes(mask) for mask in truth], np.array([predicted_box(mask) for mask in masks])
    fits = [f1(mask, boxes) for mask, boxes in zip(masks, true, strict=True)]
    le = np.array([localisation_error(box, boxes) for box, boxes in zip(predicted, true, strict=True)])
    found = pd.DataFrame({"le": le, "om": np.where(right, le, 1.0)}).assign(
        f1=[fit.max() for fit in fits],
        f1a=[fit.mean() for fit in fits],
        sm=saliency_metric(predicted, truth[0].size, _of_crops(asked.run, data, predicted)),
    )
    return found.join(localise(masks, truth, chance_of(truth.shape[1:], 0.0)))[[*SCORES]].set_axis(rows)


def _of_crops(run: Run, data: Dataset, boxes: np.ndarray) -> np.ndarray:
    """log p of the label of what is in the box of each image, float64 [n]."""
    parts = []
    with torch.inference_mode(), run.hardware.mixed():
        for start, batch in enumerate(data.batches(run.batch_size, run.hardware.device)):
            own = boxes[start * run.batch_size : (start + 1) * run.batch_size]
            logarithms = run.model(crops(batch.images, own)).double().log_softmax(dim=1)
            parts.append(logarithms.gather(1, batch.labels[:, None])[:, 0].cpu())
    return torch.cat(parts).numpy()


def _on_nuisance(asked: Asked, arm: Arm, masks: np.ndarray) -> pd.DataFrame:
    """ON_NUISANCE of the images whose nuisance is in known pixels, by row."""
    nuisance = asked.nuisance
    if nuisance is None or len(nuisance.rows) == 0:
        return pd.DataFrame(columns=[*ON_NUISANCE], dtype=float)
    rows = nuisance.rows
    if nuisance.data is not asked.run.test:
        masks = arm.masks_of(nuisance.data)
    pixels = nuisance.pixels[rows]
    found = localise(masks[rows], pixels, chance_of(pixels.shape[1:], 0.0))
    names = {f"{chance}{measure}": f"{chance}nuisance_{measure}" for chance in ("", "chance_") for measure in PIXELS}
    return found[[*names]].rename(columns=names).set_axis(rows)


def _positive(test: Dataset) -> np.ndarray:
    """The rows of positive images that have an ROI mask."""
    return np.flatnonzero(((test.labels == 1) & test.has_mask()).numpy())


def _examples(test: Dataset, seed: int) -> np.ndarray:
    """Rows of some images with an ROI mask, positives first, then negatives, each drawn with the seed."""
    with_mask = test.has_mask()
    of_classes = [np.flatnonzero(((test.labels == label) & with_mask).numpy()) for label in (1, 0)]
    return np.concatenate([rows[drawn(test.subset(rows), EXAMPLES, seed)] for rows in of_classes])


def summarised(scores: pd.DataFrame) -> dict[str, float]:
    """The columns of the table that are means over images. scores: of the images of one arm."""
    negative, positive = (scores[scores["label"] == label] for label in (0, 1))
    row: dict[str, float] = {"mean_mask": scores["mean_mask"].mean(), "iou_0": negative["iou"].mean()}
    row |= positive[[*SCORES]].mean().to_dict()
    for label, own in enumerate((negative, positive)):
        row |= {f"mean_mask_{label}": own["mean_mask"].mean(), f"test_kept_{label}": own["kept"].mean()}
    row |= scores[[*ON_NUISANCE]].mean().to_dict()
    row |= {f"nuisance_iou_{label}": own["nuisance_iou"].mean() for label, own in enumerate((negative, positive))}
    row["undefined"] = (positive["le"].notna() & positive["iou"].isna()).sum()
    return row
