"""The mean maps of runs, as figures read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from red_herring.study.settings import described_attributions, described_methods
from safetensors.numpy import save_file

METHODS = described_methods(["classification", "actdiff"])
RAMP = np.arange(16.0).reshape(4, 4)


def write(
    folder: Path,
    maps: Mapping[tuple[str, str, int], np.ndarray],
    attributions: Sequence[str] = ("gradient",),
    images: int = 30,
) -> tuple[list[Path], dict[str, Any]]:
    """The files of runs {(task, method, seed): map}, and the settings that go with them."""
    rows = []
    for (task, method, seed), saliency in maps.items():
        file = folder / "localisation" / task / method / f"seed={seed}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"mean_image": np.full((4, 4), 0.1 * seed), "mean_mask": np.eye(4)}
        save_file(arrays | {f"mean/{attribution}": saliency.copy() for attribution in attributions}, file)
        rows += [(task, method, seed, attribution, images) for attribution in attributions]
    columns = ["task", "method", "seed", "attribution", "images"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "localisation.csv", index=False)
    study = {
        "tasks": {task: {"mean_map_images": 10} for task, *_ in maps},
        "methods": METHODS,
        "seeds": [1, 2],
        "attributions": described_attributions(attributions),
        "maps": str(folder / "localisation"),
    }
    return [folder / "localisation.csv"], study


def both(saliency: np.ndarray) -> dict[tuple[str, str, int], np.ndarray]:
    """The same map for both methods and seeds."""
    return {("t", method, seed): saliency for method in METHODS for seed in (1, 2)}
