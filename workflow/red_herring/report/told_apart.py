"""How well a classifier tells explanations by spurious from those by normal models, from the arrays of the analyses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open

from red_herring.report.collect import answer_file
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError
from red_herring.statistics.two_sample import Twins, tell_apart
from red_herring.study.catalogue import analysis_card

EXPLAINED = "explained"
"""Arrays of an analysis called explained/{given}/{own or normal}/{explanation} hold one explanation in each row."""

ROWS = "explained_rows"
"""The rows of the analysis's file of images that these are of; without it they are of no images."""

COLUMNS = [
    *("task", "method", "seed", "family", "given", "explanation"),
    *("seeds", "images", "trained", "auc", "low", "high", "p", "least_p"),
]


def told_apart(results: Path, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run and explanation, then one for all seeds of its method (`seed` is missing there), with the columns
    COLUMNS: family is the analysis, given what is explained; images and trained are means over seeds.

    results: the folder with the arrays of the analyses. runs: family, task, method, seed. StudyError where arrays are
    missing.
    """
    rows: list[dict[str, object]] = []
    for (family, task, method), own in runs.groupby(["family", "task", "method"], sort=False):
        seeds = list(dict.fromkeys(own["seed"]))
        arrays = [_read(results, family, (task, method, seed)) for seed in seeds]
        for given, explanation in _explained(arrays):
            about = {"task": task, "method": method, "family": family, "given": given, "explanation": explanation}
            rows += [about | found for found in _rows(arrays, given, explanation, seeds)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})


Arrays = dict[str, np.ndarray]
"""The explanations of a run by name, and under ROWS the names of the images, `source/image`, where they are of any."""


def _read(results: Path, family: str, run: tuple[str, str, int]) -> Arrays:
    file = answer_file(results, family, run, ".safetensors")
    if not file.is_file():
        raise StudyError(f"{file}: there is no such file, but {family}.csv has the run; run {family} again")
    with safe_open(file, "numpy") as stored:
        names = [name for name in stored.keys() if name.startswith(EXPLAINED)]  # noqa: SIM118, it is no dict
        arrays = {name: stored.get_tensor(name) for name in names}
    if ROWS in arrays:
        images = read_table(answer_file(results, family, run, "_images.csv"), analysis_card(family).by)
        names_of = images["source"] + "/" + images["image"]
        arrays[ROWS] = names_of.iloc[arrays[ROWS]].to_numpy()
    return arrays


def _explained(arrays: Sequence[Arrays]) -> Iterator[tuple[str, str]]:
    """What is explained, and by what, as the first seed has it."""
    for name in arrays[0]:
        match name.split("/"):
            case [_, given, "own", explanation]:
                yield given, explanation


def _rows(arrays: Sequence[Arrays], given: str, explanation: str, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    found = tell_apart([_twins(of, given, explanation, seed) for of, seed in zip(arrays, seeds, strict=True)])
    for seed, auc, images, trained in zip(seeds, found.aucs, found.images, found.trained, strict=True):
        yield {"seed": seed, "seeds": 1, "images": images, "trained": trained, "auc": auc}
    auc, low, high = found.interval
    defined = np.count_nonzero(~np.isnan(found.aucs))
    yield {
        **{"seeds": defined, "images": found.images.mean(), "trained": found.trained.mean()},
        **{"auc": auc, "low": low, "high": high, "p": found.p, "least_p": found.least_p},
    }


def _twins(arrays: Arrays, given: str, explanation: str, seed: int) -> Twins:
    own, normal = (arrays[f"{EXPLAINED}/{given}/{model}/{explanation}"] for model in ("own", "normal"))
    of_no_image = np.array([f"{seed}/{row}" for row in range(len(own))], dtype=object)
    return Twins(own, normal, arrays.get(ROWS, of_no_image))
