"""The figures of the statistics: their ends and points are those of the tables, what is undefined is named."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from red_herring.report.figures import agreement, auc_intervals, comparisons, relation, style

NAN = np.nan
METHODS = ["classification", "actdiff", "masked", "rrr"]
STUDY = {"tasks": {"t": {}}, "methods": METHODS, "seeds": [1, 2], "attributions": ["gradient", "grad_cam", "random"]}


def csv(tmp_path, name, rows):
    path = tmp_path / name
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def words(axes):
    return [text.get_text() for text in axes.texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


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
    (axes,) = comparisons.draw(compared, STUDY | {"methods": methods}).axes
    assert words(axes)[-1] == "no run"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ActDiff", "Masked", "RRR", "GradMask"]


def test_comparisons_without_a_baseline_have_nothing_to_compare_with(tmp_path):
    runs = csv(tmp_path, "runs.csv", [{"task": "t", "method": "actdiff", "seed": 1, "test_auc": 0.5}])
    table = csv(
        tmp_path,
        "comparisons.csv",
        [dict.fromkeys(comparisons.COMPARISON, NAN) | {"task": "t", "score": "test_auc", "method": "actdiff"}],
    )
    (axes,) = comparisons.draw([runs, table], STUDY | {"methods": ["actdiff"]}).axes
    assert words(axes) == ["undefined"]


def related(attribution, level, value, low, high, n=8, coefficient="spearman", task="t"):
    return dict(zip(relation.RELATION, (task, attribution, level, coefficient, n, value, low, high), strict=True))


def test_relation_draws_three_levels_of_each_attribution(tmp_path):
    rows = [
        related("gradient", "pooled", 0.5, 0.3, 0.7), related("gradient", "within", -0.1, -0.4, 0.2),
        related("gradient", "between", 0.9, 0.6, 1.0, n=4), related("gradient", "pooled", 0.0, 0, 0, coefficient="pearson"),
        related("grad_cam", "pooled", NAN, NAN, NAN, n=2), related("grad_cam", "within", 0.4, NAN, NAN, n=7),
        related("random", "pooled", NAN, NAN, NAN, n=0),
    ]  # fmt: skip
    figure = relation.draw([csv(tmp_path, "relation.csv", rows)], STUDY)
    (axes,) = figure.axes
    drawn = [line.get_xdata() for line in axes.lines[:6]]
    for found, expected in zip(drawn, ([0.3, 0.7], [0.5], [-0.4, 0.2], [-0.1], [0.6, 1.0], [0.9]), strict=True):
        np.testing.assert_allclose(found, expected)
    assert [np.round(line.get_ydata()[0], 2) for line in axes.lines[:6:2]] == [-0.26, 0, 0.26]
    assert to_rgb(axes.lines[7].get_markerfacecolor()) == (1, 1, 1), "no interval"
    assert "interval undefined" in legend(figure)
    assert words(axes) == ["undefined", "–", "–", "–", "–"]
    assert axes.get_title() == "t\nn = 2–8 of 8 runs, 4 methods"
    (band,) = axes.patches
    np.testing.assert_allclose([band.get_x(), band.get_width()], [-0.2, 0.4])


def agreeing(a, b, value, n=8):
    return dict(zip(agreement.AGREEMENT, ("t", a, b, n, value), strict=True))


def test_agreement_is_a_triangle_with_its_numbers(tmp_path):
    rows = [
        agreeing("gradient", "grad_cam", 0.874),
        agreeing("gradient", "random", -0.04, n=6),
        agreeing("grad_cam", "random", NAN),
    ]
    figure = agreement.draw([csv(tmp_path, "agreement.csv", rows)], STUDY)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array().filled(NAN), [[0.874, NAN], [-0.04, NAN]])
    assert words(axes) == [".87", "−.04"]
    assert axes.get_title() == "t\nn = 6–8 of 8 runs"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Grad-CAM", "Random"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Gradient", "Grad-CAM"]
    assert legend(figure) == ["undefined"]
    assert len(axes.patches) == 1


@pytest.mark.parametrize(("value", "text"), [(0.5, ".50"), (-0.999, "−1"), (1.0, "1"), (-0.001, ".00")])
def test_coefficients_are_short(value, text):
    assert agreement._number(value) == text


def test_one_attribution_agrees_with_none(tmp_path):
    path = csv(tmp_path, "agreement.csv", pd.DataFrame(columns=agreement.AGREEMENT))
    axes = agreement.draw([path], STUDY | {"attributions": ["gradient"]}).axes[0]
    assert words(axes) == ["fewer than two attributions"]


def test_auc_intervals_show_runs_and_what_they_say_together(tmp_path):
    def row(method, seed, auc, low, high, patients=90):
        return {
            "task": "t",
            "method": method,
            "seed": seed,
            "images": 100,
            "patients": patients,
            "auc": auc,
            "low": low,
            "high": high,
        }

    rows = [
        row("actdiff", 2, 0.8, 0.7, 0.9), row("actdiff", 1, 0.6, 0.5, 0.7, patients=88), row("actdiff", None, 0.7, 0.45, 0.95),
        row("masked", 1, NAN, NAN, NAN), row("rrr", 1, 0.3, 0.2, 0.4), row("rrr", None, 0.3, NAN, NAN),
    ]  # fmt: skip
    figure = auc_intervals.draw([csv(tmp_path, "auc_intervals.csv", rows)], STUDY)
    (axes,) = figure.axes
    vertical, dots = axes.collections[:2]
    np.testing.assert_allclose([segment[:, 1] for segment in vertical.get_segments()], [[0.5, 0.7], [0.7, 0.9]])
    np.testing.assert_allclose(dots.get_offsets()[:, 1], [0.6, 0.8], err_msg="in the order of the seeds")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.45, 0.95])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.7])
    assert axes.lines[1].get_xdata()[0] > dots.get_offsets()[:, 0].max(), "beside the runs"
    assert words(axes) == ["no run", "undefined"]
    assert axes.get_title() == "t\nn = 3 of 8 runs, 1 undefined\n100 images of 88–90 patients each"
    assert "interval undefined" in legend(figure)
