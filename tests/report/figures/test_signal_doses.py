"""A point for each run and explanation: the spurious score across, what is asked of the explanation upright."""

import numpy as np
import pytest
from red_herring.report.figures import signal_doses
from support.drawn import csv, legend
from support.signalled import reliant, settings, tables


def drawn(tmp_path, question="known", **changed):
    files = [csv(tmp_path, f"{name}.csv", of) for name, of in (tables() | changed).items()]
    return signal_doses.draw(files, settings() | {"question": question})


def points(axes):
    return np.concatenate([np.column_stack(line.get_data()) for line in axes.lines if line.get_linestyle() == "None"])


def test_a_panel_for_each_signal_and_family(tmp_path):
    figure = drawn(tmp_path)
    assert [axes.get_title() for axes in figure.axes] == [
        f"{signal}: {family}\nn = 6 runs"
        for signal in ("Tag on positives", "Blur on negatives")
        for family in ("attribution", "concepts", "training points")
    ]
    assert legend(figure) == ["Classification", "ActDiff"]
    below = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes[3:]]
    assert below == [["Gradient", "Integrated gradients"], ["layer2", "layer3"], ["influence"]], "no controls"
    assert all(axes.get_legend() is None for axes in figure.axes[:3])
    first, last = figure.axes[0], figure.axes[3]
    assert first.get_ylim() == last.get_ylim(), "what is hardly anything does not look like much"


def test_the_difference_against_the_score_of_the_run(tmp_path):
    axes = drawn(tmp_path).axes[0]
    found = points(axes)
    runs = [
        {"task": "tag", "method": method, "seed": seed}
        for method in ("classification", "actdiff")
        for seed in (1, 2, 3)
    ]
    expected = [(reliant(run), reliant(run) - 0.05 + 0.001 * run["seed"]) for run in runs] * 2
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort([x for x, _ in expected]), atol=signal_doses.APART / 2)
    np.testing.assert_allclose(np.sort(found[:, 1]), np.sort([y for _, y in expected]))


def test_to_who_does_not_know_each_seed_that_is_told_apart(tmp_path):
    axes = drawn(tmp_path, "unknown").axes[1]
    np.testing.assert_allclose(
        points(axes)[:, 1], [0.7, 0.7], err_msg="one seed of each method, by other concepts alone"
    )
    assert axes.get_title().endswith("n = 2 of 6 runs")
    assert axes.get_ylabel() == "AUC, spurious v normal"


def test_what_is_undefined_is_counted(tmp_path):
    own = tables()
    own["spurious_score"].loc[own["spurious_score"]["seed"] == 2, "score"] = np.nan
    axes = drawn(tmp_path, spurious_score=own["spurious_score"]).axes[0]
    assert axes.get_title().endswith("n = 4 of 6 runs, 2 undefined")


@pytest.mark.parametrize("question", ["known", "unknown"])
def test_without_a_run_it_says_so(tmp_path, question):
    nothing = {name: of.iloc[:0] for name, of in tables().items()}
    figure = drawn(tmp_path, question, **nothing)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no run"]
