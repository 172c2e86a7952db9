"""Whether readers recommend models with a signal, by what they are shown and told, from their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.markup import ABSENT, Section, Table, given, joined, number, p_value, with_interval
from red_herring.report.pages._questions import FAMILIES, NORMAL, OWN
from red_herring.report.pages.reader import BLINDED, PAGES, REASONS, SCALE, UNBLINDED
from red_herring.statistics.paired import holm
from red_herring.statistics.readers import LEAST_READERS, difference, median, rank_sum_p

LEVELS = {"": "All tasks", "task": "By task", "explainer": "By explanation"}
"""What besides the family the answers are told apart by -> title."""

LESS = "own less normal"
MODELS = {OWN: "with the signal", NORMAL: "without it", LESS: "with less without"}

COLUMNS = [
    *("level", "family", "task", "explainer", "model", "page", "readers", "answers", "unanswered"),
    *("median", "median_low", "median_high", "mean", *(f"why_{reason}" for reason in REASONS)),
    *("difference", "difference_low", "difference_high", "p", "p_holm", "corrected"),
]

Group = dict[str, Any]


def results(answers: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """One row per level, group, model and page, see results/README.md.

    answers: of `red_herring.report.reader_answers.read_answers`. titles: of attributions, for the text.
    """
    rows = [row for group, own in _groups(answers) for row in _rows(own, group)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for _, own in frame.groupby(["level", "model"], sort=False):
        frame.loc[own.index, "p_holm"] = holm(own["p"])
        frame.loc[own.index, "corrected"] = own["p"].count()
    sections = [_section(own, level, titles) for level, own in frame.groupby("level", sort=False)]
    return Table(frame, sections, _note(answers))


def _groups(answers: pd.DataFrame) -> Iterator[tuple[Group, pd.DataFrame]]:
    """The answers of each family, then of each family and task, then of each family and explanation."""
    for level in LEVELS:
        for family in FAMILIES:
            own = answers[answers["family"] == family]
            values = [""] if not level else sorted(own[level].unique())
            for value in values if len(own) else []:
                named = {"level": level, "family": family, "task": "", "explainer": ""}
                yield named | ({level: value} if level else {}), own[own[level] == value] if level else own


def _rows(answers: pd.DataFrame, group: Group) -> Iterator[Group]:
    """Of each model, and of the difference of the twins, a row for each page."""
    for model in MODELS:
        own = {page: _given(answers[answers["page"] == page], model) for page in PAGES}
        means = {page: np.nanmean(given, axis=1) for page, given in own.items()}
        for page in PAGES:
            there = answers[(answers["page"] == page) & ((answers["model"] == model) | (model == LESS))]
            value, low, high = median(own[page])
            row = group | {"model": model, "page": page, "readers": len(own[page]), "mean": _mean(means[page])}
            row |= {"answers": there["recommend"].count(), "unanswered": there["recommend"].isna().sum()}
            row |= {"median": value, "median_low": low, "median_high": high}
            if model != LESS:
                row |= {f"why_{reason}": _mean(there[reason]) for reason in REASONS}
            if page == UNBLINDED:
                value, low, high = difference(means[BLINDED], means[UNBLINDED])
                row |= {"difference": value, "difference_low": low, "difference_high": high}
                row["p"] = rank_sum_p(means[BLINDED], means[UNBLINDED])
            yield row


def _given(answers: pd.DataFrame, model: str) -> np.ndarray:
    """Recommendations [readers, questions], NaN where there is none, of readers who gave any; of LESS the difference of
    a reader's means, [readers, 1], of readers who judged both.
    """
    if model == LESS:
        means = answers.pivot_table("recommend", "reader", "model").reindex(columns=[OWN, NORMAL])
        found: np.ndarray = (means[OWN] - means[NORMAL]).dropna().to_numpy(float)[:, None]
    else:
        found = answers[answers["model"] == model].pivot_table("recommend", "reader", "question").to_numpy(float)
    return found


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def _section(rows: pd.DataFrame, level: str, titles: Mapping[str, str]) -> Section:
    """A line for each group and model: both pages side by side."""
    lines = []
    for (family, task, explainer, model), own in rows.groupby(["family", "task", "explainer", "model"], sort=False):
        pages = {row["page"]: row for row in own.to_dict("records")}
        named = " ".join(filter(None, [FAMILIES[family], task, titles.get(explainer, explainer)]))
        compared = pages[UNBLINDED]
        cells = [cell for page in PAGES for cell in _cells(pages[page])]
        difference_of = with_interval(*(compared[name] for name in ("difference", "difference_low", "difference_high")))
        lines.append([named, MODELS[model], *cells, difference_of, p_value(compared["p"]), p_value(compared["p_holm"])])
    of_pages = [heading for page in PAGES for heading in (f"Readers {page}", "Median", "Goes by the wrong")]
    headings = ["", "Model", *of_pages, "Difference", "p", "p (Holm)"]
    return Section(LEVELS[level], headings, lines, names=2)


def _cells(row: Group) -> list[str]:
    value = with_interval(row["median"], row["median_low"], row["median_high"], 1)
    share = row["why_goes_by_the_wrong"]
    return [str(row["readers"]), given(value, row["readers"]), ABSENT if np.isnan(share) else number(share)]


def _note(answers: pd.DataFrame) -> str:
    left_out = int(answers["recommend"].isna().sum())
    lacking = f"{left_out} of {len(answers)} questions have no recommendation, and count in no mean or median."
    return joined(
        f"Would you recommend this model: 1 {SCALE[0].lower()}, {len(SCALE)} {SCALE[-1].lower()}. Blinded readers are "
        "not told that there may be a signal, unblinded ones are told which. Median of all answers, and of what each "
        "reader's mean is larger with the signal than without it, with 95 % bootstrap intervals over readers, of which "
        f"fewer than {LEAST_READERS} have none.",
        "Goes by the wrong: the share of the questions at which readers ticked that the model seems to go by something "
        "that it should not go by.",
        "Difference: the mean of the unblinded readers less that of the blinded ones; p by the permutation "
        "distribution of the Mann-Whitney statistic of readers' means, after Holm over the groups of a table for each "
        "kind of model.",
        lacking if left_out else "",
    )
