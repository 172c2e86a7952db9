"""Whether explanations by models that rely on a signal can be told from those by models that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.report.detection import explanation_title, own_scores, signal_in_words, signalled
from red_herring.report.markup import Section, Table, bold, joined, number, p_value, with_interval
from red_herring.report.tables._rows import Settings, Study, in_order, missing_note, of_task
from red_herring.statistics.common import SIGNIFICANCE
from red_herring.study.names import FAMILIES

TITLE = "Told apart"
CATEGORY = "Spurious signals"
CAPTION = (
    "Do explanations hold information on whether the model relies on a signal, whoever could see it? A classifier is "
    "trained on the explanations of some seeds, by spurious and by normal models, and tells apart those of a seed "
    "whose two models and images it has not seen. AUC 0.5: no information. One scale for attributions, concepts and "
    "training points; whether a reader would see it is another question."
)
FILES = ["spurious_score.csv", "told_apart.csv"]
RELEASED = False

FRAME = ["task", "method", "family", "given", "explanation", "seeds", "images", "trained", "auc", "low", "high"]
FRAME += ["p", "least_p"]
HEADINGS = ["", "Explained", "By", "Method", "Seeds", "Images", "Trained on", "AUC [95 %]", "p"]
GIVEN = {
    "clean": "clean images",
    "planted": "planted images",
    "concepts": "other concepts",
    "known": "the signal",
}
"""What is explained, in words."""

NOTE = (
    "Ridge regression of the model on the standardised explanation, each seed left out in turn, and with it its images "
    "among those of the others. AUC: mean over seeds with its 95 % interval by Student's t. As the classifiers of "
    "different seeds share what they are trained on, the interval is too narrow: of equal models it lies above 0.5 in "
    "6 to 10 % of simulated cases, not 2.5 %. p: share of the ways to exchange the two models of seeds in which the "
    "mean is as high or higher, exact; its lowest value is 1 / 2^(seeds - 1), so fewer than six seeds cannot be below "
    "0.05. Bold: p below 0.05, without correction for how many there are. Undefined for fewer than three seeds, as "
    "what tells one model from one other are these two models, and where seeds have all their images in common. Maps "
    "have few pixels and a sum of 1; concepts are their scores in all layers, and no image is left out of theirs. By "
    "training points compare with those drawn at random: the images of a spurious model carry the signal whoever picks "
    "them."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every explanation for every method of each task with a signal, of all seeds together.

    frame: task, method, family (the analysis), given (clean or planted images; `concepts` that are not the signal, or
    `known`, the signal), explanation, seeds (with an AUC), images and trained (on how many each is tested and its
    classifier trained, means over seeds), auc with its 95 % interval low and high, p, least_p (the lowest that so many
    seeds can have).
    """
    told = study["told_apart"]
    frame = in_order(told[told["seed"].isna()], settings)[FRAME]
    sections = [
        Section(f"{task}: {signal_in_words(signal)}", HEADINGS, _lines(of_task(frame, task), settings), names=4)
        for task, signal in signalled(settings).items()
    ]
    return Table(frame, sections, joined(NOTE, missing_note(own_scores(study["spurious_score"]), settings)))


def _lines(frame: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """frame: of one task."""
    groups = frame.groupby(["family", "given", "explanation"], sort=False)
    return [_line(row, settings) for _, own in groups for _, row in own.iterrows()]


def _line(row: pd.Series, settings: Settings) -> list[str]:
    by = explanation_title(row["explanation"], settings)
    return [
        *(FAMILIES[row["family"]], GIVEN.get(row["given"], row["given"]), by),
        *(settings["methods"][row["method"]]["title"], f"{row['seeds']:.0f}"),
        *(number(row[name], 0) for name in ("images", "trained")),
        bold(with_interval(row["auc"], row["low"], row["high"]), row["p"] < SIGNIFICANCE),
        number(np.nan) if np.isnan(row["p"]) else p_value(row["p"]),
    ]
