"""Synthetic crosses: count them, and do not look at the box. Viviano et al. 2021, section 4.1.

Black images with white strokes: one cross (positive) or two. A box, 2 rows by 3 columns with 5 free rows below it,
touches the left or the right edge. The ROI mask is the crosses, never the box. Geometry as in the released generator;
but no picture is drawn twice, as there are only 484 of one cross with short arms and 400 with long ones, so that of a
thousand drawn independently a quarter would train and test.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations

import numpy as np
import pandas as pd

from red_herring.data.sources import base

SETTINGS = {
    "images_per_cell": {
        "type": "integer",
        "minimum": 4,
        "maximum": 800,
        "description": "images of each count of crosses and side of the box; half of them with short arms",
    },
    "seed": {"type": "integer", "minimum": 0, "description": "draws the images"},
}
REQUIRED = ["images_per_cell", "seed"]

SIZE = 28
ARMS = (3, 4)
BOX = (2, 3)
BOX_ABOVE_BOTTOM = 5
COUNTS = {"one cross": 1, "two crosses": 2}
SIDES = ("left", "right")
MOST = 800
"""Images of a count of crosses and side of the box: as many as there are of one cross with either arm length."""

Places = tuple[int, ...]


class Source(base.Source):
    has_masks = True
    pixel_range = (0.0, 1.0)

    def __init__(self, images_per_cell: int, seed: int):
        self.images_per_cell = images_per_cell
        self.seed = seed

    def index(self) -> pd.DataFrame:
        rows = [
            (image := f"{finding.replace(' ', '_')}-{side}-{number:05d}", image, side, finding)
            for finding in COUNTS
            for side in SIDES
            for number in range(self.images_per_cell)
        ]
        return pd.DataFrame(rows, columns=base.INDEX)

    def read(self, image: str) -> tuple[np.ndarray, np.ndarray]:
        finding, side, number = image.split("-")
        crosses = COUNTS[finding.replace("_", " ")]
        place, which = divmod(int(number), len(ARMS))
        centres = drawn_places(crosses, ARMS[which], (self.seed, crosses, SIDES.index(side)))[place]
        mask = draw_crosses(ARMS[which], *centres)
        return np.maximum(mask, draw_box(side)) * 255.0, mask


@cache
def drawn_places(count: int, arm: int, seed: tuple[int, ...]) -> list[tuple[Places, Places]]:
    """The rows and columns of the centres of `count` crosses for each picture of this arm length, in random order and
    none twice, 400 of them: no two centres are in the same row or column.
    """
    places = range(arm, SIZE - arm)
    rows, columns = list(combinations(places, count)), list(permutations(places, count))
    drawn = np.random.default_rng([*seed, arm]).choice(len(rows) * len(columns), MOST // len(ARMS), replace=False)
    return [(rows[row], columns[column]) for row, column in zip(*divmod(drawn, len(columns)), strict=True)]


def draw_crosses(arm: int, rows: Places, columns: Places) -> np.ndarray:
    """Crosses with these centres as 0/1, uint8 [28, 28]."""
    picture = np.zeros((SIZE, SIZE), np.uint8)
    for row, column in zip(rows, columns, strict=True):
        picture[row, column - arm : column + arm + 1] = 1
        picture[row - arm : row + arm + 1, column] = 1
    return picture


def draw_box(side: str) -> np.ndarray:
    """The confounder as 0/1, uint8 [28, 28], at the left or right edge."""
    picture = np.zeros((SIZE, SIZE), np.uint8)
    height, width = BOX
    bottom = SIZE - BOX_ABOVE_BOTTOM
    picture[bottom - height : bottom, slice(0, width) if side == "left" else slice(SIZE - width, SIZE)] = 1
    return picture
