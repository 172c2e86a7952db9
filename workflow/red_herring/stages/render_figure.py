"""One figure as PDF and PNG."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from red_herring.results.figures import style
from red_herring.results.figures.fonts import showable
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    figure = importlib.import_module(f"red_herring.results.figures.{given.figure}")
    study = given.settings | {"tasks": showable(given.settings["tasks"])}
    style.save(figure.draw(given.files, study), given.pdf, given.png)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--figure", required=True, help="a module of red_herring.results.figures")
    arguments.add_argument("--files", type=Path, nargs="+", default=[], help="input: what the figure shows")
    arguments.add_output("--pdf")
    arguments.add_output("--png")
    command.run(main, arguments)
