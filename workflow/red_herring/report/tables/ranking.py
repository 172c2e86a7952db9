"""The methods ranked on each task, with the tuning that each had."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import ABSENT, Section, Table, given, joined, with_interval
from red_herring.report.sweeps import beside, ranked_tasks
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.statistics.common import LEAST_SEEDS
from red_herring.statistics.paired import t_interval
from red_herring.statistics.ranks import RANKS, ranks

TITLE = "Ranking"
CATEGORY = "Analyses"
CAPTION = (
    "The methods by their AUC on the shifted test set, beside their ranks where nuisance and label are unrelated, what "
    "they are told of the images besides the labels, and the search that each had. Look how far the ranks of single "
    "seeds reach before any method is called the best, and which methods owe their place to masks or groups."
)
FILES = ["runs.csv"]
OPTIONAL = ["trials.csv", "searches.csv", "measures.csv"]

BALANCED = "test_balanced"
SCORES = {
    "test_auc": "AUC, shifted",
    "test_balanced_auc": "AUC, balanced",
    "worst_group_accuracy": "worst group, balanced",
}
"""Scores of runs by which methods are ranked."""

TUNING = ["trials", "failed", "searched"]
FRAME = ["task", "method", "uses", "score", "n", "mean", "sd", "low", "high", *RANKS, *TUNING]

NOTE = (
    "Mean over seeds [95 % by Student's t over seeds, taking scores for normal; none where all seeds are the same]. "
    "Rank: by the mean over the seeds that all methods of the task have, 1 is the highest; "
    "methods of one mean share their places; in brackets the best and the worst "
    f"rank in a single seed, then the 95 % bootstrap interval over seeds, which needs {LEAST_SEEDS} of them. All is "
    "said of re-splits of this pool of images. Worst group: the lowest accuracy of the four cells of label and "
    "nuisance. Uses: what the method, or the sampling of its batches, is told of a training image besides its label: "
    "its mask, or its nuisance group. Groups of validation images: labels and nuisance groups of these, to which the "
    "last layer is fitted after training; of the others, validation chooses epoch and hyperparameters alone. "
    "Trials: of the search whose hyperparameters it has; failed ones come on top; searched: how many hyperparameters; "
    "none where they were given. "
    "Methods with fewer trials, or more to search, had less of a chance."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """The methods of each task that has two or more, by their rank on the shifted test set.

    frame: task, method, uses (`MethodCard.told`, with commas, or nothing), score (of SCORES, as far as the study
    has it), n (seeds with it), mean, sd, low and high (`t_interval`), the columns of `ranks`, and trials, failed and
    searched: of the search of the task that this one is tuned on.
    """
    runs = study["runs"]
    if "measures" in study:
        measures = study["measures"]
        balanced = measures[measures["test_set"] == BALANCED]
        runs = beside(runs, balanced, {"worst_group_accuracy": "worst_group_accuracy"})
    tasks = ranked_tasks(settings)
    parts = [
        _ranked(of_task(runs, task), score, settings).assign(task=task, score=score)
        for task in tasks
        for score in SCORES
        if score in runs and of_task(runs, task)[score].notna().any()
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=FRAME[:-3])
    tuning = [
        _tuning(study, settings["tasks"][row.task].get("tuned_on", row.task), row.method) for row in frame.itertuples()
    ]
    frame = frame.join(pd.DataFrame(tuning, columns=TUNING, index=frame.index))[FRAME]
    sections = [_section(task, of_task(frame, task), settings) for task in tasks]
    sections = sections or [Section("Ranking", [], [], "No task has two methods.")]
    return Table(frame, sections, joined(NOTE, missing_note(runs, settings)))


def _ranked(runs: pd.DataFrame, score: str, settings: Settings) -> pd.DataFrame:
    """The methods that have runs on the task, by rank."""
    methods = [method for method in settings["methods"] if method in set(runs["method"])]
    values = runs.pivot_table(index="seed", columns="method", values=score).reindex(columns=methods)
    rows = [
        {"method": method, "uses": ", ".join(settings["methods"][method]["uses"]), **_summary(values[method])}
        for method in methods
    ]
    table = pd.DataFrame(rows).join(ranks(values), on="method")
    return table.sort_values("rank", kind="stable", ignore_index=True)


def _summary(values: pd.Series) -> dict[str, float]:
    interval = t_interval(values.dropna().to_numpy())
    return {
        "n": values.count(),
        "mean": values.mean(),
        "sd": values.std(),
        "low": interval.low,
        "high": interval.high,
    }


def _tuning(study: Study, task: str, method: str) -> tuple[float, ...]:
    """How many trials of the search did not fail and how many did, and how many hyperparameters were searched."""
    found = []
    for name in ("trials", "searches"):
        table = study.get(name, pd.DataFrame(columns=["task", "method", "status", "low"]))
        found.append(table[(table["task"] == task) & (table["method"] == method)])
    trials, searches = found
    done = [(trials["status"] == status).sum() if len(trials) else float("nan") for status in ("ok", "failed")]
    return (*done, searches["low"].notna().sum() if len(searches) else float("nan"))


def _section(task: str, frame: pd.DataFrame, settings: Settings) -> Section:
    """The methods in the order of the first score."""
    if frame.empty:
        return Section(task, [], [], "No run.")
    scores = list(dict.fromkeys(frame["score"]))
    headings = ["Method", "Approach", "Uses", "n"]
    headings += [heading for score in scores for heading in (f"{SCORES[score]} [95 %]", "Rank (seeds) [95 %]")]
    cells = frame.set_index(["method", "score"])
    rows = []
    for method in dict.fromkeys(frame["method"]):
        about, first = settings["methods"][method], cells.loc[(method, scores[0])]
        row = [about["title"], about["approach"], first["uses"] or "labels alone", f"{first['n']:.0f}"]
        for score in scores:
            of = cells.loc[(method, score)]
            row += [given(with_interval(of["mean"], of["low"], of["high"]), of["n"]), given(_rank(of), of["n"])]
        rows.append([*row, *(ABSENT if pd.isna(first[name]) else f"{first[name]:.0f}" for name in TUNING)])
    return Section(task, [*headings, "Trials", "Failed", "Searched"], rows, _ranked_on(cells, scores), names=3)


def _ranked_on(cells: pd.DataFrame, scores: list[str]) -> str:
    """How many seeds the ranks are of, where that is not all that there are."""
    by_score = cells.groupby("score")[["ranked", "n"]].max().loc[scores]
    fewer = by_score[by_score["ranked"] < by_score["n"]]
    return joined(
        *(f"{SCORES[score]}: ranked on {row.ranked:.0f} of {row.n:.0f} seeds." for score, row in fewer.iterrows())
    )


def _rank(row: pd.Series) -> str:
    """`2 (1 to 4) [1, 3]`, `1–3` where methods share their places."""
    if pd.isna(row["rank"]):
        return ABSENT
    shared = "" if row["last"] == row["rank"] else f"–{row['last']:.0f}"
    interval = "" if pd.isna(row["rank_low"]) else f" [{row['rank_low']:.0f}, {row['rank_high']:.0f}]"
    return f"{row['rank']:.0f}{shared} ({row['best']:.0f} to {row['worst']:.0f}){interval}"
