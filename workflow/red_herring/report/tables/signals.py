"""Would an explanation have shown a planted signal, known or not, and how often does it cry wolf?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.detection import (
    FALSE_ALARM,
    NORMAL_PASSES,
    PASSES,
    QUESTIONS,
    SHOWN,
    UNKNOWN,
    answers,
    explanation_title,
    own_scores,
    signal_in_words,
    signalled,
    unknown,
)
from red_herring.report.markup import ABSENT, UNDEFINED, Section, Table, bold, joined, p_value, with_interval
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, in_order, missing_note
from red_herring.statistics.common import SIGNIFICANCE, Interval, wilson
from red_herring.statistics.randomisation import interval_over_runs
from red_herring.statistics.two_sample import enough
from red_herring.study.names import FAMILIES

TITLE = "Signals and explanations"
CATEGORY = "Spurious signals"
CAPTION = (
    "Would an explanation have shown a signal that the model relies on? Known, to a reader who knows of it, yes: by "
    "attribution where K-SSD is above FAM-GT, the map of the planted image having more on the signal by the spurious "
    "model than by the normal one, and also above a map in random order; by concepts where the TCAV score of the "
    "signal is higher for the spurious model; by training points where more of the most helpful ones carry it for the "
    "spurious model; always with the 95 % "
    "interval of the difference over seeds above 0, or all seeds alike above 0. Unknown, to a reader who does not, "
    "yes: where a classifier tells explanations of images without the signal, or by other concepts, of spurious from "
    "those of normal models, with p < 0.05 over exchanges of twins, for which it takes six seeds. False alarm, of a "
    "normal model, yes: by attribution where its map has more on the signal than a map in random order; by training "
    "points where more of the most helpful ones carry it than of all, with the interval over seeds above 0; by "
    "concepts where the share of normal models whose score of the signal is above that of random concepts (p < 0.05) "
    "has Wilson's interval above 0.05. All runs count, also those that do not pass the gate: look at how many do "
    "before anything else."
)
FILES = ["spurious_score.csv", "told_apart.csv"]
OPTIONAL = ["signal_detection.csv", "concepts.csv", "influence.csv"]
RELEASED = False

KEYS = ["task", "method", "family", "explanation"]
FRAME = [
    *("task", "signal", "share", "of", "method", "family", "explanation", "question"),
    *("n", "value", "low", "high", "p", "verdict"),
]
ABOUT = ["signal", "share", "of"]
YES, NO, UNDECIDED, FEW = "yes", "no", "undecided", "too few seeds"

NOTE = (
    "Bold: yes. Known: by attribution AUPRC less area, K-SSD less FAM-GT, and yes only where K-SSD itself is above a "
    "map in random order; by concepts the TCAV score, by training "
    "points the share of the most helpful ones with the signal, spurious less normal model. Unknown: AUC of the "
    "classifier, 0.5 says nothing. False alarm: by attribution FAM-GT less that of a map in random order, by training "
    "points the share less that of all training images, by concepts the share of normal models. Mean over n seeds with "
    "its 95 % interval by Student's t, no narrower than those of the runs leave it; of the share by concepts Wilson's; "
    "with no correction for how many verdicts there are. Yes: above 0; no: below; else undecided. Where all images of "
    "a class carry the signal, the most helpful ones do so by their label alone; and as those of a spurious model "
    "carry it whoever picks them, a yes of theirs to Unknown is to be held against those drawn at random, in the table "
    f"of what is told apart. Controls are left out. Gate: runs with a spurious score above {PASSES}, and whose normal "
    f"model has one below {NORMAL_PASSES}, by their Wilson intervals."
)
SUMMARY = "How many explanations of each family say yes"
SUMMARY_HEADINGS = ["", "Method", "Family", "Gate", "Gate, normal", "Known", "Unknown", "False alarm"]
HEADINGS = ["", "Explanation", "Method", "n", "Known [95 %]", "Unknown [95 %]", "p", "False alarm [95 %]"]


def tabulate(study: Study, settings: Settings) -> Table:
    """Every question of every explanation, for every task with a signal and method.

    frame: task, signal, share and of (of the class that carries it in training), method, family (the analysis),
    explanation (attribution, layer, `tcav` for all layers, form of influence), question (known, unknown, false_alarm),
    n (seeds with a value), value, its 95 % interval low and high, p (unknown alone), verdict (yes, no, undecided,
    undefined, too few seeds).
    """
    signals, scores = signalled(settings), own_scores(study["spurious_score"])
    grouped = answers(study, settings).groupby([*KEYS, "question"], sort=False)
    rows = [dict(zip([*KEYS, "question"], key, strict=True)) | _over_seeds(own) for key, own in grouped]
    told = unknown(study["told_apart"], settings)
    rows += [_told(row) for _, row in told[told["seed"].isna()].iterrows()]
    found = pd.DataFrame(rows, columns=[column for column in FRAME if column not in ABOUT])
    about = pd.DataFrame([signals[task] for task in found["task"]], columns=["kind", *ABOUT[1:]], index=found.index)
    frame = in_order(found.join(about.rename(columns={"kind": "signal"}))[FRAME], settings)
    shown = [(task, method) for task in signals for method in methods_of(settings, task)]
    parts = {key: of_run(frame, key) for key in shown}
    summary = [row for key, part in parts.items() for row in _summary(key, part, of_run(scores, key), settings)]
    sections = [Section(SUMMARY, SUMMARY_HEADINGS, summary, names=3)]
    for task in signals:
        details = [row for (of, _), part in parts.items() if of == task for row in _details(part, settings)]
        sections.append(Section(f"{task}: {signal_in_words(signals[task])}", HEADINGS, details, names=3))
    return Table(frame, sections, joined(NOTE, missing_note(scores, settings)))


def of_run(table: pd.DataFrame, key: tuple[str, str]) -> pd.DataFrame:
    """The rows of a task and method."""
    task, method = key
    return table[(table["task"] == task) & (table["method"] == method)]


def _over_seeds(runs: pd.DataFrame) -> dict[str, Any]:
    """runs: what is said of those of one method to one question."""
    defined = runs.dropna(subset="value")
    n, values = len(defined), defined["value"].to_numpy(float)
    if not n:
        return {"n": 0, "value": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "verdict": UNDEFINED}
    nothing = 0.0
    if defined[["family", "question"]].iloc[0].tolist() == ["concepts", FALSE_ALARM]:
        interval, nothing = Interval(values.mean(), *wilson(int(values.sum()), n)), SIGNIFICANCE
    else:
        interval = interval_over_runs(values, defined["low"].to_numpy(float), defined["high"].to_numpy(float))
    verdict = _verdict(interval, nothing, alike=n > 1)
    shown = defined[SHOWN].dropna(subset="shown").to_numpy(float)
    if verdict == YES and len(shown):  # less wrong than the normal model's map, it may still not show the signal
        verdict = YES if _verdict(interval_over_runs(*shown.T), 0.0, alike=len(shown) > 1) == YES else UNDECIDED
    return {"n": n, **interval._asdict(), "p": np.nan, "verdict": verdict}


def _verdict(interval: Interval, nothing: float, alike: bool) -> str:
    """By the interval against what says nothing; alike: without an interval all seeds have the same value."""
    value, low, high = interval
    if np.isnan(low) and alike:
        low = high = value
    return YES if low > nothing else NO if high < nothing else UNDECIDED


def _told(told: pd.Series) -> dict[str, Any]:
    """What is said by a row of told_apart.csv."""
    if np.isnan(told["p"]):
        said = UNDEFINED
    elif not enough(told["least_p"]):
        said = FEW
    else:
        said = YES if told["p"] < SIGNIFICANCE else UNDECIDED
    return {
        **told[[*KEYS, "low", "high", "p"]].to_dict(),
        **{"question": UNKNOWN, "n": told["seeds"], "value": told["auc"], "verdict": said},
    }


def _summary(key: tuple[str, str], rows: pd.DataFrame, scores: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """A row for each family. rows, scores: those of one method."""
    task, method = key
    names = [task, settings["methods"][method]["title"]]
    gates = [_count(scores[gate].sum(), len(scores)) for gate in ("passed", "normal_passed")]
    return [
        [*names, FAMILIES[family], *gates, *(_said(own[own["question"] == question]) for question in QUESTIONS)]
        for family, own in rows.groupby("family", sort=False)
    ]


def _said(rows: pd.DataFrame) -> str:
    if len(rows) and (rows["verdict"] == FEW).all():
        return FEW
    return _count((rows["verdict"] == YES).sum(), len(rows))


def _count(some: float, of: int) -> str:
    return f"{some:.0f} of {of}" if of else ABSENT


def _details(rows: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """A row for each explanation. rows: those of one method."""
    lines = []
    for (family, explanation), own in rows.groupby(["family", "explanation"], sort=False):
        cells = {row["question"]: row for _, row in own.iterrows()}
        names = [
            FAMILIES[family],
            explanation_title(explanation, settings),
            settings["methods"][own["method"].iloc[0]]["title"],
        ]
        p = p_value(cells[UNKNOWN]["p"]) if UNKNOWN in cells else ABSENT
        said = [_cell(cells.get(question)) for question in QUESTIONS]
        lines.append([*names, f"{own['n'].max():.0f}", *said[:2], p, said[2]])
    return lines


def _cell(row: pd.Series | None) -> str:
    if row is None:
        return ABSENT
    return bold(with_interval(row["value"], row["low"], row["high"]), row["verdict"] == YES)
