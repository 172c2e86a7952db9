"""Masks for a part of the images: AUC beside benefit, over budgets from none on."""

import numpy as np
import pytest
from red_herring.report import style
from red_herring.report.figures import budgets
from support.drawn import csv, legend, words
from support.swept import runs, settings, task
from support.tabulated import table

TASKS = {"b_mask.budget=0.1": task(budget=0.1), "t": task()}
SETTINGS = settings(TASKS, list(TASKS))
AUCS = {
    ("t", "classification"): [0.0, 0.1, 0.2],
    ("b_mask.budget=0.1", "masked"): [0.1, 0.3, 0.1],
    ("t", "masked"): [1.0, 0.9, 1.0],
}


@pytest.fixture
def draw(tmp_path):
    def of(aucs):
        tables = {"runs": runs(aucs)}
        frame = table("budgets", tables, SETTINGS).frame
        files = [csv(tmp_path, f"{name}.csv", part) for name, part in (tables | {"budgets": frame}).items()]
        return budgets.draw(files, SETTINGS)

    return of


def test_auc_and_benefit_by_budget(draw):
    figure = draw(AUCS)
    auc, benefit = figure.axes
    assert [label.get_text() for label in auc.get_xticklabels()] == ["0", "0.1", "1"]
    assert [label.get_text() for label in benefit.get_xticklabels()] == ["0.1", "1"]
    of_masked = [
        next(line for line in axes.lines if line.get_color() == style.COLOURS["masked"] and len(line.get_xdata()) == 2)
        for axes in (auc, benefit)
    ]
    np.testing.assert_allclose(of_masked[0].get_ydata(), [0.5 / 3, 2.9 / 3])
    np.testing.assert_allclose(of_masked[1].get_ydata(), [0.2 / 3, 2.6 / 3])
    assert legend(figure)[:2] == ["Classification", "Masked"]


def test_without_classification_there_is_no_benefit(draw):
    figure = draw({key: aucs for key, aucs in AUCS.items() if key[1] != "classification"})
    assert words(figure.axes[1]) == ["undefined: no run of Classification"]
