"""What a figure shows, and the tables that it is drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def csv(folder: Path, name: str, rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> Path:
    """The table as a file in the folder."""
    path = folder / name
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def words(axes: Axes) -> list[str]:
    """What is written in a panel."""
    return [text.get_text() for text in axes.texts]


def legend(figure: Figure) -> list[str]:
    """The entries of its legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]
