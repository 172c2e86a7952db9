"""What tables and figures say of learned masks: settings of maskers over their draws, and titles."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.study.stage_settings import Arm

REFERENCES = {
    "ones": "All ones",
    "zeros": "All zeros",
    "centre_box": "Box in the centre",
    "centre_gaussian": "Gaussian in the centre",
    "true_box": "True boxes",
    "input": "The image itself",
    "grad_cam": "Grad-CAM",
    "guided_backprop": "Guided backprop",
    "gradient": "Gradient",
}
"""Mask that maskers are set against -> its title."""

MASKERS = {"fixed": "Masker, classifier frozen", "joint": "Masker, trained jointly"}
DRAW, EXAMPLES = r"_draw=\d+", r"_examples=\d+"
"""How the arm of one draw, and of so many examples, is called."""

KEY = re.compile(rf"_({'|'.join(Arm.__annotations__)})=")
"""What stands before a value in the name of a member of a family."""


def title(setting: str) -> str:
    """Of a mask, by the name of its arm without that of the draw: `few_examples=5` is `Masker, few, examples 5`."""
    words = KEY.sub(r", \1 ", setting).replace("_", " ")
    return (REFERENCES | MASKERS).get(setting, f"Masker, {words}")


def setting_of(arms: pd.Series) -> pd.Series:
    """The names of arms without the draw of their examples."""
    return arms.str.replace(DRAW, "", regex=True)


def over_draws(table: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """A row for each run and setting of the masker: task, method, seed, setting, reference, examples, examples_alone,
    fits (draws of the examples), collapsed (how many of these), and the mean of each score over the draws that have it.

    table: learned_masks.csv. Seeds are the sample; draws of one seed share its classifier.
    """
    named = table.assign(setting=setting_of(table["arm"]))
    groups = named.groupby([*KEYS, "setting"], sort=False)
    counts = groups.agg(
        reference=("reference", "first"),
        examples=("examples", "first"),
        examples_alone=("examples_alone", "min"),
        fits=("arm", "size"),
        collapsed=("collapsed", "sum"),
    )
    return counts.join(groups[list(scores)].mean()).reset_index()


def examples_of(runs: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of `over_draws` those of settings that differ in the number of examples, with `family`, the name of
    the setting without it, and `examples` infinite for all: the arm `fixed`, where it has all, in the families of the
    task that differ from it in their examples alone.
    """
    few = runs[runs["setting"].str.contains(EXAMPLES)]
    few = few.assign(family=few["setting"].str.replace(EXAMPLES, "", regex=True))
    families = few.loc[few["examples_alone"] == 1, ["task", "family"]].drop_duplicates()
    fixed = runs[(runs["setting"] == "fixed") & runs["examples"].isna()]
    every = fixed.merge(families, on="task").assign(examples=np.inf)
    return pd.concat([few, every], ignore_index=True)
