"""The comparisons: ends and points are those of the table, what is undefined is named."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from red_herring.report import style
from red_herring.report.figures import comparisons
from red_herring.study.settings import described_attributions, described_methods
from support.drawn import csv, legend, words

NAN = np.nan


METHODS = ["classification", "actdiff", "masked", "rrr"]


STUDY = {
    "tasks": {"t": {}},
    "methods": described_methods(METHODS),
    "seeds": [1, 2],
    "attributions": described_attributions(["gradient", "grad_cam", "random"]),
}


@pytest.fixture
def compared(tmp_path):
    """Classification 0.5 and 0.6; ActDiff 0.7 and 0.9; Masked with seed 2 only; RRR undefined."""
    aucs = {
        ("classification", 1): 0.5,
        ("classification", 2): 0.6,
        ("actdiff", 1): 0.7,
        ("actdiff", 2): 0.9,
        ("masked", 2): 0.8,
        ("rrr", 1): NAN,
    }
    runs = [{"task": "t", "method": method, "seed": seed, "test_auc": auc} for (method, seed), auc in aucs.items()]
    columns = ["method", "collapsed", "paired", "difference", "low", "high", "p_holm"]
    columns += ["low_new", "high_new", "p_new_holm"]
    nothing = [NAN] * 6
    rows = [
        ("classification", 0.5, 2, NAN, *nothing), ("actdiff", 0, 2, 0.25, 0.2, 0.3, 0.0004, -1.4, 1.9, 0.0412),
        ("masked", 0.3, 1, 0.2, *nothing), ("rrr", NAN, 0, NAN, *nothing),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns).assign(task="t", score="test_auc")
    other = table.assign(score="iou_gradient", difference=0.9, low=0.8, high=1.0)
    return [csv(tmp_path, "comparisons.csv", pd.concat([other, table])), csv(tmp_path, "runs.csv", runs)]


def test_comparisons_are_the_means_intervals_and_seeds(compared):
    figure = comparisons.draw(compared, STUDY)
    (axes,) = figure.axes
    of_actdiff, of_masked, of_rrr = (found.get_offsets()[:, 0] for found in axes.collections)
    np.testing.assert_allclose(of_actdiff, [0.2, 0.3])
    np.testing.assert_allclose(of_masked, [0.2])
    assert len(of_rrr) == 0
    interval, mean, new, _, hollow = axes.lines[:5]
    np.testing.assert_allclose(interval.get_xdata(), [0.2, 0.3])
    np.testing.assert_allclose(mean.get_xdata(), [0.25])
    np.testing.assert_allclose(new.get_xdata(), [-1, 1], err_msg="no score differs by more")
    assert mean.get_color() == style.COLOURS["actdiff"]
    assert to_rgb(hollow.get_markerfacecolor()) == (1, 1, 1)
    assert {"interval undefined", "95 % on new data", "p: Holm, on this pool | on new data"} <= set(legend(figure))
    assert words(axes) == ["p < 0.001 | 0.041", "p – | –\n30 % collapsed", "undefined"]
    assert axes.get_title().split("\n") == [
        "t", "n = 5 of 8 runs, 1 undefined", "n = 0–2 of 2 seeds paired with Classification", "Classification: 50 % collapsed",
    ]  # fmt: skip


def test_comparisons_name_a_method_without_runs(compared):
    methods = [*METHODS, "gradmask"]
    (axes,) = comparisons.draw(compared, STUDY | {"methods": described_methods(methods)}).axes
    assert words(axes)[-1] == "no run"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ActDiff", "Masked", "RRR", "GradMask"]


def test_comparisons_without_a_baseline_have_nothing_to_compare_with(tmp_path):
    runs = csv(tmp_path, "runs.csv", [{"task": "t", "method": "actdiff", "seed": 1, "test_auc": 0.5}])
    table = csv(
        tmp_path,
        "comparisons.csv",
        [dict.fromkeys(comparisons.COMPARISON, NAN) | {"task": "t", "score": "test_auc", "method": "actdiff"}],
    )
    (axes,) = comparisons.draw([runs, table], STUDY | {"methods": described_methods(["actdiff"])}).axes
    assert words(axes) == ["undefined"]


def test_a_method_that_does_not_run_on_a_task_has_no_place_there(compared):
    few = {"tasks": {"t": {"methods": ["classification", "actdiff", "masked"]}}}
    (axes,) = comparisons.draw(compared, STUDY | few).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ActDiff", "Masked"]
