"""Whether maps of two runs that differ in the seed alone are more alike than maps of different images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.markup import Section, Table, joined, mean_and_sd, number, with_interval
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.statistics.randomisation import Pairs, pair_interval
from red_herring.study.names import SIMILARITIES

TITLE = "Agreement of seeds"
CATEGORY = "Sanity checks"
CAPTION = (
    "Whether two runs of a method that differ in the seed alone, and so in split, initial weights and batches, "
    "explain the same new images alike: the similarity of their maps, less that of one run's maps of different "
    "images. Where that difference is not above 0, what a map shows of an image is not what another run would show."
)
FILES = ["seed_agreement.csv"]
ITEMS = {"{task}_seed_agreement": {"tasks": "each"}}
RELEASED = False

KEYS = ["similarity", "attribution", "method"]
FRAME = [
    *("task", *KEYS, "n", "images", "undefined", "value", "value_sd", "cross_image", "cross_image_sd"),
    *("difference", "low", "high", "interval_over"),
]
LEAST_SEEDS = 3
"""With two there is one pair of networks, whichever is the first."""

HEADINGS = ["", "Method", "n", "Images", "Undefined", "Two seeds", "Other images", "Difference [95 %]"]

NOTE = (
    "n: pairs of seeds, each seed with the next one of the study; images: those of a pair, shifted test images that "
    "the second run has not seen. Two seeds: similarity of the maps of an image, mean over images; other images: that "
    "of the first run's maps of two different ones; both ± sample standard deviation over pairs, which the first has "
    "only with more than two seeds, as two are one pair of networks. Difference: the first less the second. Its "
    "interval is over seeds, re-splits of this pool of images, each left out with both its pairs; with two seeds it is "
    "over images. Undefined: images of which a map is constant, of all pairs."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every attribution by every similarity, for every method of the one task.

    frame: task, similarity, attribution, method, n (pairs of seeds with a difference), images (mean), undefined (sum),
    value and cross_image, each mean and sd over these pairs (of value none with two seeds), difference with its 95 %
    interval low and high, interval_over (seeds, or images where these are two).
    """
    (task,) = settings["tasks"]
    own = of_task(study["seed_agreement"], task)
    found = {keys: _of_pairs(rows) for keys, rows in own.groupby(KEYS, sort=False)}
    ordered = [
        (similarity, attribution, method)
        for similarity in dict.fromkeys(own["similarity"])
        for attribution in settings["attributions"]
        for method in methods_of(settings, task)
    ]
    rows = [{"task": task, **dict(zip(KEYS, keys, strict=True)), **found[keys]} for keys in ordered if keys in found]
    frame = pd.DataFrame(rows, columns=FRAME)
    sections = [
        Section(
            f"{task}: {SIMILARITIES[similarity]}",
            HEADINGS,
            [_cells(row, settings) for _, row in of.iterrows()],
            names=2,
        )
        for similarity, of in frame.groupby("similarity", sort=False)
    ]
    return Table(frame, sections, joined(NOTE, missing_note(own, settings)))


def _of_pairs(runs: pd.DataFrame) -> Mapping[str, Any]:
    """runs: those of one method, attribution and similarity, each beside the run of its other_seed."""
    defined = runs.dropna(subset="difference")
    seeds = sorted({*defined["seed"], *defined["other_seed"]})
    first, second = (np.searchsorted(seeds, defined[column]) for column in ("seed", "other_seed"))
    difference, low, high = pair_interval(Pairs(first, second, defined["difference"].to_numpy()), len(seeds))
    over = "seeds" if len(seeds) >= LEAST_SEEDS else "images"
    if over == "images":  # at least as wide as that of the mean difference
        low, high = defined[["difference_low", "difference_high"]].mean(skipna=False)
    return {
        "n": len(defined),
        "images": runs["images"].mean(),
        "undefined": runs["undefined"].sum(),
        "value": defined["value"].mean(),
        "value_sd": defined["value"].std() if over == "seeds" else np.nan,
        "cross_image": defined["cross_image"].mean(),
        "cross_image_sd": defined["cross_image"].std(),
        "difference": difference,
        "low": low,
        "high": high,
        "interval_over": over,
    }


def _cells(row: pd.Series, settings: Settings) -> list[str]:
    return [
        settings["attributions"][row["attribution"]]["title"],
        settings["methods"][row["method"]]["title"],
        f"{row['n']}",
        number(row["images"], 0),
        f"{row['undefined']:.0f}",
        mean_and_sd(row["value"], row["value_sd"]),
        mean_and_sd(row["cross_image"], row["cross_image_sd"]),
        with_interval(row["difference"], row["low"], row["high"]),
    ]
