"""How bright the images of a source's groups are as they are stored, and whether that alone tells the groups apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.picture import bits_used
from red_herring.data.splits import WORDS
from red_herring.runtime.frames import read_frame

DARK = 26
"""Levels below it are dark: a tenth of the range."""

MEASURES = {
    "mean": "mean level",
    "low": "5th percentile",
    "high": "95th percentile",
    "levels": "number of different levels",
}
"""What each image is measured by -> in words; any of them may tell groups apart."""

TELLING = 0.95
"""An AUC of a group against another from which one measure of intensity is said to tell them apart;
the same for the difference of the shares that a kind of file has in them. The PA and AP images of NIH, of one archive,
reach 0.82."""

FEWEST = 10
"""Images that a group must have to be compared: fewer may differ so by chance."""

COMPARED = 6
"""Groups that are compared, the largest."""


def measures_of(histogram: np.ndarray) -> dict[str, float]:
    """mean, low, high (5th and 95th percentile), dark (share of pixels), top (the highest), levels (how many differ).

    histogram: the pixels of each of the 256 levels of one image.
    """
    shares = histogram / histogram.sum()
    low, high = np.searchsorted(shares.cumsum(), (0.05, 0.95))
    there = np.flatnonzero(histogram)
    return {
        "mean": round(float(shares @ np.arange(256)), 2),
        "low": int(low),
        "high": int(high),
        "dark": round(float(shares[:DARK].sum()), 4),
        "top": int(there[-1]),
        "levels": len(there),
    }


def warnings_of(index: pd.DataFrame, decoded: pd.DataFrame) -> list[str]:
    """A sentence for all that lets the decoded files, and not the anatomy, tell the groups of a source apart.

    index: image, group. decoded: image, format, highest, white, MEASURES, reason, see `prepare`; rows as in `index`.
    """
    usable = decoded.assign(group=index["group"].to_numpy())[(decoded["reason"] == "").to_numpy()]
    return [*_by_intensity(usable), *_by_format(usable), *_by_bits(usable), *_of_outliers(usable)]


def warnings_between_sources(split: pd.DataFrame, folders: dict[str, Path]) -> list[str]:
    """As `warnings_of`, for the images of a task whose groups are in two sources; none for one source.

    split: source, row. folders: source -> the folder with its decoded.csv.
    """
    if split["source"].nunique() < 2:
        return []
    drawn = split.drop_duplicates(["source", "row"])
    decoded = [
        read_frame(folders[source] / "decoded.csv", WORDS).iloc[rows["row"]] for source, rows in drawn.groupby("source")
    ]
    index = drawn.sort_values("source", kind="stable")[["image", "source"]].rename(columns={"source": "group"})
    return warnings_of(index, pd.concat(decoded, ignore_index=True))


def _pairs(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str, pd.DataFrame]]:
    counts = table["group"].value_counts()
    groups = counts.index[counts >= FEWEST][:COMPARED]
    for one, other in combinations(groups, 2):
        yield one, table[table["group"] == one], other, table[table["group"] == other]


def auc(one: pd.Series, other: pd.Series) -> float:
    """The probability that a value of `one` is higher than one of `other`, ties counted half."""
    ranks = pd.concat([one, other]).rank().to_numpy()[: len(one)]
    return float((ranks.sum() - len(one) * (len(one) + 1) / 2) / (len(one) * len(other)))


def _by_intensity(table: pd.DataFrame) -> Iterator[str]:
    for one, of_one, other, of_other in _pairs(table):
        found = {measure: auc(of_one[measure], of_other[measure]) for measure in MEASURES}
        best = max(MEASURES, key=lambda measure: abs(found[measure] - 0.5))
        value = max(found[best], 1 - found[best])
        if value >= TELLING:
            yield (
                f"intensity alone tells group {one} from {other}: the {MEASURES[best]} of an image has an AUC of "
                f"{value:.2f} (mean {of_one[best].mean():.1f} against {of_other[best].mean():.1f})"
            )


def _by_format(table: pd.DataFrame) -> Iterator[str]:
    for one, of_one, other, of_other in _pairs(table):
        shares = {
            kind: [(part["format"] == kind).mean() for part in (of_one, of_other)] for kind in set(table["format"])
        }
        kind = max(sorted(shares), key=lambda kind: abs(shares[kind][0] - shares[kind][1]))
        here, there = shares[kind]
        if abs(here - there) >= TELLING:
            yield (
                f"the kind of file alone tells group {one} from {other}: {kind} are {here:.0%} of the images of {one} "
                f"and {there:.0%} of {other}"
            )


def _by_bits(table: pd.DataFrame) -> Iterator[str]:
    for kind, files in table[table["white"] > 255].groupby("format"):
        groups = files.groupby("group")["highest"].agg(["max", "size"])
        bits = groups.loc[groups["size"] >= FEWEST, "max"].map(bits_used)
        least, most = (bits.idxmin(), bits.idxmax()) if len(bits) else ("", "")
        if least != most:
            yield (
                f"{kind}: no image of group {least} uses more than {bits[least]} bits and one of group {most} uses "
                f"{bits[most]}, and all are scaled alike; convert them first if their detectors differ in range"
            )


def _of_outliers(table: pd.DataFrame) -> Iterator[str]:
    for kind, files in table[table["white"] > 255].groupby("format"):
        bits = files["highest"].map(bits_used)
        usual, most = int(bits.median()), int(bits.max())
        if most >= usual + 2:
            image, others = files.loc[bits.idxmax(), "image"], int((bits == most).sum()) - 1
            yield (
                f"{kind}: most images use at most {usual} bits, but {image} and {others} others use {most}, by which "
                "all are scaled, so most are dark"
            )
