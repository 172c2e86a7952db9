"""What the splits of two seeds share: they are drawn from the same images, so that runs are not independent."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from red_herring.data.splits import SPLITS

COLUMNS = ["task", "seed", "other", "split", "other_split", "share"]


def overlaps(task: str, splits: Mapping[int, pd.DataFrame], seeds: Collection[int]) -> pd.DataFrame:
    """Of the images in `split` of `seed` the share that is in `other_split` of `other`, columns COLUMNS.

    splits: seed -> its drawn split, see `red_herring.data.splits.draw`. A row for each seed of `seeds`, each other seed
    of `splits`, and each pair of SPLITS; none when there is no other seed. An image is known by its source and name.
    """
    images = {seed: _images(split) for seed, split in splits.items()}
    rows = [
        (task, seed, other, split, other_split, len(own & images[other][other_split]) / len(own))
        for seed in seeds
        for other in splits
        if other != seed
        for split, own in images[seed].items()
        for other_split in SPLITS
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _images(split: pd.DataFrame) -> dict[str, set[tuple[str, str]]]:
    parts = ((name, split[split["split"] == name]) for name in SPLITS)
    return {name: set(zip(part["source"], part["image"], strict=True)) for name, part in parts}
