"""What tables of paired differences share: their cells on this pool of images and on new data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.data.overlaps import COLUMNS, LOCALISED
from red_herring.data.splits import SHIFTED_TEST
from red_herring.report.markup import UNDEFINED, number, p_value, with_interval

SCOPES = (
    *("Difference [95 % on this pool]", "p on this pool", "Holm"),
    *("[95 % on new data]", "p on new data", "Holm"),
)
"""Headings of `in_both_scopes`."""

UNKNOWN_OVERLAP = "How many test images seeds have in common is not known, so that nothing is said of new data."


def overlap_of(overlaps: pd.DataFrame, task: str, score: str) -> pd.DataFrame:
    """[seed, other]: the share of the images behind a score of a seed that are behind that of another one as well."""
    own = overlaps.reindex(columns=COLUMNS)  # a study without pairs of seeds may have a table without columns
    of = SHIFTED_TEST if score == "test_auc" else LOCALISED
    own = own[(own["task"] == task) & (own["split"] == of) & (own["other_split"] == of)]
    return own.pivot_table(index="seed", columns="other", values="share")


def in_both_scopes(row: pd.Series) -> list[str]:
    """The cells of a difference. row: of `paired.paired_comparison`."""
    pool = [with_interval(row["difference"], row["low"], row["high"], 3), p_value(row["p"]), p_value(row["p_holm"])]
    return [*pool, _ends(row["low_new"], row["high_new"]), p_value(row["p_new"]), p_value(row["p_new_holm"])]


def _ends(low: float, high: float) -> str:
    return UNDEFINED if np.isnan(low) else f"[{number(low, 3)}, {number(high, 3)}]"


def shared(table: pd.DataFrame, score: str) -> str:
    """How many of the images behind a score seeds share, in a sentence. table: with `paired` and `overlap`."""
    if table["overlap"].isna().all():
        return UNKNOWN_OVERLAP if (table["paired"] > 1).any() else ""
    shares = [f"{100 * share:.0f}" for share in (table["overlap"].min(), table["overlap"].max())]
    images = "test images" if score == "test_auc" else "positive test images, of which maps are made,"
    return f"Two seeds have {' to '.join(dict.fromkeys(shares))} % of their {images} in common."
