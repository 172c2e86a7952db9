"""The authors' released runs as the tables of a study."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from scipy import ndimage

from red_herring.data.masks import ellipse
from red_herring.reference import PUBLISHED_HYPERPARAMETERS, PUBLISHED_OVERLAPS, PUBLISHED_RUNS
from red_herring.report.published import overlaps_between, published_tables
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Output
from red_herring.saliency.chance import Smoothed, Unsmoothed
from red_herring.stages._tables import write_tables
from red_herring.training.search import on_bound

ONE_ELLIPSE = ("spc", "no_spc")
SIZE, SEMI_AXIS = 224, 0.4
"""Tasks that have one mask for all images, which is known, pixels a side, and its semi-axis in sides."""


SMOOTH = partial(ndimage.gaussian_filter, sigma=(0, 1, 1), mode="constant", truncate=3.5)
"""As the released code: beyond its border an image is 0, so at the border a random map is darker, not rougher."""


def collect_published(
    tables: Annotated[list[Path], Output("CSV of each table of a study, named after it")],
) -> None:
    released = published_tables(
        read_table(PUBLISHED_RUNS), read_table(PUBLISHED_HYPERPARAMETERS), dict.fromkeys(ONE_ELLIPSE, of_ellipse())
    )
    searches = released["searches"]
    searches["on_bound"] = [
        bool(on_bound({row.hyperparameter: row.best}, {row.hyperparameter: [row.law, row.low, row.high]}))
        for row in searches.itertuples()
    ]
    released["overlaps"] = overlaps_between(released["runs"], read_table(PUBLISHED_OVERLAPS))
    write_tables(released, tables)


def of_ellipse() -> dict[str, dict[str, float]]:
    """Attribution -> measure -> what a random map scores; occlusion is not smoothed."""
    mask, distinct = ellipse(SIZE, SEMI_AXIS), np.arange(1, SIZE**2 + 1)
    smoothed = Smoothed((SIZE, SIZE), SMOOTH).levels(mask, distinct)
    return {
        "gradient": smoothed,
        "integrated_gradients": smoothed,
        "occlusion": Unsmoothed().levels(mask, distinct),
    }


if __name__ == "__main__":
    command.run(collect_published)
