"""Figure 8: test AUC against the IoU of saliency and mask, one point per run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from red_herring.catalogue import method_card
from red_herring.results.figures import style


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: runs.csv. The colour is the method, the marker its approach; dotted lines are chance."""
    table = pd.read_csv(files[0])
    figure, panels = style.panels(list(study["tasks"]), height=2.7)
    for task, axes in panels.items():
        rows = table[table["task"] == task]
        for method, colour in style.colours(study["methods"]).items():
            own = rows[rows["method"] == method]
            marker = style.MARKERS[method_card(method).approach]
            axes.scatter(
                own["iou_gradient"], own["test_auc"], s=18, color=colour, marker=marker, alpha=0.8, linewidths=0,
                label=style.title(method), clip_on=False, zorder=3,
            )  # fmt: skip
        axes.axhline(0.5, color="grey", linewidth=0.6, linestyle=":")
        axes.axvline(rows["chance_iou"].mean(), color="grey", linewidth=0.6, linestyle=":")
        axes.set(
            title=f"{task} (n = {len(rows)} runs)",
            xlabel="test IoU (input gradient)",
            ylabel="test AUC",
            ylim=(-0.03, 1.03),
        )
        axes.set_xlim(left=0)
    handles, labels = next(iter(panels.values())).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3 if len(panels) == 1 else 6)
    return figure
