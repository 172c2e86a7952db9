"""The data sheet of one source, as Markdown and a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.files import read_json, write_text
from red_herring.results import data_sheet
from red_herring.results.figures import style
from red_herring.results.figures.fonts import showable
from red_herring.results.reading import read_table
from red_herring.stages import command

NAMES = ["group", "findings"]
"""What the figure shows of the user's own."""


def main(given: argparse.Namespace) -> None:
    index = read_table(given.index)
    decoded = read_table(given.decoded)
    about = read_json(given.about)
    write_text(given.markdown, data_sheet.to_markdown(given.settings, index, decoded, about))
    names = showable({name: name for column in NAMES for name in index[column].unique()})
    shown = index.assign(**{column: index[column].map(names) for column in NAMES})
    style.save(data_sheet.draw(given.settings, shown, decoded, about), given.pdf, given.png)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--index", type=Path, required=True, help="input: CSV of index_source")
    arguments.add_argument("--decoded", type=Path, required=True, help="input: CSV of prepare_images")
    arguments.add_argument("--about", type=Path, required=True, help="input: JSON of prepare_images")
    arguments.add_output("--markdown")
    arguments.add_output("--pdf")
    arguments.add_output("--png")
    command.run(main, arguments)
