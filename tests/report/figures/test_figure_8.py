"""Figure 8: the points are those of the tables, and what cannot be a point is counted."""

import numpy as np
import pandas as pd
from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures import figure_8
from red_herring.study.settings import described_attributions, described_methods
from support.drawn import csv, legend

METHODS = described_methods(["classification", "actdiff"])


STUDY = {
    "tasks": {"a": {}, "b": {}},
    "methods": METHODS,
    "seeds": [1, 2, 3],
    "attributions": described_attributions(["gradient", "grad_cam"]),
}


def run(task, method, seed, auc=0.5, iou=None):
    return {
        "task": task,
        "method": method,
        "seed": seed,
        "test_auc": auc,
        "iou_gradient": 0.1 * seed if iou is None else iou,
        "chance_iou_gradient": 0.3,
    }


WHOLE = [run(task, method, seed) for task in ("a", "b") for method in METHODS for seed in (1, 2, 3)]


def files_of(tmp_path, rows):
    """runs.csv and localisation.csv of the gradient."""
    runs = pd.DataFrame(rows)
    scores = runs[KEYS].assign(attribution="gradient", iou=runs["iou_gradient"], chance_iou=runs["chance_iou_gradient"])
    runs = runs.drop(columns=["iou_gradient", "chance_iou_gradient"])
    return [csv(tmp_path, "runs.csv", runs), csv(tmp_path, "localisation.csv", scores)]


def points(axes):
    return {found.get_label(): found.get_offsets() for found in axes.collections}


def test_a_point_per_run_a_panel_per_task_and_the_lines_of_chance(tmp_path):
    figure = figure_8.draw(files_of(tmp_path, WHOLE), STUDY)
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 6 runs", "b\nn = 6 runs"]
    for axes in figure.axes:
        np.testing.assert_allclose(points(axes)["ActDiff"], [[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]])
        across, upright = axes.lines
        assert set(across.get_ydata()) == {0.5}
        assert set(upright.get_xdata()) == {0.3}


def test_the_colour_is_the_method_and_the_marker_its_approach(tmp_path):
    axes = figure_8.draw(files_of(tmp_path, WHOLE), STUDY).axes[0]
    colours = [tuple(np.round(found.get_facecolor()[0][:3] * 255).astype(int)) for found in axes.collections]
    assert colours == [(0, 0, 0), (0, 0x72, 0xB2)]
    assert [style.marker(METHODS, method) for method in METHODS] == ["o", "^"]


def test_what_is_missing_or_undefined_is_counted(tmp_path):
    rows = [run("a", "actdiff", 1), run("a", "actdiff", 2, iou=np.nan), run("b", "actdiff", 1, auc=np.nan)]
    first, second = figure_8.draw(files_of(tmp_path, rows), STUDY).axes
    assert first.get_title() == "a\nn = 1 of 6 runs, 1 undefined\nno run: Classification"
    assert len(points(first)["ActDiff"]) == 1
    assert second.get_title() == "b\nn = 0 of 6 runs, 1 undefined\nno run: Classification"
    assert [text.get_text() for text in second.texts] == ["undefined"]
    first, _ = figure_8.draw(files_of(tmp_path, [run("c", "actdiff", 1)]), STUDY).axes
    assert [text.get_text() for text in first.texts] == ["no run"]


def test_without_a_chance_level_there_is_no_line_of_it(tmp_path):
    rows = [row | {"chance_iou_gradient": np.nan} for row in WHOLE]
    axes = figure_8.draw(files_of(tmp_path, rows), STUDY).axes[0]
    assert len(axes.lines) == 1


def test_the_rank_correlation_of_all_runs_is_quoted(tmp_path):
    def relation(task, level="pooled", coefficient="spearman", attribution="gradient", **values):
        return {
            "task": task,
            "attribution": attribution,
            "level": level,
            "coefficient": coefficient,
            "low": np.nan,
            "high": np.nan,
        } | values

    rows = [
        relation("a", coefficient="pearson", value=0.1), relation("a", level="within", value=0.2),
        relation("a", attribution="grad_cam", value=0.3),
        relation("a", value=-0.384, low=-0.54, high=0.221), relation("b", value=np.nan),
    ]  # fmt: skip
    files = [csv(tmp_path, "relation.csv", rows), *files_of(tmp_path, WHOLE)]
    first, second = figure_8.draw(files, STUDY).axes
    assert first.get_title().endswith("\nSpearman ρ = −0.38 [−0.54, 0.22]")
    assert second.get_title().endswith("\nSpearman ρ undefined")
    assert "(no interval)" in figure_8.correlation(pd.DataFrame([relation("a", value=0.5)]))


def test_a_method_that_does_not_run_on_a_task_is_not_missing_there(tmp_path):
    rows = [row for row in WHOLE if (row["task"], row["method"]) != ("b", "actdiff")]
    study = STUDY | {"tasks": {"a": {}, "b": {"methods": ["classification"]}}}
    figure = figure_8.draw(files_of(tmp_path, rows), study)
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 6 runs", "b\nn = 3 runs"]
    assert legend(figure) == ["Classification", "ActDiff"]
    alone = figure_8.draw(files_of(tmp_path, rows), study | {"tasks": {"b": study["tasks"]["b"]}})
    assert legend(alone) == ["Classification"]
