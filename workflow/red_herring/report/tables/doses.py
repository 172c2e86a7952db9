"""How the scores of each method go with the ratio of the shift, over tasks that are alike but for it."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import Section, Table, joined, number
from red_herring.report.sweeps import (
    DOSE_SCORES,
    RATIO,
    dose_scores,
    floors_of,
    in_words,
    listed,
    named,
    reference_at,
    shown_methods,
    value_of,
)
from red_herring.report.tables._rows import Settings, Study, missing_note
from red_herring.report.tables._sweeps import rows_by
from red_herring.statistics.paired import t_interval

TITLE = "Dose and response"
CATEGORY = "Analyses"
CAPTION = (
    "What each method scores as the nuisance goes along with the label in more of the training images, beside what the "
    "nuisance alone scores. Look where a method leaves the level that it has at 0.5, and whether the maps say so "
    "before the AUC does."
)
FILES = ["runs.csv"]
OPTIONAL = ["localisation.csv", "reliance.csv"]
ITEMS = {"doses": {"series": "ratio"}}
RELEASED = False

FRAME = ["series", "task", "ratio", "method", "score", "n", "mean", "sd", "low", "high", "reference"]

NOTE = (
    "Mean over seeds, and its 95 % interval by Student's t over seeds, of re-splits of this pool of images; none where "
    "all seeds are the same. With three seeds it reaches 2.5 standard deviations to each side. It takes scores for "
    "normal, may reach beyond 1, and is too narrow for AUCs near 1: see docs/results.md. Nuisance alone: on the "
    "shifted test sets as they were drawn, mean over seeds, about 1 - ratio; but for rounding the ratio in "
    "distribution, and 0.5 where they are unrelated. Each task has the hyperparameters of the task that it is tuned on."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every score of every method along each series of ratios.

    frame: series, task, ratio, method, score (of `sweeps.DOSE_SCORES`, as far as the study has them), n (runs with that
    score), mean, sd, low and high (`t_interval`), reference (what the nuisance alone scores, `sweeps.floors_of` or
    `sweeps.reference_at`). No row for a method without runs.
    """
    (attribution, about), *_ = settings["attributions"].items()
    floors = floors_of(study["runs"])
    runs = dose_scores(study["runs"], study.get("localisation"), study.get("reliance"), attribution)
    frame = pd.DataFrame(
        [
            _row((name, task, value_of(settings["tasks"][task], RATIO), method, score), runs, floors)
            for name, series in named(settings["series"], RATIO).items()
            for task in series
            for method in shown_methods(runs, [task], settings["methods"])
            for score in DOSE_SCORES
            if score in runs
        ],
        columns=FRAME,
    )
    titles = DOSE_SCORES | {"corrected_iou": f"{DOSE_SCORES['corrected_iou']} ({about['title']})"}
    sections = [
        _section(f"{name}: {titles[score]}", rows, settings)
        for (name, score), rows in frame.groupby(["series", "score"], sort=False)
    ] or [Section(name, [], [], "No run.") for name in named(settings["series"], RATIO)]
    return Table(frame, sections, joined(NOTE, missing_note(runs, settings)))


def _row(names: tuple[str, str, float, str, str], runs: pd.DataFrame, floors: pd.Series) -> tuple[object, ...]:
    _, task, ratio, method, score = names
    values = runs.loc[(runs["task"] == task) & (runs["method"] == method), score].dropna()
    interval = t_interval(values.to_numpy())
    about = (len(values), values.mean(), values.std(), interval.low, interval.high)
    drawn = floors.get(task) if score == "test_auc" else None
    return (*names, *about, reference_at(score, ratio) if drawn is None else drawn)


def _section(title: str, frame: pd.DataFrame, settings: Settings) -> Section:
    """A column for each task, headed by its ratio."""
    tasks = frame.drop_duplicates("task")
    rows = rows_by(frame.rename(columns={"task": "place"}), tasks["task"], settings)
    if tasks["score"].iloc[0].endswith("_auc"):
        rows.append(["Nuisance alone", *map(number, tasks["reference"])])
    return Section(title, ["Method", *in_words(tasks["ratio"])], rows, listed(list(tasks["task"])))
