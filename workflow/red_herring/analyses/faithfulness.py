"""Faithfulness: whether the pixels that a map calls relevant are those that the classifier's answer depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import attribute, sigma_of
from red_herring.saliency.imputation import impute
from red_herring.saliency.smoothing import smooth
from red_herring.saliency.summary import drawn
from red_herring.training.evaluate import predict

TITLE = "Faithfulness"
CITATION = "Rong et al. 2022 (ROAD); Petsiuk et al. 2018 (deletion, insertion)"
NEEDS = ["saliency"]
SETTINGS = {
    "images": {
        "type": "integer",
        "minimum": 1,
        "default": 32,
        "description": "positive test images, at most",
    },
    "shares": {
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "minItems": 1,
        "uniqueItems": True,
        "default": [0.1, 0.3, 0.5, 0.7, 0.9],
        "description": "of the pixels that are removed",
    },
}
BY = {"attribution": "the attribution, or a control"}
COLUMNS = {
    "images": "positive test images with a mask, some of them drawn with the seed",
    "undefined": "those of them whose map is constant",
    "accuracy": "the share of these images that are called positive as they are",
    "morf_accuracy": "the same without the most relevant pixels, mean over the shares removed; low is faithful where "
    "they speak for the positive class",
    "chance_morf_accuracy": "by random maps, smoothed as those of the attribution",
    "lerf_accuracy": "the same without the least relevant pixels",
    "chance_lerf_accuracy": "by random maps",
    "morf_change": "mean absolute change of the logit difference without the most relevant pixels; high is faithful, "
    "as maps say how much pixels matter and not for which class",
    "chance_morf_change": "by random maps",
    "lerf_change": "mean absolute change of the logit difference without the least relevant pixels; low is faithful",
    "chance_lerf_change": "by random maps",
    "road": "morf_change less lerf_change; high is faithful, chance 0",
    "deletion": "area under the probability of the positive class while pixels become the mean of the test images, the "
    "most relevant first; low is faithful where they speak for that class",
    "chance_deletion": "by random maps",
    "insertion": "the same while the pixels of the blurred image become sharp; high is faithful where they speak for "
    "that class",
    "chance_insertion": "by random maps",
    "inside_change": "as morf_change, the shares being of the pixels inside the mask",
    "chance_inside_change": "by random maps",
    "outside_change": "as morf_change, the shares being of the pixels outside the mask",
    "chance_outside_change": "by random maps",
    "without_inside": "mean change of the logit difference without any pixel inside; the same for all attributions",
    "without_outside": "without any pixel outside, where all that is left is what is inside, spread over the image",
}
NOISE = 0.01 * 255
"""Standard deviation of what is added to an imputed pixel, in levels: of their range what the authors' code adds."""

STEPS = 10
"""In which all pixels are deleted and inserted."""

BLUR = 0.05
"""Of the image that insertion begins with: standard deviation of the Gaussian, in image sides."""

TOGETHER = 2**20
"""Pixels that are imputed at a time, in 0.1 GB."""

EXCHANGEABLE = (("morf_accuracy", "lerf_accuracy"), ("morf_change", "lerf_change"))
"""Scores that a random map, as random from behind, is expected to have alike."""

Variants = dict[str, np.ndarray]
"""Which pixels go first -> uint8 [k, height, width], an image without more and more of them."""

Answers = dict[str, np.ndarray]
"""The same -> the logit difference y1 - y0, float64 [k], or of all images [images, k]."""


@dataclass(frozen=True)
class Image:
    """levels: uint8 [height, width]; mask: bool, alike. What is drawn for it, whatever the map: noise, which imputed
    pixels get, in levels; random_map, from 0 to 1; ties: all places, in the order in which equal values go.
    """

    levels: np.ndarray
    mask: np.ndarray
    noise: np.ndarray
    random_map: np.ndarray
    ties: np.ndarray


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """The images are those of localisation, or some of them. Levels stay whole numbers, as the classifier knows them.

    per_image: the scores of each attribution, and the logit difference as the image is. Arrays: shares, float64 [s];
    {which}/{attribution}, the logit differences, which being morf, lerf, inside, outside, float64 [images, s], and
    deletion and insertion, after 0 to STEPS steps; chance/{which}/{attribution}, by random maps.

    Raises StudyError when no positive test image has a mask.
    """
    data, mean = _images(run, settings["images"])
    images = [_drawn_for(data, row, run.seed) for row in range(len(data))]
    saliency, shares = settings["saliency"], np.array(settings["shares"])

    def answers(maps: np.ndarray) -> Answers:
        pairs = zip(images, maps, strict=True)
        each = [_answers(run, data, _variants(image, values, shares, mean)) for image, values in pairs]
        return {which: np.stack([one[which] for one in each]) for which in each[0]}

    about = _as_they_are(run, data, images)
    random_maps = np.stack([image.random_map for image in images])
    chance: dict[float, Answers] = {}
    scores, arrays = {}, {"shares": shares}
    for name in saliency["attributions"]:
        maps = attribute(
            name, run.model, data, saliency["smoothing_sigma"], run.batch_size, run.hardware,
            described=str(run.weights), seed=run.seed, steps=saliency["steps"],
        ).maps  # fmt: skip
        sigma = sigma_of(name, saliency["smoothing_sigma"])
        if sigma not in chance:
            chance[sigma] = answers(smooth(random_maps, sigma))
        found = answers(maps)
        scores[name] = about.join(_beside_chance(found, chance[sigma], about["logit"].to_numpy(), maps))
        arrays |= {f"{which}/{name}": values for which, values in found.items()}
        arrays |= {f"chance/{which}/{name}": values for which, values in chance[sigma].items()}
    per_image = pd.concat(scores, names=["attribution"]).reset_index("attribution").reset_index(drop=True)
    return Analysed(_summary(per_image), per_image, arrays)


def _images(run: Run, count: int) -> tuple[Dataset, np.uint8]:
    """Which are asked about, and the mean level of the test images."""
    test = run.test
    positive = test.subset(np.flatnonzero((test.labels == 1).numpy() & test.has_mask().numpy()))
    if len(positive) == 0:
        raise StudyError(f"{run.task}: no positive test image has a mask, so nothing can be removed inside of it")
    return positive.subset(drawn(positive, count, run.seed)), np.uint8(np.rint(test.levels.numpy().mean()))


def _drawn_for(data: Dataset, row: int, seed: int) -> Image:
    levels, mask = data.levels[row].numpy(), data.masks[row].numpy()
    random = np.random.default_rng([seed, row, *b"faithfulness"])
    noise = random.normal(0, NOISE, levels.shape)
    return Image(levels, mask, noise, random.random(levels.shape, np.float32), random.permutation(levels.size))


# What is removed


def _variants(image: Image, values: np.ndarray, shares: np.ndarray, mean: np.uint8) -> Variants:
    """The image without the shares of its pixels, by the values of a map."""
    order = image.ties[np.argsort(-values.ravel()[image.ties], kind="stable")]
    inside, shape = image.mask.ravel()[order], image.levels.shape
    orders = {"morf": order, "lerf": order[::-1], "inside": order[inside], "outside": order[~inside]}
    imputed = _imputed(image, np.concatenate([_first(places, shares, shape) for places in orders.values()]))
    first = _first(order, np.linspace(0, 1, STEPS + 1), shape)
    blurred = gaussian_filter(image.levels.astype(np.float64), BLUR * max(shape))
    return {
        **dict(zip(orders, imputed.reshape(len(orders), len(shares), *shape), strict=True)),
        "deletion": np.where(first, mean, image.levels),
        "insertion": np.where(first, image.levels, _as_levels(blurred)),
    }


def _first(order: np.ndarray, shares: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels are the first in an order of places, a share of them, for each share: bool [s, height, width]."""
    chosen = np.zeros((len(shares), math.prod(shape)), bool)
    for row, share in zip(chosen, shares, strict=True):
        row[order[: round(share * len(order))]] = True
    return chosen.reshape(-1, *shape)


def _imputed(image: Image, removed: np.ndarray) -> np.ndarray:
    """The image without each set of pixels: uint8 [n, height, width]."""
    size = max(1, TOGETHER // image.levels.size)
    parts = (removed[start : start + size] for start in range(0, len(removed), size))
    filled = np.concatenate([impute(image.levels, part) for part in parts])
    return _as_levels(np.where(removed, filled + image.noise, filled))


def _as_levels(values: np.ndarray) -> np.ndarray:
    levels: np.ndarray = np.rint(values.clip(0, 255)).astype(np.uint8)
    return levels


# What the classifier answers


def _answers(run: Run, data: Dataset, variants: Variants) -> Answers:
    logits = _logits(run, data, np.concatenate(list(variants.values())))
    ends = np.cumsum([len(levels) for levels in variants.values()])
    return dict(zip(variants, np.split(logits, ends[:-1]), strict=True))


def _logits(run: Run, data: Dataset, levels: np.ndarray) -> np.ndarray:
    """The logit difference of each of these images, uint8 [k, height, width], in the pixel range of `data`."""
    unused = pd.DataFrame(0, index=range(len(levels)), columns=["label", "nuisance"])
    variants = Dataset(levels, np.zeros(levels.shape[1:], bool), unused, (data.low, data.high))
    logits = predict(run.model, variants, run.batch_size, run.hardware).double()
    return (logits[:, 1] - logits[:, 0]).numpy()


def _as_they_are(run: Run, data: Dataset, images: list[Image]) -> pd.DataFrame:
    """One row per image: source, image, logit, and how that changes without any pixel inside or outside."""
    logit = _logits(run, data, data.levels.numpy())
    without = [_logits(run, data, _imputed(image, np.stack([image.mask, ~image.mask]))) for image in images]
    changes = np.stack(without) - logit[:, None]
    about = data.table[["source", "image"]].assign(logit=logit)
    return about.assign(without_inside=changes[:, 0], without_outside=changes[:, 1])


# Scores


def _beside_chance(found: Answers, chance: Answers, logit: np.ndarray, maps: np.ndarray) -> pd.DataFrame:
    """One row per image; those of a constant map, which orders nothing, are missing."""
    own, by_chance = _scored(found, logit), _scored(chance, logit).drop(columns="road")
    for pair in EXCHANGEABLE:
        by_chance = by_chance.assign(**dict.fromkeys(pair, by_chance[list(pair)].mean(axis=1)))
    scores = own.join(by_chance.add_prefix("chance_"))
    scores[maps.min(axis=(1, 2)) == maps.max(axis=(1, 2))] = np.nan
    return scores


def _scored(answers: Answers, logit: np.ndarray) -> pd.DataFrame:
    """One row per image. logit: of the images as they are."""
    accuracy = {f"{which}_accuracy": (answers[which] > 0).mean(axis=1) for which in ("morf", "lerf")}
    change = {
        f"{which}_change": np.abs(answers[which] - logit[:, None]).mean(axis=1)
        for which in ("morf", "lerf", "inside", "outside")
    }
    area = {which: trapezoid(expit(answers[which]), dx=1 / STEPS) for which in ("deletion", "insertion")}
    return pd.DataFrame({**accuracy, **change, "road": change["morf_change"] - change["lerf_change"], **area})


def _summary(images: pd.DataFrame) -> pd.DataFrame:
    """One row per attribution."""
    grouped = images.assign(accuracy=(images["logit"] > 0).astype(float)).groupby("attribution", sort=False)
    means = grouped.mean(numeric_only=True).drop(columns="logit")
    counts = {"images": grouped.size(), "undefined": grouped["road"].agg(lambda road: road.isna().sum())}
    return pd.DataFrame(counts).join(means).reset_index()
