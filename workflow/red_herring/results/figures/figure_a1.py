"""Figure A.1: the best validation AUC of every trial of the search, per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from red_herring.results.figures import style


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: trials.csv of the study. Failed trials are crosses at the bottom."""
    table = pd.read_csv(files[0])
    figure, panels = style.panels(list(study["tasks"]), height=2.4)
    methods = study["methods"]
    for task, axes in panels.items():
        rows = table[table["task"] == task]
        for position, (method, colour) in enumerate(style.colours(methods).items()):
            own = rows[rows["method"] == method]
            good, failed = own[own["status"] == "ok"], own[own["status"] == "failed"]
            offsets = 0.5 * ((own["trial"] - 1) / max(len(own) - 1, 1) - 0.5)
            axes.scatter(
                position + offsets[good.index],
                good["valid_auc"],
                s=12,
                color=colour,
                alpha=0.8,
                linewidths=0,
                clip_on=False,
            )
            axes.scatter(
                position + offsets[failed.index], [0.0] * len(failed), s=14, color=colour, marker="x", clip_on=False
            )
        if rows.empty:
            axes.text(
                0.5,
                0.5,
                "not searched:\nhyperparameters were given",
                ha="center",
                va="center",
                transform=axes.transAxes,
            )
        axes.axhline(0.5, color="grey", linewidth=0.6, linestyle=":")
        counts = sorted(set(rows.groupby("method").size())) or [0]
        trials = "-".join(str(count) for count in dict.fromkeys([counts[0], counts[-1]]))
        axes.set(
            title=f"{task} (n = {trials} trials each)",
            ylabel="best validation AUC",
            ylim=(-0.03, 1.03),
            xlim=(-0.5, len(methods) - 0.5),
        )
        axes.set_xticks(range(len(methods)), [style.title(method) for method in methods], rotation=35, ha="right")
    return figure
