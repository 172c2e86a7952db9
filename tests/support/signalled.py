"""A small study of two tasks with signals and the tables that its analyses would leave, for tables and figures of them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from red_herring.study.settings import described_attributions, described_methods

SEEDS = (1, 2, 3)
METHODS = ("classification", "actdiff")
SIGNALS = {
    "tag": {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.01},
    "blur": {"kind": "blur", "share": 0.5, "of": "negatives", "area": 0.01},
}
RUNS = [
    {"task": task, "method": method, "seed": seed} for task, method, seed in product(SIGNALS, METHODS, SEEDS)
]  # fmt: skip


def settings(attributions=("gradient", "integrated_gradients", "edges")) -> dict[str, Any]:
    """With a base task that has no signal."""
    signals = {"clean": None, **SIGNALS}
    return {
        "tasks": {
            task: {"methods": list(METHODS), "left_out": {}, "signal": signal} for task, signal in signals.items()
        },
        "methods": described_methods(METHODS),
        "seeds": list(SEEDS),
        "attributions": described_attributions(attributions),
    }


def reliant(run) -> float:
    """How much a run relies on its signal: classification with the tag does, the more the higher its seed."""
    return 0.1 * run["seed"] + 0.6 if (run["task"], run["method"]) == ("tag", "classification") else 0.05


def scores() -> pd.DataFrame:
    """spurious_score.csv: the tag and the blur towards either class."""
    rows = []
    for run, signal, of in product(RUNS, ("tag", "blur"), ("positives", "negatives")):
        own = SIGNALS[run["task"]]
        trained = (signal, of) == (own["kind"], own["of"])
        score = reliant(run) if trained else 0.0
        rows.append({
            **run, "signal": signal, "aligned": of, "trained": int(trained), "images": 60, "score": score,
            "score_low": max(score - 0.04, 0), "score_high": min(score + 0.04, 1), "normal_images": 64,
            "normal_score": 0.02, "normal_score_low": 0.0, "normal_score_high": 0.08 if run["seed"] > 1 else 0.12,
            "auc": 0.9, "normal_auc": 1.0, "auc_planted": 1 - score, "normal_auc_planted": 0.95,
        })  # fmt: skip
    return pd.DataFrame(rows)


def with_interval(column: str, value: float, half: float = 0.01) -> dict[str, float]:
    return {column: value, f"{column}_low": value - half, f"{column}_high": value + half}


def tables() -> dict[str, pd.DataFrame]:
    """Attribution shows what models rely on, and so does TCAV; training points cry wolf by every form but `random`."""
    detection = [
        {**run, "attribution": name, "chance_ap": 0.01, **with_interval("famgt_ap", 0.01 + 0.001 * run["seed"], 0.02),
         **with_interval("kssd_ap", reliant(run) + 0.001 * run["seed"]),
         **with_interval("difference_ap", 0.0 if name == "edges" else reliant(run) - 0.05 + 0.001 * run["seed"])}
        for run, name in product(RUNS, ("gradient", "integrated_gradients", "edges"))
    ]  # fmt: skip
    concepts = [
        {**run, "concept": concept, "layer": layer, "difference": round(reliant(run)) if known else 0.5,
         "alarm": 1.0, "alarm_towards": float(known and layer == "layer2") if run["task"] == "tag" else np.nan}
        for run, concept, layer in product(RUNS, ("tag", "blur", "random_patches"), ("layer2", "layer3"))
        for known in [concept == SIGNALS[run["task"]]["kind"]]
    ]  # fmt: skip
    influence = [
        {**run, "form": form, "base_rate": 0.25, **with_interval("normal_share", 0.9 if form == "influence" else 0.25),
         **with_interval("difference", -0.3 + 0.01 * run["seed"])}
        for run, form in product(RUNS, ("influence", "random"))
    ]  # fmt: skip
    found = {"signal_detection": detection, "concepts": concepts, "influence": influence}
    return {
        "spurious_score": scores(),
        "told_apart": told_apart(),
        **{name: pd.DataFrame(rows) for name, rows in found.items()},
    }


EXPLAINED = {
    ("signal_detection", "gradient"): ("clean", "planted"),
    ("signal_detection", "edges"): ("clean", "planted"),
    ("concepts", "tcav"): ("concepts", "known"),
    ("influence", "influence"): ("clean",),
}


def told_apart(p: float = 0.25, least_p: float = 0.25, seeds: int = len(SEEDS)) -> pd.DataFrame:
    """told_apart.csv: a row for the first seed, and one for all."""
    rows = []
    for (family, explanation), givens in EXPLAINED.items():
        for task, method, given in product(SIGNALS, METHODS, givens):
            about = {"task": task, "method": method, "family": family, "given": given, "explanation": explanation}
            rows.append({**about, "seed": 1, "seeds": 1, "images": 64, "trained": 100, "auc": 0.7})
            ends = {"low": 0.6, "high": 1.0, "p": p, "least_p": least_p}
            rows.append({**about, "seeds": seeds, "images": 64, "trained": 100, "auc": 0.8, **ends})
    return pd.DataFrame(rows).astype({"seed": "Int64"})
