"""The scores of runs side by side: what a run predicts, and how well its maps agree with the ROI mask."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.study.names import OVERLAPS


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
