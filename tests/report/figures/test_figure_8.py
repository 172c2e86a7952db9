"""Figure 8 and its versions: the points are those of the tables, and what cannot be a point is counted."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.figures import figure_8, figure_8_versions, style
from red_herring.runtime.files import StudyError

METHODS = ["classification", "actdiff"]
STUDY = {"tasks": {"a": {}, "b": {}}, "methods": METHODS, "seeds": [1, 2, 3], "attributions": ["gradient", "grad_cam"]}


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


def csv(tmp_path, name, rows):
    path = tmp_path / name
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def points(axes):
    return {found.get_label(): found.get_offsets() for found in axes.collections}


def test_a_point_per_run_a_panel_per_task_and_the_lines_of_chance(tmp_path):
    figure = figure_8.draw([csv(tmp_path, "runs.csv", WHOLE)], STUDY)
    assert [axes.get_title() for axes in figure.axes] == ["a\nn = 6 runs", "b\nn = 6 runs"]
    for axes in figure.axes:
        np.testing.assert_allclose(points(axes)["ActDiff"], [[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]])
        across, upright = axes.lines
        assert set(across.get_ydata()) == {0.5}
        assert set(upright.get_xdata()) == {0.3}


def test_the_colour_is_the_method_and_the_marker_its_approach(tmp_path):
    axes = figure_8.draw([csv(tmp_path, "runs.csv", WHOLE)], STUDY).axes[0]
    colours = [tuple(np.round(found.get_facecolor()[0][:3] * 255).astype(int)) for found in axes.collections]
    assert colours == [(0, 0, 0), (0, 0x72, 0xB2)]
    assert [style.marker(method) for method in METHODS] == ["o", "^"]


def test_what_is_missing_or_undefined_is_counted(tmp_path):
    rows = [run("a", "actdiff", 1), run("a", "actdiff", 2, iou=np.nan), run("b", "actdiff", 1, auc=np.nan)]
    first, second = figure_8.draw([csv(tmp_path, "runs.csv", rows)], STUDY).axes
    assert first.get_title() == "a\nn = 1 of 6 runs, 1 undefined\nno run: Classification"
    assert len(points(first)["ActDiff"]) == 1
    assert second.get_title() == "b\nn = 0 of 6 runs, 1 undefined\nno run: Classification"
    assert [text.get_text() for text in second.texts] == ["undefined"]
    first, _ = figure_8.draw([csv(tmp_path, "runs.csv", [run("c", "actdiff", 1)])], STUDY).axes
    assert [text.get_text() for text in first.texts] == ["no run"]


def test_without_a_chance_level_there_is_no_line_of_it(tmp_path):
    rows = [row | {"chance_iou_gradient": np.nan} for row in WHOLE]
    axes = figure_8.draw([csv(tmp_path, "runs.csv", rows)], STUDY).axes[0]
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
    files = [csv(tmp_path, "relation.csv", rows), csv(tmp_path, "runs.csv", WHOLE)]
    first, second = figure_8.draw(files, STUDY).axes
    assert first.get_title().endswith("\nSpearman ρ = −0.38 [−0.54, 0.22]")
    assert second.get_title().endswith("\nSpearman ρ undefined")
    assert "(no interval)" in figure_8.correlation(pd.DataFrame([relation("a", value=0.5)]))


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
