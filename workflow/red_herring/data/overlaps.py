"""What the splits of two seeds share: they are drawn from the same images, so that runs are not independent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product

import pandas as pd

from red_herring.data.generated import without_generated
from red_herring.data.splits import SHIFTED_TEST
from red_herring.study.cells import SPLITS

COLUMNS = ["task", "seed", "other", "split", "other_split", "share"]
LOCALISED = "test_positives"
"""The positives of the shifted test set, of which maps are made."""

PAIRS = (*product(SPLITS, SPLITS), (LOCALISED, LOCALISED))


def overlaps(task: str, splits: Mapping[int, pd.DataFrame], seeds: Collection[int]) -> pd.DataFrame:
    """Of the images in `split` of `seed` the share that is in `other_split` of `other`, columns COLUMNS.

    splits: seed -> its drawn split, see `red_herring.data.splits.draw`. A row for each seed of `seeds`, each other seed
    of `splits`, and each of PAIRS; none when there is no other seed. An image is known by its source and name;
    generated images count in none, as no two seeds have the same.
    """
    images = {seed: _images(without_generated(split)) for seed, split in splits.items()}
    rows = [
        (task, seed, other, split, other_split, _share(images[seed][split], images[other][other_split]))
        for seed in seeds
        for other in splits
        if other != seed
        for split, other_split in PAIRS
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _share(own: set[tuple[str, str]], others: set[tuple[str, str]]) -> float:
    return len(own & others) / len(own)


def _images(split: pd.DataFrame) -> dict[str, set[tuple[str, str]]]:
    parts = {name: split[split["split"] == name] for name in SPLITS}
    parts[LOCALISED] = parts[SHIFTED_TEST][parts[SHIFTED_TEST]["label"] == 1]
    return {name: set(zip(part["source"], part["image"], strict=True)) for name, part in parts.items()}
