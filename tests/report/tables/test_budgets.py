"""What masks for a part of the images are worth, by hand."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.tables.budgets import enough
from support.swept import runs, settings, task
from support.tabulated import rows, table

TASKS = {"b_mask.budget=0.1": task(budget=0.1), "b_mask.budget=0.5": task(budget=0.5), "t": task()}
SETTINGS = settings(TASKS, list(TASKS))
RUNS = runs(
    {
        ("t", "classification"): [0.0, 0.1, 0.2],
        ("b_mask.budget=0.1", "masked"): [0.1, 0.3, 0.1],
        ("b_mask.budget=0.5", "masked"): [0.9, 0.5, 0.98],
        ("t", "masked"): [1.0, 1.0, 1.0],
        ("t", "actdiff"): [0.0, 0.0, 0.0],
    }
)


def test_budgets_by_hand():
    found = table("budgets", {"runs": RUNS}, SETTINGS)
    frame = found.frame.set_index(["method", "budget", "score"])
    assert frame.loc[("masked", 0.5, "benefit"), "mean"] == pytest.approx((0.9 + 0.4 + 0.78) / 3)
    assert frame.loc[("classification", 0.0, "auc"), "mean"] == pytest.approx(0.1)
    assert ("classification", 0.0, "benefit") not in frame.index
    assert (frame.loc[("masked", [0.1, 0.5, 1.0], "benefit"), "enough"] == 1).all(), "0.69 is less than 0.9 of 0.9"
    assert np.isnan(frame.loc[("actdiff", 1.0, "benefit"), "enough"]), "it gains nothing"
    auc, benefit = found.sections
    assert (auc.title, benefit.title) == ("b, t: AUC, shifted, by budget", "b, t: benefit by budget")
    assert auc.note == "Tasks: b_mask.budget=0.1, b_mask.budget=0.5, t."
    assert auc.headings == ["Method", "0", "0.1", "0.5", "1"]
    assert rows(found)[("Masked",)][1:2] + rows(found)[("Masked",)][-1:] == ["–", "1.00"]
    assert benefit.headings == ["Method", "0.1", "0.5", "1", "Enough (seeds)"]
    assert rows(found, 1)[("Masked",)][-1] == "1 (0.5 to 1)"
    assert rows(found, 1)[("ActDiff",)][1:] == ["–", "–", "-0.10 [-0.35, 0.15]", "undefined"]


def test_without_classification_there_are_aucs_alone():
    (section,) = table("budgets", {"runs": RUNS[RUNS["method"] != "classification"]}, SETTINGS).sections
    assert section.title == "b, t: AUC, shifted, by budget"


@pytest.mark.parametrize(
    ("benefits", "least"),
    [
        ([0.0, 0.5, 0.95, 1.0], 0.5),
        ([0.95, 0.5, 0.95, 1.0], 0.5),
        ([0.95, 0.9, 0.95, 1.0], 0.02),
        ([0.2, 0.2, 0.2, -0.1], np.nan),
        ([0.2, np.nan, 1.0, 1.0], np.nan),
    ],
)
def test_enough_is_where_it_stays_so(benefits, least):
    found = enough(pd.DataFrame([benefits], columns=[0.02, 0.1, 0.5, 1.0]))
    np.testing.assert_equal(found.tolist(), [least])
