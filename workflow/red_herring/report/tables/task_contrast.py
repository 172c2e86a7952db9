"""Whether maps of the network whose task lies inside the mask have more inside it than those of one whose does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from red_herring.report.markup import ABSENT, UNDEFINED, Section, Table, bold, joined, number, with_interval
from red_herring.report.scores import attributions_shown, methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.statistics.randomisation import interval_over_runs, verdict

TITLE = "TaskContrast"
CATEGORY = "Sanity checks"
CAPTION = (
    "Two networks see the same images, and one tells apart what lies inside the mask, the other what does not: does "
    "an attribution show it? It passes where the first network's map has more of its mass inside. Mass inside alone "
    "says little, as an untrained network may have as much."
)
FILES = ["task_contrast.csv"]
ITEMS = {"{task}_task_contrast": {"tasks": "each"}}
RELEASED = False

MEANS = ["images", "area", "base_mass", "own_mass", "untrained_mass"]
FRAME = [
    *("task", "attribution", "method", "n", *MEANS, "undefined", "untrained_undefined"),
    *("contrast", "low", "high", "interval_over", "verdict"),
]
HEADINGS = [
    *("", "Method", "n", "Images", "Undefined", "Inside, its task", "Inside, other task", "Untrained"),
    *("Contrast [95 %]", "Verdict"),
]
NOTE = (
    "Inside: share of a map's absolute values inside the mask, by the network whose task lies there, by the one that "
    "tells the nuisance groups apart, and by the first before its training; means over images, then seeds. Contrast: "
    "the first less the second; its interval is by Student's t over seeds, re-splits of this pool of images, and no "
    "narrower than those of the runs leave it. Pass: it lies above 0; fail: below; with no "
    "correction for how many verdicts there are. A control knows no network, so its contrast is 0. Undefined: images "
    "of which one of the two maps is 0 everywhere, of all runs; they are left out."
)
AREA = "The masks hold {:.1%} of the pixels, which is the mass inside of a map that is even."
ALONE = "its interval is over images"


def tabulate(study: Study, settings: Settings) -> Table:
    """Every attribution for every method of the one task.

    frame: task, attribution, method, n (runs with a contrast), means over these of images, area, base_mass, own_mass,
    untrained_mass; undefined and untrained_undefined (sums), contrast with its 95 % interval low and high,
    interval_over (seeds, or images of the one run), verdict (pass, fail, undecided, undefined; empty for a control).
    """
    (task,) = settings["tasks"]
    own = of_task(study["task_contrast"], task)
    attributions = attributions_shown(settings, own["attribution"])
    rows = [
        {"task": task, "attribution": name, "method": method, **_judged(found, bool(about["control"]))}
        for name, about in attributions.items()
        for method in methods_of(settings, task)
        for found in [own[(own["attribution"] == name) & (own["method"] == method)]]
        if len(found)
    ]
    frame = pd.DataFrame(rows, columns=FRAME)
    cells = [_cells(row, attributions, settings) for _, row in frame.iterrows()]
    area = AREA.format(frame["area"].mean()) if len(frame) else ""
    note = joined(NOTE, area, missing_note(own, settings, ALONE))
    return Table(frame, [Section(task, HEADINGS, cells, names=2)], note)


def _judged(runs: pd.DataFrame, control: bool) -> Mapping[str, Any]:
    """runs: those of one method and attribution."""
    defined = runs.dropna(subset="contrast")
    own = defined[["contrast", "contrast_low", "contrast_high"]].to_numpy(float)
    contrast, low, high = interval_over_runs(*own.T)
    return {
        **(defined if len(defined) else runs)[MEANS].mean(),
        "n": len(defined),
        "undefined": runs["undefined"].sum(),
        "untrained_undefined": runs["untrained_undefined"].sum(),
        "contrast": contrast,
        "low": low,
        "high": high,
        "interval_over": "images" if len(defined) == 1 else "seeds",
        "verdict": "" if control else verdict(-high, -low) if len(defined) else UNDEFINED,
    }


def _cells(row: pd.Series, attributions: Settings, settings: Settings) -> list[str]:
    return [
        attributions[row["attribution"]]["title"],
        settings["methods"][row["method"]]["title"],
        f"{row['n']}",
        number(row["images"], 0),
        f"{row['undefined']:.0f}",
        *(number(row[name]) for name in ("base_mass", "own_mass", "untrained_mass")),
        with_interval(row["contrast"], row["low"], row["high"]),
        bold(row["verdict"], row["verdict"] == "fail") or ABSENT,
    ]
