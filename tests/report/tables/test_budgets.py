"""What masks for a part of the images are worth, by hand."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.tables.budgets import enough
from support.swept import runs, settings, task
from support.tabulated import rows, table

TASKS = {"b_mask.budget=0.1": task(budget=0.1), "b_mask.budget=0.5": task(budget=0.5), "t": task()}
SETTINGS = settings(TASKS, list(TASKS))
AUCS = {
    ("t", "classification"): [0.0, 0.1, 0.2],
    ("b_mask.budget=0.1", "masked"): [0.1, 0.3, 0.1],
    ("b_mask.budget=0.5", "masked"): [0.9, 0.5, 0.98],
    ("t", "masked"): [1.0, 1.0, 1.0],
    ("t", "actdiff"): [0.0, 0.0, 0.0],
}
RUNS = runs(AUCS)


def test_budgets_by_hand():
    found = table("budgets", {"runs": RUNS}, SETTINGS)
    frame = found.frame.set_index(["method", "budget", "score"])
    assert frame.loc[("masked", 0.5, "benefit"), "mean"] == pytest.approx((0.9 + 0.4 + 0.78) / 3)
    assert frame.loc[("classification", 0.0, "auc"), "mean"] == pytest.approx(0.1)
    assert ("classification", 0.0, "benefit") not in frame.index
    assert (frame.loc[("masked", [0.1, 0.5, 1.0], "benefit"), "enough"] == 1).all(), "0.69 is less than 0.9 of 0.9"
    assert np.isnan(frame.loc[("actdiff", 1.0, "benefit"), "enough"]), "one budget"
    auc, benefit = found.sections
    assert (auc.title, benefit.title) == ("b, t: AUC, shifted, by budget", "b, t: benefit by budget")
    assert auc.note == "Tasks: b_mask.budget=0.1, b_mask.budget=0.5, t."
    assert auc.headings == ["Method", "0", "0.1", "0.5", "1"]
    assert rows(found)[("Masked",)][1:2] + rows(found)[("Masked",)][-1:] == ["–", "1.00"]
    assert benefit.headings == ["Method", "0.1", "0.5", "1", "Enough (seeds)"]
    assert rows(found, 1)[("Masked",)][-1] == "1 (0.5 to 1)"
    assert rows(found, 1)[("ActDiff",)][1:] == ["–", "–", "-0.10 [-0.35, 0.15]", "–"]


def test_enough_is_of_the_budgets_that_a_method_has():
    """ActDiff has two; Masked one, at which it gains all there is."""
    aucs = {key: values for key, values in AUCS.items() if key[1] == "classification"}
    aucs |= {("b_mask.budget=0.1", "actdiff"): [0.9, 1.0, 1.0], ("t", "actdiff"): [1.0, 1.0, 1.0]}
    aucs |= {("t", "masked"): [1.0, 1.0, 1.0]}
    found = table("budgets", {"runs": runs(aucs)}, SETTINGS)
    frame = found.frame.query("score == 'benefit'").set_index(["method", "budget"])
    assert frame.loc[("actdiff", 0.1), "enough"] == 0.1
    assert np.isnan(frame.loc[("masked", 1.0), "enough"])
    assert [rows(found, 1)[(title,)][-1] for title in ("Masked", "ActDiff")] == ["–", "0.1 (0.1)"]


def test_seeds_without_a_benefit_or_a_run_are_counted():
    aucs = AUCS | {("t", "masked"): [1.0, 0.1, 1.0], ("b_mask.budget=0.5", "masked"): [0.95, 0.5]}
    benefit = table("budgets", {"runs": runs(aucs)}, SETTINGS)
    assert rows(benefit, 1)[("Masked",)][-1] == "0.5 (0.5; 1 of 3 seeds)"
    none = table("budgets", {"runs": runs(AUCS | {("t", "masked"): [0.0, 0.0, 0.0]})}, SETTINGS)
    assert rows(none, 1)[("Masked",)][-1] == "undefined (0 of 3 seeds)"


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
