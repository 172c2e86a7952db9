"""Detection of a planted signal: whether maps show it to who knows of it, and whether they would to who does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from red_herring.analyses._planted import EXPLAINED, SIDE, opposite
from red_herring.analyses.base import Analysed, Run, untrained_steps
from red_herring.data.dataset import Dataset
from red_herring.saliency.attribution import POSITIVE, sigma_of
from red_herring.saliency.detection import detected, explanation_ncc, floors, random_ssim
from red_herring.saliency.mapped import Mapped
from red_herring.saliency.similarity import compare, prepare
from red_herring.saliency.smoothing import smooth
from red_herring.saliency.summary import as_levels, block_means
from red_herring.statistics.paired import t_interval
from red_herring.training.evaluate import predict

TITLE = "Detection of the signal"
CITATION = "Adebayo et al. 2022, Sun et al. 2023; re-implemented from the published definitions"
OF_TASKS = {"signal.kind": ["tag", "stripe", "blur", "half_blur"]}
NEEDS = ["saliency", "base_run", "other_seed"]
MAPS_BY = ["gradient", "local_integrated_gradients"]
SETTINGS = {
    "images": {
        "type": "integer",
        "minimum": 3,
        "default": 100,
        "description": "test images of the class without the signal, at most",
    },
}
BY = {"attribution": "the attribution, or a control"}
COLUMNS = {
    "images": "shifted test images of the class that does not carry the signal in training, of patients whom none of "
    "the networks has seen in training or validation; clean, and with the signal",
    "area": "share of the pixels that the signal has",
    "chance_ap": "kssd_ap of a map whose values are in random order",
    "kssd_ap": "of the map of the planted image: average precision for the pixels of the signal, less area; mean over "
    "the images whose map is not constant",
    "kssd_ap_low": "its 95 % interval, for other images and these networks; so all that follow",
    "kssd_ap_high": "the same",
    "famgt_ap": "the same by the normal network, which cannot know of the signal",
    "famgt_ap_low": "its 95 % interval",
    "famgt_ap_high": "the same",
    "difference_ap": "the one less the other, mean over the images that have both; above 0 the map shows that the "
    "network uses the signal, and not only that it is there",
    "difference_ap_low": "its 95 % interval",
    "difference_ap_high": "the same",
    "kssd_mass": "share of the map's sum on the signal, divided by area; 1 by chance",
    "kssd_mass_low": "its 95 % interval",
    "kssd_mass_high": "the same",
    "famgt_mass": "the same by the normal network",
    "famgt_mass_low": "its 95 % interval",
    "famgt_mass_high": "the same",
    "difference_mass": "the one less the other",
    "difference_mass_low": "its 95 % interval",
    "difference_mass_high": "the same",
    "kssd_ssim": "SSIM of the map and the signal; says little without the four that follow",
    "kssd_ssim_low": "its 95 % interval",
    "kssd_ssim_high": "the same",
    "famgt_ssim": "the same by the normal network",
    "famgt_ssim_low": "its 95 % interval",
    "famgt_ssim_high": "the same",
    "zero_ssim": "the same of an empty map",
    "one_ssim": "the same of a full map",
    "random_ssim": "the same of the map with its pixels in random order",
    "ccm": "SSIM of the maps of the clean image by this network and the normal one; high: who does not know of the "
    "signal sees no difference",
    "ccm_low": "its 95 % interval",
    "ccm_high": "the same",
    "ccm_ceiling": "the same by two normal networks of different seeds",
    "ccm_floor": "the same of the normal network's maps of two different images",
    "ccm_independent": "the same of this network's map of an image and the normal one's of another",
    "fam": "as ccm, of the planted image; high: the normal network's map is the same, a false alarm",
    "fam_low": "its 95 % interval",
    "fam_high": "the same",
    "fam_ceiling": "as ccm_ceiling, of the planted image",
    "sensitivity": "share of the signal among the tenth of the pixels that the map says matter most; 0.1 by chance",
    "sensitivity_low": "its 95 % interval",
    "sensitivity_high": "the same",
    "normal_sensitivity": "the same by the normal network",
    "normal_sensitivity_low": "its 95 % interval",
    "normal_sensitivity_high": "the same",
    "ncc": "correlation of the signed maps of the image with and without the signal; should be low if the signal turns "
    "the prediction",
    "ncc_low": "its 95 % interval",
    "ncc_high": "the same",
    "normal_ncc": "the same by the normal network",
    "normal_ncc_low": "its 95 % interval",
    "normal_ncc_high": "the same",
    "untrained_ap": "as famgt_ap, by the normal network before its training: what is an edge to any network",
    "undefined": "images without a difference_ap, as one of the two maps is constant",
    "kssd_undefined": "images whose map is constant, or whose signal has all pixels or none",
    "famgt_undefined": "the same by the normal network",
    "untrained_undefined": "the same before its training",
    "ccm_undefined": "images without a ccm, as one of the maps is constant up to its 99th percentile; so all that "
    "follow",
    "ccm_ceiling_undefined": "without a ccm_ceiling",
    "ccm_floor_undefined": "without a ccm_floor",
    "ccm_independent_undefined": "without a ccm_independent",
    "fam_undefined": "without a fam",
    "fam_ceiling_undefined": "without a fam_ceiling",
    "ncc_undefined": "without an ncc, as one of the maps is constant",
    "normal_ncc_undefined": "without a normal_ncc",
}

FORMS = ("ap", "mass", "ssim")
"""Of K-SSD and FAM-GT; of the difference the first two."""

WITH_INTERVALS = (
    *("kssd_ap", "famgt_ap", "difference_ap", "kssd_mass", "famgt_mass", "difference_mass", "kssd_ssim", "famgt_ssim"),
    *("ccm", "fam", "sensitivity", "normal_sensitivity", "ncc", "normal_ncc"),
)
ALIKE = {
    "ccm": (("clean", "normal"), ("clean", "own")),
    "ccm_ceiling": (("clean", "normal"), ("clean", "other_normal")),
    "fam": (("planted", "normal"), ("planted", "own")),
    "fam_ceiling": (("planted", "normal"), ("planted", "other_normal")),
}
"""Measure -> the two maps of an image whose SSIM it is."""

COUNTED = {
    "undefined": "difference_ap",
    "kssd_undefined": "kssd_ap",
    "famgt_undefined": "famgt_ap",
    "untrained_undefined": "untrained_ap",
    **{f"{measure}_undefined": measure for measure in (*ALIKE, "ccm_floor", "ccm_independent", "ncc", "normal_ncc")},
}
"""Column -> the measure that so many images lack."""

Maps = Mapping[tuple[str, str], np.ndarray]
"""(clean or planted; own, normal or other_normal) -> signed maps, [n, height, width]."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: attribution, and each measure of the table. Arrays: of the first EXPLAINED images
    explained/{clean|planted}/{own|normal}/{attribution}, float16 [n, pixels], absolute maps reduced to SIDE pixels a
    side, of sum 1 each (0 where blank), and explained_rows, int64 [n], rows of these images in per_image; of the first
    `example_images` example_clean, example_planted and example_truth (0 or 1), uint8 [n, height, width],
    example/{clean|planted}/{own|normal}/{attribution}, alike, as localisation's, and
    example_probability/{clean|planted}/{own|normal}, float32 [n], of the positive class. StudyError for fewer than
    three images.
    """
    assert run.base is not None
    assert run.base.other is not None
    saliency, clean = settings["saliency"], opposite(run, settings["images"])
    examples = min(saliency["example_images"], EXPLAINED)
    planted, truth = run.planted(clean)
    images = {"clean": clean, "planted": planted}
    runs = {"own": run, "normal": run.base, "other_normal": run.base.other}

    def mapped(of: Run, data: Dataset) -> Mapped:
        return Mapped(of.model, data, of.hardware, str(of.weights), run.seed, saliency["steps"])

    its = {(kind, who): mapped(of, data) for kind, data in images.items() for who, of in runs.items()}
    untrained = Mapped(
        run.base.untrained, planted, run.hardware, str(run.base.weights), run.seed, untrained_steps(saliency["steps"])
    )
    about = clean.table[["source", "image", "label"]].reset_index(drop=True).join(floors(truth))
    arrays, found = _examples(runs, images, truth, examples), []
    for name in saliency["attributions"]:
        maps = {key: one(name).maps for key, one in its.items()}
        found.append(about.assign(attribution=name, **_measures(maps, untrained(name).maps, truth, run.seed)))
        arrays |= _arrays(name, maps, examples, saliency["smoothing_sigma"])
    per_image = pd.concat(found, ignore_index=True)
    rows = [{"attribution": name} | _row(own) for name, own in per_image.groupby("attribution", sort=False)]
    return Analysed(pd.DataFrame(rows), per_image, arrays)


def _measures(maps: Maps, untrained: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    """Of each image, [n]. untrained: maps of the planted images."""
    own, normal = maps["planted", "own"], maps["planted", "normal"]
    kssd, famgt = detected(own, truth), detected(normal, truth)
    return {
        **{f"kssd_{form}": kssd[form] for form in FORMS},
        **{f"famgt_{form}": famgt[form] for form in FORMS},
        **{f"difference_{form}": kssd[form] - famgt[form] for form in FORMS[:2]},
        "random_ssim": random_ssim(own, truth, seed),
        **_alike(maps),
        "sensitivity": kssd["sensitivity"],
        "normal_sensitivity": famgt["sensitivity"],
        "ncc": explanation_ncc(maps["clean", "own"], own),
        "normal_ncc": explanation_ncc(maps["clean", "normal"], normal),
        "untrained_ap": detected(untrained, truth)["ap"],
    }


def _alike(maps: Maps) -> dict[str, np.ndarray]:
    """Measure -> SSIM of two maps of each image, and of a map and one of the next image."""
    ready = {key: prepare("ssim", values) for key, values in maps.items()}
    of_next = np.roll(ready["clean", "normal"], -1, axis=0)
    return {
        **{measure: compare("ssim", ready[one], ready[other]) for measure, (one, other) in ALIKE.items()},
        "ccm_floor": compare("ssim", ready["clean", "normal"], of_next),
        "ccm_independent": compare("ssim", ready["clean", "own"], of_next),
    }


def _row(images: pd.DataFrame) -> dict[str, float]:
    """Means over the images that have a value, with intervals, and how many have none."""
    row: dict[str, float] = {"images": len(images)}
    for measure in images.columns.drop(["source", "image", "label", "attribution"]):
        value, low, high = t_interval(images[measure].dropna().to_numpy())
        row[measure] = value
        if measure in WITH_INTERVALS:
            row |= {f"{measure}_low": low, f"{measure}_high": high}
    return row | {column: images[measure].isna().sum() for column, measure in COUNTED.items()}


def _arrays(name: str, maps: Maps, examples: int, sigma: float) -> dict[str, np.ndarray]:
    """What is kept of the maps of one attribution. sigma: of the study's smoothing, which examples have."""
    arrays = {}
    for (kind, who), signed in maps.items():
        if who == "other_normal":
            continue
        absolute = np.abs(signed)
        arrays[f"explained/{kind}/{who}/{name}"] = _explained(absolute[:EXPLAINED])
        arrays[f"example/{kind}/{who}/{name}"] = as_levels(smooth(absolute[:examples], sigma_of(name, sigma)))
    return arrays


def _explained(absolute: np.ndarray) -> np.ndarray:
    small = block_means(absolute, SIDE).reshape(len(absolute), -1)
    total = small.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(small, total, out=np.zeros_like(small), where=total > 0), np.float16)


def _examples(
    runs: Mapping[str, Run], images: Mapping[str, Dataset], truth: np.ndarray, count: int
) -> dict[str, np.ndarray]:
    """The arrays that no attribution has a part in. count: of images."""
    first = np.arange(min(count, len(truth)))
    arrays: dict[str, np.ndarray] = {"explained_rows": np.arange(min(EXPLAINED, len(truth)))}
    arrays["example_truth"] = truth[first].astype(np.uint8)
    for kind, data in images.items():
        arrays[f"example_{kind}"] = data.levels.numpy()[first]
        for who in ("own", "normal"):
            run = runs[who]
            logits = predict(run.model, data.subset(first), run.batch_size, run.hardware).double().numpy()
            arrays[f"example_probability/{kind}/{who}"] = softmax(logits, axis=1)[:, POSITIVE].astype(np.float32)
    return arrays
