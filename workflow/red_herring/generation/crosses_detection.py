"""Crosses to be found on noisy images, with exact boxes.

28 pixels a side: noise of low frequency and white noise, none to two bars that distract, and where there is an object,
one cross of an arm length and a contrast of its own. A bar is a cross without its other stroke; no bar touches the
cross or another bar, so that only a cross looks like one. An image depends on its seed and name only.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from red_herring.generation.examples import Examples

SIZE = 28
ARMS = (2, 5)
"""Shortest and longest, pixels: boxes of 5 to 11 pixels a side."""

CONTRASTS = (0.35, 0.65)
"""Of strokes to what is behind them, faintest and strongest, of images from -1 to 1."""

MOST_BARS = 2

NOISE = 0.12
"""Standard deviation of the white noise, and of that of low frequency."""

COARSE = 4.0
"""Pixels: standard deviation of the Gaussian that makes noise one of low frequency."""


def crosses(seed: int, count: int, purpose: str) -> Examples:
    """Images with one cross each and its box, int64 [1, 4]. purpose: a name for these images, such as `test`; others
    are of another name.
    """
    return _examples([_draw(seed, f"{purpose}-cross-{number}", True) for number in range(count)])


def object_free(seed: int, count: int, purpose: str) -> Examples:
    """Images of noise and bars, without boxes, [0, 4]."""
    return _examples([_draw(seed, f"{purpose}-free-{number}", False) for number in range(count)])


def _examples(drawn: list[tuple[np.ndarray, np.ndarray]]) -> Examples:
    images = np.stack([image for image, _ in drawn])
    return Examples(torch.from_numpy(images).unsqueeze(1), [torch.from_numpy(boxes) for _, boxes in drawn])


def _draw(seed: int, name: str, has_cross: bool) -> tuple[np.ndarray, np.ndarray]:
    """The image, float32 [28, 28], -1 to 1, and its boxes, int64 [k, 4]."""
    random = np.random.default_rng([seed, *name.encode()])
    image, taken, boxes = _noise(random), np.zeros((SIZE, SIZE), bool), np.zeros((0, 4), np.int64)
    if has_cross:
        arm = _arm(random)
        row, column = random.integers(arm, SIZE - arm, 2)
        _stroke(image, taken, _strokes(arm, row, column), random)
        boxes = np.array([[row - arm, column - arm, row + arm + 1, column + arm + 1]])
    for _ in range(random.integers(MOST_BARS + 1)):
        _bar(image, taken, random)
    return image.clip(-1, 1).astype(np.float32), boxes


def _noise(random: np.random.Generator) -> np.ndarray:
    coarse = gaussian_filter(random.normal(size=(SIZE, SIZE)), COARSE, mode="wrap")
    found: np.ndarray = NOISE * (coarse / coarse.std() + random.normal(size=(SIZE, SIZE)))
    return found


def _arm(random: np.random.Generator) -> int:
    return int(random.integers(ARMS[0], ARMS[1], endpoint=True))


def _strokes(arm: int, row: int, column: int) -> list[tuple[slice, slice]]:
    """The horizontal and the vertical one of a cross."""
    across, down = slice(column - arm, column + arm + 1), slice(row - arm, row + arm + 1)
    return [(slice(row, row + 1), across), (down, slice(column, column + 1))]


def _stroke(
    image: np.ndarray, taken: np.ndarray, strokes: list[tuple[slice, slice]], random: np.random.Generator
) -> None:
    """Lighten the strokes by one contrast, and mark them and the pixels beside them as taken."""
    drawn = np.zeros_like(taken)
    for rows, columns in strokes:
        drawn[rows, columns] = True
        taken[max(0, rows.start - 1) : rows.stop + 1, max(0, columns.start - 1) : columns.stop + 1] = True
    image[drawn] += random.uniform(*CONTRASTS)


def _bar(image: np.ndarray, taken: np.ndarray, random: np.random.Generator) -> None:
    """One stroke where nothing is taken; none if there is no such place."""
    arm, which = _arm(random), int(random.integers(2))
    centres = random.permutation([(row, column) for row in range(arm, SIZE - arm) for column in range(arm, SIZE - arm)])
    for row, column in centres:
        stroke = _strokes(arm, int(row), int(column))[which]
        if not taken[stroke].any():
            return _stroke(image, taken, [stroke], random)
    return None
