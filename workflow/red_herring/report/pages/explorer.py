"""The interactive page of a study: one HTML file with its scores and example maps, which needs nothing from outside."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex
from safetensors.numpy import load_file

from red_herring.report import style
from red_herring.report.collect import KEYS, Run, maps_file
from red_herring.report.pages import _sheets, _twins
from red_herring.report.reading import read_table
from red_herring.report.scores import methods_of
from red_herring.runtime.files import StudyError
from red_herring.study.names import MEASURES, SIGNALS, SIMILARITIES

TITLE = "Explorer"
CATEGORY = "Explorer"
CAPTION = (
    "Every run of the study with some of its images: pick a task, method, seed, attribution and image, and where the "
    "study has them random weights or the normal model beside one trained with a signal, or click a point of the "
    "scatter. Look whether images with a good map belong to runs that generalise; download the page to keep it, it "
    "needs no network."
)
FILES = ["runs.csv", "localisation.csv", "missing.csv"]
OPTIONAL = ["weight_randomisation.csv", "signal_detection.csv"]

TEMPLATE = Path(__file__).with_name("explorer.html")

VIRIDIS = colormaps["viridis"]

NEVER = "–"
"""Stands for a number that was never given; an undefined one is null."""

NAMES = ["source", "image"]
"""What tells the images of a task apart."""

AT_THE_RUN = ["test_auc", "valid_auc", "best_epoch"]
OF_INTEGRATED_GRADIENTS = ["steps", "completeness_error"]

Number = float | str | None


def page(settings: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], maps: Path) -> str:
    """The page of a study, the same text every time.

    settings: title, tasks, methods, seeds, attributions. tables: runs, localisation, missing, one row per run, per run
    and attribution, and per run that is not there; and weight_randomisation and signal_detection, if the study has
    them. maps: the folder of localisation with {task}/{method}/seed={seed}.safetensors, of which a run may have none;
    those of the two are beside it. StudyError when the examples of a run do not fit its scores or the attributions.
    """
    data = study_of(settings, tables, maps)
    # As a script's content may hold neither "</script" nor "<!--", it holds no "<" at all.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"{{ title }}": html.escape(settings["title"]), "{{ data }}": text}
    template = TEMPLATE.read_text(encoding="utf-8")
    return re.sub("|".join(parts), lambda place: parts[place[0]], template)


def study_of(settings: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], maps: Path) -> dict[str, Any]:
    """What the page shows, as JSON values; see `page`.

    A score is a list: the measure, its chance level, the measure corrected for chance.
    """
    runs = tables["runs"]
    runs = runs[runs["task"].isin(list(settings["tasks"])) & runs["method"].isin(settings["methods"])]
    attributions = list(settings["attributions"])
    found = _runs(runs, tables["localisation"], attributions, maps)
    if "weight_randomisation" in tables:
        _add_randomised(found, tables["weight_randomisation"], maps, attributions)
    if "signal_detection" in tables:
        _twins.add(found, tables["signal_detection"], maps, attributions)
    others = sorted(set(runs["seed"].astype(int)) - set(settings["seeds"]))
    return {
        "title": settings["title"],
        "tasks": [
            {
                "name": name,
                "about": _about(task),
                "finding": task.get("finding", "the positive class"),
                "methods": list(methods_of(settings, name)),
            }
            for name, task in settings["tasks"].items()
        ],
        "methods": _methods(settings["methods"]),
        "seeds": [*settings["seeds"], *others],
        "planned": settings["seeds"],
        "attributions": [
            {"name": name, "title": about["title"], "control": about["control"]}
            for name, about in settings["attributions"].items()
        ],
        "measures": [{"name": name, "title": title} for name, title in MEASURES.items()],
        "similarities": SIMILARITIES,
        "viridis": [to_hex(colour) for colour in VIRIDIS(np.arange(VIRIDIS.N))],
        "runs": found,
        "orders": _orders(run[kind]["shown"] for run in found for kind in ("examples", "randomised") if run[kind]),
        "missing": [
            {"task": row.task, "method": row.method, "seed": int(row.seed), "why": row.why}
            for row in tables["missing"].fillna({"why": ""}).itertuples()
        ],
    }


def _about(task: Mapping[str, Any]) -> str:
    """The task in a line; nothing for a study whose tasks are only named."""
    if "finding" not in task:
        return ""
    first, second = task["groups"]
    parts = [f"{task['finding']} against {task['control']}"]
    parts += [f"nuisance: {task['nuisance']} ({first}, {second}), ratio {task['ratio']:g}"]
    if signal := task.get("signal"):
        parts += [
            f"signal: {SIGNALS[signal['kind']].lower()} on {100 * signal['share']:.3g} % of training {signal['of']}"
        ]
    return "; ".join(parts) + "."


def _methods(methods: style.Known) -> list[dict[str, str]]:
    colours = style.colours(methods)
    return [
        {"name": name, "title": about["title"], "colour": colours[name], "marker": style.marker(methods, name)}
        for name, about in methods.items()
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
        found.append(record | {"examples": _examples(maps, run, attributions), "randomised": None, "twins": None})
    return found


def _add_randomised(
    found: Sequence[dict[str, Any]], table: pd.DataFrame, maps: Path, attributions: Sequence[str]
) -> None:
    """Put beside the first run of each task and method that has them the maps of its randomised networks, and how like
    those of the trained one they are: of the cascade by the first arm of the statistics, of the positive class.
    """
    cascade = table[table["order"] == "cascading"]
    cascade = cascade[cascade["statistics"].isin(cascade["statistics"].iloc[:1])]
    blocks = list(dict.fromkeys(cascade.sort_values("blocks", kind="stable")["block"]))
    of_runs, done = dict(list(cascade.groupby(KEYS))), set()
    for record in found:
        run = record["task"], record["method"], record["seed"]
        if record["examples"] and run in of_runs and run[:2] not in done:
            sheet = _sheets.randomised(maps, run, blocks, attributions)
            if sheet:
                done.add(run[:2])
                record["randomised"] = sheet | {"alike": _alike(of_runs[run], blocks)}


def _alike(rows: pd.DataFrame, blocks: Sequence[str]) -> dict[str, Any]:
    """Attribution -> similarity -> [that of different images, [that after each block]], means over images and draws."""
    found: dict[str, Any] = {}
    fixed = rows[rows["target"] == "fixed"]
    for (attribution, similarity), own in fixed.groupby(["attribution", "similarity"], sort=False):
        values = own.set_index("block")["value"].reindex(blocks)
        line = _sheets.rounded(own["cross_image"].iloc[0])
        found.setdefault(attribution, {})[similarity] = [line, [_sheets.rounded(value) for value in values]]
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
    return _sheets.rounded(row[name], 6)


def _scores(row: Mapping[str, Any], given: set[str]) -> dict[str, Any]:
    """Measure -> [itself, chance, corrected]; and those of integrated gradients where they are given."""
    scores: dict[str, Any] = {
        name: [_number(row, column, given) for column in (name, f"chance_{name}", f"corrected_{name}")]
        for name in MEASURES
    }
    return scores | {
        name: _number(row, name, given) for name in OF_INTEGRATED_GRADIENTS if not np.isnan(row.get(name, np.nan))
    }


def _examples(maps: Path, run: Run, attributions: Sequence[str]) -> dict[str, Any] | None:
    """The example images of a run with their scores, and all layers in one PNG; None when they are not stored."""
    file, table = maps_file(maps, run), maps_file(maps, run, "_images.csv")
    if not file.is_file():
        return None
    arrays = load_file(file)
    names = ["example_image", "example_mask", *(f"example/{name}" for name in attributions)]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise StudyError(f"{file}: has no {missing[0]}, expected one for each attribution; make the maps again")
    if len({arrays[name].shape for name in names}) > 1 or any(arrays[name].dtype != np.uint8 for name in names):
        raise StudyError(f"{file}: its examples differ in size, expected all of one; make the maps again")
    layers = np.stack([arrays[name] for name in names], axis=1)
    scores = _scores_of(table, arrays["example_rows"], attributions)
    images = scores[attributions[0]][NAMES]
    return {
        **_sheets.sheet(layers, _sheets.LARGEST),
        "images": [
            {
                "source": source,
                "image": image,
                "scores": {name: _of_image(rows.iloc[number]) for name, rows in scores.items()},
            }
            for number, (source, image) in enumerate(images.itertuples(index=False, name=None))
        ],
    }


def _scores_of(path: Path, rows: np.ndarray, attributions: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Attribution -> the scores of the examples, whose rows among the images these are."""
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, expected the scores of the examples; make the maps again")
    table = read_table(path)
    found = {name: own.reset_index(drop=True).reindex(rows) for name, own in table.groupby("attribution")}
    for name in attributions:
        if name not in found or not found[name][NAMES].equals(found[attributions[0]][NAMES].dropna()):
            raise StudyError(f"{path}: has other images for {name} than the arrays beside it; make the maps again")
    return {name: found[name] for name in attributions}


def _of_image(row: pd.Series) -> dict[str, Any]:
    """The scores of one example; those that its attribution does not have are not given."""
    given = set(row.index)
    return _scores(row, given) | {"mask_pixels": _number(row, "mask_pixels", given)}
