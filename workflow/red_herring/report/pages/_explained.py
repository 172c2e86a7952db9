"""What readers are shown of a model: images, what it says of each, and an explanation."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from safetensors import SafetensorError, safe_open

from red_herring.report.collect import KEYS, answer_file
from red_herring.report.pages import _sheets
from red_herring.report.pages._questions import EXPLAINERS, NORMAL, Question
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError

IMAGES = 4
"""Of a question, at most."""

LARGEST = 224
"""Pixels a side; larger images are reduced."""


def explained(question: Question, concepts: pd.DataFrame | None, results: Path) -> dict[str, Any]:
    """What the page shows of a question, as JSON values: family, images (their number), shown and png (a row of tiles
    per image: itself, then its map or its training images), probabilities (of the positive class), and bars: concept ->
    its score and the standard deviation over random sets, null where undefined.

    The images are clean: a model is judged by images that do not carry what happened to be in its training. So they are
    the same for both twins, and nothing but the answers and their explanation can tell these apart.

    concepts: concepts.csv. results: the folder of the study.
    """
    arrays = _arrays(results, "signal_detection", question)
    layers = [arrays("example_clean")]
    if question.family == "attribution":
        layers.append(arrays(f"example/clean/{question.model}/{question.explainer}"))
    if question.family == "training_points":
        points = _arrays(results, "influence", question)(f"example_clean/{question.explainer}/{question.model}")
        layers.extend(points.swapaxes(0, 1))
    probabilities = arrays(f"example_probability/clean/{question.model}")
    return {
        "family": question.family,
        "images": len(probabilities),
        **_tiles(layers, question),
        "probabilities": [float(f"{value:.3g}") for value in probabilities.tolist()],
        "bars": {} if concepts is None or question.family != "concepts" else _bars(question, concepts),
    }


def example(question: Question, results: Path) -> dict[str, Any]:
    """The tile of an image that carries the signal of the task: shown and png."""
    return _tiles([_arrays(results, "signal_detection", question)("example_planted")[:1]], question)


def names_of(question: Question, results: Path) -> str:
    """The images of a question, JSON: [[source, image], ...]. StudyError if its training points are of others."""
    names = _names(question, results, "signal_detection")
    if question.family == "training_points" and _names(question, results, "influence") != names:
        raise StudyError(
            f"{_named(question)}: signal_detection and influence have other images, expected the same; give "
            "both the same `images` in `analyses`"
        )
    return json.dumps(names, ensure_ascii=False)


def _names(question: Question, results: Path, analysis: str) -> list[list[str]]:
    images = read_table(answer_file(results, analysis, question.run, "_images.csv"), list(EXPLAINERS.values()))
    count = len(_arrays(results, "signal_detection", question)("example_clean"))
    rows = _arrays(results, analysis, question)("explained_rows")[:count]
    names: list[list[str]] = images.loc[rows, ["source", "image"]].to_numpy().tolist()
    return names


def _named(question: Question) -> str:
    return f"{question.task}, {question.method}, seed {question.seed}"


def _arrays(results: Path, analysis: str, question: Question) -> Callable[[str], np.ndarray]:
    """Reads an array of an analysis of the question's run, as far as it is of the first images."""
    file = answer_file(results, analysis, question.run, ".safetensors")

    def read(name: str) -> np.ndarray:
        try:
            with safe_open(file, "np") as arrays:
                found: np.ndarray = arrays.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise StudyError(
                f"{file}: {name} cannot be read ({error}); make the answers of {analysis} again"
            ) from error
        return found[:IMAGES]

    return read


def _tiles(layers: Sequence[np.ndarray], question: Question) -> dict[str, Any]:
    """A PNG with a row of tiles per image and a column per layer, and the height and width of a tile. layers: uint8
    [images, height, width] each.
    """
    if len({layer.shape for layer in layers}) > 1 or any(layer.dtype != np.uint8 for layer in layers):
        raise StudyError(
            f"{_named(question)}: the examples of signal_detection and influence "
            "differ in number or size, expected the same images; make both again"
        )
    side = -(-max(layers[0].shape[1:]) // LARGEST)
    tiles = [
        [np.asarray(Image.fromarray(tile).reduce(side)) for tile in of_image] for of_image in zip(*layers, strict=True)
    ]
    levels = np.array(tiles)
    return {"shown": list(levels.shape[2:]), "png": base64.b64encode(_sheets.to_png(levels)).decode()}


def _bars(question: Question, concepts: pd.DataFrame) -> dict[str, list[float | None]]:
    """Concept -> score and its standard deviation, by one layer of the network."""
    prefix = "normal_" if question.model == NORMAL else ""
    own = concepts.set_index([*KEYS, "layer"]).loc[[(*question.run, question.explainer)]]
    return {
        row["concept"]: [_sheets.rounded(row[f"{prefix}score"]), _sheets.rounded(row[f"{prefix}score_sd"])]
        for row in own.to_dict("records")
    }
