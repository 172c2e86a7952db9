"""Splits of tasks that train with generated images as well: those of the task that theirs is of, and more positives."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from red_herring.data.splits import ALL_SPLITS, COLUMNS, WORDS, count_cells, read_split
from red_herring.runtime.files import StudyError
from red_herring.runtime.frames import read_frame

SOURCE = "generated"
"""The source of generated images in a split, and the folder that they are in."""

ORDER = ["split", "label", "nuisance", "source", "row"]
"""By what a split is ordered."""


def with_generated(base: Path, index: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The split with the generated images among those of training, and its counts as the base has them but for task.

    base: CSV of a drawn split, its counts beside it. index: CSV of the generated images, one row per image, COLUMNS and
    perhaps more. StudyError for an image that is no training image, or of a patient who does not train, or who tests or
    validates.
    """
    split, made = read_split(base), read_frame(index, WORDS)[COLUMNS]
    _check_patients(split, made, index)
    whole = pd.concat([split, made], ignore_index=True).astype({"split": pd.CategoricalDtype(ALL_SPLITS, ordered=True)})
    whole = whole.sort_values(ORDER, kind="stable").reset_index(drop=True)
    before = read_frame(base.with_name(f"{base.stem}_counts.csv"), {"task", "split"})
    (seed,), (shared,) = before["seed"].unique(), before["shared_patient_names"].unique()
    counts = count_cells(whole).assign(shared_patient_names=shared)
    counts.insert(0, "seed", seed)
    return whole, counts


def without_generated(split: pd.DataFrame) -> pd.DataFrame:
    """The rows of a split that are images of its sources."""
    return split[split["source"] != SOURCE].reset_index(drop=True)


def _check_patients(split: pd.DataFrame, made: pd.DataFrame, index: Path) -> None:
    """Whether generated images are made of training images alone, as far as their patients tell."""
    strangers = made[(made["source"] != SOURCE) | (made["split"] != "train")]
    if len(strangers):
        raise StudyError(f"{index}: {strangers['image'].iloc[0]}: is no generated training image; make the file again")
    trains = split["split"] == "train"
    for whose, wrong in (
        ("who is in validation or a test set", made["patient"].isin(split["patient"][~trains])),
        ("who is not in training", ~made["patient"].isin(split["patient"][trains])),
    ):
        if wrong.any():
            image, patient = made.loc[wrong, ["image", "patient"]].iloc[0]
            raise StudyError(
                f"{index}: {image}: was made of an image of patient {patient}, {whose}, of {int(wrong.sum())} such; "
                "generated images are made of training images alone, so make them again"
            )
