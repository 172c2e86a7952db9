"""How many images the splits of all tasks and seeds have, and how many those of two seeds share, as tables to read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.data.overlaps import COLUMNS, overlaps
from red_herring.data.splits import SHIFTED_TEST, read_split, shared_names_sentence
from red_herring.report.markup import markdown_table

HEADINGS = [
    "Task", "Split", "Images", "Positives from", "Negatives from", "Ratio", "Patients",
    "Largest share of a patient", "Straddling patients",
]  # fmt: skip
OVERLAP_HEADINGS = ["Task", "Training, two seeds", "Test, two seeds", "Test of another seed in training or validation"]
SEARCH_HEADING = "Test of another seed in training or validation of the search"


def overlaps_table(results: Path, tasks: Sequence[str], seeds: Sequence[int], drawn: Sequence[int]) -> pd.DataFrame:
    """What the drawn splits below `results` share, see `red_herring.data.overlaps`, of those that are there.

    seeds: those of the runs. drawn: these and that of the search, which may have no run and is then `other` alone.
    """
    files = {(task, seed): results / "splits" / task / f"seed={seed}.csv" for task, seed in product(tasks, drawn)}
    splits = {key: read_split(file) for key, file in files.items() if file.is_file()}
    parts = []
    for task in tasks:
        own = {seed: split for (of, seed), split in splits.items() if of == task}
        parts.append(overlaps(task, own, [seed for seed in seeds if seed in own]))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def splits_to_markdown(counts: pd.DataFrame, tasks: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per task and split; where seeds differ, the lowest and the highest number.

    counts: task, seed, split, label, nuisance, images, patients, largest_share, straddling_patients,
    shared_patient_names; one row per cell. tasks: name -> groups, finding, control of the tasks in order.
    """
    lines = []
    for task, about in tasks.items():
        own = counts[counts["task"] == task]
        for split in dict.fromkeys(own["split"]):
            rows = own[own["split"] == split]
            cells = {key: cell.set_index("seed")["images"] for key, cell in rows.groupby(["label", "nuisance"])}
            sums = rows.groupby("seed")[["images", "patients"]].sum()
            positives, negatives = (
                ", ".join(f"{name} {_span(cells[label, group])}" for group, name in enumerate(about["groups"]))
                for label in (1, 0)
            )
            share = (cells[1, 1] / (cells[1, 0] + cells[1, 1])).dropna()
            straddling = _span(rows.groupby("seed")["straddling_patients"].first()) if split == "train" else ""
            texts = [_span(sums["images"]), positives, negatives, _span(share.round(3)) if len(share) else "–"]
            lines.append([task, split, *texts, _span(sums["patients"]), _largest(rows, about["groups"]), straddling])
    shared = counts.groupby("task")["shared_patient_names"].max()
    told = [f"\n{task}: {shared_names_sentence(number)}.\n" for task, number in shared.items() if number]
    return f"{markdown_table(HEADINGS, lines, names=2)}\n\n{_notes(counts)}\n{''.join(told)}"


def overlaps_to_markdown(
    shared: pd.DataFrame, tasks: Iterable[str], tuning_seed: int | None, searched: Collection[str]
) -> str:
    """One row per task: the shares of images that two seeds have in common, mean and range over pairs of seeds.

    shared: the columns of COLUMNS. tuning_seed: that of the search; None without one. searched: the tasks that have
    one; the others take the hyperparameters of these. Empty when no seed has another one to share images with.
    """
    if shared.empty:
        return ""
    names, search = list(tasks), tuning_seed is not None
    lines = []
    for task in names:
        own = shared[shared["task"] == task]
        runs = own[own["other"].isin(own["seed"])]
        shares = [_in_common(runs, "train"), _in_common(runs, SHIFTED_TEST), _taught(runs)]
        shares += [_taught(own[(own["other"] == tuning_seed) & (task in searched)])] if search else []
        lines.append([task, *map(_percent, shares)])
    headings = [*OVERLAP_HEADINGS, *([SEARCH_HEADING] if search else [])]
    notes = [OVERLAP_NOTE, *([SEARCH_NOTE.format(tuning_seed)] if search else [])]
    if search and not set(names) <= set(searched):
        notes.append(ELSEWHERE_NOTE)
    return f"{markdown_table(headings, lines)}\n\n{' '.join(notes)}\n"


OVERLAP_NOTE = (
    "Percent of images, mean over ordered pairs of seeds (lowest to highest). All seeds draw from the same images, so "
    "runs of different seeds are not independent."
)
SEARCH_NOTE = (
    "Hyperparameters are searched on the split of seed {}: the last column is the share of the test images of the "
    "other seeds that train or validate there, so that the search has seen them."
)


ELSEWHERE_NOTE = "It is not known of tasks that are tuned on another one."


def _in_common(shared: pd.DataFrame, split: str) -> pd.Series:
    return shared.loc[(shared["split"] == split) & (shared["other_split"] == split), "share"]


def _taught(shared: pd.DataFrame) -> pd.Series:
    """The share of a seed's test images that train or validate in the other."""
    rows = shared[(shared["split"] == SHIFTED_TEST) & (shared["other_split"] != SHIFTED_TEST)]
    return rows.groupby(["seed", "other"])["share"].sum()


def _percent(shares: pd.Series) -> str:
    if shares.empty:
        return "–"
    mean, low, high = (f"{100 * value:.1f}" for value in (shares.mean(), shares.min(), shares.max()))
    return f"{mean} ({low} to {high})"


def _largest(rows: pd.DataFrame, groups: Sequence[str]) -> str:
    """The largest share of a cell's images that are of one patient, over cells and seeds, and which cell that is."""
    if rows["largest_share"].isna().all():
        return "–"
    row = rows.loc[rows["largest_share"].idxmax()]
    label = "positives" if row["label"] else "negatives"
    return f"{100 * row['largest_share']:.1f} % of {label} from {groups[int(row['nuisance'])]}"


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _notes(counts: pd.DataFrame) -> str:
    return (
        f"{counts['seed'].nunique()} seeds. Ratio: the share of positives from the second group. A patient with images "
        "of both classes or groups counts in each. Largest share of a patient: of the images of a class and group, "
        "over all seeds. Test sets may share images with each other. Straddling patients are in more than one of "
        "train, valid and test."
    )
