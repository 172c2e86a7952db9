"""The versions of figure 8: the measure of each attribution against the AUC of its run."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.figures import (
    figure_8_versions,
)
from red_herring.runtime.files import StudyError
from red_herring.study.settings import described_attributions, described_methods
from support.drawn import csv

METHODS = described_methods(["classification", "actdiff"])


STUDY = {
    "tasks": {"a": {}, "b": {}},
    "methods": METHODS,
    "seeds": [1, 2, 3],
    "attributions": described_attributions(["gradient", "grad_cam"]),
}


WHOLE = [
    {"task": task, "method": method, "seed": seed, "test_auc": 0.5}
    for task in ("a", "b")
    for method in METHODS
    for seed in (1, 2, 3)
]


def points(axes):
    return {found.get_label(): found.get_offsets() for found in axes.collections}


def localisation(rows, measure="iop"):
    return [
        {key: row[key] for key in ("task", "method", "seed")}
        | {"attribution": attribution, measure: scale * row["seed"], f"chance_{measure}": 0.25}
        for row in rows
        for attribution, scale in (("gradient", 0.1), ("grad_cam", 0.2))
    ]


def test_versions_take_the_measure_and_join_the_auc_by_run(tmp_path):
    rows = [row | {"test_auc": 0.1 * row["seed"] + 0.5 * (row["task"] == "b")} for row in WHOLE]
    files = [csv(tmp_path, "localisation.csv", localisation(rows)[::-1]), csv(tmp_path, "runs.csv", rows)]
    figure = figure_8_versions.draw(files, STUDY | {"measure": "iop"})
    grid = np.reshape(figure.axes, (2, 2))
    for row, scale in zip(grid, (0.1, 0.2), strict=True):
        for axes, base in zip(row, (0, 0.5), strict=True):
            expected = [[scale * seed, 0.1 * seed + base] for seed in (3, 2, 1)]
            np.testing.assert_allclose(points(axes)["ActDiff"], expected)
            assert set(axes.lines[1].get_xdata()) == {0.25}
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 6 runs", "b\nn = 6 runs", "n = 6 runs", "n = 6 runs"]
    assert [row[0].get_ylabel() for row in grid] == ["Gradient", "Grad-CAM"]
    assert grid[1, 0].get_xlabel() == "test IoP"


def test_versions_leave_out_what_is_undefined_and_count_it(tmp_path):
    table = pd.DataFrame(localisation(WHOLE))
    table.loc[(table["attribution"] == "grad_cam") & (table["task"] == "a"), "iop"] = np.nan
    table.loc[(table["attribution"] == "gradient") & (table["seed"] == 2), "iop"] = np.nan
    table = table[table["task"] == "a"]
    files = [csv(tmp_path, "localisation.csv", table), csv(tmp_path, "runs.csv", WHOLE)]
    grid = np.reshape(figure_8_versions.draw(files, STUDY | {"measure": "iop"}).axes, (2, 2))
    assert grid[0, 0].get_title() == "a\nn = 4 of 6 runs, 2 undefined"
    assert grid[1, 0].get_title() == "n = 0 of 6 runs, 6 undefined"
    assert [axes.texts[0].get_text() for axes in (grid[1, 0], grid[1, 1])] == ["undefined", "no run"]


def test_versions_refuse_an_unknown_measure(tmp_path):
    with pytest.raises(StudyError, match="measure: is 'dice', expected one of iou, iop"):
        figure_8_versions.draw([], STUDY | {"measure": "dice"})
