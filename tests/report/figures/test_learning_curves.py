"""The learning curves: the mean and spread of the seeds that are there."""

import numpy as np
import pandas as pd
from red_herring.report import style
from red_herring.report.figures import learning_curves
from red_herring.study.settings import described_methods
from support.drawn import legend

METHODS = described_methods(["classification", "actdiff"])
STUDY = {"tasks": {"t": {}}, "methods": METHODS, "seeds": [1, 2]}


def draw(tmp_path, rows, study=STUDY):
    path = tmp_path / "histories.csv"
    pd.DataFrame(rows, columns=["task", "method", "seed", "epoch", "valid_auc"]).to_csv(path, index=False)
    return learning_curves.draw([path], study)


def epochs(method, seed, *aucs, task="t"):
    return [(task, method, seed, epoch, auc) for epoch, auc in enumerate(aucs, 1)]


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def band(axes):
    """Epoch -> lowest and highest edge of the only band."""
    (patch,) = axes.collections
    corners = pd.DataFrame(patch.get_paths()[0].vertices, columns=["epoch", "auc"])
    return corners.groupby("epoch")["auc"].agg(["min", "max"])


def test_mean_and_band_are_those_of_the_table(tmp_path):
    rows = [*epochs("actdiff", 1, 0.2, 0.5), *epochs("actdiff", 2, 0.4, 0.9), *epochs("classification", 1, 0.1, 0.1)]
    figure = draw(tmp_path, rows)
    axes = figure.axes[0]
    curve = lines(axes)["ActDiff"]
    np.testing.assert_allclose(curve.get_ydata(), [0.3, 0.7])
    assert curve.get_color() == style.COLOURS["actdiff"]
    sd = np.sqrt(2) / 2 * np.array([0.2, 0.4])  # of two values: their distance / sqrt 2
    np.testing.assert_allclose(band(axes)["min"], curve.get_ydata() - sd)
    np.testing.assert_allclose(band(axes)["max"], curve.get_ydata() + sd)
    assert axes.get_title() == "t\nn = 1–2 of 2 seeds\none seed, no band: Classification"


def test_whole_studies_and_missing_methods_are_said(tmp_path):
    both = [row for seed in (1, 2) for row in epochs("actdiff", seed, 0.5)]
    whole = [*both, *(row for seed in (1, 2) for row in epochs("classification", seed, 0.5))]
    assert draw(tmp_path, whole).axes[0].get_title() == "t\nn = 2 seeds"
    assert draw(tmp_path, both).axes[0].get_title() == "t\nn = 2 seeds\nno run: Classification"
    undefined = [*both, *epochs("classification", 1, None)]
    assert draw(tmp_path, undefined).axes[0].get_title() == "t\nn = 2 seeds\nundefined: Classification"
    assert draw(tmp_path, []).axes[0].get_title() == "t\nn = 0 of 2 seeds\nno run: Classification, ActDiff"


def test_where_a_seed_has_stopped_the_line_is_dotted(tmp_path):
    rows = [*epochs("actdiff", 1, 0.2, 0.4, 0.6), *epochs("actdiff", 2, 0.4)]
    figure = draw(tmp_path, rows)
    axes = figure.axes[0]
    dotted = next(line for line in axes.lines if line.get_linestyle() == ":" and len(line.get_xdata()) == 3)
    np.testing.assert_allclose(dotted.get_ydata(), [0.3, 0.4, 0.6])
    np.testing.assert_allclose(lines(axes)["ActDiff"].get_ydata(), [0.3, np.nan, np.nan])
    assert band(axes).index.tolist() == [1], "there is no spread of one seed"
    assert "mean of fewer seeds" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_task_has_its_panel(tmp_path):
    rows = [*epochs("actdiff", 1, 0.2), *epochs("actdiff", 1, 0.8, task="u")]
    figure = draw(tmp_path, rows, STUDY | {"tasks": {"u": {}, "t": {}}})
    assert [lines(axes)["ActDiff"].get_ydata()[0] for axes in figure.axes] == [0.8, 0.2]


def test_only_methods_that_run_on_a_task_are_missing_or_in_the_legend(tmp_path):
    few = STUDY | {"tasks": {"t": {"methods": ["actdiff"]}}}
    figure = draw(tmp_path, epochs("actdiff", 1, 0.2, 0.5) + epochs("actdiff", 2, 0.2, 0.5), few)
    assert figure.axes[0].get_title() == "t\nn = 2 seeds"
    assert legend(figure) == ["ActDiff", "± 1 sd over seeds"]
    assert lines(figure.axes[0])["ActDiff"].get_color() == style.COLOURS["actdiff"]
