"""Twins on the interactive page: maps of the same images by a run on a task with a signal and by its normal model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report import twins
from red_herring.report.collect import KEYS, answer_file
from red_herring.report.pages import _sheets
from red_herring.report.twins import MODELS, STATES, Twins

NUMBERS = {
    "images": ["images", "area"],
    "planted": ["kssd_ap", "famgt_ap", "difference_ap", "difference_ap_low", "difference_ap_high"],
    "clean": ["ccm", "ccm_ceiling", "ccm_floor"],
}
"""What is said of all images of a run: how many, and how large the signal is; with the signal; and without it."""


def add(found: Iterable[dict[str, Any]], table: pd.DataFrame, maps: Path, attributions: Sequence[str]) -> None:
    """Put beside each run that has them its twins, of a few images, and the means of its images; None for the others.

    table: signal_detection.csv. maps: the folder of localisation. StudyError when the arrays of a run are not there.
    """
    of_runs = {run: rows.set_index("attribution") for run, rows in table.groupby(KEYS)}
    for record in found:
        run = record["task"], record["method"], record["seed"]
        if run in of_runs:
            shown = [name for name in attributions if name in of_runs[run].index]
            file = answer_file(maps.parent, twins.ANALYSIS, run, ".safetensors")
            numbers = {name: _numbers(of_runs[run].loc[name]) for name in shown}
            record["twins"] = {**_sheet(twins.read(file, shown), shown), "numbers": numbers}


def _numbers(row: Mapping[str, float]) -> dict[str, list[float | None]]:
    return {about: [_sheets.rounded(row[column]) for column in columns] for about, columns in NUMBERS.items()}


def _sheet(of: Twins, attributions: Sequence[str]) -> dict[str, Any]:
    """A PNG with a row of tiles per image and state, first those of one image: the image, the signal's pixels, the maps
    of the run and those of the normal model. Beside it the images, with the probabilities by state and model.
    """
    few = slice(_sheets.FEW)
    own = [[of.maps[state, model, name] for model in MODELS for name in attributions] for state in STATES]
    layers = [[of.images[state], of.truth, *maps] for state, maps in zip(STATES, own, strict=True)]
    rows = np.stack([np.stack(one, axis=1)[few] for one in layers], axis=1)
    return {
        **_sheets.sheet(rows.reshape(-1, *rows.shape[2:]), _sheets.SMALL),
        "attributions": list(attributions),
        "images": [
            {
                "source": source,
                "image": image,
                "pixels": int(of.truth[number].sum()),
                "probability": {
                    state: [_sheets.rounded(of.probability[state, model][number]) for model in MODELS]
                    for state in STATES
                },
                "scores": {},
            }
            for number, (source, image) in enumerate(of.names[few].itertuples(index=False, name=None))
        ],
    }
