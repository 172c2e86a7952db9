"""The pages that readers answer about the models of a study, and the key to their questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.pages.reader import BLINDED, UNBLINDED, pages
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import telling, write_text
from red_herring.study.stage_settings import AskingReaders


def reader(
    settings: AskingReaders,
    files: Annotated[list[Path], Input("tables of the study, each named after it")],
    results: Annotated[Path, Input("the folder of the study, with the arrays of its analyses")],
    blinded: Annotated[Path, Output("HTML")],
    unblinded: Annotated[Path, Output("HTML")],
    key: Annotated[Path, Output("CSV, one row per page and question")],
) -> None:
    texts, of_questions, possible = pages(vars(settings), {file.stem: read_table(file) for file in files}, results)
    asked = len(of_questions) // (2 * len(texts))
    if asked < possible:
        telling.warning("%s: %d of %d pairs of models are asked about, as readers tire.", key.parent, asked, possible)
    write_text(blinded, texts[BLINDED])
    write_text(unblinded, texts[UNBLINDED])
    write_text(key, of_questions.to_csv(index=False))


if __name__ == "__main__":
    command.run(reader)
