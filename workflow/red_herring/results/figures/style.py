"""What all figures share: sizes, the colour of each method, panels, saving."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.catalogue import method_card
from red_herring.files import replacing

COLUMN = 3.4
"""Width of a column of print, inches."""

PAGE = 7.0
"""Width of a page of print, inches."""

# It tells of every table of every font that goes into a PDF.
logging.getLogger("fontTools").setLevel(logging.WARNING)

matplotlib.rcParams.update(
    {
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "legend.fontsize": 7,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.2,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # text stays text
        "savefig.dpi": 200,
        "figure.constrained_layout.use": True,
    }
)

# Okabe and Ito's palette, told apart by colour-blind readers too. The paper's methods keep theirs in every study.
COLOURS = {
    "classification": "#000000",
    "masked": "#E69F00",
    "actdiff": "#0072B2",
    "adversarial": "#56B4E9",
    "gradmask": "#D55E00",
    "rrr": "#CC79A7",
}
MARKERS = {"Baseline": "o", "Input masking": "s", "Domain invariance": "^", "Saliency based": "D"}
SPARE_COLOURS = ("#009E73", "#F0E442", "#999999", "#7F3C8D", "#80561B")

# Tol's bright palette, so that no group looks like a method; grey is for what is left over.
GROUP_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#BBBBBB")


def colours(methods: Sequence[str]) -> dict[str, str]:
    """Method -> colour; methods besides the paper's take the spare ones in order."""
    others = [method for method in methods if method not in COLOURS]
    return {method: COLOURS[method] for method in methods if method in COLOURS} | {
        method: SPARE_COLOURS[number % len(SPARE_COLOURS)] for number, method in enumerate(others)
    }


def title(method: str) -> str:
    return method_card(method).title


def shortened(text: str, length: int = 16) -> str:
    """At most `length` characters: a finding may be a list of names."""
    return text if len(text) <= length else text[: length - 1].rstrip(" /") + "…"


def panels(tasks: Sequence[str], height: float = 2.2) -> tuple[Figure, dict[str, Axes]]:
    """One panel per task, at most three in a row; a single one is as wide as a column."""
    columns = min(len(tasks), 3)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(COLUMN if columns == 1 else PAGE, height * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    for spare in grid.flat[len(tasks) :]:
        spare.axis("off")
    return figure, dict(zip(tasks, grid.flat, strict=False))


def picture(axes: Axes, image: np.ndarray, **arguments: Any) -> None:
    """Show an array in a thin frame, in grey unless said otherwise."""
    axes.imshow(image, **({"cmap": "gray"} | arguments))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="grey", linewidth=0.4)


def save(figure: Figure, pdf: Path, png: Path) -> None:
    """Write both files, the same bytes every time for the same figure."""
    for path, metadata in ((pdf, {"CreationDate": None, "Creator": None, "Producer": None}), (png, {"Software": None})):
        with replacing(path) as temporary:
            figure.savefig(temporary, metadata=metadata)
