"""What all figures share: sizes, the colour of each method, panels, saving."""

from __future__ import annotations

import io
import logging
import textwrap
import unicodedata
from bisect import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from red_herring.report.fonts import showable
from red_herring.runtime.files import write_bytes

Known = Mapping[str, Mapping[str, Any]]
"""Name -> title, and of a method approach and citation: the methods or attributions of a study."""

COLUMN = 3.4
"""Width of a column of print, inches."""

PAGE = 7.0
"""Width of a page of print, inches."""

# It tells of every table of every font that goes into a PDF.
logging.getLogger("fontTools").setLevel(logging.WARNING)

matplotlib.rcdefaults()  # not what a user's matplotlibrc says, such as that LaTeX sets all text
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
SPARE_COLOURS = ("#009E73", "#7F3C8D", "#999999", "#80561B", "#F0E442")

MARKERS = {
    "Baseline": ("o", "8", "H"),
    "Input masking": ("s", "p", "H"),
    "Domain invariance": ("^", "v", "<"),
    "Group robustness": ("P", "*", ">"),
    "Saliency based": ("D", "d", "<"),
    "Control without masks": ("X", "h", ">"),
}
"""Approach -> how its methods are marked: the first one, and where the spare colours are used again those that no
method marks so that had the colour before.
"""

LINES = ("-", "--", "-.")
"""How the lines of methods are drawn, in the same way."""

# Tol's bright palette, so that no group looks like a method; grey is for what is left over.
GROUP_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#BBBBBB")

# Tol's muted palette, in an order in which neighbours differ.
ATTRIBUTION_COLOURS = (
    *("#332288", "#CC6677", "#117733", "#88CCEE", "#882255", "#DDCC77", "#44AA99", "#AA4499", "#999933"),
)
CONTROL_COLOUR = "#777777"
ATTRIBUTION_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h", "d", "p", "8")

CHANCE: dict[str, Any] = {"color": "grey", "linewidth": 0.6, "linestyle": ":", "zorder": 0.5}
"""How the line of a chance level looks."""

CHARACTER = 0.052
"""Width of a character of 7 points, inches; on the safe side."""

LEGEND_ROWS, LEGEND_ROW = 3, 0.15
"""So many rows of a legend have room in the height of a figure, and the height of one more, inches."""

SMALL = 6.0
"""The smallest type, points."""


def colours(methods: Iterable[str]) -> dict[str, str]:
    """Method -> colour, in the order of `methods`; those besides the paper's take the spare ones in order, again and
    again. Marker and line tell apart those of one colour.
    """
    methods = list(methods)
    spare = {method: SPARE_COLOURS[number % len(SPARE_COLOURS)] for method, number in _others(methods).items()}
    return {method: (COLOURS | spare)[method] for method in methods}


def _others(methods: Iterable[str]) -> dict[str, int]:
    """Those besides the paper's, numbered."""
    return {method: number for number, method in enumerate(method for method in methods if method not in COLOURS)}


def _round(methods: Iterable[str], method: str) -> int:
    """How often the spare colours have been used before a method takes one of them; in the fourth round from 0."""
    return _others(methods).get(method, 0) // len(SPARE_COLOURS) % len(LINES)


def title(known: Known, name: str) -> str:
    """The title of a method or an attribution, of those that the study has."""
    words: str = known[name]["title"]
    return showable(words)


def shortened(text: str, length: int = 16) -> str:
    """At most `length` characters, of which Chinese ones and the like count twice: a finding may be a list of names."""
    ends = list(accumulate(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text))
    return text if not ends or ends[-1] <= length else text[: bisect(ends, length - 1)].rstrip(" /") + "…"


def marker(methods: Known, method: str) -> str:
    """One of the markers of a method's approach."""
    return MARKERS[methods[method]["approach"]][_round(methods, method)]


def line(methods: Known, method: str) -> str:
    """How the line of a method is drawn."""
    return LINES[_round(methods, method)]


def count(shown: int | Collection[int], expected: int | None = None, noun: str = "runs", undefined: int = 0) -> str:
    """How many are shown: `n = 18 runs`, `n = 17 of 18 runs`, `n = 9–10 of 10 seeds, 1 undefined`.

    shown: a number, or those of several groups, of which the range is given. expected: how many there should be, if
    that is known; they are named when any is missing. undefined: how many are there without a value.
    """
    numbers = [shown] if isinstance(shown, int) else list(shown) or [0]
    low, high = min(numbers), max(numbers)
    text = f"{low}" if low == high else f"{low}–{high}"
    total = high
    if expected is not None and low < expected:
        text, total = f"{text} of {expected}", expected
    one = noun.removesuffix("s") if total == 1 else noun
    return f"n = {text} {one}" + (f", {undefined} undefined" if undefined else "")


def head(axes: Axes, *lines: str) -> None:
    """The title of a panel, its lines wrapped to the width that the panel has in its figure."""
    place = axes.get_subplotspec()
    width = cast(Figure, axes.figure).get_figwidth() / (place.get_gridspec().ncols if place else 1)
    axes.set_title("\n".join(wrapped(line, int(width / CHARACTER), rows=3) for line in lines), fontsize=7)


def say(axes: Axes, text: str, **arguments: Any) -> None:
    """Words in the middle of a panel that has nothing else to show."""
    settings: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": 7,
        "color": "dimgrey",
        "transform": axes.transAxes,
    }
    settings["bbox"] = {"facecolor": "white", "linewidth": 0, "pad": 1}
    axes.text(0.5, 0.5, text, **(settings | arguments))


def names(known: Known, shown: Iterable[str]) -> str:
    """The titles of methods, `Masked, RRR`."""
    return ", ".join(title(known, name) for name in shown)


def keys(methods: Known, shown: Collection[str], markers: bool = True, lines: bool = False) -> list[Line2D]:
    """One entry of a legend per method that is shown: its colour among all of them, with its marker, line, or both."""
    looks: dict[str, dict[str, Any]] = {
        method: {
            "color": colour,
            "marker": marker(methods, method) if markers else "",
            "linestyle": line(methods, method) if lines else "",
            "markersize": 4.5,
        }
        for method, colour in colours(methods).items()
        if method in shown
    }
    return [Line2D([], [], label=shortened(title(methods, name), 28), **look) for name, look in looks.items()]


def interval(
    axes: Axes, place: float, row: pd.Series, value: str, colour: str, upright: bool = False, **look: Any
) -> None:
    """The value of a row with the line from its `low` to its `high`, across at height `place` or upright there.

    Hollow where the interval is undefined. look: linewidth of the line, marker and markersize of the value.
    """
    ends, places = [row["low"], row["high"]], [place, place]
    width = look.pop("linewidth")
    axes.plot(*((places, ends) if upright else (ends, places)), color=colour, linewidth=width, solid_capstyle="butt")
    fill = "white" if pd.isna(ends).any() else colour
    point = ([place], [row[value]]) if upright else ([row[value]], [place])
    axes.plot(*point, color=colour, linestyle="", markerfacecolor=fill, clip_on=False, **look)


def hollow_key() -> Line2D:
    """The entry of a legend for values without an interval."""
    return Line2D(
        [],
        [],
        color="dimgrey",
        linestyle="",
        marker="o",
        markersize=4,
        markerfacecolor="white",
        label="interval undefined",
    )


def legend(figure: Figure, handles: Sequence[Artist], **arguments: Any) -> None:
    """A legend below all panels, with as many columns as the figure is wide enough for, evenly filled. A long one makes
    the figure higher, not the panels lower. arguments: of Matplotlib's.
    """
    longest = max(len(str(handle.get_label())) for handle in handles)
    fitting = max(int(figure.get_figwidth() / (longest * CHARACTER + 0.45)), 1)
    rows = -(-len(handles) // fitting)
    columns = -(-len(handles) // rows)
    figure.set_figheight(figure.get_figheight() + LEGEND_ROW * max(rows - LEGEND_ROWS, 0))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.5, **arguments)


def wrapped(text: str, width: int, rows: int = 2) -> str:
    """The text in at most `rows` lines of `width` characters, broken at spaces, underscores and, at need, hyphens."""
    text = text.replace("_", "_ ")
    too_long = max(map(len, text.split()), default=0) > width
    lines = textwrap.wrap(text, width, max_lines=rows, placeholder="…", break_on_hyphens=too_long)
    return "\n".join(lines).replace("_ ", "_")


def panels(
    tasks: Sequence[str], height: float = 2.2, across: int = 3, **arguments: Any
) -> tuple[Figure, dict[str, Axes]]:
    """One panel per task, at most `across` in a row; a single one is as wide as a column. arguments: of subplots."""
    columns = min(len(tasks), across)
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(COLUMN if columns == 1 else PAGE, height * rows))
    grid = figure.subplots(rows, columns, squeeze=False, **arguments)
    for spare in grid.flat[len(tasks) :]:
        spare.axis("off")
    return figure, dict(zip(tasks, grid.flat, strict=False))


def picture(axes: Axes, image: np.ndarray, **arguments: Any) -> None:
    """Show an array in a thin frame, in grey unless said otherwise."""
    axes.imshow(image, **({"cmap": "gray"} | arguments))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="grey", linewidth=0.4)


def outline(axes: Axes, inside: np.ndarray, colour: Any, **look: Any) -> None:
    """Lines between the pixels of a picture that are inside and those that are not, or the edge of the picture.

    inside: bool [height, width]. look: of Matplotlib's LineCollection.
    """
    padded = np.pad(inside.astype(bool), 1)
    above = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]) - 0.5
    before = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]) - 0.5
    lines = [[(column, row), (column + 1, row)] for row, column in above]
    lines += [[(column, row), (column, row + 1)] for row, column in before]
    axes.add_collection(LineCollection(lines, colors=[colour], **({"linewidths": 0.6} | look)))


def save(figure: Figure, pdf: Path, png: Path) -> None:
    """Write both files, the same bytes every time for the same figure."""
    for path, metadata in ((pdf, {"CreationDate": None, "Creator": None, "Producer": None}), (png, {"Software": None})):
        content = io.BytesIO()  # on a full disk Matplotlib's writer of PDF would hide what is wrong
        figure.savefig(content, format=path.suffix[1:], metadata=metadata)
        figure.set_layout_engine("none")  # it stays as it is now
        write_bytes(path, content.getvalue())
