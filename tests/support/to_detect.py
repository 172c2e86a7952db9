"""A few crosses to be detected, each of a patient of its own."""

import numpy as np
import torch
from red_herring.data.sources import crosses_to_find
from red_herring.generation.detection_data import DetectionData, Owned
from red_herring.generation.examples import Examples, together
from red_herring.saliency.boxes import true_boxes


def crosses(seed, count, purpose):
    """Images with one cross each and its box, int64 [1, 4]; others are of another purpose."""
    return examples([crosses_to_find.draw(seed, f"{purpose}-cross-{number}", True) for number in range(count)])


def object_free(seed, count, purpose):
    """Images of noise and bars, without boxes, [0, 4]."""
    return examples([crosses_to_find.draw(seed, f"{purpose}-free-{number}", False) for number in range(count)])


def examples(drawn):
    images, masks = (np.stack(parts) for parts in zip(*drawn, strict=True))
    boxes = [torch.from_numpy(true_boxes(mask)) for mask in masks]
    return Examples(torch.from_numpy(images.astype(np.float32)).unsqueeze(1), boxes)


def owned(examples, name):
    return Owned(examples, [f"{name}{number}" for number in range(len(examples))])


REAL, FREE = owned(crosses(1, 6, "train"), "real"), owned(object_free(1, 5, "train"), "free")
VALID = owned(together([crosses(1, 3, "valid"), object_free(1, 2, "valid")]), "valid")
TEST = owned(together([crosses(1, 5, "test"), object_free(1, 2, "test")]), "test")
DATA = DetectionData(REAL, FREE, VALID, TEST)
