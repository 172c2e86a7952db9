"""What an analysis says of every run: the form of its table unless it has a module of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from red_herring.report.markup import Section, Table, given, joined, mean_and_sd
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task

TITLE = "{analysis}"
CATEGORY = "Analyses"
CAPTION = (
    "What an analysis says of the runs: the mean and standard deviation over seeds of each of its numbers. Below the "
    "table stands what each number is, and what it would be by chance."
)
FILES = ["{analysis}.csv"]
ITEMS = {"{analysis}": {"title": "{analysis}"}}
RELEASED = False

ZEROS = 0.01
"""Numbers below it have at most one digit among the first two after the point."""


def tabulate(study: Study, settings: Settings) -> Table:
    """Every number of the analysis for every task and method.

    settings: `analysis`, its name; `by`, `columns`: column -> what it holds.

    frame: task, method, the columns of `by`, column, n (runs with a number), mean and sd over seeds.
    """
    table, by = study[settings["analysis"]], list(settings["by"])
    rows = [
        {"task": task, "method": method, **of, "column": column, **_over_seeds(found[column])}
        for task in settings["tasks"]
        for method in methods_of(settings, task)
        for of, found in _parts(of_task(table, task).query("method == @method"), by)
        for column in settings["columns"]
    ]
    frame = pd.DataFrame(rows, columns=["task", "method", *by, "column", "n", "mean", "sd"])
    sections = [_section(task, of_task(frame, task), by, settings) for task in settings["tasks"]]
    meanings = [f"{name}: {what}." for name, what in {**settings["by"], **_shown(settings["columns"])}.items()]
    intervals = f"The intervals of single runs are in {settings['analysis']}.csv."
    note = joined(
        "Mean ± sample standard deviation over seeds.",
        *meanings,
        intervals if len(_shown(settings["columns"])) < len(settings["columns"]) else "",
        missing_note(table, settings),
    )
    return Table(frame, sections, note)


def _shown(columns: Mapping[str, str]) -> dict[str, str]:
    """Those to read: without the ends of the intervals of a run, whose means over runs are no interval's."""
    ends = {f"{name}_{end}" for name in columns for end in ("low", "high")}
    return {name: what for name, what in columns.items() if name not in ends}


def _parts(table: pd.DataFrame, by: list[str]) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The rows for each value of the columns of `by`, in the order of the analysis."""
    if not by:
        yield {}, table
        return
    for values, rows in table.groupby(by, sort=False):
        yield dict(zip(by, values, strict=True)), rows


def _over_seeds(values: pd.Series) -> Mapping[str, float]:
    return {"n": values.count(), "mean": values.mean(), "sd": values.std()}


def _section(task: str, frame: pd.DataFrame, by: list[str], settings: Settings) -> Section:
    """A row for each number, a column for each method."""
    methods = methods_of(settings, task)
    titles = [about["title"] for about in methods.values()]
    rows = []
    for names, found in frame[frame["column"].isin(_shown(settings["columns"]))].groupby([*by, "column"], sort=False):
        cells = found.set_index("method")
        rows.append([*names, *(_cell(cells, method) for method in methods)])
    return Section(task, [*by, "Number", *titles], rows, names=len(by) + 1)


def _cell(cells: pd.DataFrame, method: str) -> str:
    if method not in cells.index:
        return given("", 0)
    n, mean, sd = cells.loc[method, ["n", "mean", "sd"]]
    return given(mean_and_sd(mean, sd, _digits(mean, sd)), n)


def _digits(mean: float, sd: float) -> int:
    """After the point: none of a whole number, else two, or as many as show two of what would be zeros."""
    if mean > 1 and mean == round(mean) and not sd > 0:
        return 0
    largest = max(abs(mean), 0 if np.isnan(sd) else sd)
    return 1 - math.floor(math.log10(largest)) if 0 < largest < ZEROS else 2
