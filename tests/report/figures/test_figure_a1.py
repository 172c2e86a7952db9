"""Figure A.1: the trials, the best of them, and whether that lies on a bound."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.figures import (
    figure_a1,
)
from support.drawn import words
from support.searched import LAMBDA, LR, STUDY, TRIALS, files


def test_a1_shows_every_trial_and_crosses_for_failed_ones(tmp_path):
    (axes,) = figure_a1.draw(files(tmp_path), STUDY).axes
    good, failed, best = (found.get_offsets() for found in axes.collections)
    np.testing.assert_allclose(good[:, 1], [0.6, 0.8])
    np.testing.assert_allclose(failed, [[1, 0]], err_msg="the second of three trials, in the middle of the column")
    np.testing.assert_allclose(best, good[1:])
    assert axes.get_title() == "a\nn = 3 trials each\nno trials: Classification"


@pytest.mark.parametrize(("on_bound", "face"), [(True, (1, 1, 1)), (False, (0, 0x72 / 255, 0xB2 / 255))])
def test_a1_leaves_a_star_hollow_when_any_hyperparameter_is_on_a_bound(tmp_path, on_bound, face):
    figure = figure_a1.draw(files(tmp_path, searches=[LR, (*LAMBDA[:-1], on_bound)]), STUDY)
    star = figure.axes[0].collections[-1]
    np.testing.assert_allclose(star.get_facecolor()[0][:3], face)
    assert "best, on a bound" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_best_trial_is_the_earliest_of_the_highest():
    trials = pd.DataFrame({"trial": [3, 1, 2], "status": ["ok"] * 3, "valid_auc": [0.9, 0.9, 0.5]})
    assert figure_a1.best_trial(trials)["trial"] == 1
    assert figure_a1.best_trial(trials.assign(status="failed", valid_auc=np.nan)) is None


def test_a1_without_trials_says_so(tmp_path):
    (axes,) = figure_a1.draw(files(tmp_path, trials=[]), STUDY).axes
    assert axes.get_title() == "a\nn = 0 trials"
    assert "not searched" in words(axes)[0]
    only_failed = [(*row[:5], "failed", None) for row in TRIALS]
    (axes,) = figure_a1.draw(files(tmp_path, trials=only_failed), STUDY).axes
    assert sum(len(found.get_offsets()) for found in axes.collections) == 3


def test_a1_has_a_column_for_each_method_that_is_searched_on_a_task(tmp_path):
    few = STUDY | {"tasks": {"a": {"methods": ["actdiff"]}}}
    (axes,) = figure_a1.draw(files(tmp_path), few).axes
    assert axes.get_title() == "a\nn = 3 trials each"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ActDiff"]
