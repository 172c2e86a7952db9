"""What the tables of series of tasks share: a row per method, a column per value."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from red_herring.report.markup import given, with_interval
from red_herring.report.tables._rows import Settings


def rows_by(frame: pd.DataFrame, places: Iterable[object], settings: Settings) -> list[list[str]]:
    """The title of each method that is there, and its mean with its interval at each place; how many seeds have it
    where that is not as many as elsewhere.

    frame: method, place, n, mean, low, high.
    """
    cells, most = frame.set_index(["method", "place"]), frame["n"].max()
    return [
        [settings["methods"][method]["title"], *(_cell(cells, (method, place), most) for place in places)]
        for method in settings["methods"]
        if method in set(frame["method"])
    ]


def _cell(cells: pd.DataFrame, at: tuple[str, object], most: int) -> str:
    if at not in cells.index:
        return given("", 0)
    row = cells.loc[at]
    fewer = f" (n = {row['n']:.0f})" if 0 < row["n"] < most else ""
    return given(with_interval(row["mean"], row["low"], row["high"]) + fewer, row["n"])
