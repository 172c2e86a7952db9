"""How like the trained network's maps remain while its weights are randomised block by block, from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import only_task, rows_of, seeds_expected, table_of
from red_herring.report.scores import attributions_shown, methods_of
from red_herring.study.names import ARM_IN_WORDS, SIMILARITIES

TITLE = "Weight randomisation: {similarity}, {order}, statistics {statistics}, class {target}"
CATEGORY = "Sanity checks"
CAPTION = (
    "How like the map of the trained network the map of the same image remains as blocks get random weights, from the "
    "output down or one at a time; on grey the end of the cascade beside what maps of different images have in common "
    "(thick) and maps that share nothing but the method (thin). Look whether an attribution ends below its own thick "
    "line, where it passes, and whether its curve stays high while the upper blocks are random, as of maps that do not "
    "see them."
)
FILES = ["weight_randomisation.csv"]
ITEMS = {
    "weight_randomisation_{task}_{similarity}_{order}_{statistics}_{target}": {
        "tasks": "each",
        "each": {
            "similarity": "weight_randomisation.similarities",
            "order": "weight_randomisation.order",
            "statistics": "weight_randomisation.statistics",
            "target": "weight_randomisation.target",
        },
    },
}
RELEASED = False

ARM = ("similarity", "order", "statistics", "target")
READ = (*KEYS, "attribution", *ARM, "block", "value", "cross_image", "floor")

LINE: dict[str, Any] = {"marker": "_", "markersize": 6, "markeredgewidth": 1.3, "linestyle": ""}
FLOOR: dict[str, Any] = {"marker": "_", "markersize": 4, "markeredgewidth": 0.6, "linestyle": ""}
"""How the levels of an attribution look, in its colour: what maps of different images have in common, and the floor."""

SLOT = 0.7
"""Between two attributions right of the blocks, where a block takes 1."""

NARROW = 4
"""Methods from which on there are three panels in a row; of fewer, two."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: weight_randomisation.csv. study: one task; similarity, order, statistics, target. A panel for each method.

    Right of the blocks each attribution has a place of its own, with the end of its cascade and its levels, as two
    lines across the panel for each would hide everything.
    """
    task, _ = only_task(study)
    table = rows_of(table_of(files, "weight_randomisation.csv", *READ), task=task, **{key: study[key] for key in ARM})
    methods, blocks = methods_of(study, task), list(dict.fromkeys(table["block"]))
    attributions = attributions_shown(study, table["attribution"])
    looks = looks_of(attributions)
    across = 2 if len(methods) < NARROW else 3
    height = 2.2 if len(methods) > across else 2.9  # of which the legend takes its part
    figure, panels = style.panels(list(methods), height, across, sharey=True)
    for method, axes in panels.items():
        own = rows_of(table, method=method)
        _draw_curves(axes, own, looks, blocks)
        _draw_levels(axes, own, looks, blocks, study["order"] == "cascading")
        _head(axes, method, own, study)
    for axes in list(panels.values())[::across]:
        axes.set_ylabel(f"similarity: {SIMILARITIES[study['similarity']]}")
    heading = f"{task}: random weights {', '.join(ARM_IN_WORDS[study[key]] for key in ARM[1:])}"
    figure.suptitle(style.wrapped(heading, int(figure.get_figwidth() / style.CHARACTER), rows=3), fontsize=7)
    style.legend(figure, _keys(looks, attributions), handlelength=2.8)
    return figure


def looks_of(attributions: style.Known) -> dict[str, dict[str, Any]]:
    """Attribution -> colour, marker and line, no two alike; controls are grey."""
    looks, coloured = {}, 0
    for number, (name, about) in enumerate(attributions.items()):
        colours = style.ATTRIBUTION_COLOURS
        looks[name] = {
            "color": style.CONTROL_COLOUR if about["control"] else colours[coloured % len(colours)],
            "linestyle": "--" if about["control"] or coloured >= len(colours) else "-",
            "marker": style.ATTRIBUTION_MARKERS[number % len(style.ATTRIBUTION_MARKERS)],
        }
        coloured += not about["control"]
    return looks


def over_seeds(rows: pd.DataFrame, blocks: Sequence[str]) -> pd.DataFrame:
    """By block mean and sd over seeds of the similarity; NaN where no run has it. rows: of one method, attribution and
    arm.
    """
    values = rows.astype({"value": float}).groupby("block")["value"].agg(["mean", "std"])
    return values.set_axis(["mean", "sd"], axis=1).reindex(blocks)


def _draw_curves(axes: Axes, rows: pd.DataFrame, looks: dict[str, dict[str, Any]], blocks: Sequence[str]) -> None:
    """rows: of one method. The trained network is at 0, the blocks follow."""
    axes.axhline(0, **style.CHANCE)
    steps = range(1, len(blocks) + 1)
    for attribution, look in looks.items():
        curve = over_seeds(rows_of(rows, attribution=attribution), blocks)
        if curve["mean"].notna().any():
            low, high = curve["mean"] - curve["sd"], curve["mean"] + curve["sd"]
            axes.fill_between(steps, low, high, color=look["color"], alpha=0.13, linewidth=0)
            axes.plot([0, *steps], [1, *curve["mean"]], linewidth=0.9, markersize=3, **look)


def _draw_levels(
    axes: Axes, rows: pd.DataFrame, looks: dict[str, dict[str, Any]], blocks: Sequence[str], cascading: bool
) -> None:
    """Of each attribution the levels, and of a cascade the end with its spread over seeds."""
    start, width = len(blocks) + 1, SLOT * (len(looks) + 1)
    axes.axvspan(start, start + width, color="0.95", linewidth=0, zorder=0)
    for number, (attribution, look) in enumerate(looks.items(), start=1):
        place, own = start + SLOT * number, rows_of(rows, attribution=attribution)
        levels, end = own[["cross_image", "floor"]].astype(float).mean(), over_seeds(own, blocks).iloc[-1]
        axes.plot([place], [levels["cross_image"]], color=look["color"], **LINE)
        axes.plot([place], [levels["floor"]], color=look["color"], **FLOOR)
        if cascading:
            axes.vlines(place, end["mean"] - end["sd"], end["mean"] + end["sd"], color=look["color"], linewidth=0.7)
            axes.plot([place], [end["mean"]], color=look["color"], marker=look["marker"], markersize=3.5)
    names = ["trained", *(block.removeprefix("layer") for block in blocks), "all\nrandom" if cascading else "levels"]
    axes.set_xticks([*range(len(blocks) + 1), start + width / 2], names, rotation=90, fontsize=style.SMALL)
    axes.get_xticklabels()[-1].set_rotation(0)
    axes.get_xticklabels()[-1].set_horizontalalignment("center")
    axes.set_xlim(-0.5, start + width)


def _head(axes: Axes, method: str, rows: pd.DataFrame, study: dict[str, Any]) -> None:
    if rows.empty:
        style.head(axes, style.title(study["methods"], method))
        style.say(axes, "no run")
        return
    n, defined = rows["seed"].nunique(), rows.groupby("attribution", sort=False)["value"].count()
    lines = [style.title(study["methods"], method), style.count(n, seeds_expected(study), "seeds")]
    if n == 1:
        lines.append("one seed, no band")
    undefined = list(defined.index[defined == 0])
    if undefined:
        lines.append(f"undefined: {style.names(attributions_shown(study, undefined), undefined)}")
    style.head(axes, *lines)


def _keys(looks: dict[str, dict[str, Any]], attributions: style.Known) -> list[Line2D | Patch]:
    titles = {name: style.shortened(style.title(attributions, name), 28) for name in looks}
    return [
        *(Line2D([], [], markersize=4, linewidth=0.9, label=titles[name], **look) for name, look in looks.items()),
        Patch(color="grey", alpha=0.3, linewidth=0, label="± 1 sd over seeds"),
        Line2D([], [], color="dimgrey", label="other images", **LINE),
        Line2D([], [], color="dimgrey", label="floor", **FLOOR),
    ]
