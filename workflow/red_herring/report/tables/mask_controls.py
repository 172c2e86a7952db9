"""Whether it must be the right mask: each method with its own masks against the same method with other ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from red_herring.report.markup import Section, Table, joined, number
from red_herring.report.sweeps import CONTROL, guided, named, of_baseline, of_method, value_of
from red_herring.report.tables._rows import FEW_SEEDS, Settings, Study, missing_note
from red_herring.report.tables._scopes import SCOPES, in_both_scopes, overlap_of, shared
from red_herring.statistics.paired import COMPARISON, paired_difference, with_holm

TITLE = "Mask controls"
CATEGORY = "Analyses"
CAPTION = (
    "Each method that uses masks, less the same method with wrong ones: random ones of the same area, those of other "
    "images, and inverted ones, seed by seed, on this pool of images and on new data. Where a control does as well, it "
    "is not the expert's mask that helps; look also how much of the benefit over Classification it keeps."
)
FILES = ["runs.csv", "overlaps.csv"]
ITEMS = {"mask_controls": {"series": "mask.control"}}
RELEASED = False

NAMES = {"random": "random, same area", "other": "of another image", "inverted": "inverted"}
"""Control -> what it is called."""

PAIRED = COMPARISON[COMPARISON.index("paired") :]
FRAME = ["series", "method", "control", "task", "own", "mean", "kept", *PAIRED]

HEADINGS = ["", "Control", "n", "Its own masks", "Control", "Benefit kept", *SCOPES]

NOTE = (
    "AUC on the shifted test set. n: seeds that both have, of which both means are. Difference: its own masks less the "
    "control; scopes and tests as in the comparisons (on this pool: bootstrap over seeds and exact Wilcoxon test, "
    "on new data: corrected resampled t test). Holm: adjusted over all methods and controls of the section, in each "
    "scope. That no difference is found does not say that the control is as good: the interval says by how much it "
    "may be worse. Benefit kept: the control's gain over Classification as a part of that of its own masks, of means "
    "over the seeds that all three have; undefined where its own masks gain nothing. " + FEW_SEEDS
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every method that uses masks with its own masks against each control, for each series of controls.

    frame: series, method, control, task (of the control), own and mean (AUC with its own masks and with the control,
    over the seeds that both have), kept, and the columns of `paired.paired_comparison` from `paired` on, of its
    own masks less the control. A series without its own masks, or a method without runs of both, has no rows.
    """
    parts = {name: _of_series(study, series, settings) for name, series in named(settings["series"], CONTROL).items()}
    frame = pd.concat([rows.assign(series=name) for name, rows in parts.items()], ignore_index=True)[FRAME]
    sections = [
        Section(f"{name}: its own masks less a control", HEADINGS, _cells(rows, settings), _note(rows), names=2)
        for name, rows in parts.items()
    ]
    return Table(frame, sections, joined(NOTE, missing_note(study["runs"], settings)))


def _of_series(study: Study, series: Sequence[str], settings: Settings) -> pd.DataFrame:
    runs = study["runs"]
    controls = {task: value_of(settings["tasks"][task], CONTROL) for task in series}
    right = [task for task, control in controls.items() if control == "none"][:1]
    rows = [
        {"method": method, "control": control, "task": task, **_row(study, series, right[0], task, method)}
        for method in guided(settings["methods"])
        for task, control in controls.items()
        if right and control != "none" and all(len(of_method(runs, of, method)) for of in (right[0], task))
    ]
    return with_holm(
        pd.DataFrame(rows, columns=[name for name in FRAME if "holm" not in name and "family" not in name])
    )


def _row(study: Study, series: Sequence[str], right: str, task: str, method: str) -> dict[str, float]:
    """Of the AUCs on the task with the right masks and on that with a control."""
    own, control = (of_method(study["runs"], of, method) for of in (right, task))
    without = of_baseline(study["runs"], series, task)
    pairs = pd.DataFrame({"own": own, "control": control}).dropna()
    all_three = pairs.assign(without=without).dropna().mean()
    benefit = all_three["own"] - all_three["without"]
    return {
        "own": pairs["own"].mean(),
        "mean": pairs["control"].mean(),
        "kept": (all_three["control"] - all_three["without"]) / benefit if benefit > 0 else np.nan,
        **paired_difference(own - control, overlap_of(study["overlaps"], right, "test_auc")),
    }


def _cells(rows: pd.DataFrame, settings: Settings) -> list[list[str]]:
    return [
        [
            settings["methods"][row["method"]]["title"],
            NAMES.get(row["control"], row["control"]),
            f"{row['paired']:.0f}",
            *map(number, (row["own"], row["mean"])),
            number(row["kept"]) if np.isnan(row["kept"]) else f"{row['kept']:.0%}",
            *in_both_scopes(row),
        ]
        for _, row in rows.iterrows()
    ]


def _note(rows: pd.DataFrame) -> str:
    return shared(rows, "test_auc") if len(rows) else "No task of this series has its own masks, or no run of both."
