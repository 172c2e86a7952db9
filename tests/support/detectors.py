"""A small study of detectors as its runs leave it, without a network: what they find is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from red_herring.report.detection_runs import detector_folder
from red_herring.statistics.boxes import detection_measures
from safetensors.numpy import save_file

SIDE = 28
ARMS: dict[str, dict[str, Any]] = {
    "real": {"further": "real", "lambda_s": 0.0, "lambda_r": 0.0},
    "copy_paste": {"further": "copy_paste", "lambda_s": 0.0, "lambda_r": 0.0},
    "gan": {"further": "generated", "lambda_s": 0.0, "lambda_r": 0.0},
    "detector_loss": {"further": "generated", "lambda_s": 0.1, "lambda_r": 0.0},
    "unrolled": {"further": "generated", "lambda_s": 0.1, "lambda_r": 0.1},
}
FURTHER = {arm: about["further"] for arm, about in ARMS.items()}
SKILL = {"real": 0.4, "copy_paste": 0.8, "gan": 0.7, "detector_loss": 0.75, "unrolled": 0.7}
"""The share of the objects that are found with ten real images."""

SIZES, SEEDS = (10, 50), (1, 2, 3)
POOL, TESTED = 80, 60
"""Images of the pool, and those of them on which a seed tests."""


def settings(
    arms: Sequence[str] = tuple(ARMS), sizes: Sequence[int] = SIZES, seeds: Sequence[int] = SEEDS
) -> dict[str, Any]:
    """What tables and figures of detectors read."""
    own = {arm: {**ARMS[arm], "n_real": list(sizes)} for arm in arms}
    about = {"finding": "cross", "control": "No Finding", "groups": ["left", "right"], "arms": own}
    return {"tasks": {"crosses": about}, "methods": {}, "attributions": {}, "seeds": list(seeds)}


def truth(image: int) -> list[int]:
    """The box of an image with an even number."""
    top, left = 2 + image % 12, 2 + 5 * image % 13
    return [top, left, top + 9, left + 9]


def drawn(seed: int, skill: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """predictions.csv and truths.csv of a detector; what is hard about an image is so for all."""
    own = np.sort(np.random.default_rng(seed).permutation(POOL)[:TESTED])
    hard = np.random.default_rng(0).random(POOL)
    rng = np.random.default_rng([seed, round(1000 * skill)])
    found, true = [], []
    for image in own.tolist():
        names = {"image": f"i{image}", "patient": f"p{image // 2}"}
        side = dict.fromkeys(("top", "left", "bottom", "right"))
        box = truth(image) if image % 2 == 0 else None
        true.append(names | (dict(zip(side, box, strict=True)) if box else side))
        if box and 0.6 * hard[image] + 0.4 * rng.random() < skill:
            near = np.array(box) + rng.integers(-1, 2, 4)
            found.append(names | dict(zip(side, near.tolist(), strict=True)) | {"score": round(rng.beta(4, 2), 3)})
        if rng.random() < 0.7:
            place = rng.integers(0, 18, 2).tolist()
            near = [*place, place[0] + 8, place[1] + 8]
            found.append(names | dict(zip(side, near, strict=True)) | {"score": round(rng.beta(2, 4), 3)})
    columns = ["image", "patient", "top", "left", "bottom", "right"]
    truths = pd.DataFrame(true, columns=columns).astype(dict.fromkeys(columns[2:], "Int64"))
    return pd.DataFrame(found, columns=[*columns, "score"]), truths


def measured(predictions: pd.DataFrame, truths: pd.DataFrame) -> pd.DataFrame:
    """measures.csv."""
    box = ["top", "left", "bottom", "right"]
    images = truths.drop_duplicates("image")
    of = dict(list(predictions.groupby("image")))
    empty = predictions.iloc[:0]
    found = [
        (of.get(name, empty)[box].to_numpy(float), of.get(name, empty)["score"].to_numpy(float))
        for name in images["image"]
    ]
    true = [truths[truths["image"] == name][box].dropna().to_numpy(float) for name in images["image"]]
    return detection_measures(found, true, images["patient"], resamples=50)


def usage(arm: str) -> pd.DataFrame:
    """usage.csv: 10 seconds of pretraining where there is a generator."""
    columns = ["part", "steps", "seconds", "cpu_seconds", "before_mib", "memory_mib", "gpu_mib"]
    rows = [("detector", 160, 4.0, 3.0, 300.0, 420.0, None), ("test", 0, 1.0, 0.5, 400.0, 410.0, None)]
    before = [("pretraining", 250, 10.0, 9.0, 300.0, 500.0, None)] if FURTHER.get(arm) == "generated" else []
    return pd.DataFrame([*before, *rows], columns=columns)


def shown(seed: int, shift: int) -> dict[str, np.ndarray]:
    """shown.safetensors: squares in their boxes, darker further ones."""
    rng = np.random.default_rng(seed + shift)
    boxes = np.array([truth(2 * number + shift) for number in range(8)], np.int64)
    images = rng.integers(0, 60, (2, 8, SIDE, SIDE), dtype=np.uint8)
    for number, (top, left, bottom, right) in enumerate(boxes):
        images[:, number, top:bottom, left:right] += np.array([[[150]], [[80]]], np.uint8)
    return {"images": images[1], "boxes": boxes, "real_images": images[0], "real_boxes": boxes}


def write_run(detectors: Path, run: tuple[str, str, int, int]) -> Path:
    """All files of a run that the report reads; its folder."""
    _, arm, n_real, seed = run
    folder = detector_folder(detectors, run)
    folder.mkdir(parents=True)
    predictions, truths = drawn(seed, min(SKILL.get(arm, 0.5) + n_real / 500, 1.0))
    tables = {
        "predictions": predictions,
        "truths": truths,
        "measures": measured(predictions, truths),
        "usage": usage(arm),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    save_file(shown(seed, n_real), folder / "shown.safetensors")
    about = dict(zip(("task", "arm", "n_real", "seed"), run, strict=True)) | {"settings": {"steps": 2}}
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def cells(arms: Mapping[str, Any] = ARMS, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Those of CollectingDetection."""
    return [{"task": "crosses", "arms": {arm: list(sizes) for arm in arms}}]
