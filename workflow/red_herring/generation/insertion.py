"""Positives for the nuisance group that lacks them: findings inserted into its own negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from red_herring.generation.boxes import mask_of
from red_herring.generation.copy_paste import pasted
from red_herring.generation.cycle_gan import noise_like
from red_herring.generation.examples import Examples
from red_herring.generation.generator import Generator
from red_herring.generation.places import plausible_boxes
from red_herring.generation.study_data import levels_of
from red_herring.runtime.files import StudyError
from red_herring.training.loop import random_numbers

AT_ONCE = 64
"""Images that a generator is given at a time."""

Insert = Callable[[Tensor, torch.Generator], Examples]
"""Object-free images, on the CPU, to the same with an object each and its box, int64 [1, 4]."""


class Inserted(NamedTuple):
    """levels, uint8, and masks, uint8 0/1, the filled box, both [n, side, side]."""

    levels: np.ndarray
    masks: np.ndarray


def backgrounds(train: pd.DataFrame, seed: int) -> np.ndarray:
    """Rows of negatives, int64, ascending and none twice: of each nuisance group as many as it has more negatives than
    positives, drawn with the seed. train: the training rows of a split. StudyError where no group lacks positives.
    """
    random = np.random.default_rng([seed, *b"backgrounds"])
    label, group = train["label"].to_numpy(), train["nuisance"].to_numpy()
    drawn = [np.empty(0, np.int64)]
    for own in np.unique(group):
        negatives, positives = np.flatnonzero((group == own) & (label == 0)), ((group == own) & (label == 1)).sum()
        drawn.append(random.permutation(negatives)[: max(0, len(negatives) - positives)])
    if not sum(map(len, drawn)):
        raise StudyError(
            "split: no nuisance group has more negatives than positives in training, so there is nothing to insert; "
            "take a task with another ratio"
        )
    return np.sort(np.concatenate(drawn))


def inserted(free: Tensor, insert: Insert, seed: int) -> Inserted:
    """Object-free images, float32 [n, 1, side, side], -1 to 1, each with a finding; the seed draws what is drawn."""
    random = random_numbers(seed, 0, "inserted")
    parts = [insert(part, random) for part in free.split(AT_ONCE)]
    boxes = torch.cat([own for part in parts for own in part.boxes])
    masks = mask_of(boxes, free.shape[-1])[:, 0].to(torch.uint8).numpy()
    return Inserted(levels_of(torch.cat([part.images for part in parts])), masks)


def by_pasting(real: Examples) -> Insert:
    """Objects of these images."""
    return lambda free, random: pasted(free, real, random)


def by_generator(insert: Generator, real: Examples, device: torch.device) -> Insert:
    """What a generator on this device makes, in boxes of about the places and of the sizes of those of these images."""
    boxes = torch.cat(real.boxes)

    @torch.no_grad()
    def made(free: Tensor, random: torch.Generator) -> Examples:
        places = plausible_boxes(boxes, len(free), free.shape[-1], random)
        images = insert(free.to(device), places.to(device), noise_like(free, random).to(device))
        return Examples(images.cpu(), list(places.unsqueeze(1)))

    return made


def mean_change(found: np.ndarray, before: np.ndarray, pixels: np.ndarray) -> float | None:
    """The mean absolute difference of levels, uint8 [n, side, side], in these pixels, bool; None if there are none."""
    changes = np.abs(found.astype(int) - before)[pixels]
    return float(changes.mean()) if len(changes) else None
