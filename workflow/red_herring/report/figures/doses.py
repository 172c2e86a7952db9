"""How the scores of each method go with the ratio of the shift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.figures._sweeps import draw_methods, keys, table_if_there
from red_herring.report.sweeps import DOSE_SCORES, dose_scores

TITLE = "Dose and response"
CATEGORY = "Analyses"
CAPTION_OF = "tables/doses"
FILES = ["runs.csv", "tables/doses.csv"]
OPTIONAL = ["localisation.csv", "reliance.csv"]
ITEMS = {"doses": {"series": "ratio"}}
RELEASED = False

DOSES = ("series", "task", "ratio", "method", "score", "n", "mean", "low", "high", "reference")
"""Columns of doses.csv."""

FLOOR: dict[str, Any] = {"color": "grey", "alpha": 0.18, "linewidth": 0}
"""How the band looks below what the nuisance alone scores."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: doses.csv, and for the seeds runs.csv, localisation.csv and reliance.csv, as far as the study has them.

    A panel for each series and score; the ratios are evenly spaced, as all happens between the last of them. In the
    band are scores that are no better than that of the nuisance alone.
    """
    table = table_of(files, "doses.csv", *DOSES)
    maps = table_if_there(files, "localisation.csv", *KEYS, "attribution", "corrected_iou")
    reliance = table_if_there(files, "reliance.csv", *KEYS, "relative_reliance")
    runs_there, attribution = table_of(files, "runs.csv", *KEYS, "test_auc"), next(iter(study["attributions"]))
    runs = dose_scores(runs_there, maps, reliance, attribution)
    drawn = table[["series", "score"]].drop_duplicates().itertuples(index=False)
    places = {f"{series} {score}": (series, score) for series, score in drawn}
    figure, panels = style.panels(list(places), height=2.5, across=2)
    for place, axes in panels.items():
        series, score = places[place]
        _draw_panel(axes, rows_of(table, series=series, score=score), runs, study)
    floor = Patch(**FLOOR, label="no better than the nuisance alone")
    style.legend(figure, [*keys(study, set(table["method"]), table), floor], handlelength=2.8)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, runs: pd.DataFrame, study: dict[str, Any]) -> None:
    """rows: of one series and score."""
    score, ratio_of = rows["score"].iloc[0], dict(zip(rows["task"], rows["ratio"], strict=True))
    seeds = runs[runs["task"].isin(ratio_of)].dropna(subset=score)
    seeds = seeds.assign(value=seeds["task"].map(ratio_of), score=seeds[score])
    ratios = sorted(set(ratio_of.values()))
    is_auc = score.endswith("_auc")
    bounds = {"low": rows["low"].clip(lower=0), "high": rows["high"].clip(upper=1)} if is_auc else {}
    draw_methods(axes, rows.assign(value=rows["ratio"], **bounds), seeds, ratios, study)
    reference = rows.drop_duplicates("ratio").set_index("ratio")["reference"].loc[ratios]
    ends = [-0.5, *range(len(ratios)), len(ratios) - 0.5]
    levels = [reference.iloc[0], *reference, reference.iloc[-1]]
    axes.plot(ends, levels, **(style.CHANCE | {"linewidth": 0.9}))
    if is_auc:
        axes.fill_between(ends, -0.03, levels, **FLOOR, zorder=0)
        axes.set_ylim(-0.03, 1.03)
    else:
        low, high = seeds["score"].min(), seeds["score"].max()
        axes.set_ylim(min(low, 0) - 0.08 * (high - min(low, 0)), high + 0.15 * (high - min(low, 0)))
    axes.set(xlabel="ratio in training (not to scale)", ylabel=DOSE_SCORES[score])
    style.head(axes, rows["series"].iloc[0], style.count([int(n) for n in rows["n"]], seeds_expected(study), "seeds"))
