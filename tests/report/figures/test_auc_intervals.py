"""The intervals of AUCs: every run, and what they say together."""

import numpy as np
from red_herring.report.figures import auc_intervals
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


def test_a_panel_has_a_column_for_each_method_that_runs_on_its_task(tmp_path):
    files = [csv(tmp_path, "auc_intervals.csv", [dict.fromkeys(auc_intervals.INTERVALS, NAN)])]
    study = STUDY | {"tasks": {"t": {"methods": ["classification", "rrr"]}, "u": {}}}
    first, second = auc_intervals.draw(files, study).axes
    assert [label.get_text() for label in first.get_xticklabels()] == ["Classification", "RRR"]
    assert len(second.get_xticklabels()) == 4
    assert first.get_title() == "t\nn = 0 of 4 runs"
