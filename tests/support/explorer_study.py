"""A small study as the page of a study reads it, with all that may be odd about one."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from red_herring.report.collect import Run, maps_file
from red_herring.study.names import MEASURES
from red_herring.study.settings import described_attributions, described_methods
from safetensors.numpy import load_file, save_file
from support import randomised, twins

NAMES = ["</script><b id=injected>&amp;.png", "NA", "007"]
MISSING = ("a", "actdiff", 2)
WITHOUT_MAPS = ("b", "actdiff", 2)
WITHOUT_AUC = ("b", "classification", 1)
ORDER = ["example/gradient", "example/integrated_gradients", "example/random"]
CONSTANT = 1
"""The example whose map by the gradient is constant, and so has no score."""


def make(
    folder: Path, tasks=("a", "b"), methods=("classification", "actdiff"), seeds=(1, 2),
    attributions=("gradient", "integrated_gradients", "random"), shape=(12, 10), names=NAMES,
) -> dict[str, Any]:  # fmt: skip
    """Write the study's tables and maps to the folder; the settings of its page."""
    random, rows, scored = np.random.default_rng(0), [], []
    for run in product(tasks, methods, seeds):
        if run == MISSING:
            continue
        keys = dict(zip(("task", "method", "seed"), run, strict=True))
        auc = np.nan if run == WITHOUT_AUC else random.random()
        rows.append(keys | {"best_epoch": int(random.integers(1, 9)), "valid_auc": random.random(), "test_auc": auc})
        tables = {name: scores(random, names, name) for name in attributions}
        for name, table in tables.items():
            means = table.drop(columns=["source", "image", "mask_pixels"]).mean().to_dict()
            undefined = int(table["iou"].isna().sum())
            scored.append(keys | {"attribution": name, "images": len(table), "undefined": undefined} | means)
        if run != WITHOUT_MAPS:
            write_maps(random, folder / "maps", run, tables, shape)
    pd.DataFrame(rows).to_csv(folder / "runs.csv", index=False)
    pd.DataFrame(scored).to_csv(folder / "localisation.csv", index=False)
    lost = pd.DataFrame([[*MISSING, "killed <i>late</i>"]], columns=["task", "method", "seed", "why"])
    lost[lost["task"].isin(tasks)].to_csv(folder / "missing.csv", index=False)
    task = {"finding": "ill", "control": "well", "ratio": 0.9, "nuisance": "site", "groups": ["A", "B"]}
    return {
        "title": "A study <of> two & more",
        "tasks": dict.fromkeys(tasks, task),
        "methods": described_methods(methods),
        "seeds": list(seeds),
        "attributions": described_attributions(attributions),
    }


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """What the page is made of, besides maps: all tables in the folder."""
    return {file.stem: pd.read_csv(file) for file in folder.glob("*.csv")}


def randomise(folder: Path, settings: dict[str, Any], shape=(12, 10), examples=3) -> None:
    """Ask the study what becomes of maps when weights are random: its table, and the maps of all runs beside those of
    the trained networks, but for the control.
    """
    ends = {"gradient": 0.0, "integrated_gradients": 0.5}
    known = [name for name in settings["attributions"] if name in ends]
    randomised.curves(settings, ends, similarities=["ssim", "hog"]).to_csv(
        folder / "weight_randomisation.csv", index=False
    )
    for run in product(settings["tasks"], settings["methods"], settings["seeds"]):
        if maps_file(folder / "maps", run).is_file():
            randomised.write_maps(folder / "weight_randomisation", run, known, shape, examples)


def plant(folder: Path, settings: dict[str, Any], attributions=("gradient", "random"), shape=(12, 10)) -> None:
    """Ask the runs on the last task, which has a signal, for twins: the table, and their maps beside the others."""
    task = list(settings["tasks"])[-1]
    runs = list(product([task], settings["methods"], settings["seeds"]))
    twins.table(runs, attributions).to_csv(folder / "signal_detection.csv", index=False)
    for run in runs:
        twins.write(folder / "signal_detection", run, attributions, shape)


def scores(random: np.random.Generator, names: list[str], attribution: str) -> pd.DataFrame:
    """Made up, in the reverse order of the examples."""
    table = pd.DataFrame({"source": "s", "image": names, "mask_pixels": 12})
    for measure in MEASURES:
        table[measure] = random.random(len(names))
        table[f"chance_{measure}"] = 0.1
        table[f"corrected_{measure}"] = (table[measure] - 0.1) / 0.9
    if attribution == "gradient":
        table.loc[CONSTANT, [prefix + measure for measure in MEASURES for prefix in ("", "corrected_")]] = np.nan
    if attribution == "integrated_gradients":
        table["steps"], table["completeness_error"] = 32, 0.00123
    return table[::-1].reset_index(drop=True)


def write_maps(
    random: np.random.Generator, maps: Path, run: Run, tables: dict[str, pd.DataFrame], shape: tuple[int, int]
) -> None:
    number = len(next(iter(tables.values())))
    layers = random.integers(0, 256, (number, 2 + len(tables), *shape), dtype=np.uint8)
    layers[:, 2:, 1, 1] = 255
    layers[:, 1] = 0
    layers[:, 1, 3:7, 4:7] = 1
    layers[CONSTANT, 2] = 255
    names = ["example_image", "example_mask", *(f"example/{name}" for name in tables)]
    arrays = {name: np.ascontiguousarray(layers[:, number]) for number, name in enumerate(names)}
    maps_file(maps, run).parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays | {"example_rows": np.arange(number)[::-1].copy()}, maps_file(maps, run))
    stacked = pd.concat(tables, names=["attribution"]).reset_index("attribution")
    stacked.to_csv(maps_file(maps, run, "_images.csv"), index=False)


def layers_of(maps: Path, run: Run) -> np.ndarray:
    """The image, the mask and the map of each attribution of the examples, uint8 [examples, layers, height, width]."""
    arrays = load_file(maps_file(maps, run))
    names = ["example_image", "example_mask", *(name for name in ORDER if name in arrays)]
    return np.stack([arrays[name] for name in names], axis=1)
