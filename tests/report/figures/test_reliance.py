"""Reliance beside localisation, against test AUC."""

import pandas as pd
import pytest
from red_herring.report.figures import reliance

METHODS = {
    "classification": {"title": "Classification", "approach": "Baseline"},
    "rrr": {"title": "RRR", "approach": "Saliency based"},
}
STUDY = {"tasks": {"t": {}}, "methods": METHODS, "seeds": [1, 2, 3]}
RUNS = [("t", method, seed) for method in METHODS for seed in (1, 2, 3)]


@pytest.fixture
def files(tmp_path):
    runs = pd.DataFrame(RUNS, columns=["task", "method", "seed"])
    scores = runs.assign(attribution="gradient", iou=[0.1, 0.2, 0.3, 0.2, 0.1, 0.3], chance_iou=0.05)
    tables = {
        "runs": runs.assign(test_auc=[0.1, 0.2, 0.3, 0.7, 0.8, 0.9]),
        "localisation": scores,
        "reliance": runs.assign(relative_reliance=[0.9, 0.8, 0.7, 0.3, None, 0.1]),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return [tmp_path / f"{name}.csv" for name in tables]


def test_a_run_is_a_point_in_both_panels_and_what_is_undefined_is_counted(files):
    left, right = reliance.draw(files, STUDY).axes
    points = [sum(len(shown.get_offsets()) for shown in axes.collections) for axes in (left, right)]
    assert points == [5, 6]
    assert "n = 5 of 6 runs, 1 undefined" in left.get_title()
    assert "ρ = −1.00" in left.get_title()
    assert left.get_xlabel() == "reliance on the outside (in sd of the logits)"
    assert [line.get_xdata()[0] for line in right.lines if line.get_xdata()[0] == line.get_xdata()[1]] == [
        pytest.approx(0.05)
    ]


def test_without_any_run_it_says_so(files):
    left, right = reliance.draw(files, STUDY | {"tasks": {"none": {}}}).axes
    assert {text.get_text() for axes in (left, right) for text in axes.texts} == {"no run"}
