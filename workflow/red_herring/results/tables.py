"""Two tables per task: the paper's, with the published values beside ours, and what each test set and group says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from red_herring.catalogue import method_card
from red_herring.data.splits import TESTS

TABLE_GROUP = {"Input masking": "Baseline"}
"""The paper's tables count Masked among the baselines, its Figure 8 does not."""

CHANCE_AUC = 0.5
BASELINE = "classification"

SCORES = {
    "auc": "test_auc",
    "iou": "iou_gradient",
    "iop": "iop_gradient",
    "iot": "iot_gradient",
    "in_distribution_auc": "test_in_distribution_auc",
    "balanced_auc": "test_balanced_auc",
    "within_0_auc": "within_0_auc",
    "within_1_auc": "within_1_auc",
}
"""Column of the table, with _mean and _sd -> column of runs.csv."""


def published(task: str, tables: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """auc_mean, auc_sd, iou_mean, iou_sd by method: as printed in the paper's tables, and where it prints none (the
    synthetic task) recomputed from the authors' released runs; no rows for other tasks.
    """
    printed = tables[tables["task"] == task].set_index("method")
    if len(printed):
        return printed[["auc_mean", "auc_std", "iou_mean", "iou_std"]].rename(
            columns=lambda name: name.replace("std", "sd")
        )
    grouped = runs[runs["task"] == task].groupby("method")
    columns = {"auc": grouped["test_auc"], "iou": grouped["iou_gradient"]}
    parts = {f"{name}_mean": column.mean() for name, column in columns.items()}
    return pd.DataFrame(parts | {f"{name}_sd": column.std() for name, column in columns.items()})


def summarise(runs: pd.DataFrame, methods: Sequence[str], reference: pd.DataFrame) -> pd.DataFrame:
    """One row per method of one task, in the order of `methods` within the paper's groups.

    Columns: group, method, n (seeds), those of SCORES as mean and sd (sample standard deviation, missing for one seed),
    the means chance_iou, chance_iop, floor_auc and the images of each test set, published_*, and auc_bold, iou_bold:
    beats Classification and is better than chance.
    """
    cards = {method: method_card(method) for method in methods}
    rows = []
    for method in methods:
        own = runs[runs["method"] == method]
        row = {
            "group": TABLE_GROUP.get(cards[method].approach, cards[method].approach),
            "method": method,
            "n": len(own),
        }
        for name, column in SCORES.items():
            row |= {f"{name}_mean": own[column].mean(), f"{name}_sd": own[column].std()}
        row |= {name: own[name].mean() for name in ("chance_iou", "chance_iop", "floor_auc")}
        row |= {f"{name}_images": own[f"{name}_images"].mean() for name in TESTS}
        for name in ("auc_mean", "auc_sd", "iou_mean", "iou_sd"):
            row[f"published_{name}"] = reference[name].get(method, np.nan) if len(reference) else np.nan
        rows.append(row)
    table = pd.DataFrame(rows)
    order = {group: position for position, group in enumerate(dict.fromkeys(table["group"]))}
    table = table.sort_values("group", key=lambda groups: groups.map(order), kind="stable").reset_index(drop=True)
    base = table[table["method"] == BASELINE]
    for name, chance in (("auc", CHANCE_AUC), ("iou", table["chance_iou"])):
        beaten = base[f"{name}_mean"].iloc[0] if len(base) else np.nan
        table[f"{name}_bold"] = (table[f"{name}_mean"] > beaten) & (table[f"{name}_mean"] > chance)
    return table


Format = Callable[[float, float, bool], str]
"""Writes a mean and a standard deviation, in bold or not."""

PAPER = ["", "Method", "n", "AUC", "AUC, published", "IoU", "IoP", "IoU, published", "chance IoU / IoP"]


def _paper_cells(row: pd.Series, write: Format) -> list[str]:
    return [
        row["group"],
        method_card(row["method"]).title,
        str(row["n"]),
        write(row["auc_mean"], row["auc_sd"], row["auc_bold"]),
        write(row["published_auc_mean"], row["published_auc_sd"], False),
        write(row["iou_mean"], row["iou_sd"], row["iou_bold"]),
        write(row["iop_mean"], row["iop_sd"], False),
        write(row["published_iou_mean"], row["published_iou_sd"], False),
        f"{row['chance_iou']:.2f} / {row['chance_iop']:.2f}",
    ]


def _shift_headings(groups: Sequence[str], table: pd.DataFrame) -> list[str]:
    """With the images of each test set, averaged over seeds, as these may be few."""
    sets = {"test": "AUC, shifted", "test_in_distribution": "in distribution", "test_balanced": "balanced"}
    counted = [f"{title} (n = {table[f'{name}_images'].mean():.0f})" for name, title in sets.items()]
    return ["", "Method", *counted, *(f"within {name}" for name in groups), "floor"]


def _shift_cells(row: pd.Series, write: Format) -> list[str]:
    names = ("auc", "in_distribution_auc", "balanced_auc", "within_0_auc", "within_1_auc")
    scores = [write(row[f"{name}_mean"], row[f"{name}_sd"], False) for name in names]
    return [row["group"], method_card(row["method"]).title, *scores, f"{row['floor_auc']:.2f}"]


def _writer(bold: str, plus_minus: str, number: str = "{}") -> Format:
    def write(mean: float, sd: float, emphasis: bool) -> str:
        if np.isnan(mean):
            return "–"
        text = f"{mean:.2f}" if np.isnan(sd) else f"{mean:.2f} {plus_minus} {sd:.2f}"
        return (bold if emphasis else number).format(text)

    return write


def _rows(table: pd.DataFrame, cells: Callable[[pd.Series, Format], list[str]], write: Format) -> list[list[str]]:
    """The cells of all rows; a group is named in its first row only."""
    rows = [cells(row, write) for _, row in table.iterrows()]
    for previous, row in zip(table["group"], rows[1:], strict=False):
        row[0] = "" if row[0] == previous else row[0]
    return rows


def _notes(seeds: int) -> str:
    spread = f"Mean ± sample standard deviation over {seeds} seeds" if seeds > 1 else "One seed"
    return (
        f"{spread}; test images, at the epoch of lowest validation loss. IoU: input gradient against the ROI mask, "
        "positive test images; IoP: intersection over predicted. Bold: beats Classification and is better than chance. "
        "On some tasks the IoU printed in the paper agrees better with the authors' released IoP than with their IoU."
    )


SHIFT_NOTES = (
    "The same classifiers on the shifted test set (the AUC above), on one with the relation of training and on one "
    "without any; within each nuisance group, over the images of all three; and the floor, what the nuisance alone "
    "scores on the shifted test set."
)


def to_markdown(task: str, table: pd.DataFrame, groups: Sequence[str]) -> str:
    """groups: the names of the two nuisance groups."""
    write = _writer("**{}**", "±")
    paper = _markdown(PAPER, _rows(table, _paper_cells, write))
    shift = _markdown(_shift_headings(groups, table), _rows(table, _shift_cells, write))
    return f"**{task}**\n\n{paper}\n\n{_notes(int(table['n'].max()))}\n\n{shift}\n\n{SHIFT_NOTES}\n"


def _markdown(headings: list[str], rows: list[list[str]]) -> str:
    ruler = ["---"] * 2 + ["--:"] * (len(headings) - 2)
    headings = [heading.replace("|", r"\|") for heading in headings]
    return "\n".join("| " + " | ".join(row) + " |" for row in [headings, ruler, *rows])


def to_latex(task: str, table: pd.DataFrame, groups: Sequence[str]) -> str:
    """Two booktabs tables; they need \\usepackage{booktabs}."""
    write = _writer(r"$\mathbf{{{}}}$", r"\pm", "${}$")
    paper = _latex(PAPER, _rows(table, _paper_cells, write), f"{task}. {_notes(int(table['n'].max()))}")
    shift = _latex(_shift_headings(groups, table), _rows(table, _shift_cells, write), f"{task}. {SHIFT_NOTES}")
    return f"{paper}\n{shift}"


def _latex(headings: list[str], rows: list[list[str]], caption: str) -> str:
    body = []
    for number, cells in enumerate(rows):
        if number and cells[0]:
            body.append(r"\midrule")
        body.append(" & ".join(cells).replace("–", "--") + r" \\")
    caption, *headings = (_escaped(text) for text in (caption, *headings))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{ll{'r' * (len(headings) - 2)}}}",
            r"\toprule",
            " & ".join(headings) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{caption}}}",
            r"\end{table}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    for character in "_&%#$":
        text = text.replace(character, rf"\{character}")
    return text.replace("±", r"$\pm$")
