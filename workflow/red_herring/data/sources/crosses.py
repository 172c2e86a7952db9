"""Synthetic crosses: count them, and do not look at the box. Viviano et al. 2021, section 4.1.

Black images with white strokes: one cross (positive) or two. A box, 2 rows by 3 columns with 5 free rows below it,
touches the left or the right edge. The ROI mask is the crosses, never the box. Geometry as in the released generator.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.data.picture import Picture
from red_herring.data.sources import base

SETTINGS = {
    "images_per_cell": {
        "type": "integer",
        "minimum": 4,
        "description": "images of each count of crosses and side of the box",
    },
    "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295, "description": "draws the images"},
}
REQUIRED = ["images_per_cell", "seed"]
MASKS = True
PIXEL_RANGE = (0.0, 1.0)

SIZE = 28
ARMS = (3, 4)
BOX = (2, 3)
BOX_ABOVE_BOTTOM = 5
COUNTS = {"one cross": 1, "two crosses": 2}
SIDES = ("left", "right")


class Source(base.Source):
    has_masks = True
    one_picture_one_patient = False
    pixel_range = PIXEL_RANGE

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

    def read(self, image: str) -> tuple[Picture, np.ndarray]:
        finding, side, number = image.split("-")
        crosses = COUNTS[finding.replace("_", " ")]
        random = np.random.default_rng([self.seed, crosses, SIDES.index(side), int(number)])
        mask = draw_crosses(crosses, random)
        return Picture(np.maximum(mask, draw_box(side)) * 255.0, "generated"), mask


def draw_crosses(count: int, random: np.random.Generator) -> np.ndarray:
    """`count` crosses as 0/1, uint8 [28, 28]: one arm length for all, no two centres in the same row or column."""
    picture = np.zeros((SIZE, SIZE), np.uint8)
    arm = random.choice(ARMS)
    places = np.arange(arm, SIZE - arm)
    rows, columns = random.choice(places, count, replace=False), random.choice(places, count, replace=False)
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
