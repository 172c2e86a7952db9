"""Runs on tasks with a signal beside their normal models: the arrays and the table of signal_detection, made up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from red_herring.report.collect import Run, maps_file
from red_herring.report.twins import MODELS, STATES
from safetensors.numpy import save_file

IMAGES = 5
"""Of which twins are measured."""

ROWS = [4, 2, 0]
"""Where the examples are among them."""

COLUMNS = {
    "kssd_ap": 0.66, "famgt_ap": 0.12, "difference_ap": 0.54, "difference_ap_low": 0.4, "difference_ap_high": 0.68,
    "ccm": 0.18, "ccm_ceiling": 0.19, "ccm_floor": 0.05,
}  # fmt: skip


def table(runs: Iterable[Run], attributions: Sequence[str]) -> pd.DataFrame:
    """signal_detection.csv of these runs."""
    keys = ["task", "method", "seed", "attribution"]
    rows = [(*run, name) for run in runs for name in attributions]
    return pd.DataFrame(rows, columns=keys).assign(images=IMAGES, undefined=0, area=0.02, **COLUMNS)


def write(
    folder: Path, run: Run, attributions: Sequence[str], shape: tuple[int, int] = (12, 10)
) -> dict[str, np.ndarray]:
    """The arrays of a run in the folder of the analysis, with the rows of its images: noise that differs between maps,
    and as the signal a white square in the upper left corner, of 3 x 3 pixels.
    """
    random = np.random.default_rng([run[2], *map(ord, "".join(run[:2]))])
    examples = len(ROWS)
    images = random.integers(0, 200, (examples, *shape), dtype=np.uint8)
    truth = np.zeros_like(images)
    truth[:, 1:4, 1:4] = 1
    arrays = {
        "explained_rows": np.array([*ROWS, 1, 3]), "example_truth": truth, "example_clean": images,
        "example_planted": np.where(truth, 255, images).astype(np.uint8),
    }  # fmt: skip
    for state in STATES:
        for model in MODELS:
            arrays[f"example_probability/{state}/{model}"] = random.random(examples).astype(np.float32)
            for name in attributions:
                maps = random.integers(0, 255, (examples, *shape), dtype=np.uint8)
                maps[:, 5, 5] = 255
                arrays[f"example/{state}/{model}/{name}"] = maps
    path = maps_file(folder, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays, path)
    names = pd.DataFrame({"source": "s", "image": [f"{number:03}" for number in range(IMAGES)]})
    pd.concat([names.assign(attribution=name) for name in attributions]).to_csv(
        maps_file(folder, run, "_images.csv"), index=False
    )
    return arrays
