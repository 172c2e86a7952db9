"""What tables of detectors share: arms in words, and which runs are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from red_herring.report.detection_runs import KEYS, in_words
from red_herring.report.markup import joined
from red_herring.report.tables._rows import Settings
from red_herring.statistics.common import CONFIDENCE, LEAST_SEEDS

MECHANISM = (
    "A mechanism that was derived again from an abstract (Liu et al. 2019), in a small version; the numbers of the "
    "paper are not reproduced."
)


def seeds_note(seeds: int) -> str:
    """How wide an interval over so few seeds is."""
    if seeds == 1:
        return "One seed: no interval over seeds."
    if seeds >= LEAST_SEEDS:
        return ""
    reach = t.ppf((1 + CONFIDENCE) / 2, seeds - 1) / np.sqrt(seeds)
    return f"With {seeds} seeds an interval over seeds is wide: {reach:.1f} standard deviations to each side."


def arms_note(settings: Settings) -> str:
    """What each arm is."""
    known = {arm: about for task in settings["tasks"].values() for arm, about in task["arms"].items()}
    arms = "Arms: " + "; ".join(f"{in_words(arm)}, {_further(about)}" for arm, about in known.items()) + "."
    return joined(arms, _searched_note(known))


def _searched_note(known: Mapping[str, Mapping[str, Any]]) -> str:
    """What was searched of each arm."""
    found = [f"{in_words(arm)} {', '.join(about['searched'])}" for arm, about in known.items() if "searched" in about]
    if not found:
        return ""
    return f"Searched by validation images of the first seed, as many trials for each: {'; '.join(found)}."


def _further(arm: Mapping[str, Any]) -> str:
    """Where the further images of an arm come from."""
    if arm["further"] == "real":
        return "the few real images again"
    if arm["further"] == "copy_paste":
        return "their objects pasted into object-free images"
    terms = {"lambda_s": "the detector's loss", "lambda_r": "its unrolled loss"}
    searched = arm.get("searched", ())
    given = [name if key in searched else f"{arm[key]:g} times {name}" for key, name in terms.items() if arm[key]]
    return "a generator that learns " + (f"from {' and '.join(given)} too" if given else "without the detector")


def missing_detectors(measured: pd.DataFrame, settings: Settings) -> str:
    """Which runs are missing, and what so few seeds say."""
    found = measured[KEYS].drop_duplicates().groupby(KEYS[:3])["seed"].nunique()
    seeds, sentences = len(settings["seeds"]), []
    for task, about in settings["tasks"].items():
        sizes = [(arm, n_real) for arm, own in about["arms"].items() for n_real in own["n_real"]]
        lacking = {(arm, n): seeds - int(found.get((task, arm, n), 0)) for arm, n in sizes}
        named = ", ".join(f"{in_words(arm)} with {n} images {count}" for (arm, n), count in lacking.items() if count)
        if named:
            sentences.append(f"{task}: {sum(lacking.values())} of {seeds * len(sizes)} runs are missing ({named}).")
    return joined(*sentences, seeds_note(seeds))
