"""How well the maps of each attribution agree with the ROI mask: as measured, of chance, corrected for chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from red_herring.report.markup import (
    ABSENT,
    Section,
    Table,
    joined,
    number,
)
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import (
    Settings,
    Study,
    missing_note,
    of_task,
)
from red_herring.report.tables._scores import score
from red_herring.study.names import ARMS, MEASURES

TITLE = "Localisation"
CATEGORY = "Tables"
CAPTION = (
    "Seven measures of how well each attribution agrees with the ROI mask, with their chance levels. Look for "
    "attributions that do not beat the controls (random, centre prior, edges), which know nothing of the model, the "
    "average mask of training, which knows nothing of the image, or the same attribution of the untrained network."
)
FILES = ["localisation.csv"]
ITEMS = {
    "{task}_localisation": {"tasks": "each"},
}

OF_ARMS = [f"{arm}_{name}" for arm in ARMS for name in (*MEASURES, "undefined")]
"""Columns that the authors' released runs do not have."""


def tabulate(study: Study, settings: Settings) -> Table:
    """Every measure of every attribution of the one task: as measured, of chance, and corrected for chance.

    frame: method, attribution, n (runs), images (positive test images with a mask, mean over runs), undefined (constant
    maps, sum over runs), for each measure its n, mean and sd over seeds, chance_*, corrected_*, average_mask_* and
    untrained_* n, mean and sd; average_mask_undefined and untrained_undefined, as undefined; of integrated gradients
    steps, their mean, and completeness_error, the largest.
    """
    (task,) = settings["tasks"]
    own = of_task(study["localisation"], task)
    own = own.reindex(columns=own.columns.union(OF_ARMS, sort=False))
    rows = [
        {"task": task, "method": method, "attribution": attribution, **_localised(found)}
        for attribution in settings["attributions"]
        for method in methods_of(settings, task)
        for found in [own[(own["method"] == method) & (own["attribution"] == attribution)]]
    ]
    frame = pd.DataFrame(rows)
    measures = [measure for measure in MEASURES if own[measure].notna().any()]
    note = joined(LOCALISATION_NOTE, missing_note(own, settings))
    sections = [
        Section(
            f"{task}: {about['title']}",
            ["", "Method", "n", "Images", "Undefined maps", *(MEASURES[measure] for measure in measures)],
            _localisation_rows(
                frame[frame["attribution"] == attribution], own[own["attribution"] == attribution], measures, settings
            ),
            _completeness(frame[frame["attribution"] == attribution], settings),
            names=2,
        )
        for attribution, about in settings["attributions"].items()
    ]
    return Table(frame, sections, note)


LOCALISATION_NOTE = (
    "n: seeds. Mean ± sample standard deviation over seeds of the mean over the positive test images that have a mask; "
    "images: of one run; undefined maps: constant ones, of all runs together, which have no score. Chance: what a map "
    "of random, independent pixels scores, smoothed as those of the attribution; not one as smooth as the attribution "
    "is by itself. Average mask: what the mean mask of the positive training images scores as the map of every image; "
    "where all images have one mask, 1. Untrained network: what the attribution scores for the network before its "
    "training, of the same initial weights, its batch norms with the statistics of training images; both are the same "
    "for all methods. Chance-corrected: (score - chance) / (1 - chance), 0 at chance and 1 at best."
)


def _localised(found: pd.DataFrame) -> dict[str, float]:
    row = {"n": len(found), "images": found["images"].mean(), "undefined": found["undefined"].sum(min_count=1)}
    for measure in MEASURES:
        scores = found[measure]
        row |= {f"{measure}_n": scores.count(), f"{measure}_mean": scores.mean(), f"{measure}_sd": scores.std()}
        row[f"chance_{measure}"] = found[f"chance_{measure}"].mean()
        corrected = found[f"corrected_{measure}"]
        row |= {f"corrected_{measure}_n": corrected.count(), f"corrected_{measure}_mean": corrected.mean()}
        row[f"corrected_{measure}_sd"] = corrected.std()
        for arm in ARMS:
            values = found[f"{arm}_{measure}"]
            row |= {f"{arm}_{measure}_n": values.count(), f"{arm}_{measure}_mean": values.mean()}
            row[f"{arm}_{measure}_sd"] = values.std()
    row |= {f"{arm}_undefined": found[f"{arm}_undefined"].sum(min_count=1) for arm in ARMS}
    return row | {"steps": found["steps"].mean(), "completeness_error": found["completeness_error"].max()}


def _localisation_rows(
    frame: pd.DataFrame, runs: pd.DataFrame, measures: Sequence[str], settings: Settings
) -> list[list[str]]:
    """As measured, chance, the arms and corrected below each other, as far as they are known. frame: of `tabulate`, and
    the runs that it is of, of one attribution.
    """
    measured, corrected = [], []
    for _, row in frame.iterrows():
        title = settings["methods"][row["method"]]["title"]
        counts = [str(row["n"]), *(_count(row[name]) for name in ("images", "undefined"))]
        measured.append(["As measured", title, *counts, *(score(row, name) for name in measures)])
        scores = [score(row, f"corrected_{name}") for name in measures]
        corrected.append(["Chance-corrected", title, "", "", "", *scores])
    chance = [frame[f"chance_{name}"].mean() for name in measures]
    if np.isnan(chance).all():
        return measured
    by_chance = ["Chance", "", "", "", "", *(number(value) for value in chance)]
    return [*measured, by_chance, *_arms(runs, measures), *corrected]


def _arms(runs: pd.DataFrame, measures: Sequence[str]) -> list[list[str]]:
    """A row for each arm that the runs have, over seeds, as it is the same for all methods."""
    row = pd.Series(_localised(runs.drop_duplicates("seed")), dtype=object)
    return [
        [title, "", str(row["n"]), _count(row["images"]), _count(row[f"{arm}_undefined"])]
        + [score(row, f"{arm}_{name}") for name in measures]
        for arm, title in ARMS.items()
        if runs[f"{arm}_undefined"].notna().any()
    ]


def _completeness(rows: pd.DataFrame, settings: Settings) -> str:
    """How far integrated gradients are from adding up, in a sentence; of other attributions nothing."""
    if rows["steps"].isna().all():
        return ""
    listed = ", ".join(
        f"{settings['methods'][row['method']]['title']} {row['steps']:.0f} and {row['completeness_error']:.1%}"
        for _, row in rows.dropna(subset="steps").iterrows()
    )
    incomplete = " Where the error is above 1 %, the way was divided no further." if _exceeded(rows) else ""
    return f"Mean number of steps and largest completeness error: {listed}.{incomplete}"


def _exceeded(rows: pd.DataFrame) -> bool:
    return bool((rows["completeness_error"] > 0.01).any())


def _count(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.0f}"
