"""What figures of detectors share: how each arm looks, and lines over values with every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.detection_runs import in_words
from red_herring.report.figures._sweeps import WIDTH, Look, draw_lines, seed_keys


def looks(study: Mapping[str, Any]) -> dict[str, Look]:
    """Of every arm of the tasks that are shown."""
    arms = list(dict.fromkeys(arm for about in study["tasks"].values() for arm in about["arms"]))
    colours, markers, lines = style.GROUP_COLOURS, style.ATTRIBUTION_MARKERS, style.LINES
    return {
        arm: Look(
            colours[number % len(colours)],
            markers[number % len(markers)],
            lines[number // len(colours) % len(lines)],
        )
        for number, arm in enumerate(arms)
    }


def draw_arms(
    axes: Axes, runs: pd.DataFrame, means: pd.DataFrame, values: Sequence[float], study: Mapping[str, Any]
) -> None:
    """A line for each arm that is there, cut at 0 and 1; of few values they are closer together at each.

    runs: arm, place, value, a row per seed; means: arm, place, mean, low, high.
    """
    there = {arm: look for arm, look in looks(study).items() if arm in set(means["arm"])}
    ends = {end: means[end].clip(0, 1) for end in ("low", "high")}
    own = means.assign(**ends).rename(columns={"arm": "method", "place": "value"})
    seeds = runs.rename(columns={"arm": "method", "value": "score"}).rename(columns={"place": "value"})
    draw_lines(axes, own, seeds, values, there, WIDTH * min(1, len(values) / 6))
    axes.set_ylim(-0.03, 1.03)


def keys(study: Mapping[str, Any], means: pd.DataFrame) -> list[Line2D]:
    """The entries of a legend: the arms that are shown, an interval, a seed."""
    shown = set(means["arm"])
    entries = []
    for arm, look in looks(study).items():
        line: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line}
        if arm in shown:
            entries.append(Line2D([], [], label=in_words(arm), markersize=4.5, **line))
    return [*entries, *seed_keys(means)]
