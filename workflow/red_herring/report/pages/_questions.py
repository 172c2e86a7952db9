"""Which models, explained how, the readers of a study are asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from red_herring.report.collect import KEYS, Run
from red_herring.report.twins import MODELS

FAMILIES = {
    "none": "No explanation",
    "attribution": "Attribution",
    "concepts": "Concept scores",
    "training_points": "Training points",
}
"""What stands beside the images and predictions of a model -> title. Without any it is what these alone tell: the level
to hold the others against."""

TABLE_OF = {
    "none": "signal_detection",
    "attribution": "signal_detection",
    "concepts": "concepts",
    "training_points": "influence",
}
EXPLAINERS = {"attribution": "attribution", "concepts": "layer", "training_points": "form"}
"""Family -> the column of its table that names its explanations."""

OWN, NORMAL = MODELS
"""That trained with the signal, and its twin without."""

MOST = 24
"""Pairs of questions. 48 questions take half an hour to an hour, and readers tire."""


@dataclass(frozen=True)
class Question:
    """A model and how it is explained. task: that of the model with the signal, of which the normal one is the twin;
    explainer: attribution, layer or form, empty without explanation.
    """

    family: str
    explainer: str
    task: str
    method: str
    seed: int
    model: str

    @property
    def run(self) -> Run:
        """The run whose files hold what is shown of both twins."""
        return self.task, self.method, self.seed


def questions(tables: Mapping[str, pd.DataFrame], controls: Collection[str], seed: int) -> tuple[list[Question], int]:
    """The questions in the order drawn with the seed, and of how many pairs of twins there could be some.

    A task with a signal and a method make one pair in each family, explained alike and on the same images. Seeds and
    explanations take turns, so that the twins without a signal, which tasks share, differ from task to task as far as
    there are seeds. Of more than MOST pairs each family has as many as the others, and in it each task.

    tables: signal_detection, and concepts and influence if the study has them, of all runs. controls: explanations that
    do not know the model, of which nobody is asked.
    """
    random = np.random.default_rng(seed)
    there = [family for family, table in TABLE_OF.items() if table in tables]
    pairs = [pair for family in there for pair in _pairs(family, tables[TABLE_OF[family]], controls, random)]
    shown = _spread([pairs[place] for place in random.permutation(len(pairs))])[:MOST]
    asked = [Question(*pair, model) for pair, model in product(shown, MODELS)]
    return [asked[place] for place in random.permutation(len(asked))], len(pairs)


Pair = tuple[str, str, str, str, int]
"""Family, explainer, task, method, seed."""


def _pairs(family: str, table: pd.DataFrame, controls: Collection[str], random: np.random.Generator) -> Iterator[Pair]:
    """Those of one family, whose table this is: of every task and method one."""
    column = EXPLAINERS.get(family)
    explainers = [name for name in table[column].unique() if name not in controls] if column else [""]
    explainers = [explainers[place] for place in random.permutation(len(explainers))]
    tasks, methods, seeds = (list(table[key].unique()) for key in KEYS)
    order = {method: random.permutation(seeds) for method in methods}
    runs = table[["method", "task"]].drop_duplicates().itertuples(index=False)
    for turn, (method, task) in enumerate(runs if explainers else ()):
        seed = order[method][tasks.index(task) % len(seeds)]
        yield family, explainers[turn % len(explainers)], task, method, int(seed)


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs in such an order that among any first ones no family has more than another, and in it no task, as long
    as there are others.
    """
    order = pd.DataFrame(pairs, columns=["family", "explainer", *KEYS])
    order["of_task"] = order.groupby(["family", "task"]).cumcount()
    order = order.sort_values("of_task", kind="stable")
    order["of_family"] = order.groupby("family").cumcount()
    return [pairs[place] for place in order.sort_values("of_family", kind="stable").index]
