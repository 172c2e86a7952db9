"""Each method with its own masks less the same method with other ones, seed by seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._differences import beside, draw_difference, dress, keys, p_values
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.sweeps import CONTROL, named, of_method, value_of

TITLE = "Mask controls"
CATEGORY = "Analyses"
CAPTION_OF = "tables/mask_controls"
FILES = ["runs.csv", "tables/mask_controls.csv"]
ITEMS = {"mask_controls": {"series": "mask.control"}}
RELEASED = False

CONTROLS = (
    *("series", "method", "control", "task", "paired", "kept", "difference", "low", "high", "p_holm"),
    *("low_new", "high_new", "p_new_holm"),
)
"""Columns of mask_controls.csv."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: mask_controls.csv, and runs.csv for the seeds. A panel for each series, a row for each method and control;
    to the right Holm's p on this pool and on new data, and the part of the benefit that the control keeps.
    """
    table = table_of(files, "mask_controls.csv", *CONTROLS)
    runs = table_of(files, "runs.csv", *KEYS, "test_auc")
    all_series = named(study["series"], CONTROL)
    most = max([1, *table.groupby("series").size()])
    figure, panels = style.panels(list(all_series), height=0.27 * most + 0.95, across=2)
    colours = style.colours(study["methods"])
    for series, axes in panels.items():
        rows = rows_of(table, series=series)
        own = next((task for task in all_series[series] if value_of(study["tasks"][task], CONTROL) == "none"), "")
        for position, (_, row) in enumerate(rows.iterrows()):
            method = row["method"]
            seeds = (of_method(runs, own, method) - of_method(runs, row["task"], method)).dropna()
            draw_difference(axes, position, row, seeds, colours[method], style.marker(study["methods"], method))
            beside(axes, position, f"{p_values(row)}\n{_kept(row['kept'])}")
        titles = [
            f"{style.shortened(style.title(study['methods'], row['method']), 18)}, {row['control']}"
            for _, row in rows.iterrows()
        ]
        dress(axes, titles, "its own masks less the control, test AUC")
        seeds_of = [int(n) for n in rows["paired"]]
        style.head(axes, series, f"{style.count(seeds_of, seeds_expected(study), 'seeds')} paired")
        if rows.empty:
            style.say(axes, "no run of both")
    style.legend(figure, keys(table))
    return figure


def _kept(share: float) -> str:
    return "" if pd.isna(share) else f"keeps {100 * share:.0f} % of the benefit"
