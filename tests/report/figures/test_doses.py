"""Dose and response: means and intervals are those of the table, seeds those of the runs, below the band is the nuisance."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from red_herring.report import style
from red_herring.report.figures import doses
from support.drawn import csv, legend
from support.swept import runs, settings, task
from support.tabulated import table

TASKS = {"t_ratio=0.5": task(0.5), "t_ratio=0.98": task(0.98), "t": task()}
SETTINGS = settings(TASKS, list(TASKS))
RUNS = runs(
    {
        ("t_ratio=0.5", "classification"): [1.0, 0.9, 0.8],
        ("t_ratio=0.98", "classification"): [0.2, 0.6, 0.4],
        ("t", "classification"): [0.0, 0.1],
        ("t", "masked"): [1.0, 1.0, 1.0],
    }
)


@pytest.fixture
def files(tmp_path):
    own = RUNS[["task", "method", "seed"]]
    tables = {"runs": RUNS, "reliance": own.assign(relative_reliance=1 - RUNS["test_auc"])}
    frame = table("doses", tables, SETTINGS).frame
    return [csv(tmp_path, f"{name}.csv", part) for name, part in (tables | {"doses": frame}).items()]


def test_a_panel_is_of_a_score_and_its_ratios_are_evenly_spaced(files):
    figure = doses.draw(files, SETTINGS)
    labels = [axes.get_ylabel() for axes in figure.axes if axes.axison]
    assert labels == ["AUC, shifted", "AUC, balanced", "AUC, in distribution", "reliance on the outside"]
    shifted = figure.axes[0]
    assert [label.get_text() for label in shifted.get_xticklabels()] == ["0.5", "0.98", "1"]
    assert list(shifted.get_xticks()) == [0, 1, 2]
    assert shifted.get_title() == "t\nn = 2–3 of 3 seeds"
    assert {"Classification", "Masked", "a seed", "interval undefined", "no better than the nuisance alone"} <= set(
        legend(figure)
    )
    assert "ActDiff" not in legend(figure), "it has no run"


def test_means_seeds_and_the_nuisance_alone(files):
    axes = doses.draw(files, SETTINGS).axes[0]
    lines = {line.get_color(): line for line in axes.lines if len(line.get_xdata()) > 1}
    of_classification = lines[style.COLOURS["classification"]]
    np.testing.assert_allclose(of_classification.get_ydata(), [0.9, 0.4, 0.05])
    np.testing.assert_allclose(np.diff(of_classification.get_xdata()), 1)
    floor = lines["grey"]
    np.testing.assert_allclose(floor.get_ydata(), [0.5, 0.5, 0.02, 0, 0], atol=1e-12)
    points = sorted(found.get_offsets()[:, 1].tolist() for found in axes.collections if len(found.get_offsets()) > 1)
    assert points == [[1, 0.9, 0.8, 0.2, 0.6, 0.4, 0, 0.1], [1, 1, 1]]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [to_rgb(line.get_color()) for line in hollow] == [to_rgb(style.COLOURS["masked"])]


def test_intervals_of_aucs_end_at_0_and_1(files):
    axes = doses.draw(files, SETTINGS).axes[0]
    ends = [path.vertices[:, 1] for found in axes.collections for path in found.get_paths() if len(path.vertices) == 2]
    assert all(0 <= end <= 1 for pair in ends for end in pair if not np.isnan(end))
