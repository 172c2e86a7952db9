"""The masks that are measured: those of a run's maskers, and others to set them against."""

from __future__ import annotations

import numpy as np
import torch

from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.networks.masker import Masker
from red_herring.saliency.attribution import attribute
from red_herring.saliency.boxes import filled, true_boxes

CENTRE = (33 / 224, 191 / 224)
"""Where the box in the middle begins and ends, in image sides: half of the image."""

DRAWN = ("ones", "zeros", "centre_box", "true_box", "input")
MAPPED = {
    "centre_gaussian": "centre_prior",
    "grad_cam": "grad_cam",
    "guided_backprop": "guided_backprop",
    "gradient": "gradient",
}
"""What is measured beside the maskers: masks that are drawn, and the maps of attributions."""

REFERENCES = (*DRAWN, *MAPPED)


@torch.inference_mode()
def learned_masks(run: Run, masker: Masker, data: Dataset) -> np.ndarray:
    """The masks of all images, 0 to 1, float32 [n, height, width]."""
    parts = []
    with run.hardware.mixed():
        for batch in data.batches(run.batch_size, run.hardware.device):
            _, activations = run.model.logits_and_stages(batch.images)
            parts.append(masker(activations, batch.images.shape[-1]).sigmoid().squeeze(1).cpu().numpy())
    return np.concatenate(parts)


def reference_masks(run: Run, name: str, data: Dataset) -> np.ndarray:
    """The same of one of REFERENCES. Maps are the absolute values of those of y1, not smoothed, each scaled to 0 to 1
    by its own range; a constant one is 0.
    """
    if name in MAPPED:
        maps = attribute(MAPPED[name], run.model, data, 0.0, run.batch_size, run.hardware, str(run.weights), run.seed)
        return _scaled(maps.maps)
    return _drawn(name, data)


def _drawn(name: str, data: Dataset) -> np.ndarray:
    masks = np.zeros(data.levels.shape, np.float32)
    if name == "ones":
        masks[:] = 1
    elif name == "centre_box":
        rows, columns = (slice(*(round(end * side) for end in CENTRE)) for side in masks.shape[1:])
        masks[:, rows, columns] = 1
    elif name == "true_box":
        for mask, truth in zip(masks, data.masks.numpy(), strict=True):
            mask[filled(true_boxes(truth), truth.shape).any(axis=0)] = 1
    elif name == "input":
        masks[:] = data.levels.numpy() / np.float32(255)
    return masks


def _scaled(maps: np.ndarray) -> np.ndarray:
    low, high = (of(axis=(1, 2), keepdims=True) for of in (maps.min, maps.max))
    return np.asarray(np.divide(maps - low, high - low, out=np.zeros_like(maps), where=high > low))
