"""The scores of runs side by side, and the methods whose scores a task has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.study.names import OVERLAPS
from red_herring.study.settings import described_attributions


def methods_of(study: Mapping[str, Any], task: str) -> dict[str, Mapping[str, Any]]:
    """Name -> title, approach, citation of the methods that run on a task, in display order; all, unless it says which.

    study: what `red_herring.study.settings.results_settings` gives.
    """
    methods: Mapping[str, Mapping[str, Any]] = study["methods"]
    return {name: methods[name] for name in study["tasks"][task].get("methods", methods)}


def methods_shown(study: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The same of those that run on any of the tasks that are shown."""
    shown = {name for task in study["tasks"] for name in methods_of(study, task)}
    return {name: about for name, about in study["methods"].items() if name in shown}


def attributions_shown(study: Mapping[str, Any], names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Name -> title, control of these attributions: the study's in display order, then those that an analysis has
    beside them.
    """
    own: Mapping[str, Mapping[str, Any]] = study["attributions"]
    given = list(dict.fromkeys(names))
    found = {**own, **described_attributions(name for name in given if name not in own)}
    return {name: about for name, about in found.items() if name in given}


def left_out_note(study: Mapping[str, Any]) -> str:
    """Which methods are left out of which of the tasks that are shown, and why."""
    return " ".join(
        f"{study['methods'][method]['title']} is left out of {task}: {why}."
        for task, about in study["tasks"].items()
        for method, why in about.get("left_out", {}).items()
    )


def with_overlaps(runs: pd.DataFrame, localisation: pd.DataFrame, attributions: Iterable[str]) -> pd.DataFrame:
    """The runs, and beside each {overlap}_{attribution} and chance_{overlap}_{attribution} for every overlap of
    OVERLAPS and these attributions; NaN where a run has none.

    runs: one row per run. localisation: one row per run and attribution.
    """
    measured = [f"{prefix}{overlap}" for prefix in ("", "chance_") for overlap in OVERLAPS]
    keys = pd.MultiIndex.from_frame(runs[KEYS])
    for attribution in attributions:
        rows = localisation[localisation["attribution"] == attribution].set_index(KEYS)
        found = (
            rows.reindex(columns=measured).reindex(keys) if len(rows) else pd.DataFrame(index=keys, columns=measured)
        )
        found = found.astype(float).add_suffix(f"_{attribution}").set_index(runs.index)
        runs = runs.drop(columns=found.columns, errors="ignore").join(found)
    return runs
