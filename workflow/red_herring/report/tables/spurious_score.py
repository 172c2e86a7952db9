"""Whether models rely on the signal that was planted into their training images, and normal ones do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.detection import NORMAL_PASSES, PASSES, gated, own_scores, signal_in_words, signalled
from red_herring.report.markup import Section, Table, bold, joined, number, with_interval
from red_herring.report.tables._rows import Settings, Study, in_order, missing_note, of_task
from red_herring.statistics.randomisation import interval_over_runs
from red_herring.study.names import SIGNALS

TITLE = "Spurious scores"
CATEGORY = "Spurious signals"
CAPTION = (
    "How often a signal alone turns a prediction to the class that it went along with in training: the proof that a "
    "model relies on it, beside the model that was trained without it. Read what explanations say of a signal only "
    "where the one passes and the other does, too."
)
FILES = ["spurious_score.csv"]
RELEASED = False

KEYS = ["task", "method", "signal", "aligned", "trained"]
MODELS = ["", "normal_"]
OF_MODELS = ["n", "images", "score", "low", "high", "passed"]
AUCS = ["auc", "normal_auc", "auc_planted", "normal_auc_planted"]
FRAME = [*KEYS, *(f"{model}{column}" for model in MODELS for column in OF_MODELS), *AUCS]
HEADINGS = [
    *("", "Aligned", "Method", "n", "Images", "Score [95 %]", "Passed", "Normal model [95 %]", "Passed"),
    *("AUC", "normal", "AUC, planted", "normal"),
]
NOTE = (
    "Score: share of the test images predicted to be of the other class that the signal turns to the aligned one. Mean "
    "over n seeds with its 95 % interval by Student's t over seeds, re-splits of this pool of images, no narrower than "
    "Wilson's of the runs leave it; it ends at 0 and 1. Passed: of the runs with a score those whose Wilson interval "
    f"lies above {PASSES}, of normal models below {NORMAL_PASSES}. Bold: the signal and class of the task. AUC: of the "
    "clean test images, and with the signal on all that are not of the aligned class. No run is left out for its "
    "score."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every signal and class for every method of each task with a signal, first that of the task.

    frame: task, method, signal, aligned, trained (1: those of the task), n (seeds with a score), images (mean), score,
    its 95 % interval low and high, passed (runs), the same of the normal model after normal_, and the mean AUCs.
    """
    scores = gated(study["spurious_score"]).sort_values("trained", ascending=False, kind="stable")
    groups = scores.groupby(KEYS, sort=False)
    rows = [dict(zip(KEYS, key, strict=True)) | _over_seeds(runs) for key, runs in groups]
    frame = in_order(pd.DataFrame(rows, columns=FRAME), settings)
    sections = [
        Section(f"{task}: {signal_in_words(signal)}", HEADINGS, _lines(of_task(frame, task), settings), names=3)
        for task, signal in signalled(settings).items()
    ]
    return Table(frame, sections, joined(NOTE, missing_note(own_scores(study["spurious_score"]), settings)))


def _over_seeds(runs: pd.DataFrame) -> dict[str, Any]:
    return {
        **{f"{model}{name}": value for model in MODELS for name, value in _score(runs, model).items()},
        **runs[AUCS].mean(),
    }


def _score(runs: pd.DataFrame, model: str) -> dict[str, float]:
    """Of the spurious or the normal models of these runs."""
    own = runs[[f"{model}{name}" for name in ("images", "score", "score_low", "score_high", "passed")]]
    defined = own.dropna(subset=f"{model}score").to_numpy(float)
    score, low, high = interval_over_runs(*defined.T[1:4]) if len(defined) else (np.nan, np.nan, np.nan)
    ends = {"low": max(low, 0.0), "high": min(high, 1.0)} if low == low else {"low": np.nan, "high": np.nan}
    return {
        "n": len(defined),
        "images": own[f"{model}images"].mean(),
        "score": score,
        **ends,
        "passed": defined[:, 4].sum(),
    }


def _lines(frame: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """frame: of one task. A row for each signal, class and method."""
    rows = frame.sort_values("trained", ascending=False, kind="stable")
    groups = rows.groupby(["signal", "aligned"], sort=False)
    return [_line(row, settings) for _, own in groups for _, row in own.iterrows()]


def _line(row: pd.Series, settings: Settings) -> list[str]:
    cells = [bold(SIGNALS[row["signal"]], row["trained"] == 1), row["aligned"]]
    cells += [settings["methods"][row["method"]]["title"], f"{row['n']}", number(row["images"], 0)]
    for model in MODELS:
        cells.append(with_interval(*row[[f"{model}{name}" for name in ("score", "low", "high")]]))
        cells.append(f"{row[f'{model}passed']:.0f} of {row[f'{model}n']}")
    return [*cells, *(number(row[name]) for name in AUCS)]
