"""The controlled shift: which images train, validate and test, so that label and nuisance are related as asked.

A task has two nuisance groups. In training a share `ratio` of the positives comes from group 1 and of the negatives
from group 0; in validation and test it is 1 - ratio (Viviano et al. 2021, section 4; torchxrayvision's
CovariateDataset). Classes are balanced in every split, and the number of images does not depend on `ratio`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.files import StudyError

SPLITS = ("train", "valid", "test")
COLUMNS = ["source", "image", "row", "patient", "label", "nuisance", "split"]

Cell = tuple[str, int, int]  # split, label, nuisance


@dataclass(frozen=True)
class Sizes:
    """Images per split, both classes together; even numbers."""

    train: int
    valid: int
    test: int


def pool(settings: dict[str, Any], folders: dict[str, Path]) -> pd.DataFrame:
    """The images that a task may draw from: those of its two groups with the finding (label 1) or the control (0).

    settings: task, finding, control, groups (each with source and group, which may be None). folders: source -> the
    folder with its index.csv and quarantine.csv. Returns source, image, row, patient, label, nuisance.
    Raises StudyError for a finding, control or group that does not occur.
    """
    parts = []
    for nuisance, group in enumerate(settings["groups"]):
        folder = folders[group["source"]]
        index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
        index["row"] = index.index
        unreadable = pd.read_csv(folder / "quarantine.csv", dtype=str, keep_default_na=False)["image"]
        index = index[~index["image"].isin(unreadable)]
        if group["group"] is not None:
            _require(group["group"], index["group"], f"{settings['task']}: source {group['source']} has no group")
            index = index[index["group"] == group["group"]]
        findings = index["findings"].str.split("|")
        for name in (settings["finding"], settings["control"]):
            _require(name, findings.explode(), f"{settings['task']}: source {group['source']} has no finding")
        positive = findings.map(lambda names: settings["finding"] in names)
        negative = findings.map(lambda names: settings["control"] in names) & ~positive
        part = index.assign(label=positive.astype(int), nuisance=nuisance, source=group["source"])[positive | negative]
        parts.append(part.assign(patient=group["source"] + "/" + part["patient"]))
    return pd.concat(parts, ignore_index=True)[[column for column in COLUMNS if column != "split"]]


def _require(name: str, present: pd.Series, sentence: str) -> None:
    names = sorted(set(present.dropna()))
    if name not in names:
        raise StudyError(f"{sentence} {name!r}, only {', '.join(names)}; mend the task in config.yaml")


def read_split(path: Path) -> pd.DataFrame:
    """The CSV of a drawn split; names stay as they are written, whatever they look like."""
    names = {"source": str, "image": str, "patient": str}
    return pd.read_csv(path, dtype=names, keep_default_na=False)


def largest_sizes(per_cell: int) -> Sizes:
    """Half of all for training and a quarter each for validation and test, when `per_cell` images are in each cell."""
    even = per_cell - per_cell % 2
    return Sizes(2 * even, even, even)


def cell_counts(sizes: Sizes, ratio: float) -> dict[Cell, int]:
    """How many images each split takes from each label-by-nuisance cell.

    An `aligned` image is a positive of group 1 or a negative of group 0. Rounding rule: training takes
    round(ratio * n) aligned images per class, where n is half its size; validation and test together take what is left
    of round(ratio * n') opposed images, halved with the odd one in the test set. So with the sizes of `largest_sizes`
    every cell is used exactly, whatever the ratio.
    """
    train, valid, test = sizes.train // 2, sizes.valid // 2, sizes.test // 2
    aligned_train = _round(ratio * train)
    aligned_rest = valid + test - _round(ratio * (valid + test))
    aligned_valid = min(aligned_rest * valid // (valid + test), valid)
    aligned = {"train": aligned_train, "valid": aligned_valid, "test": aligned_rest - aligned_valid}
    per_class = {"train": train, "valid": valid, "test": test}
    return {
        (split, label, nuisance): aligned[split] if label == nuisance else per_class[split] - aligned[split]
        for split in SPLITS
        for label in (0, 1)
        for nuisance in (0, 1)
    }


def draw(
    candidates: pd.DataFrame, ratio: float, seed: int, sizes: Sizes | None = None, task: str = "task"
) -> pd.DataFrame:
    """One split of `candidates`, drawn with `seed`, in which no patient straddles two splits.

    candidates: source, image, row, patient, label (0/1), nuisance (0/1); one row per image, patients named uniquely.
    sizes: the images per split; without it as many as the patients allow.
    Returns the drawn rows with a `split` column, ordered by split, label, nuisance and image.
    Raises StudyError when a cell is too small.
    """
    cells = candidates.groupby(["label", "nuisance"]).size()
    have = {cell: int(cells.get(cell, 0)) for cell in [(0, 0), (0, 1), (1, 0), (1, 1)]}
    per_cell = min(have.values())
    wanted = sizes or largest_sizes(per_cell)
    if wanted.valid < 4:
        smallest = _name(min(have, key=have.get))
        raise StudyError(f"{task}: its smallest cell, {smallest}, has {per_cell} images; {_TOO_SMALL}")
    counts = cell_counts(wanted, ratio)
    for cell, available in have.items():
        needed = sum(counts[split, *cell] for split in SPLITS)
        if needed > available:
            raise StudyError(
                f"{task}: {_name(cell)} has {available} images but ratio {ratio} needs {needed}; {_TOO_SMALL}"
            )

    random = np.random.default_rng(seed)
    split_of = _assign_patients(candidates, counts, random)
    assigned = candidates.assign(split=candidates["patient"].map(split_of)).dropna(subset="split")
    groups = dict(list(assigned.groupby(["split", "label", "nuisance"])))
    found = {cell: len(groups.get(cell, ())) for cell in counts}
    if any(found[cell] < counts[cell] for cell in counts):
        if sizes is not None:
            cell = min(counts, key=lambda cell: found[cell] - counts[cell])
            raise StudyError(
                f"{task}: {_name(cell[1:])} gives the {cell[0]} split {found[cell]} of {counts[cell]} images, as no "
                f"patient may straddle splits; {_TOO_SMALL}"
            )
        counts = _shrink(counts, found, ratio, per_cell, task)
    drawn = [groups[cell].iloc[random.permutation(found[cell])[:number]] for cell, number in counts.items() if number]
    order = pd.CategoricalDtype(SPLITS, ordered=True)
    table = pd.concat(drawn).astype({"split": order})
    return table.sort_values(["split", "label", "nuisance", "source", "row"]).reset_index(drop=True)[COLUMNS]


def count_cells(split: pd.DataFrame) -> pd.DataFrame:
    """Images and patients in each split, label and nuisance group of a drawn split; empty cells are listed with 0."""
    cells = pd.MultiIndex.from_product([SPLITS, (0, 1), (0, 1)], names=["split", "label", "nuisance"])
    grouped = split.astype({"split": str}).groupby(["split", "label", "nuisance"])
    counts = grouped.agg(images=("image", "size"), patients=("patient", "nunique"))
    return counts.reindex(cells, fill_value=0).reset_index()


_TOO_SMALL = "give it more images, smaller sizes, or a ratio nearer to 0.5"


def _round(value: float) -> int:
    return int(np.floor(value + 0.5 + 1e-9))


def _name(cell: tuple[int, int]) -> str:
    return f"label {cell[0]} in nuisance group {cell[1]}"


def _assign_patients(candidates: pd.DataFrame, counts: dict[Cell, int], random: np.random.Generator) -> dict[str, str]:
    """Give each patient to one split, at random in proportion to how many of its images each split still lacks.

    Patients are taken in random order until every cell is covered, so each is as likely to be drawn as any other;
    among these the ones with many images are placed first, so that the small ones fill the gaps, and further patients
    follow as long as any cell lacks images. A patient of whose images no split lacks any stays out.
    """
    cell_index = candidates["label"].to_numpy() * 2 + candidates["nuisance"].to_numpy()
    names, patient_index = np.unique(candidates["patient"].to_numpy(dtype=str), return_inverse=True)
    images = np.zeros((len(names), 4), int)
    np.add.at(images, (patient_index, cell_index), 1)
    shuffled = random.permutation(len(names))
    needed = np.zeros(4, int)
    for (_, label, nuisance), number in counts.items():
        needed[2 * label + nuisance] += number
    before = np.cumsum(images[shuffled], axis=0) - images[shuffled]
    first = ((before < needed) & (images[shuffled] > 0)).any(axis=1)
    wave = shuffled[first]
    order = np.concatenate([wave[np.argsort(-images[wave].sum(axis=1), kind="stable")], shuffled[~first]])
    lacking = np.array(
        [[counts[split, label, nuisance] for label in (0, 1) for nuisance in (0, 1)] for split in SPLITS]
    )
    # An urn: a split's chance is the number of this patient's images that it lacks, weighted by how much it lacks.
    draws = random.random(len(names))
    split_of = {}
    for patient, chance in zip(order, draws, strict=True):
        useful = np.minimum(images[patient], lacking)
        weights = (useful * lacking).sum(axis=1)
        if weights.sum() == 0:
            continue
        split = int(np.searchsorted(np.cumsum(weights), chance * weights.sum(), side="right"))
        lacking[split] -= useful[split]
        split_of[names[patient]] = SPLITS[split]
    return split_of


def _shrink(counts: dict[Cell, int], found: dict[Cell, int], ratio: float, per_cell: int, task: str) -> dict[Cell, int]:
    """The largest sizes that the assigned patients can fill."""
    for smaller in range(per_cell - per_cell % 2, 3, -2):
        counts = cell_counts(largest_sizes(smaller), ratio)
        if all(found[cell] >= number for cell, number in counts.items()):
            return counts
    raise StudyError(f"{task}: too few patients to fill three splits at ratio {ratio}; {_TOO_SMALL}")
