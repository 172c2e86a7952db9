"""All attribution maps of one run on all positive test images, and how well each agrees with its ROI mask."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch

from red_herring.data.dataset import load
from red_herring.data.splits import read_split
from red_herring.files import StudyError, replacing, write_text
from red_herring.hardware import pick
from red_herring.model import ResNet18
from red_herring.saliency.attribution import attribute, sigma_of
from red_herring.saliency.chance import chance_of
from red_herring.saliency.localisation import localise
from red_herring.saliency.summary import as_levels, drawn, mean_maps
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    hardware = pick(settings["device"], settings["precision"], given.threads)
    (test,) = load(read_split(given.split), [path.parent for path in given.images], settings["mask"], ["test"])
    positive = test.subset(np.flatnonzero((test.labels == 1).numpy() & test.has_mask().numpy()))
    if len(positive) == 0:
        raise StudyError(f"{settings['task']}: no positive test image has a mask, so there is nothing to localise")
    model = load_model(given.model).folded().to(hardware.device)
    averaged = drawn(positive, settings["mean_map_images"], given.seed)
    shown = drawn(positive, settings["example_images"], given.seed)
    names, masks = positive.table[["source", "image"]], positive.masks.numpy()
    examples = [positive.levels.numpy()[shown], masks[shown].astype(np.uint8)]
    for name, scores_file, means_file in zip(settings["attributions"], given.scores, given.means, strict=True):
        maps = attribute(
            name, model, positive, settings["smoothing_sigma"], settings["batch_size"], hardware,
            seed=given.seed, steps=settings["steps"], described=str(given.model),
        )  # fmt: skip
        chance = chance_of(masks.shape[1:], sigma_of(name, settings["smoothing_sigma"]))
        scores = pd.concat([names, localise(maps.maps, masks, chance), maps.details], axis=1)
        write_text(scores_file, scores.to_csv(index=False))
        save(means_file, mean_maps(maps.maps, positive, averaged))
        examples.append(as_levels(maps.maps[shown]))
    write_text(given.examples, names.iloc[shown].assign(row=shown).to_csv(index=False))
    save(given.example_maps, np.stack(examples, axis=1))


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
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--split", type=Path, required=True, help="input: CSV of draw_splits")
    arguments.add_argument(
        "--images", type=Path, nargs="+", required=True, help="input: images.npy of each source, the rest beside it"
    )
    arguments.add_argument("--model", type=Path, required=True, help="input: safetensors of train")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_outputs("--scores", "CSV of each attribution, one row per image")
    arguments.add_outputs("--means", "NPY [3, height, width] of each attribution, mean map, image, mask")
    arguments.add_output("--examples", "CSV, which images the next has")
    arguments.add_output("--example-maps", "NPY, uint8 [images, 2 + attributions, height, width]: image, mask, maps")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
