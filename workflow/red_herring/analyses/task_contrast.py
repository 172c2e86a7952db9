"""TaskContrast: whether maps go where the task lies, for two tasks on the same images of which one lies in the mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.analyses.base import Analysed, Run, untrained_steps
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import Steps, explain
from red_herring.saliency.localisation import mass
from red_herring.statistics.paired import t_interval
from red_herring.study.catalogue import attribution_card

TITLE = "TaskContrast"
CITATION = "Yona and Greenfeld 2021"
OF_TASKS = {"labels": "nuisance"}
NEEDS = ["saliency", "base_run"]
MAPS_BY = ["edges"]
BY = {"attribution": "the attribution, or a control"}
COLUMNS = {
    "images": "shifted test images of the base run with a mask, of patients whom this run has not seen in training or "
    "validation",
    "undefined": "those of them without a contrast, as one of the two maps is 0 everywhere",
    "area": "share of the pixels inside the mask: the mass of a map that is even",
    "base_mass": "share of the map's absolute values inside the mask, by the network that tells apart what lies there, "
    "mean over the images with a contrast",
    "own_mass": "the same by the network of this run, which tells the nuisance groups apart",
    "untrained_mass": "the same by the base network before its training, mean over the images whose map is not 0 "
    "everywhere",
    "untrained_undefined": "how many are",
    "contrast": "base_mass less own_mass; passed where its interval is above 0, and 0 for a control, which knows no "
    "network",
    "contrast_low": "its 95 % interval, for other images and these networks",
    "contrast_high": "the same",
}
EDGES = "edges"
"""The control that is asked even if the study does not have it."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: attribution, area, base_mass, own_mass, untrained_mass and contrast. StudyError without an image that
    has a mask.
    """
    assert run.base is not None
    base, data = run.base, run.base.unseen_by(run)
    data = data.subset(np.flatnonzero(data.has_mask().numpy()))
    if len(data) == 0:
        raise StudyError(f"{base.task}: none of its test images has a mask, so no map can be inside of one")
    about = data.table[["source", "image", "label"]].assign(area=data.masks.numpy().mean(axis=(1, 2)))
    found = []
    for name in dict.fromkeys([*settings["saliency"]["attributions"], EDGES]):
        masses = _masses(name, run, base, data, settings["saliency"]["steps"])
        found.append(about.assign(attribution=name, **masses))
    images = pd.concat(found, ignore_index=True)
    images["contrast"] = images["base_mass"] - images["own_mass"]
    rows = [{"attribution": name} | _row(own) for name, own in images.groupby("attribution", sort=False)]
    return Analysed(pd.DataFrame(rows), images)


def _masses(name: str, run: Run, base: Run, data: Dataset, steps: Steps) -> dict[str, np.ndarray]:
    """Of the maps of each network the mass inside, [images]; a control has the same maps for all."""

    def inside(of: Run, network: ResNet18, steps: Steps) -> np.ndarray:
        maps = explain(
            name, network, data, of.batch_size, of.hardware, described=str(of.weights), seed=of.seed, steps=steps
        ).maps
        absolute = np.abs(maps).reshape(len(maps), -1).astype(np.float64)
        return mass(absolute, data.masks.numpy().reshape(absolute.shape))

    if attribution_card(name).control:
        return dict.fromkeys(("base_mass", "own_mass", "untrained_mass"), inside(base, base.model, steps))
    return {
        "base_mass": inside(base, base.model, steps),
        "own_mass": inside(run, run.model, steps),
        "untrained_mass": inside(base, base.untrained, untrained_steps(steps)),
    }


def _row(images: pd.DataFrame) -> dict[str, float]:
    both = images.dropna(subset="contrast")
    contrast, low, high = t_interval(both["contrast"].to_numpy())
    return {
        "images": len(images),
        "undefined": len(images) - len(both),
        "area": images["area"].mean(),
        "base_mass": both["base_mass"].mean(),
        "own_mass": both["own_mass"].mean(),
        "untrained_mass": images["untrained_mass"].mean(),
        "untrained_undefined": images["untrained_mass"].isna().sum(),
        "contrast": contrast,
        "contrast_low": low,
        "contrast_high": high,
    }
