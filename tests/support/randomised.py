"""A small study whose weights were randomised: its table and its maps, as tables, figures and the explorer read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from red_herring.report.collect import Run, maps_file
from red_herring.study.settings import described_attributions, described_methods
from safetensors.numpy import save_file

BLOCKS = (
    *("fc", "layer4.1", "layer4.0", "layer3.1", "layer3.0"),
    *("layer2.1", "layer2.0", "layer1.1", "layer1.0", "stem"),
)
ARM = {"order": "cascading", "statistics": "kept", "target": "fixed"}
"""The one that is asked for unless more are."""


def settings_of(
    methods: Sequence[str] = ("classification", "actdiff"),
    seeds: Sequence[int] = (0, 1),
    attributions: Sequence[str] = ("gradient", "integrated_gradients", "random"),
    tasks: Sequence[str] = ("spc",),
) -> dict[str, Any]:
    """What tables and figures read of the study."""
    return {
        "tasks": {task: {} for task in tasks},
        "methods": described_methods(methods),
        "seeds": list(seeds),
        "attributions": described_attributions(attributions),
    }


def curves(
    study: Mapping[str, Any],
    ends: Mapping[str, float],
    line: float = 0.2,
    similarities: Iterable[str] = ("ssim",),
    arms: Iterable[Mapping[str, str]] = (ARM,),
) -> pd.DataFrame:
    """weight_randomisation.csv in which the similarity of each attribution falls evenly to its end of `ends`, in each
    run 0.02 lower than in the one before; `line` for different images, and an interval of 0.05 to both sides.
    """
    rows = []
    for task, method, (number, seed) in product(study["tasks"], study["methods"], enumerate(study["seeds"])):
        for attribution, similarity, arm in product(ends, similarities, arms):
            for blocks, block in enumerate(BLOCKS, start=1):
                value = 1 + (ends[attribution] - 1) * blocks / len(BLOCKS) - 0.02 * number
                row = {"task": task, "method": method, "seed": seed, "attribution": attribution}
                row |= {"similarity": similarity, **arm, "block": block, "images": 20, "draws": 5, "undefined": 1}
                row["blocks"] = blocks if arm["order"] == "cascading" else 1
                row |= {"zeros": 0.1, "value": value, "value_low": value - 0.03, "value_high": value + 0.03}
                row |= {"draw_sd": 0.01, "cross_image": line, "floor": line / 2, "edges": 0.05}
                difference = value - line
                row |= {"difference": difference, "difference_low": difference - 0.05}
                row |= {"difference_high": difference + 0.05, "entropy": 0.5, "completeness_error": np.nan}
                rows.append(row)
    return pd.DataFrame(rows)


def write_maps(
    folder: Path, run: Run, attributions: Iterable[str], shape: tuple[int, int] = (12, 10), examples: int = 3
) -> dict[str, np.ndarray]:
    """The arrays of a run in the folder of the analysis: noise that differs between maps."""
    random = np.random.default_rng([run[2], *map(ord, "".join(run[:2]))])
    arrays = {"example_image": random.integers(0, 256, (2, *shape), dtype=np.uint8), "example_rows": np.arange(2)}
    for attribution in attributions:
        for state in ("trained", *BLOCKS):
            maps = random.standard_normal((2, *shape))
            arrays[f"{state}/{attribution}"] = (maps / abs(maps).max(axis=(1, 2), keepdims=True)).astype(np.float16)
        for block in BLOCKS:
            levels = random.integers(0, 255, (examples, *shape), dtype=np.uint8)
            levels[:, 0, 0] = 255
            arrays[f"explorer/{block}/{attribution}"] = levels
    maps_file(folder, run).parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, maps_file(folder, run))
    return arrays
