"""The interactive page of a study: one HTML file with its scores and example maps, which needs nothing from outside."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from PIL import Image

from red_herring.report.collect import KEYS, run_folder
from red_herring.report.figures import style
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import method_card
from red_herring.study.names import ATTRIBUTIONS, CONTROLS, MEASURES

TEMPLATE = Path(__file__).with_name("explorer.html")

LARGEST = 56
"""Pixels a side; larger maps are reduced, as a study has hundreds of runs and the page holds them all."""

NEVER = "–"
"""Stands for a number that was never given; an undefined one is null."""

NAMES = ["source", "image"]
"""What tells the images of a task apart."""

AT_THE_RUN = ["test_auc", "valid_auc", "best_epoch"]
OF_INTEGRATED_GRADIENTS = ["steps", "completeness_error"]

Number = float | str | None


def page(
    settings: Mapping[str, Any], runs: pd.DataFrame, localisation: pd.DataFrame, missing: pd.DataFrame, maps: Path
) -> str:
    """The page of a study, the same text every time.

    settings: title, tasks, methods, seeds, attributions. runs, localisation, missing: one row per run, per run and
    attribution, and per run that is not there. maps: the folder with {task}/{method}/seed={seed}/, of which a run may
    have none. StudyError when the examples of a run do not fit its scores or the attributions.
    """
    data = study_of(settings, runs, localisation, missing, maps)
    # As a script's content may hold neither "</script" nor "<!--", it holds no "<" at all.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"{{ title }}": html.escape(settings["title"]), "{{ data }}": text}
    template = TEMPLATE.read_text(encoding="utf-8")
    return re.sub("|".join(parts), lambda place: parts[place[0]], template)


def study_of(
    settings: Mapping[str, Any], runs: pd.DataFrame, localisation: pd.DataFrame, missing: pd.DataFrame, maps: Path
) -> dict[str, Any]:
    """What the page shows, as JSON values; see `page`.

    A score is a list: the measure, its chance level, the measure corrected for chance.
    """
    runs = runs[runs["task"].isin(list(settings["tasks"])) & runs["method"].isin(settings["methods"])]
    found = _runs(runs, localisation, settings["attributions"], maps)
    others = sorted(set(runs["seed"].astype(int)) - set(settings["seeds"]))
    return {
        "title": settings["title"],
        "tasks": [{"name": name, "about": _about(task)} for name, task in settings["tasks"].items()],
        "methods": _methods(settings["methods"]),
        "seeds": [*settings["seeds"], *others],
        "planned": settings["seeds"],
        "attributions": [
            {"name": name, "title": ATTRIBUTIONS[name], "control": name in CONTROLS}
            for name in settings["attributions"]
        ],
        "measures": [{"name": name, "title": title} for name, title in MEASURES.items()],
        "viridis": [to_hex(colour) for colour in matplotlib.colormaps["viridis"].colors],
        "runs": found,
        "orders": _orders(run["examples"]["shown"] for run in found if run["examples"]),
        "missing": [
            {"task": row.task, "method": row.method, "seed": int(row.seed), "why": row.why}
            for row in missing.fillna({"why": ""}).itertuples()
        ],
    }


def reduce(levels: np.ndarray) -> np.ndarray:
    """Examples with at most LARGEST pixels a side, uint8 [examples, layers, h, w]: image, mask, then maps.

    Each pixel of an image or map is the mean of a block, and the largest of a map is 255 again. A mask is where most of
    a block is, or any of it when no block is mostly inside. Blocks over the edge are filled with the pixels at it.
    """
    height, width = levels.shape[2:]
    side = -(-max(height, width) // LARGEST)
    if side == 1:
        return levels
    padded = np.pad(levels, [(0, 0), (0, 0), (0, -height % side), (0, -width % side)], mode="edge")
    rows, columns = padded.shape[2] // side, padded.shape[3] // side
    means = padded.reshape(*levels.shape[:2], rows, side, columns, side).mean(axis=(3, 5))
    inside = means[:, 1] >= 0.5
    inside |= (means[:, 1] > 0) & ~inside.any(axis=(1, 2), keepdims=True)
    largest = means[:, 2:].max(axis=(2, 3), keepdims=True)
    scaled = means[:, 2:] * (255 / np.where(largest > 0, largest, 1))
    return np.concatenate([means[:, :1].round(), inside[:, None], scaled.round()], axis=1).astype(np.uint8)


def to_png(levels: np.ndarray) -> bytes:
    """A grey PNG with a row of tiles per example: levels, uint8 [examples, layers, h, w]."""
    examples, layers, height, width = levels.shape
    sheet = levels.transpose(0, 2, 1, 3).reshape(examples * height, layers * width)
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, "PNG", optimize=True)
    return content.getvalue()


def _about(task: Mapping[str, Any]) -> str:
    """The task in a line; nothing for a study whose tasks are only named."""
    if "finding" not in task:
        return ""
    first, second = task["groups"]
    return (
        f"{task['finding']} against {task['control']}; nuisance: {task['nuisance']} ({first}, {second}), "
        f"ratio {task['ratio']:g}."
    )


def _methods(names: Sequence[str]) -> list[dict[str, str]]:
    colours = style.colours(names)
    return [
        {"name": name, "title": method_card(name).title, "colour": colours[name], "marker": style.marker(name)}
        for name in names
    ]


def _runs(
    runs: pd.DataFrame, localisation: pd.DataFrame, attributions: Sequence[str], maps: Path
) -> list[dict[str, Any]]:
    """Every run with its numbers, its mean scores per attribution, and its examples, null where they are not stored."""
    given, scored = _given(runs), _given(localisation)
    means = {
        (row["task"], row["method"], int(row["seed"]), row["attribution"]): _scores(row, scored)
        | {name: _number(row, name, scored) for name in ("images", "undefined")}
        for row in localisation.to_dict("records")
    }
    found = []
    for row in runs.to_dict("records"):
        run = row["task"], row["method"], int(row["seed"])
        record = dict(zip(KEYS, run, strict=True)) | {name: _number(row, name, given) for name in AT_THE_RUN}
        record["means"] = {name: means[*run, name] for name in attributions if (*run, name) in means}
        found.append(record | {"examples": _examples(run_folder(maps, run), attributions)})
    return found


def _orders(sizes: Iterable[list[int]]) -> dict[str, list[int]]:
    """Height x width -> its pixels in the order in which equal values count, which is that of the scores."""
    different = sorted({tuple(size) for size in sizes})
    return {f"{h}x{w}": np.random.default_rng(0).permutation(h * w).tolist() for h, w in different}


def _given(table: pd.DataFrame) -> set[str]:
    """The columns that hold any number: what is empty throughout was never given, what is empty here is undefined."""
    return set(table.columns[table.notna().any()])


def _number(row: Mapping[str, Any], name: str, given: set[str]) -> Number:
    """To six digits, some more than are shown, so that rounding again makes no difference."""
    if name not in given:
        return NEVER
    return None if np.isnan(row[name]) else float(f"{row[name]:.6g}")


def _scores(row: Mapping[str, Any], given: set[str]) -> dict[str, Any]:
    """Measure -> [itself, chance, corrected]; and those of integrated gradients where they are given."""
    scores: dict[str, Any] = {
        name: [_number(row, column, given) for column in (name, f"chance_{name}", f"corrected_{name}")]
        for name in MEASURES
    }
    return scores | {
        name: _number(row, name, given) for name in OF_INTEGRATED_GRADIENTS if not np.isnan(row.get(name, np.nan))
    }


def _examples(folder: Path, attributions: Sequence[str]) -> dict[str, Any] | None:
    """The example images of a run with their scores, and all layers in one PNG; None when they are not stored."""
    if not (folder / "examples.csv").is_file() or not (folder / "examples.npy").is_file():
        return None
    table = read_table(folder / "examples.csv")
    layers = np.load(folder / "examples.npy")
    if layers.ndim != 4 or layers.shape[:2] != (len(table), 2 + len(attributions)) or layers.dtype != np.uint8:
        raise StudyError(
            f"{folder / 'examples.npy'}: is {layers.dtype} {list(layers.shape)}, expected uint8 [{len(table)}, "
            f"{2 + len(attributions)}, height, width] by its CSV and the attributions; make the maps again"
        )
    scores = {name: _scores_of(folder / f"{name}.csv", table) for name in attributions}
    shown = reduce(layers)
    return {
        "stored": list(layers.shape[2:]),
        "shown": list(shown.shape[2:]),
        "images": [
            {
                "source": source,
                "image": image,
                "scores": {name: of_images[number] for name, of_images in scores.items()},
            }
            for number, (source, image) in enumerate(zip(table["source"], table["image"], strict=True))
        ],
        "png": base64.b64encode(to_png(shown)).decode(),
    }


def _scores_of(path: Path, examples: pd.DataFrame) -> list[dict[str, Any]]:
    """The scores of each example in the table of one attribution."""
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, expected the scores of the examples; make the maps again")
    table = read_table(path)
    rows = table.reindex(examples["row"])
    if not (rows[NAMES].to_numpy() == examples[NAMES].to_numpy()).all():
        raise StudyError(f"{path}: has other images than examples.csv beside it; make the maps again")
    given = set(table.columns)
    return [
        _scores(row, given) | {"mask_pixels": _number(row, "mask_pixels", given)} for row in rows.to_dict("records")
    ]
