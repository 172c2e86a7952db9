"""What explanations of each family say of a planted signal, run by run: to who knows of it, and as a false alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.study.names import FAMILIES, SIGNALS

KNOWN, UNKNOWN, FALSE_ALARM = QUESTIONS = ("known", "unknown", "false_alarm")
"""What is asked of an explanation: whether it shows the signal to who knows of it, whether it looks other than that of
a normal model to who does not, and whether it shows the signal where the model does not use it.
"""

GIVEN = {"signal_detection": "clean", "concepts": "concepts", "influence": "clean"}
"""Family -> what is explained to who knows nothing of the signal, as told_apart.csv calls it."""

LAYERS = "tcav"
"""What is told apart by concepts: their scores in all layers together."""

CONTROL = "random"
"""The form of influence that knows no model, and an attribution."""

PASSES, NORMAL_PASSES = 0.85, 0.1
"""A model relies on the signal where the interval of its spurious score lies above the first, and is a normal one where
it lies below the second (Adebayo et al. 2022, who ask it of the score itself).
"""

SHOWN = ["shown", "shown_low", "shown_high"]
"""What an attribution shows of a known signal by the spurious model alone, with its interval within the run."""

COLUMNS = [*KEYS, "family", "explanation", "question", "value", "low", "high", *SHOWN]


def signalled(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Task that has a signal -> the signal: kind, share, of, area."""
    return {task: about["signal"] for task, about in settings["tasks"].items() if about.get("signal")}


def signal_in_words(signal: Mapping[str, Any]) -> str:
    """What is planted into which share of which class in training."""
    return f"{SIGNALS[signal['kind']].lower()} on {signal['share']:.0%} of the {signal['of']}"


def explanation_title(name: str, settings: Mapping[str, Any]) -> str:
    """Of an attribution its title; of a layer or a form of influence its name."""
    if name == LAYERS:
        return "all layers"
    return str(settings["attributions"].get(name, {}).get("title", name.replace("_", " ")))


def gated(scores: pd.DataFrame) -> pd.DataFrame:
    """spurious_score.csv with passed and normal_passed: 1 where the interval of the run, or of its normal model, lies
    where it is to be, 0 where not, NaN where there is no score.
    """
    passed = (scores["score_low"] > PASSES).where(scores["score"].notna()).astype(float)
    normal = (scores["normal_score_high"] < NORMAL_PASSES).where(scores["normal_score"].notna()).astype(float)
    return scores.assign(passed=passed, normal_passed=normal)


def own_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Of these the row of each run of the signal and class of its task."""
    return gated(scores[scores["trained"] == 1])


def answers(tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> pd.DataFrame:
    """What the families that the study has say of each run, with the columns COLUMNS: 0 is nothing, and low to high the
    interval within the run where there is one. Of a false alarm of concepts: 1 or 0. SHOWN: of known signals, by
    attribution alone.

    tables: name -> table of the study. Without controls.
    """
    signals = signalled(settings)
    kinds = pd.Series({task: signal["kind"] for task, signal in signals.items()}, dtype=object)
    parts = [pd.DataFrame(columns=COLUMNS)]
    for family, asked in OF_FAMILY.items():
        if family in tables:
            own = tables[family][tables[family]["task"].isin(signals)]
            parts += asked(own.assign(family=family, kind=own["task"].map(kinds)))
    found = pd.concat([part[COLUMNS] for part in parts if len(part)] or parts, ignore_index=True)
    return found[~found["explanation"].isin(_controls(settings))]


def unknown(told: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Of told_apart.csv what is said of explanations to who knows nothing of the signal. Without controls."""
    own = told[told["task"].isin(signalled(settings)) & (told["given"] == told["family"].map(GIVEN))]
    return own[~own["explanation"].isin(_controls(settings))]


def _controls(settings: Mapping[str, Any]) -> set[str]:
    """Explanations that know no model."""
    return {CONTROL, *(name for name, about in settings["attributions"].items() if about["control"])}


def _of_attributions(own: pd.DataFrame) -> list[pd.DataFrame]:
    own = own.rename(columns={"attribution": "explanation"})
    shown = [_less(own, "kssd_ap", own["chance_ap"])[end] for end in ("value", "low", "high")]
    known = _named(own, KNOWN, "difference_ap").assign(**dict(zip(SHOWN, shown, strict=True)))
    return [known, _named(own, FALSE_ALARM, "famgt_ap", own["chance_ap"])]


def _of_concepts(own: pd.DataFrame) -> list[pd.DataFrame]:
    own = own[own["concept"] == own["kind"]].rename(columns={"layer": "explanation"})
    return [_named(own, KNOWN, "difference"), _named(own, FALSE_ALARM, "alarm_towards")]


def _of_training_points(own: pd.DataFrame) -> list[pd.DataFrame]:
    own = own.rename(columns={"form": "explanation"})
    return [_named(own, KNOWN, "difference"), _named(own, FALSE_ALARM, "normal_share", own["base_rate"])]


OF_FAMILY = {
    "signal_detection": _of_attributions,
    "concepts": _of_concepts,
    "influence": _of_training_points,
}
assert OF_FAMILY.keys() == FAMILIES.keys()


def _named(own: pd.DataFrame, question: str, column: str, nothing: pd.Series | float = 0.0) -> pd.DataFrame:
    """The answers to a question by a column."""
    return own.assign(question=question, **_less(own, column, nothing), **dict.fromkeys(SHOWN, np.nan))


def _less(own: pd.DataFrame, column: str, nothing: pd.Series | float) -> dict[str, pd.Series]:
    """The column, and its interval where it has one, less what says nothing."""
    ends = {end: own.get(f"{column}_{end}", np.nan) - nothing for end in ("low", "high")}
    return {"value": own[column] - nothing, **ends}
