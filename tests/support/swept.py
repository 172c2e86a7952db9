"""Small studies with series of tasks, as the tables and figures of sweeps read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from red_herring.study.settings import described_attributions, described_methods
from support.tabulated import overlaps_of

METHODS = described_methods(["classification", "masked", "actdiff"])
SEEDS = (1, 2, 3)


def task(ratio: float = 1.0, budget: float = 1.0, control: str = "none") -> dict[str, Any]:
    """What the settings say of a task."""
    return {"groups": ["left", "right"], "ratio": ratio, "guidance": {"budget": budget, "control": control}}


def settings(tasks: Mapping[str, Any], *series: Sequence[str]) -> dict[str, Any]:
    """Of these tasks, and the series that the item shows."""
    return {
        "tasks": tasks,
        "methods": METHODS,
        "seeds": list(SEEDS),
        "attributions": described_attributions(["gradient", "random"]),
        "series": [list(one) for one in series],
    }


def runs(aucs: Mapping[tuple[str, str], Sequence[float]]) -> pd.DataFrame:
    """(task, method) -> AUCs of the seeds from the first one on; the AUCs of the other test sets go with them."""
    rows = [
        (of, method, seed, auc, (1 + auc) / 2, 1.0)
        for (of, method), values in aucs.items()
        for seed, auc in zip(SEEDS, values, strict=False)
    ]
    return pd.DataFrame(
        rows, columns=["task", "method", "seed", "test_auc", "test_balanced_auc", "test_in_distribution_auc"]
    )


def overlaps(*tasks: str, share: float = 0.1) -> pd.DataFrame:
    """Two seeds share so many of their test images."""
    return pd.concat([overlaps_of(SEEDS, share, name) for name in tasks])


CONTROLS = {name: task(control=control) for name, control in (
    ("t", "none"), ("c_mask.control=random", "random"), ("c_mask.control=other", "other"),
)}  # fmt: skip
EQUAL_CONTROLS = {f"equal_{name}": about for name, about in CONTROLS.items()}
WITH_CONTROLS = settings(CONTROLS | EQUAL_CONTROLS, list(CONTROLS), list(EQUAL_CONTROLS))
"""Two series of mask controls, on crosses as they are and of equal pixel count."""
