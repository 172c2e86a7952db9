"""What explanations say of a planted signal as models rely on it more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.detection import KNOWN, PASSES, answers, explanation_title, own_scores, signalled, unknown
from red_herring.report.figures._inputs import runs_expected, table_of
from red_herring.report.figures._sweeps import table_if_there
from red_herring.report.scores import methods_shown
from red_herring.study.names import FAMILIES, SIGNALS

TITLE = "Signals, dose and response"
CATEGORY = "Spurious signals"
CAPTION = (
    "What each explanation says of the signal against how much the model relies on it, its spurious score, for every "
    "run; whether it passes the gate (dotted, upright) or not. To who knows of it: what the explanation shows more of "
    "it by the spurious model than by the normal one; to who does not: how well a classifier, trained on the other "
    "seeds, tells the explanations of the two models of this seed apart. Dotted, across: nothing. Look whether an "
    "explanation rises with the score, and whether it is above nothing where the score is near 0."
)
FILES = ["spurious_score.csv", "told_apart.csv"]
OPTIONAL = ["signal_detection.csv", "concepts.csv", "influence.csv"]
ITEMS = {
    "signal_doses": {"question": "known"},
    "signal_doses_unknown": {"question": "unknown", "title": "Unknown signals, dose and response"},
}
RELEASED = False

LABELS = {
    "signal_detection": "K-SSD − FAM-GT (AUPRC)",
    "concepts": "TCAV score, spur. − normal",
    "influence": "share with signal, spur. − normal",
}
TOLD = "AUC, spurious v normal"
"""What is on the axis to who knows of the signal, by family, and to who does not."""

APART = 0.04
"""The width over which the explanations of a run are a little apart."""

LEAST = (-0.1, 0.3)
"""What the axis of differences shows at least, so that nothing does not look like much."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: spurious_score.csv, told_apart.csv, and of signal_detection.csv, concepts.csv and influence.csv those that
    the study has. study: `question`, known or unknown.

    A panel for each signal, of which tasks may differ in the share, and each family of explanations; a point for each
    run and explanation. The colours of a family are told below its last panel.
    """
    points = _points(files, study)
    of = _tasks_of(study)
    families = [family for family in FAMILIES if family in set(points["family"])] or list(FAMILIES)[:1]
    places = {f"{signal} {family}": (signal, family) for signal in of for family in families}
    figure, panels = style.panels(list(places), height=2.4, across=len(families))
    for place, axes in panels.items():
        signal, family = places[place]
        of_family = points[points["family"] == family]
        own = of_family[of_family["task"].isin(of[signal])]
        _draw_panel(axes, own, of_family, study)
        axes.set_ylabel(LABELS[family] if study["question"] == KNOWN else TOLD)
        expected = sum(runs_expected(study, task) or 0 for task in of[signal]) or None
        defined = own.dropna(subset=["score", "value"])
        there, shown = (len(of_runs[KEYS].drop_duplicates()) for of_runs in (own, defined))
        style.head(axes, f"{signal}: {FAMILIES[family].lower()}", style.count(shown, expected, undefined=there - shown))
        if signal == list(of)[-1]:
            _legend(axes, of_family, study)
    style.legend(figure, [_method_key(study, method) for method in methods_shown(study)])
    return figure


def _points(files: list[Path], study: dict[str, Any]) -> pd.DataFrame:
    """task, method, seed, family, explanation, score, value."""
    if study["question"] == KNOWN:
        tables = {family: table_if_there(files, f"{family}.csv", *KEYS) for family in FAMILIES}
        found = answers({family: table for family, table in tables.items() if table is not None}, study)
        found = found[found["question"] == KNOWN]
    else:
        told = table_of(files, "told_apart.csv", *KEYS, "family", "given", "explanation", "auc")
        found = unknown(told, study).dropna(subset="seed").rename(columns={"auc": "value"})
    scores = own_scores(table_of(files, "spurious_score.csv", *KEYS, "trained", "score"))
    return found.merge(scores[[*KEYS, "score"]].astype({"seed": found["seed"].dtype}), on=KEYS, how="left")


def _tasks_of(study: dict[str, Any]) -> dict[str, list[str]]:
    """A signal and the class that carries it, in words -> the tasks with it."""
    found: dict[str, list[str]] = {}
    for task, signal in signalled(study).items():
        found.setdefault(f"{SIGNALS[signal['kind']]} on {signal['of']}", []).append(task)
    return found


def _draw_panel(axes: Axes, points: pd.DataFrame, of_family: pd.DataFrame, study: dict[str, Any]) -> None:
    """of_family: the points of all signals, whose panels have the same axes and colours."""
    known = study["question"] == KNOWN
    axes.axhline(0.0 if known else 0.5, **style.CHANCE)
    axes.axvline(PASSES, **style.CHANCE)
    colours = _colours(of_family)
    shifts = dict(zip(colours, APART * (np.arange(len(colours)) + 0.5) / max(len(colours), 1) - APART / 2, strict=True))
    for (explanation, method), own in points.groupby(["explanation", "method"], sort=False):
        look: dict[str, Any] = {"color": colours[explanation], "marker": style.marker(study["methods"], method)}
        places = own["score"] + shifts[explanation]
        axes.plot(places, own["value"], linestyle="", markersize=3.5, alpha=0.75, clip_on=False, **look)
    axes.set(
        xlabel="spurious score", xlim=(-APART, 1 + APART), ylim=_limits(of_family["value"]) if known else (-0.03, 1.03)
    )
    if points.dropna(subset=["score", "value"]).empty:
        style.say(axes, "undefined" if len(points) else "no run")


def _limits(values: pd.Series) -> tuple[float, float]:
    low, high = np.nanmin([*values, LEAST[0]]), np.nanmax([*values, LEAST[1]])
    return float(low - 0.05 * (high - low)), float(high + 0.05 * (high - low))


def _colours(points: pd.DataFrame) -> dict[str, str]:
    """Explanation -> colour. points: of one family."""
    palette = style.ATTRIBUTION_COLOURS
    return {name: palette[number % len(palette)] for number, name in enumerate(dict.fromkeys(points["explanation"]))}


def _legend(axes: Axes, points: pd.DataFrame, study: dict[str, Any]) -> None:
    """Of the colours, below the panel."""
    keys = [
        Line2D([], [], color=colour, marker="o", markersize=3.5, linestyle="", label=explanation_title(name, study))
        for name, colour in _colours(points).items()
    ]
    if keys:
        axes.legend(handles=keys, loc="upper center", bbox_to_anchor=(0.5, -0.28), fontsize=6, handletextpad=0.2)


def _method_key(study: dict[str, Any], method: str) -> Line2D:
    about = study["methods"]
    look: dict[str, Any] = {"color": "dimgrey", "marker": style.marker(about, method), "linestyle": "", "markersize": 4}
    return Line2D([], [], label=style.title(about, method), **look)
