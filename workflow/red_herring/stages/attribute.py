"""All attribution maps of one run on all positive test images, and how well each agrees with its ROI mask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import safetensors.torch

from red_herring.data.dataset import load
from red_herring.data.splits import read_split
from red_herring.networks.resnet import ResNet18
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output, Settings
from red_herring.runtime.files import StudyError, replacing, write_text
from red_herring.runtime.hardware import pick
from red_herring.saliency.attribution import attribute as explain
from red_herring.saliency.attribution import sigma_of
from red_herring.saliency.chance import chance_of
from red_herring.saliency.localisation import localise
from red_herring.saliency.summary import as_levels, drawn, mean_maps


def attribute(
    settings: Settings,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    seed: int,
    scores: Annotated[list[Path], Output("CSV of each attribution, one row per image")],
    means: Annotated[list[Path], Output("NPY [3, height, width] of each attribution, mean map, image, mask")],
    examples: Annotated[Path, Output("CSV, which images the next has")],
    example_maps: Annotated[Path, Output("NPY, uint8 [images, 2 + attributions, height, width]: image, mask, maps")],
    threads: int = 1,
) -> None:
    hardware = pick(settings["device"], settings["precision"], threads)
    (test,) = load(read_split(split), [path.parent for path in images], settings["mask"], ["test"])
    positive = test.subset(np.flatnonzero((test.labels == 1).numpy() & test.has_mask().numpy()))
    if len(positive) == 0:
        raise StudyError(f"{settings['task']}: no positive test image has a mask, so there is nothing to localise")
    network = load_model(model).folded().to(hardware.device)
    averaged = drawn(positive, settings["mean_map_images"], seed)
    shown = drawn(positive, settings["example_images"], seed)
    names, masks = positive.table[["source", "image"]], positive.masks.numpy()
    pictures = [positive.levels.numpy()[shown], masks[shown].astype(np.uint8)]
    for name, scores_file, means_file in zip(settings["attributions"], scores, means, strict=True):
        maps = explain(
            name, network, positive, settings["smoothing_sigma"], settings["batch_size"], hardware,
            seed=seed, steps=settings["steps"], described=str(model),
        )  # fmt: skip
        chance = chance_of(masks.shape[1:], sigma_of(name, settings["smoothing_sigma"]))
        table = pd.concat([names, localise(maps.maps, masks, chance), maps.details], axis=1)
        write_text(scores_file, table.to_csv(index=False))
        save(means_file, mean_maps(maps.maps, positive, averaged))
        pictures.append(as_levels(maps.maps[shown]))
    write_text(examples, names.iloc[shown].assign(row=shown).to_csv(index=False))
    save(example_maps, np.stack(pictures, axis=1))


def save(file: Path, array: np.ndarray) -> None:
    with replacing(file) as temporary:
        np.save(temporary, array)


def load_model(path: Path) -> ResNet18:
    """The classifier in a safetensors file of the stage train; its width is read off its weights."""
    try:
        weights = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise StudyError(f"{path}: is not a whole safetensors file ({error}); delete it and train again") from error
    model = ResNet18(width=weights["conv1.weight"].shape[0])
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


if __name__ == "__main__":
    command.run(attribute)
