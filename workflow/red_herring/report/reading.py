"""What the columns of all our tables hold, and reading them; results/README.md says what each means."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from red_herring.data.splits import WORDS as WORDS_OF_DATA
from red_herring.runtime.files import StudyError
from red_herring.runtime.frames import read_frame
from red_herring.study.catalogue import analysis_card, analysis_names
from red_herring.study.names import OVERLAPS, PAPER_ATTRIBUTIONS

WORDS = frozenset(
    {
        *("task", "task_a", "task_b", "method", "attribution", "attribution_a", "attribution_b", "table"),
        *WORDS_OF_DATA,
        *("term", "warning", "other_split", "other_source", "other_image", "same_source", "same_image"),
        *("series", "of", "control", "predictor", "uses"),
        *("family", "given", "explanation", "question", "signal", "aligned"),
        *("similarity", "pair", "arm", "statistics", "target", "block", "interval_over"),
        *("further", "measure", "part", "first", "second"),
        *("hyperparameter", "law", "status", "why", "score", "test_set", "level", "coefficient", "verdict", "role"),
    }
)
"""Columns of text, in whichever table."""

ANSWER = frozenset({"task", "method", "column"})
"""Columns of text of the table of any analysis, besides those under BY."""

SCORES = ("auc", *OVERLAPS, *(f"{overlap}_{attribution}" for overlap in OVERLAPS for attribution in PAPER_ATTRIBUTIONS))
FLAGS = frozenset({"on_bound", "same_seeds", *(f"{score}_bold" for score in SCORES)})
"""Columns of True or False. All others hold numbers."""

WHOLE_STUDY = ("runs", "localisation", "trials", "searches", "missing", "overlaps")
"""Tables that every study has, also one of released runs and one that is not finished."""


def read_table(path: str | Path, words: Collection[str] = ()) -> pd.DataFrame:
    """Any table of a study; see `red_herring.runtime.frames.read_frame`. words: columns of text besides WORDS.

    Of the table of an analysis its card says which columns are text.
    """
    name = Path(path).stem
    of_analysis = ANSWER | set(analysis_card(name).by) if name in analysis_names() else WORDS
    return read_frame(path, of_analysis | set(words), FLAGS)


def read_tables(folder: str | Path) -> dict[str, pd.DataFrame]:
    """The tables in the folder of a study, such as results/demo or results/published, by name.

    The tables of all runs are called as their files: `runs`, `measures`, `localisation`, `histories`, `trials`,
    `searches`, `missing`, `overlaps`, `auc_intervals`; those of tables/ as `tables/comparisons`, `tables/{task}` and so
    on, as far as they have been made. results/README.md says what their columns are. Names of tasks, methods, images
    and the like are text, exactly as written, `on_bound` and its like are bool, all else is numbers, NaN where there is
    none.

    StudyError, one sentence, when the folder is none of a study, or a table that every study has is missing.
    """
    folder = Path(folder)
    if not (folder / "runs.csv").is_file():
        raise StudyError(
            f"{folder}: has no runs.csv, expected the folder of a finished study, such as results/demo; make one with "
            "`snakemake all`, or `snakemake incomplete` when some runs are missing"
        )
    missing = [name for name in WHOLE_STUDY if not (folder / f"{name}.csv").is_file()]
    if missing:
        raise StudyError(f"{folder / missing[0]}.csv: there is no such file; make it with `snakemake all`")
    files = [*sorted(folder.glob("*.csv")), *sorted(folder.glob("tables/*.csv"))]
    return {file.relative_to(folder).with_suffix("").as_posix(): read_table(file) for file in files}
