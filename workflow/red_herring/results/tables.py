"""A table per task: means and standard deviations over seeds, the published values beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from red_herring.catalogue import method_card

TABLE_GROUP = {"Input masking": "Baseline"}
"""The paper's tables count Masked among the baselines, its Figure 8 does not."""

CHANCE_AUC = 0.5
BASELINE = "classification"


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

    Columns: group, method, n (seeds), auc_*, iou_*, iop_*, iot_* as mean and sd (sample standard deviation, missing
    for one seed), chance_iou, chance_iop, published_*, and auc_bold, iou_bold: beats
    Classification and is better than chance.
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
        for name, column in {
            "auc": "test_auc",
            "iou": "iou_gradient",
            "iop": "iop_gradient",
            "iot": "iot_gradient",
        }.items():
            row |= {f"{name}_mean": own[column].mean(), f"{name}_sd": own[column].std()}
        row |= {name: own[name].mean() for name in ("chance_iou", "chance_iop")}
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


HEADINGS = ["", "Method", "n", "AUC", "AUC, published", "IoU", "IoP", "IoU, published", "chance IoU / IoP"]


def _cells(row: pd.Series, bold: str, plus_minus: str) -> list[str]:
    def value(mean: float, sd: float, emphasis: bool = False) -> str:
        if np.isnan(mean):
            return "–"
        text = f"{mean:.2f}" if np.isnan(sd) else f"{mean:.2f} {plus_minus} {sd:.2f}"
        return bold.format(text) if emphasis else text

    return [
        row["group"],
        method_card(row["method"]).title,
        str(row["n"]),
        value(row["auc_mean"], row["auc_sd"], row["auc_bold"]),
        value(row["published_auc_mean"], row["published_auc_sd"]),
        value(row["iou_mean"], row["iou_sd"], row["iou_bold"]),
        value(row["iop_mean"], row["iop_sd"]),
        value(row["published_iou_mean"], row["published_iou_sd"]),
        f"{row['chance_iou']:.2f} / {row['chance_iop']:.2f}",
    ]


def _rows(table: pd.DataFrame, bold: str, plus_minus: str) -> list[list[str]]:
    """The cells of all rows; a group is named in its first row only."""
    rows = [_cells(row, bold, plus_minus) for _, row in table.iterrows()]
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


def to_markdown(task: str, table: pd.DataFrame) -> str:
    rows = [HEADINGS, ["---"] * 2 + ["--:"] * (len(HEADINGS) - 2), *_rows(table, "**{}**", "±")]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return f"**{task}**\n\n" + "\n".join(lines) + f"\n\n{_notes(int(table['n'].max()))}\n"


def to_latex(task: str, table: pd.DataFrame) -> str:
    """A booktabs table; needs \\usepackage{booktabs}."""
    rows = _rows(table, r"$\mathbf{{{}}}$", r"\pm")
    body = []
    for number, cells in enumerate(rows):
        if number and cells[0]:
            body.append(r"\midrule")
        cells = [f"${cell}$" if r"\pm" in cell and not cell.startswith("$") else cell for cell in cells]
        body.append(" & ".join(cells).replace("–", "--") + r" \\")
    caption = f"{task}. {_notes(int(table['n'].max()))}".replace("_", r"\_").replace("±", r"$\pm$")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            r"\begin{tabular}{llrrrrrrr}",
            r"\toprule",
            " & ".join(HEADINGS) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{caption}}}",
            r"\end{table}",
            "",
        ]
    )
