"""Figure 4 (and A.2 for the X-ray tasks): validation AUC over the epochs, mean and standard deviation over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from red_herring.results.figures import style


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: histories.csv."""
    table = pd.read_csv(files[0])
    figure, panels = style.panels(list(study["tasks"]), height=2.5)
    colours = style.colours(study["methods"])
    for task, axes in panels.items():
        rows = table[table["task"] == task]
        for method, colour in colours.items():
            curve = rows[rows["method"] == method].groupby("epoch")["valid_auc"].agg(["mean", "std", "size"])
            spread = curve["std"].fillna(0)
            axes.plot(curve.index, curve["mean"], color=colour, label=style.title(method), marker=".", markersize=3)
            low, high = (curve["mean"] - spread).clip(0, 1), (curve["mean"] + spread).clip(0, 1)
            axes.fill_between(curve.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axhline(0.5, color="grey", linewidth=0.6, linestyle=":")
        axes.set(
            title=f"{task} (n = {rows['seed'].nunique()} seeds)",
            xlabel="epoch",
            ylabel="validation AUC",
            ylim=(-0.03, 1.03),
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = next(iter(panels.values())).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3 if len(panels) == 1 else 6)
    return figure
