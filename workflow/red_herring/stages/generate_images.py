"""Make a source of generated images: findings in training images of the nuisance group that has too few of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from red_herring.data.dataset import Dataset
from red_herring.data.generated import SOURCE
from red_herring.data.nuisance import nuisance_pixels
from red_herring.data.sources.base import INDEX
from red_herring.data.splits import COLUMNS, read_split
from red_herring.generation.detection_data import first_of
from red_herring.generation.generator import of_weights
from red_herring.generation.insertion import Insert, backgrounds, by_generator, by_pasting, inserted, mean_change
from red_herring.generation.study_data import images_of, loaded, sorted_by_boxes
from red_herring.networks.weights import load_part
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError, read_json, sha256, write_bytes, write_json, write_text
from red_herring.runtime.frames import read_frame
from red_herring.stages._detecting import Experiment
from red_herring.study.stage_settings import Detecting


def generate_images(
    settings: Detecting,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source; masks, index and source.json beside it")],
    seed: int,
    generated: Annotated[Path, Output("uint8 NPY")],
    masks: Annotated[Path, Output("uint8 NPY")],
    index: Annotated[Path, Output("CSV, rows of a split, and the group in the source of the background")],
    about: Annotated[Path, Output("JSON")],
    weights: Annotated[Path | None, Input("safetensors of train_detector, if a generator makes them")] = None,
    threads: int = 1,
) -> None:
    own = Experiment(settings, split, images, seed, threads)
    (train,) = loaded(read_split(split), own.folders, settings.mask, "train")
    behind = train.subset(backgrounds(train.table, seed))
    insert = _insert(own, train, weights)
    made = inserted(images_of(behind.levels), insert, seed)
    for path, array in ((generated, made.levels), (masks, made.masks)):
        write_bytes(path, _npy(array))
    write_text(index, _index(behind.table, own.folders).to_csv(index=False))
    changes = _changes(made.levels, made.masks, behind, own.folders)
    written = {"sha256": sha256(generated), "sha256_masks": sha256(masks)}
    write_json(about, {**_about(own, train, made.levels), **changes, **written})


def _insert(own: Experiment, train: Dataset, weights: Path | None) -> Insert:
    """As the arm makes its further images."""
    settings = own.settings
    assert isinstance(settings, Detecting)
    further = settings.arm_is["further"]
    if further == "real":
        raise StudyError(f"arm {settings.arm}: its further images are real ones, so it can generate none; take another")
    real = first_of(sorted_by_boxes(train)[0].examples, settings.n_real, own.seed)
    if further == "copy_paste":
        return by_pasting(real)
    if weights is None:
        raise StudyError(f"arm {settings.arm}: its images are made by a generator, and none is given; give --weights")
    generator = of_weights(load_part(weights, "insert"), train.levels.shape[-1]).to(own.hardware.device)
    return by_generator(generator, real, own.hardware.device)


def _npy(array: np.ndarray) -> bytes:
    content = BytesIO()
    np.save(content, array)
    return content.getvalue()


def _index(table: pd.DataFrame, folders: list[Path]) -> pd.DataFrame:
    """The rows of a split that says of each image what its background was, and the name of its group there."""
    groups = pd.Series("", index=table.index)
    for folder in folders:
        rows = table.loc[table["source"] == folder.name, "row"]
        groups[rows.index] = read_frame(folder / "index.csv", INDEX)["group"].to_numpy()[rows]
    inserted = table.assign(source=SOURCE, image="inserted-" + table["image"], row=range(len(table)), label=1)
    return inserted[COLUMNS].assign(group=groups)


def _changes(levels: np.ndarray, masks: np.ndarray, behind: Dataset, folders: list[Path]) -> dict[str, float | None]:
    """How far images are from their backgrounds, in levels: outside the box, and where the nuisance is, if known."""
    nuisance, before = nuisance_pixels(behind.table, folders), behind.levels.numpy()
    return {
        "outside_change": mean_change(levels, before, masks == 0),
        "nuisance_change": None if nuisance is None else mean_change(levels, before, nuisance),
    }


def _about(own: Experiment, train: Dataset, levels: np.ndarray) -> dict[str, Any]:
    """What prepare_images says of a source, as far as it is so of this one, and what made it."""
    settings = own.settings
    assert isinstance(settings, Detecting)
    known: dict[str, Any] = {}
    for folder in own.folders:
        known |= read_json(folder / "source.json").get("nuisance", {})
    return {
        "source": SOURCE,
        "kind": SOURCE,
        "generated": True,
        "task": settings.task,
        "arm": settings.arm,
        "n_real": settings.n_real,
        "seed": own.seed,
        "size": levels.shape[-1],
        "pixel_range": [train.low, train.high],
        "images": len(levels),
        "unreadable": 0,
        "nuisance": known,
        "histogram": np.bincount(levels.ravel(), minlength=256).tolist(),
    }


if __name__ == "__main__":
    command.run(generate_images)
