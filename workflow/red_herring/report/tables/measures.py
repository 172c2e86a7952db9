"""How good the answers and probabilities of classifiers are on each test set: groups, precision, calibration."""

from __future__ import annotations

from typing import Any

import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.report.markup import Section, Table, joined, number
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.report.tables._scores import score

TITLE = "Groups and calibration"
CATEGORY = "Tables"
CAPTION = (
    "Accuracy, that of the worst of the four cells of nuisance and label, the area under the precision-recall curve, "
    "and whether probabilities are what they say, on each test set, with what a guess or a calibrated classifier would "
    "have. A shortcut shows in the worst group, and in a calibration that holds in distribution only. {in_validation}"
)
FILES = ["measures.csv"]
ITEMS = {
    "{task}_measures": {"tasks": "each"},
}
IN_VALIDATION = {
    "shifted": (
        "the temperature is fitted on the validation set, which has the shifted relation: it knows the shift, which a "
        "user would not"
    ),
    "in_distribution": "the temperature is fitted on the validation set, which has the relation of training",
    "balanced": "the temperature is fitted on the validation set, where nuisance and finding are unrelated",
}

MEASURES = {
    "accuracy": "Accuracy",
    "worst_group_accuracy": "Worst group",
    "auprc": "AUPRC",
    "ece": "ECE",
    "ece_calibrated": "if calibrated",
    "ece_scaled": "ECE, scaled",
    "ece_scaled_calibrated": "if calibrated",
    "brier": "Brier",
    "temperature": "Temperature",
}
"""Measure -> the heading of its column."""

TITLES = {
    "test": "shifted test set",
    "test_in_distribution": "test set in distribution",
    "test_balanced": "balanced test set",
}


def tabulate(study: Study, settings: Settings) -> Table:
    """Every measure of the one task on each of its test sets.

    frame: task, test_set, method, n (runs), images and prevalence (means over runs), empty_cells (of four, the most of
    a run), for each of MEASURES n, mean and sd over seeds, and chance_ of those that a guess has (`guessed`).
    """
    (task,) = settings["tasks"]
    own = of_task(study["measures"], task)
    rows = [
        {"task": task, "test_set": name, "method": method, **_over_seeds(found)}
        for name in TESTS
        for method in methods_of(settings, task)
        for found in [own[(own["test_set"] == name) & (own["method"] == method)]]
    ]
    frame = pd.DataFrame(rows)
    shown = {name: part for name, part in frame.groupby("test_set", sort=False) if part["images"].max() > 0}
    sections = [
        Section(f"{task}: {TITLES[name]}", ["Method", "n", *MEASURES.values()], _rows(part, settings), _cells(part))
        for name, part in shown.items()
    ]
    return Table(frame, sections, joined(NOTE, _without_images(frame, shown), missing_note(own, settings)))


NOTE = (
    "n: seeds. Mean ± sample standard deviation over seeds. Worst group: the lowest accuracy in one of the four cells "
    "of nuisance and label that have images; a coin has 0.50 in each, and less in the worst of four small ones. "
    "AUPRC: average precision. ECE: expected calibration error, the mean distance of confidence and share of right "
    "answers in 15 bins of equal mass (Guo et al. 2017). Ideal is 0, which finite images do not give; if calibrated: "
    "what a perfectly calibrated classifier of the same confidences scores on average on as many images. Scaled: with "
    "the logits divided by a temperature, fitted on the validation set between 0.01 and 100, and at a bound where no "
    "temperature between fits better; 1 changes nothing. Of a method whose last layer is fitted to the validation set "
    "(DFR) it is fitted to the logits of each half of that set by a layer that was fitted to the other half. Brier: "
    "mean squared "
    "distance of probability and label. Guessing: a coin; for AUPRC and Brier score the share of positives as the "
    "probability of every image."
)


def guessed(prevalence: float) -> dict[str, float]:
    """Measure -> what it is by guessing."""
    return {
        "accuracy": 0.5,
        "worst_group_accuracy": 0.5,
        "auprc": prevalence,
        "brier": prevalence * (1 - prevalence),
    }


def _over_seeds(found: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {"n": len(found)}
    row |= {name: found[name].mean() for name in ("images", "prevalence")} | {"empty_cells": found["empty_cells"].max()}
    for name in MEASURES:
        row |= {f"{name}_n": found[name].count(), f"{name}_mean": found[name].mean(), f"{name}_sd": found[name].std()}
    return row | {f"chance_{name}": value for name, value in guessed(row["prevalence"]).items()}


def _rows(part: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """A row for each method, and one for guessing and a perfect calibration."""
    rows = [
        [settings["methods"][row["method"]]["title"], str(row["n"]), *(score(row, name) for name in MEASURES)]
        for _, row in part.iterrows()
    ]
    ideal = {"ece": 0.0, "ece_scaled": 0.0, "temperature": 1.0} | guessed(part["prevalence"].mean())
    last = ["Guessing, or calibrated", "", *(number(ideal[name]) if name in ideal else "" for name in MEASURES)]
    return [*rows, last]


def _cells(part: pd.DataFrame) -> str:
    """How many images there are, and which cells are empty."""
    counted = f"{part['images'].mean():.0f} images."
    empty = part["empty_cells"].max()
    return joined(counted, f"{empty:.0f} of the four cells have no image." if empty > 0 else "")


def _without_images(frame: pd.DataFrame, shown: dict[str, pd.DataFrame]) -> str:
    absent = [TITLES[name] for name in dict.fromkeys(frame["test_set"]) if name not in shown]
    return f"No images, and so no section: {', '.join(absent)}." if absent and frame["n"].any() else ""
