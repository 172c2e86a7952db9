"""Whether maps depend on the weights: each attribution passes or fails by the end of the cascade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.markup import ABSENT, UNDEFINED, Section, Table, bold, joined, number, with_interval
from red_herring.report.scores import attributions_shown, methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.statistics.randomisation import interval_over_runs, verdict
from red_herring.study.names import ARM_IN_WORDS, SIMILARITIES

TITLE = "Weight randomisation"
CATEGORY = "Sanity checks"
CAPTION = (
    "Whether the maps of each attribution depend on what the network has learnt: an attribution passes when its maps, "
    "once all weights are random, are less like those of the trained network than maps of different images are. One "
    "that fails shows the image or the architecture, whatever was learnt. Look first at the verdicts, then at the "
    "controls below (edges, edges times input, random maps), which know nothing of the network."
)
FILES = ["weight_randomisation.csv"]
ITEMS = {"{task}_weight_randomisation": {"tasks": "each"}}
RELEASED = False

ARM = ["statistics", "target"]
KEYS = [*ARM, "similarity", "attribution", "method"]
MEANS = ["images", "draws", "zeros", "value", "cross_image", "floor", "edges", "entropy", "completeness_error"]
RUNS = ["passed", "failed", "undecided"]
"""How many runs have each verdict by their own interval, over images and draws."""

FRAME = [
    *("task", "method", "attribution", "similarity", *ARM, "block", "blocks", "n", *MEANS[:2], "undefined", *MEANS[2:]),
    *("difference", "low", "high", "interval_over", "verdict", *RUNS),
]

HEADINGS = [
    *("", "Method", "n", "All random", "Other images", "Floor", "Edges", "Difference [95 %]", "Verdict"),
    *("Runs: pass, fail", "Entropy", "Zeros", "Undefined"),
]

NOTE = (
    "All random: similarity of the map of the trained network and that of the same image after the last step of the "
    "cascade, mean over images and draws of weights. Other images: the line, maps of the trained network of two "
    "different images. Difference: the first less the second; its interval is by Student's t over seeds, which are "
    "re-splits of this pool of images, and no narrower than those of the runs leave it; two seeds decide little, as t "
    "then reaches 13 standard errors to each side. Pass: the interval lies below 0; fail: above it; with no correction "
    "for how many verdicts there are, so that of equal similarities one in 40 may pass and one in 40 fail. Runs, and "
    "the numbers behind what is undecided: how many pass and fail by their own interval, over images and draws. Floor: "
    "the trained map of an image and the randomised one of another one, which share nothing but the method; edges: the "
    "trained map and the edges of its image. Entropy: of the randomised network's predictions, nats, 0.69 at most; "
    "near 0 it is saturated, whatever it is shown. Zeros: share of the pixels of the randomised maps that are exactly "
    "0; undefined: pairs with a constant map, of all runs."
)
ALONE = "its interval is over images and draws"
NO_CASCADE = "No cascade was asked for, so there is no network of which all weights are random."


def tabulate(study: Study, settings: Settings) -> Table:
    """The verdict on every attribution by every similarity, for every method and arm of the one task.

    frame: task, method, attribution, similarity, statistics, target, block and blocks (the end of the cascade, and how
    many are random there), n (runs with a difference), undefined (sum over runs), means over these runs of the other
    columns of weight_randomisation.csv, difference with its 95 % interval low and high, interval_over (seeds, or
    images of the one run), verdict (pass, fail, undecided; undefined where no run has a difference), and of the single
    runs how many passed, failed and are undecided.
    """
    (task,) = settings["tasks"]
    table = of_task(study["weight_randomisation"], task)
    ends = _ends(table)
    attributions = attributions_shown(settings, ends["attribution"])
    ends = ends[ends["method"].isin(methods_of(settings, task))]
    found = {keys: _judged(rows) for keys, rows in ends.groupby(KEYS, sort=False)}
    ordered = [
        (*arm, similarity, attribution, method)
        for arm in dict.fromkeys(ends[ARM].itertuples(index=False, name=None))
        for similarity in dict.fromkeys(ends["similarity"])
        for attribution in attributions
        for method in methods_of(settings, task)
    ]
    rows = [{"task": task, **dict(zip(KEYS, keys, strict=True)), **found[keys]} for keys in ordered if keys in found]
    frame = pd.DataFrame(rows, columns=FRAME)
    none = [Section(task, ["", ""], [], NO_CASCADE if len(table) else "")]
    sections = list(_sections(task, frame, attributions, settings)) or none
    return Table(frame, sections, joined(NOTE, missing_note(table, settings, ALONE)))


def _ends(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in which all blocks are random."""
    cascade = table[table["order"] == "cascading"]
    return cascade[cascade["blocks"] == cascade["blocks"].max()]


def _judged(runs: pd.DataFrame) -> Mapping[str, Any]:
    """runs: the ends of the runs of one method, attribution, similarity and arm."""
    defined = runs.dropna(subset="difference")
    own = defined[["difference_low", "difference_high"]].to_numpy(float)
    difference, low, high = interval_over_runs(defined["difference"].to_numpy(float), *own.T)
    of_runs = [verdict(*ends) for ends in own]
    counted = zip(RUNS, ("pass", "fail", "undecided"), strict=True)
    return {
        **runs[["block", "blocks"]].iloc[0],
        **(defined if len(defined) else runs)[MEANS].mean(),
        "n": len(defined),
        "undefined": runs["undefined"].sum(),
        "difference": difference,
        "low": low,
        "high": high,
        "interval_over": "images" if len(own) == 1 else "seeds",
        "verdict": verdict(low, high) if len(defined) else UNDEFINED,
        **{name: of_runs.count(said) for name, said in counted},
    }


def _sections(task: str, frame: pd.DataFrame, attributions: Settings, settings: Settings) -> Iterator[Section]:
    """For each arm all verdicts at a glance, then the numbers of each similarity."""
    titles = {method: about["title"] for method, about in methods_of(settings, task).items()}
    for arm, own in frame.groupby(ARM, sort=False):
        title = f"{task}, {', '.join(ARM_IN_WORDS[value] for value in arm)}"
        headings = ["", "Similarity", *titles.values()]
        yield Section(f"{title}: verdicts", headings, _at_a_glance(own, attributions, list(titles)), names=2)
        for similarity, rows in own.groupby("similarity", sort=False):
            cells = [_numbers(row, attributions, titles) for _, row in rows.iterrows()]
            yield Section(f"{title}: {SIMILARITIES[similarity]}", HEADINGS, cells, names=2)


def _at_a_glance(own: pd.DataFrame, attributions: Settings, methods: list[str]) -> list[list[str]]:
    """A row for each attribution and similarity, a column for each method; what fails is bold, and behind what several
    runs leave undecided stands how many pass and fail by themselves.
    """
    keys = zip(own["attribution"], own["similarity"], own["method"], strict=True)
    said = dict(zip(keys, map(_said, own.to_dict("records")), strict=True))
    return [
        [
            attributions[attribution]["title"],
            SIMILARITIES[similarity],
            *(said.get((attribution, similarity, method), ABSENT) for method in methods),
        ]
        for attribution in dict.fromkeys(own["attribution"])
        for similarity in dict.fromkeys(own["similarity"])
    ]


def _said(row: Mapping[str, Any]) -> str:
    counts = f" ({row['passed']}, {row['failed']})"
    return _word(row["verdict"]) + (counts if row["verdict"] == "undecided" and row["n"] > 1 else "")


def _word(said: str) -> str:
    return bold(said, said == "fail")


def _numbers(row: pd.Series, attributions: Settings, titles: Mapping[str, str]) -> list[str]:
    return [
        attributions[row["attribution"]]["title"],
        titles[row["method"]],
        f"{row['n']}",
        *(number(row[name]) for name in ("value", "cross_image", "floor", "edges")),
        with_interval(row["difference"], row["low"], row["high"]),
        _word(row["verdict"]),
        f"{row['passed']}, {row['failed']}",
        number(row["entropy"]),
        number(row["zeros"]) if np.isnan(row["zeros"]) else f"{row['zeros']:.0%}",
        f"{row['undefined']:.0f}",
    ]
