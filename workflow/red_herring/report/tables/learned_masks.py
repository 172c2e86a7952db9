"""How well learned masks find the finding, and the nuisance, beside masks that are no trouble to make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from red_herring.report.markup import ABSENT, Section, Table, joined, mean_and_sd
from red_herring.report.masks import over_draws, title
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task

TITLE = "Learned masks"
CATEGORY = "Learned masks"
CAPTION = (
    "Masks that a small network predicts from the classifier's activations, in the form of the table of Phang et al. "
    "2020, beside masks that need none. Look first whether a masker kept the classifier's answers, then whether it "
    "beats the image itself and the gradient; of the nuisance first whether the logit changes when it is gone."
)
FILES = ["learned_masks.csv"]
ITEMS = {"{task}_learned_masks": {"tasks": "each"}}
RELEASED = False

LOCALISED = {
    "om": "OM", "le": "LE", "f1": "F1", "sm": "SM", "pxap": "PxAP",
    "iou": "IoU", "chance_iou": "chance", "iou_0": "IoU, negatives", "pointing": "Pointing", "mean_mask": "Mean mask",
}  # fmt: skip
KEPT = {
    "kept_0": "Kept in training, negatives", "kept_1": "positives", "test_kept_0": "In the test, negatives",
    "test_kept_1": "positives", "mean_mask_0": "Mean mask, negatives", "mean_mask_1": "positives",
}  # fmt: skip
ON_NUISANCE = {
    "nuisance_iou": "IoU", "nuisance_iou_0": "negatives", "nuisance_iou_1": "positives",
    "chance_nuisance_iou": "chance", "nuisance_ap": "AP", "nuisance_pointing": "Pointing",
    "nuisance_mass": "Mass", "chance_nuisance_mass": "chance",
}  # fmt: skip
CHANGE = {
    "nuisance_change": "Change", "nuisance_change_0": "negatives", "nuisance_change_1": "positives",
    "logit_sd": "SD of the logit", "nuisance_flips_0": "Flips, negatives", "nuisance_flips_1": "positives",
}  # fmt: skip
ANY = "ones"
"""The mask by whose row is said what is the same for all."""

SCORES = (*LOCALISED, *KEPT, *ON_NUISANCE, *CHANGE)
FRAME = ["task", "method", "arm", "reference", "fits", "collapsed", "score", "n", "mean", "sd"]

NOTE = (
    "Mean ± sample standard deviation over n seeds, of each the mean over draws of its examples. Collapsed: maskers "
    "whose masks of training images do not keep the classifier's answers; they have no score, and only mean mask and "
    "kept are of them, too. Lower is better of OM, LE and SM. Of positive shifted test images: LE, the share whose box "
    "misses; OM, or that the classifier tells wrong; F1 of the mask with the best box; SM, the saliency metric; PxAP, "
    "average precision of the pixels of all images together; IoU of the ROI mask and as many of the largest values. A "
    "constant mask has no scores of the pixels of single images."
)
NOTE_ON_KEPT = (
    "In training: of the images of a class that are told right the share that is so inside the mask. In the test: the "
    "share whose predicted class is the same inside, right or wrong."
)
NOTE_ON_NUISANCE = (
    "Of shifted test images of both classes: the pixels of the box, or of the planted signal, against as many of the "
    "largest values (IoU), the largest value (pointing) and the share of the sum (mass), which hardly tells "
    "classifiers apart. Chance: of independent pixels."
)
NOTE_ON_CHANGE = (
    "Whether there is anything to show. Change: of y1 - y0 when the nuisance is taken away, mean of its absolute "
    "value, and of each class with its sign, beside the standard deviation of y1 - y0 over the images. Flips: the "
    "share of each class whose predicted class changes."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every mask by every score, for every method of the one task; first the maskers.

    frame: task, method, arm (without the draw of its examples), reference, fits and collapsed (maskers), score, n
    (seeds that have it), mean and sd over seeds.
    """
    (task,) = settings["tasks"]
    own = of_task(study["learned_masks"], task)
    frame = _over_seeds(over_draws(own, SCORES))
    sections = [
        *_localised(task, frame, settings),
        _kept(task, frame, settings),
        *_on_nuisance(task, frame, settings),
    ]
    return Table(frame, sections, joined(NOTE, missing_note(own, settings)))


def _over_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (task, method, arm), own in runs.groupby(["task", "method", "setting"], sort=False):
        about = {"task": task, "method": method, "arm": arm, "reference": own["reference"].iloc[0]}
        about |= {"fits": own["fits"].sum(), "collapsed": own["collapsed"].sum()}
        rows += [
            {**about, "score": score, "n": own[score].count(), "mean": own[score].mean(), "sd": own[score].std()}
            for score in SCORES
        ]
    return pd.DataFrame(rows, columns=FRAME)


def _localised(task: str, frame: pd.DataFrame, settings: Settings) -> Iterator[Section]:
    """A section for each method; one without a run has no rows."""
    for method, about in methods_of(settings, task).items():
        own = frame[frame["method"] == method]
        rows = [[title(arm), *_counts(of), *_cells(of, LOCALISED)] for arm, of in own.groupby("arm", sort=False)]
        yield Section(f"{task}, {about['title']}", ["Mask", "n", "Collapsed", *LOCALISED.values()], rows)


def _counts(of: pd.DataFrame) -> list[str]:
    """The seeds with a score, and how many maskers have collapsed. of: the rows of one mask."""
    n, first = of.loc[of["score"] == "le", "n"].iloc[0], of.iloc[0]
    return [str(n), ABSENT if first["reference"] else f"{first['collapsed']:.0f} of {first['fits']:.0f}"]


def _cells(of: pd.DataFrame, scores: Mapping[str, Any]) -> list[str]:
    """Mean and standard deviation of each; ABSENT where it is asked of no run or has no value."""
    cells = of.set_index("score").loc[list(scores)]
    return [mean_and_sd(row["mean"], row["sd"]) if row["n"] else ABSENT for _, row in cells.iterrows()]


def _kept(task: str, frame: pd.DataFrame, settings: Settings) -> Section:
    return _of_all(f"{task}: what masks keep", frame, KEPT, settings, NOTE_ON_KEPT)


def _on_nuisance(task: str, frame: pd.DataFrame, settings: Settings) -> Iterator[Section]:
    """Where the pixels of the nuisance are known: what masks have of it, and what the answer owes to it, which asks no
    mask, so that any of them says it.
    """
    if not frame.loc[frame["score"].isin(CHANGE), "n"].sum():
        return
    yield _of_all(f"{task}: the nuisance", frame, ON_NUISANCE, settings, NOTE_ON_NUISANCE)
    rows = [
        [about["title"], str(own.loc[own["score"] == "nuisance_change", "n"].iloc[0]), *_cells(own, CHANGE)]
        for method, about in methods_of(settings, task).items()
        for own in [frame[(frame["method"] == method) & (frame["arm"] == ANY)]]
        if len(own)
    ]
    headings = ["", "n", *CHANGE.values()]
    yield Section(f"{task}: the answer without the nuisance", headings, rows, NOTE_ON_CHANGE)


def _of_all(title_of: str, frame: pd.DataFrame, scores: Mapping[str, str], settings: Settings, note: str) -> Section:
    """A row for each method and mask that has any of the scores."""
    rows = [
        [settings["methods"][method]["title"], title(arm), *_cells(of, scores)]
        for (method, arm), of in frame.groupby(["method", "arm"], sort=False)
        if of.loc[of["score"].isin(scores), "n"].sum()
    ]
    return Section(title_of, ["", "Mask", *scores.values()], rows, note, names=2)
