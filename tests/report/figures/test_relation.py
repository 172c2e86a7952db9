"""The relation: three levels of each attribution, what is undefined is named."""

import numpy as np
from matplotlib.colors import to_rgb
from red_herring.report.figures import relation
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
