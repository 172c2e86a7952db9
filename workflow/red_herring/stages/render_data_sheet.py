"""The data sheet of one source, as Markdown and a figure."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.data.intensity import read_decoded
from red_herring.files import read_json, write_text
from red_herring.results import data_sheet
from red_herring.results.figures import style
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    index = pd.read_csv(given.index, dtype=str, keep_default_na=False)
    decoded = read_decoded(given.decoded)
    about = read_json(given.about)
    write_text(given.markdown, data_sheet.to_markdown(given.settings, index, decoded, about))
    style.save(data_sheet.draw(given.settings, index, decoded, about), given.pdf, given.png)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__)
    arguments.add_argument("--index", type=Path, required=True, help="input: CSV of index_source")
    arguments.add_argument("--decoded", type=Path, required=True, help="input: CSV of prepare_images")
    arguments.add_argument("--about", type=Path, required=True, help="input: JSON of prepare_images")
    arguments.add_output("--markdown")
    arguments.add_output("--pdf")
    arguments.add_output("--png")
    command.run(main, arguments)
