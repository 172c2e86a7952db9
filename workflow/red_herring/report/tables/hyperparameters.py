"""What the searches found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from red_herring.report.collect import SEARCHES
from red_herring.report.markup import (
    ABSENT,
    Section,
    Table,
    given,
    joined,
    number,
    p_value,
)
from red_herring.report.scores import left_out_note, methods_of
from red_herring.report.tables._rows import (
    Settings,
    Study,
    in_order,
    of_task,
)
from red_herring.statistics import correlation

TITLE = "Hyperparameters"
CATEGORY = "Analyses"
CAPTION = (
    "The best hyperparameters of every search, their ranges, and how validation AUC went with each. An optimum on a "
    "bound (flagged) says that the range was too narrow or the penalty was switched off."
)
FILES = ["trials.csv", "searches.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """The best value of each hyperparameter in its range, and how the validation AUC of the trials goes with it.

    frame: task, method, hyperparameter, law, low, high (of the range), best, on_bound, trials (that did not fail),
    failed, value and p of `correlation.spearman` over these trials.
    """
    searches = in_order(study["searches"], settings)[SEARCHES]
    tried = [
        _tried(study["trials"], *row) for row in searches[["task", "method", "hyperparameter"]].itertuples(index=False)
    ]
    frame = searches.join(pd.DataFrame(tried, columns=["trials", "failed", "value", "p"]))
    sections = [
        Section(f"{task}: hyperparameters", SEARCH_HEADINGS, _search_rows(of_task(frame, task), methods), names=3)
        for task in settings["tasks"]
        for methods in [methods_of(settings, task)]
    ]
    return Table(frame, sections, joined(SEARCH_NOTE, left_out_note(settings)))


SEARCH_HEADINGS = ["", "Hyperparameter", "Law", "Range", "Best", "On a bound", "Trials", "Failed", "Spearman", "p"]

SEARCH_NOTE = (
    "On a bound: within 5 % of an end of the range, on the scale of its law. Trials: those that did not fail. "
    "Spearman: of their best validation AUC with the hyperparameter; undefined for fewer than four. The search "
    "chooses its trials by the AUC of earlier ones, so p is a guide only."
)


def _tried(trials: pd.DataFrame, task: str, method: str, name: str) -> tuple[int, int, float, float]:
    own = trials[(trials["task"] == task) & (trials["method"] == method)]
    good = own[own["status"] == "ok"].reindex(columns=[name, "valid_auc"]).astype(float)
    return len(good), int((own["status"] == "failed").sum()), *correlation.spearman(*good.to_numpy().T)


def _search_rows(frame: pd.DataFrame, methods: Mapping[str, Settings]) -> list[list[str]]:
    """A method that nothing is known of has a row as well."""
    rows = []
    for method, about in methods.items():
        title, own = about["title"], frame[frame["method"] == method]
        rows += [_search_row(row, title) for _, row in own.iterrows()]
        if own.empty:
            rows.append([title, *[ABSENT] * 5, "0", *[ABSENT] * 3])
    return rows


def _search_row(row: pd.Series, title: str) -> list[str]:
    searched = not np.isnan(row["low"])
    span = f"{row['low']:.3g} to {row['high']:.3g}" if searched else ABSENT
    bound = ("yes" if row["on_bound"] else "no") if searched else ABSENT
    tried = [given(text, row["trials"]) for text in (number(row["value"]), p_value(row["p"]))]
    names = [title, row["hyperparameter"].replace("_", " "), row["law"] if searched else "given"]
    return [*names, span, f"{row['best']:.3g}", bound, str(row["trials"]), str(row["failed"]), *tried]
