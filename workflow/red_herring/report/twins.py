"""Twins: what the model of a run on a task with a signal and the normal model, its base run, say of the same images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError

ANALYSIS = "signal_detection"
"""What stores them."""

STATES = ("planted", "clean")
"""The images with the signal and without it."""

MODELS = ("own", "normal")

NAMES = ["source", "image"]


@dataclass(frozen=True)
class Twins:
    """The examples of a run: their names, a row each; images by state, uint8 [n, h, w]; the signal's pixels, uint8 [n,
    h, w], 0 or 1; the probability of the positive class by state and model, float [n]; and maps by state, model and
    attribution, uint8 [n, h, w], the largest value of each 255.
    """

    names: pd.DataFrame
    images: dict[str, np.ndarray]
    truth: np.ndarray
    probability: dict[tuple[str, str], np.ndarray]
    maps: dict[tuple[str, str, str], np.ndarray]


def read(path: Path, attributions: Sequence[str]) -> Twins:
    """The twins of the attributions in the arrays of a run, with the names of the images from the CSV beside them.

    StudyError when a file or an array is missing, or arrays do not fit each other.
    """
    images = path.with_name(f"{path.stem}_images.csv")
    for file in (path, images):
        if not file.is_file():
            raise StudyError(f"{file}: there is no such file, but {ANALYSIS}.csv has its run; make its maps again")
    arrays = load_file(path)
    missing = sorted(set(_expected(attributions)) - set(arrays))
    if missing:
        raise StudyError(f"{path}: has no {missing[0]}, expected maps of both models; make the maps again")
    shape = arrays["example_truth"].shape
    pictures = [name for name in _expected(attributions) if name.startswith("example") and "probability" not in name]
    if any(arrays[name].shape != shape or arrays[name].dtype != np.uint8 for name in pictures):
        raise StudyError(f"{path}: its examples differ in size, expected all of one; make the maps again")
    names = read_table(images)[NAMES].reindex(arrays["explained_rows"][: shape[0]]).reset_index(drop=True)
    if len(names) < shape[0] or names.isna().any(axis=None):
        raise StudyError(f"{images}: has not the images of the arrays beside it; make the maps again")
    return Twins(
        names=names,
        images={state: arrays[f"example_{state}"] for state in STATES},
        truth=arrays["example_truth"],
        probability={
            (state, model): arrays[f"example_probability/{state}/{model}"] for state in STATES for model in MODELS
        },
        maps={
            (state, model, name): arrays[f"example/{state}/{model}/{name}"]
            for state in STATES for model in MODELS for name in attributions
        },
    )  # fmt: skip


def _expected(attributions: Iterable[str]) -> list[str]:
    """The arrays that are read."""
    pairs = [f"{state}/{model}" for state in STATES for model in MODELS]
    return [
        *("explained_rows", "example_truth", *(f"example_{state}" for state in STATES)),
        *(f"example_probability/{pair}" for pair in pairs),
        *(f"example/{pair}/{name}" for pair in pairs for name in attributions),
    ]
