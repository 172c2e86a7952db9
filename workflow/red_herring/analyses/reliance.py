"""Reliance: what a classifier's answer owes to what is outside the ROI mask, asked by exchanging it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.data.splits import SHIFTED_TEST, TESTS
from red_herring.methods.base import shuffle_outside
from red_herring.training.evaluate import area_under_roc, predict

TITLE = "Reliance on the outside"
CITATION = "after the exchanged backgrounds of Xiao et al. 2021, Noise or Signal"
COLUMNS = {
    "images": "test images with an ROI mask and images to exchange with",
    "undefined": "test images without",
    "auc": "test AUC of these images as they are; chance 0.5",
    "auc_other": "with the outside of an image of the other nuisance group",
    "auc_same": "with the outside of another image of the same nuisance group",
    "auc_blanked": "with the outside set to the mean of the test images",
    "auc_shuffled": "with the pixels outside shuffled",
    "change_other": "mean absolute change of the logit difference by an outside of the other group",
    "change_same": "by one of the same group: what any exchange does",
    "reliance": "the first less the second: what the nuisance in the outside does; 0 for a classifier that ignores it",
    "class_effect": "what the class does within a nuisance group: absolute difference of the mean logit differences "
    "of its positives and negatives, of all test sets, mean over the groups",
    "relative_reliance": "reliance over itself plus the class effect, to compare classifiers whose logits differ in "
    "size: 0 for one that ignores the nuisance outside, 1 for one that goes by it alone; below 0 is chance",
}
CHUNK = 64
"""Images shuffled at once."""

VARIANTS = ("other", "same", "blanked", "shuffled")


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """One row. The test set is the shifted one; what is exchanged comes from images of the same class in all test sets.

    Exchanged, blanked and shuffled are the pixels outside of three masks, the image's own and those of the two others,
    so that no finding comes along and all changes are of one region. A negative without a mask of its own gets that of
    some positive. per_image: the logit difference as the image is (`logit`) and of each variant, and whose outside it
    got.
    """
    pool = run.data(*TESTS)
    tested = np.flatnonzero(pool.table["split"] == SHIFTED_TEST)
    random = np.random.default_rng([run.seed, *b"reliance"])
    masks = _with_masks(pool, tested, random)
    donors = {arm: _donors(pool, tested, arm, random) for arm in ("other", "same")}
    usable = masks[tested].any(axis=(1, 2)) & (donors["other"] >= 0) & (donors["same"] >= 0)
    rows = tested[usable]
    donors = {arm: chosen[usable] for arm, chosen in donors.items()}
    levels = _variants(pool, masks[rows], rows, donors, run.seed)
    table = pool.table.iloc[rows].reset_index(drop=True)
    logits = {name: _logits(run, pool, variant, table) for name, variant in levels.items()}
    per_image = table[["source", "image", "label", "nuisance"]].assign(**logits)
    for arm, chosen in donors.items():
        per_image[[f"{arm}_source", f"{arm}_image"]] = pool.table[["source", "image"]].to_numpy()[chosen]
    class_effect = _class_effect(pool, _logits(run, pool, pool.levels.numpy(), pool.table))
    return Analysed(_summary(per_image, len(tested) - len(rows), class_effect), per_image)


def _with_masks(pool: Dataset, tested: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The masks of all images, bool [n, height, width]; negatives without one have that of some positive test image."""
    masks, label = pool.masks.numpy().copy(), pool.labels.numpy()
    given = np.asarray(masks.any(axis=(1, 2)))
    of_positives = tested[given[tested] & (label[tested] == 1)]
    without = tested[~given[tested] & (label[tested] == 0)]
    if len(of_positives):
        masks[without] = masks[random.choice(of_positives, len(without))]
    return masks


def _donors(pool: Dataset, tested: np.ndarray, arm: str, random: np.random.Generator) -> np.ndarray:
    """For each test image the row of another one of its class in the other or the same nuisance group; -1 for none.
    Positives without a mask are left out, as nobody knows where their finding is.
    """
    label, nuisance = pool.labels.numpy(), pool.table["nuisance"].to_numpy()
    known = (label == 0) | pool.has_mask().numpy()
    chosen = np.full(len(tested), -1)
    for place, row in enumerate(tested):
        group = nuisance[row] if arm == "same" else 1 - nuisance[row]
        others = np.flatnonzero((label == label[row]) & (nuisance == group) & known)
        others = others[others != row]
        if len(others):
            chosen[place] = random.choice(others)
    return chosen


def _variants(
    pool: Dataset, masks: np.ndarray, rows: np.ndarray, donors: dict[str, np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """`logit`, the images as they are, and each of VARIANTS, uint8 [n, height, width], the same inside all masks."""
    levels, own = pool.levels.numpy(), pool.levels.numpy()[rows]
    kept = masks.copy()
    for chosen in donors.values():
        kept |= pool.masks.numpy()[chosen]
    exchanged = {arm: np.where(kept, own, levels[chosen]) for arm, chosen in donors.items()}
    mean = np.uint8(np.rint(own.mean())) if len(own) else np.uint8(0)
    return {"logit": own, **exchanged, "blanked": np.where(kept, own, mean), "shuffled": _shuffled(own, kept, seed)}


def _shuffled(levels: np.ndarray, kept: np.ndarray, seed: int) -> np.ndarray:
    """A few at a time, as shuffling takes forty times the memory of the images."""
    generator, found = torch.Generator().manual_seed(seed), levels.copy()
    for start in range(0, len(levels), CHUNK):
        some = slice(start, start + CHUNK)
        images, inside = torch.from_numpy(levels[some])[:, None].float(), torch.from_numpy(kept[some])[:, None]
        found[some] = shuffle_outside(images, inside, generator)[:, 0].to(torch.uint8).numpy()
    return found


def _logits(run: Run, pool: Dataset, levels: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    """The difference of the logits, y1 - y0, float64 [n]."""
    data = Dataset(levels, np.zeros(levels.shape[1:], bool), table, (pool.low, pool.high))
    logits = predict(run.model, data, run.batch_size, run.hardware).double()
    return (logits[:, 1] - logits[:, 0]).numpy()


def _class_effect(pool: Dataset, logits: np.ndarray) -> float:
    """Of the groups that have both classes; NaN if there is none. In the shifted test set alone class and nuisance go
    together, and the nuisance would be taken for the class.
    """
    label, nuisance, effects = pool.labels.numpy(), pool.table["nuisance"].to_numpy(), []
    for group in np.unique(nuisance):
        positive, negative = (logits[(nuisance == group) & (label == one)] for one in (1, 0))
        if len(positive) and len(negative):
            effects.append(abs(positive.mean() - negative.mean()))
    return float(np.mean(effects)) if effects else float("nan")


def _summary(images: pd.DataFrame, undefined: int, class_effect: float) -> pd.DataFrame:
    label, logit = images["label"].to_numpy(), images["logit"].to_numpy()
    row: dict[str, float | None] = {"images": len(images), "undefined": undefined}
    row["auc"] = area_under_roc(logit, label)
    row |= {f"auc_{name}": area_under_roc(images[name].to_numpy(), label) for name in VARIANTS}
    change = {arm: (images[arm] - images["logit"]).abs().mean() for arm in ("other", "same")}
    reliance = change["other"] - change["same"]
    whole = abs(reliance) + class_effect
    row |= {"change_other": change["other"], "change_same": change["same"], "reliance": reliance}
    relative = reliance / whole if whole > 0 else None
    return pd.DataFrame([row | {"class_effect": class_effect, "relative_reliance": relative}])
