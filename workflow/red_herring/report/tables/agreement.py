"""Whether two attributions rank runs alike."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from red_herring.report.markup import (
    Section,
    Table,
    given,
    joined,
    with_interval,
)
from red_herring.report.tables._rows import (
    Settings,
    Study,
    below_each_other,
    missing_note,
    of_task,
    scored,
    two_scores,
)
from red_herring.statistics import correlation

TITLE = "Agreement"
CATEGORY = "Analyses"
CAPTION = (
    "Rank correlation over runs of how well two attributions localise. Low numbers mean that the choice of the "
    "attribution decides which run looks right."
)
FILES = ["runs.csv", "localisation.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """Whether two attributions rank runs alike: Spearman over the runs of a task of their IoUs.

    frame: task, attribution_a, attribution_b, n (runs), seeds, value, low, high (95 %, bootstrap over seeds).
    """
    runs, tasks, attributions = scored(study, settings), settings["tasks"], settings["attributions"]
    pairs = list(combinations(attributions, 2))
    parts = {(task, a, b): _agreement(of_task(runs, task), a, b) for task in tasks for a, b in pairs}
    frame = below_each_other(parts, ["task", "attribution_a", "attribution_b"], AGREEMENT)
    note = AGREEMENT_NOTE if pairs else "One attribution: nothing to compare."
    sections = [
        Section(
            f"{task}: agreement of attributions",
            ["", "With", "n", "Spearman [95 %]"],
            [_agreement_row(parts[task, a, b], attributions[a], attributions[b]) for a, b in pairs],
            names=2,
        )
        for task in tasks
    ]
    return Table(frame, sections, joined(note, missing_note(runs, settings)))


AGREEMENT_NOTE = (
    "Spearman's correlation of the IoUs of two attributions over the runs of all methods; 95 % bootstrap interval "
    "over seeds, on this pool of images. n: runs."
)


def _agreement(runs: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    found = correlation.relation(*two_scores(runs, f"iou_{a}", f"iou_{b}"), levels=["pooled"])
    return found[found["coefficient"] == "spearman"][AGREEMENT]


AGREEMENT = ["n", "seeds", "value", "low", "high"]


def _agreement_row(found: pd.DataFrame, a: Settings, b: Settings) -> list[str]:
    row = found.iloc[0]
    correlation = given(with_interval(row["value"], row["low"], row["high"]), row["n"])
    return [a["title"], b["title"], f"{row['n']:.0f}", correlation]
