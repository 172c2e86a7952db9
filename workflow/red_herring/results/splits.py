"""How many images the splits have: the realised counts of all tasks and seeds as a table to read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from red_herring.data.splits import shared_names_sentence
from red_herring.results.markup import markdown_table

HEADINGS = [
    "Task", "Split", "Images", "Positives from", "Negatives from", "Ratio", "Patients", "Straddling patients",
]  # fmt: skip


def splits_to_markdown(counts: pd.DataFrame, tasks: dict[str, dict[str, Any]]) -> str:
    """One row per task and split; where seeds differ, the lowest and the highest number.

    counts: task, seed, split, label, nuisance, images, patients, straddling_patients, shared_patient_names; one row per
    cell. tasks: name -> groups, finding, control of the tasks in order.
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
            lines.append([task, split, *texts, _span(sums["patients"]), straddling])
    shared = counts.groupby("task")["shared_patient_names"].max()
    told = [f"\n{task}: {shared_names_sentence(number)}.\n" for task, number in shared.items() if number]
    return f"{markdown_table(HEADINGS, lines, names=2)}\n\n{_notes(counts)}\n{''.join(told)}"


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _notes(counts: pd.DataFrame) -> str:
    return (
        f"{counts['seed'].nunique()} seeds. Ratio: the share of positives from the second group. A patient with images "
        "of both classes or groups counts in each. Test sets may share images with each other. Straddling patients are "
        "in more than one of train, valid and test."
    )
