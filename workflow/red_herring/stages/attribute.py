"""Attribution maps of one run on all positive test images, and how well each agrees with its ROI mask."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from red_herring.data.dataset import load
from red_herring.data.splits import read_split
from red_herring.files import StudyError, replacing, write_text
from red_herring.model import ResNet18
from red_herring.saliency.attribution import attribute, mean_maps
from red_herring.saliency.localisation import localise
from red_herring.stages import command
from red_herring.training.fit import pick_device


def main(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    settings = given.settings
    device = pick_device(settings["device"])
    (test,) = load(read_split(given.split), [path.parent for path in given.images], settings["mask"], ["test"])
    positive = test.subset(np.flatnonzero((test.labels == 1).numpy() & test.has_mask().numpy()))
    if len(positive) == 0:
        raise StudyError(f"{settings['task']}: no positive test image has a mask, so there is nothing to localise")
    model = load_model(given.model).to(device)
    maps = attribute(given.attribution, model, positive, settings["smoothing_sigma"], settings["batch_size"], device)
    scores = pd.concat([positive.table[["source", "image"]], localise(maps, positive.masks.numpy())], axis=1)
    means = mean_maps(maps, positive, settings["mean_map_images"], given.seed)
    with replacing(given.means) as temporary:
        np.save(temporary, means)
    write_text(given.scores, scores.to_csv(index=False))


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
    arguments.add_argument("--attribution", required=True)
    arguments.add_argument("--split", type=Path, required=True, help="input: CSV of draw_splits")
    arguments.add_argument(
        "--images", type=Path, nargs="+", required=True, help="input: images.npy of each source, the rest beside it"
    )
    arguments.add_argument("--model", type=Path, required=True, help="input: safetensors of train")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_output("--scores", "CSV, one row per image")
    arguments.add_output("--means", "NPY [3, height, width], mean map, image, mask")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
