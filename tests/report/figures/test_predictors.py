"""What might tell the test AUC of a run, against it."""

import pandas as pd
import pytest
from red_herring.report.figures import predictors
from red_herring.study.settings import described_attributions, described_methods
from support.drawn import csv

METHODS = ["classification", "rrr"]
STUDY = {
    "tasks": {"t": {}},
    "methods": described_methods(METHODS),
    "seeds": [1, 2, 3],
    "attributions": described_attributions(["gradient", "random"]),
}
RUNS = pd.DataFrame(
    [("t", method, seed) for method in METHODS for seed in (1, 2, 3)], columns=["task", "method", "seed"]
)
AUCS = [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]


@pytest.fixture
def files(tmp_path):
    scores = RUNS.assign(attribution="gradient", iou=[0.1, 0.2, 0.3, 0.2, 0.1, 0.3], chance_iou=0.05)
    tables = {
        "runs": RUNS.assign(test_auc=AUCS),
        "localisation": pd.concat([scores, scores.assign(attribution="random", iou=0.5, chance_iou=0.5)]),
        "reliance": RUNS.assign(relative_reliance=[0.9, 0.8, 0.7, 0.3, None, 0.1]),
    }
    return [csv(tmp_path, f"{name}.csv", table) for name, table in tables.items()]


def test_a_run_is_a_point_in_every_panel_and_what_is_undefined_is_counted(files):
    left, right = predictors.draw(files, STUDY).axes
    points = [sum(len(shown.get_offsets()) for shown in axes.collections) for axes in (left, right)]
    assert points == [5, 6]
    assert "n = 5 of 6 runs, 1 undefined" in left.get_title()
    assert "ρ pooled −1.00" in left.get_title()
    assert left.get_xlabel() == "reliance (share of the answer)"
    assert right.get_xlabel() == "test IoU (Gradient)"
    upright = [line.get_xdata()[0] for line in right.lines if line.get_xdata()[0] == line.get_xdata()[1]]
    assert upright == [pytest.approx(0.05)]


def test_a_probe_is_a_panel_more(files, tmp_path):
    probe = csv(
        tmp_path,
        "nuisance_probe.csv",
        RUNS.assign(nuisance_auc=[1, 0.9, 0.8, 0.7, 0.6, 0.5], untrained_nuisance_auc=0.84),
    )
    figure = predictors.draw([*files, probe], STUDY)
    assert [axes.get_xlabel() for axes in figure.axes][2] == "probe: AUC of the nuisance"
    assert [line.get_xdata()[0] for line in figure.axes[2].lines][1] == pytest.approx(0.84), "not 0.5"
    assert "ρ pooled −1.00" in figure.axes[2].get_title(), "the higher the AUC, the less the probe finds"


def test_over_a_series_the_runs_of_all_its_tasks_are_in_one_panel(tmp_path):
    runs = pd.concat([RUNS.assign(test_auc=AUCS), RUNS.assign(task="t_ratio=1", test_auc=[0.1 * auc for auc in AUCS])])
    scores = runs.drop(columns="test_auc").assign(attribution="gradient", iou=runs["test_auc"], chance_iou=0.0)
    reliance = runs.assign(relative_reliance=1 - runs["test_auc"])
    tables = {"runs": runs, "localisation": scores, "reliance": reliance}
    files = [csv(tmp_path, f"{name}.csv", table) for name, table in tables.items()]
    figure = predictors.draw(files, STUDY | {"series": [["t", "t_ratio=1"]], "tasks": {"t": {}, "t_ratio=1": {}}})
    assert [axes.get_title().split("\n")[:2] for axes in figure.axes] == [["t", "n = 12 runs"]] * 2


def test_over_a_series_the_pooled_coefficient_is_that_of_the_table(tmp_path):
    """RRR runs on one task alone; its runs are points, and not in the pooled coefficient."""
    first, second = RUNS.assign(test_auc=AUCS), RUNS[:3].assign(task="t_ratio=1", test_auc=[0.4, 0.5, 0.6])
    runs = pd.concat([first, second], ignore_index=True)
    scores = runs.drop(columns="test_auc").assign(attribution="gradient", chance_iou=0.0)
    scores = scores.assign(iou=runs["test_auc"].where(runs["method"] == "classification", 0.0))
    reliance = scores[["task", "method", "seed"]].assign(relative_reliance=1.0)
    tables = {"runs": runs, "localisation": scores, "reliance": reliance}
    files = [csv(tmp_path, f"{name}.csv", table) for name, table in tables.items()]
    figure = predictors.draw(files, STUDY | {"series": [["t", "t_ratio=1"]], "tasks": {"t": {}, "t_ratio=1": {}}})
    assert "n = 9 of 12 runs" in figure.axes[1].get_title()
    assert "ρ pooled 1.00" in figure.axes[1].get_title()


def test_without_any_run_it_says_so(files):
    left, right = predictors.draw(files, STUDY | {"tasks": {"none": {}}}).axes
    assert {text.get_text() for axes in (left, right) for text in axes.texts} == {"no run"}
