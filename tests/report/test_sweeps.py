"""Series of tasks: names, values, and which run of Classification stands for none of the masks."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report import sweeps
from support.swept import runs, settings, task


@pytest.mark.parametrize(
    ("series", "key", "name"),
    [
        (["t_ratio=0.5", "t_ratio=0.9", "t"], "ratio", "t"),
        (["budget_mask.budget=0.1", "t_ratio=1"], "mask.budget", "budget, t_ratio=1"),
        (["t_ratio=0.5_mask.budget=0.1", "t_ratio=0.9_mask.budget=0.1"], "ratio", "t_mask.budget=0.1"),
        (["no_spc", "spc"], "ratio", "no_spc, spc"),
    ],
)
def test_a_series_is_called_by_its_tasks_without_what_differs(series, key, name):
    assert sweeps.named([series], key) == {name: series}


def test_two_series_never_have_one_name():
    one, other = ["t_ratio=0.5", "t_ratio=0.7"], ["t_ratio=0.9", "t_ratio=1"]
    assert list(sweeps.named([one, other], "ratio")) == ["t_ratio=0.5, t_ratio=0.7", "t_ratio=0.9, t_ratio=1"]


def test_the_value_of_a_task_is_where_its_settings_have_it():
    of = task(0.9, 0.1, "random")
    assert [sweeps.value_of(of, key) for key in ("ratio", "mask.budget", "mask.control")] == [0.9, 0.1, "random"]


def test_what_the_nuisance_alone_scores():
    scores = ("test_auc", "test_balanced_auc", "test_in_distribution_auc", "corrected_iou")
    assert [sweeps.reference_at(score, 0.9) for score in scores] == pytest.approx([0.1, 0.5, 0.9, 0])


def test_scores_are_those_that_the_study_has():
    own = runs({("t", "masked"): [0.1, 0.2]})
    maps = own[["task", "method", "seed"]].assign(attribution="gradient", corrected_iou=[0.3, 0.4])
    both = pd.concat([maps, maps.assign(attribution="random", corrected_iou=9)])
    found = sweeps.dose_scores(own, both[1:], None, "gradient")
    assert found["corrected_iou"].isna().tolist() == [True, False], "a run without maps stays"
    assert "relative_reliance" not in found
    assert "corrected_iou" not in sweeps.dose_scores(own, None, None, "gradient")


def test_a_table_without_a_line_has_no_value_of_any_run():
    own = runs({("t", "masked"): [0.1, 0.2]})
    found = sweeps.beside(own, pd.DataFrame(), {"theirs": "ours"})
    assert found["ours"].isna().all()
    assert len(found) == 2


TASKS = {"small": task(budget=0.1), "whole": task()}
AUCS = {
    ("whole", "classification"): [0.1, 0.2],
    ("small", "masked"): [0.3, 0.5, 0.7],
    ("whole", "masked"): [0.9, 0.8, 1.0],
    ("whole", "actdiff"): [0.6],
}


def test_benefits_are_over_classification_with_the_same_seed_where_it_runs():
    found = sweeps.benefits(runs(AUCS), settings(TASKS, ["small", "whole"]))
    alone = found[found["method"] == "classification"]
    assert (alone["budget"].tolist(), alone["task"].tolist()) == ([0, 0], ["", ""])
    small = found[(found["method"] == "masked") & (found["budget"] == 0.1)]
    np.testing.assert_allclose(small["benefit"], [0.2, 0.3, np.nan], err_msg="its third seed has no Classification")
    assert found[found["method"] == "actdiff"][["task", "budget"]].to_numpy().tolist() == [["whole", 1.0]]
    own = AUCS | {("small", "classification"): [0.3, 0.3, 0.3]}
    found = sweeps.benefits(runs(own), settings(TASKS, ["small", "whole"]))
    small = found[(found["method"] == "masked") & (found["budget"] == 0.1)]
    np.testing.assert_allclose(small["benefit"], [0, 0.2, 0.4], err_msg="that of its own task comes first")
