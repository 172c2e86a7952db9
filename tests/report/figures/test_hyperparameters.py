"""The hyperparameters: what was tried within its range, and the best of it."""

import numpy as np
import pytest
from red_herring.report.figures import (
    hyperparameters,
)
from support.drawn import words
from support.searched import LAMBDA, LR, STUDY, TRIALS, files


def grid_of(figure, methods=2):
    return np.reshape(figure.axes, (methods, -1))


def test_hyperparameters_are_drawn_on_the_scale_of_their_law_between_their_ends(tmp_path):
    none, (lr, strength) = grid_of(hyperparameters.draw(files(tmp_path), STUDY))
    assert none[0].get_ylabel() == "Classification\nno search"
    assert lr.get_ylabel() == "ActDiff\nn = 3 trials,\n1 failed"
    assert [axes.get_title() for axes in none] == ["lr", "lambda"]
    for axes, column, search in ((lr, 3, LR), (strength, 4, LAMBDA)):
        good, failed, star = (found.get_offsets() for found in axes.collections)
        np.testing.assert_allclose(good, [[TRIALS[0][column], 0.6], [TRIALS[2][column], 0.8]])
        np.testing.assert_allclose(failed, [[TRIALS[1][column], 0]])
        np.testing.assert_allclose(star, [[search[6], 0.8]])
        assert axes.get_xscale() == "log"
        np.testing.assert_allclose([line.get_xdata()[0] for line in axes.lines], search[4:6])
        np.testing.assert_allclose(axes.get_xticks(), search[4:6])
    assert words(lr) == [r"$5 \times 10^{-3}$"]
    assert words(strength) == ["9.5, on bound"]
    assert (lr.texts[0].get_color(), strength.texts[0].get_color()) == ("black", hyperparameters.FLAGGED)


def test_a_uniform_law_has_a_linear_scale(tmp_path):
    blur = ("a", "actdiff", "mask_blur_sigma", "uniform", 0.0, 2.0, 0.5, False)
    _, (axes,) = grid_of(hyperparameters.draw(files(tmp_path, trials=[], searches=[blur]), STUDY))
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim() == (-0.2, 2.2)


def test_given_values_stand_in_their_ranges(tmp_path):
    off = ("a", "classification", "lambda", "log-uniform", 1e-4, 10.0, 0.0, True)
    figure = hyperparameters.draw(files(tmp_path, trials=[], searches=[LR, LAMBDA, off]), STUDY)
    (_, switched_off), (lr, strength) = grid_of(figure)
    assert "n = 0 trials" in figure.get_suptitle()
    assert [len(axes.get_yticks()) for axes in (lr, strength)] == [0, 0]
    np.testing.assert_allclose(lr.lines[0].get_xdata(), [1e-5, 1e-2])
    np.testing.assert_allclose(lr.collections[0].get_offsets()[:, 0], [5e-3])
    assert words(strength) == ["9.5, on bound"]
    assert words(switched_off) == ["0 (off), on bound"]
    assert 0 < switched_off.collections[0].get_offsets()[0, 0] < 1e-4, "before the lower end"


def test_a_best_value_outside_its_range_is_shown(tmp_path):
    axes = grid_of(hyperparameters.draw(files(tmp_path, trials=[], searches=[(*LR[:6], 0.5, True)]), STUDY))[1, 0]
    assert axes.get_xlim()[1] > 0.5


def test_without_a_best_there_is_no_star(tmp_path):
    failed = [(*row[:5], "failed", None) for row in TRIALS]
    searches = [(*LR[:6], None, False)]
    axes = grid_of(hyperparameters.draw(files(tmp_path, failed, searches), STUDY))[1, 0]
    assert words(axes) == ["best undefined"]
    assert sum(len(found.get_offsets()) for found in axes.collections) == 3


def test_nothing_searched_and_nothing_given(tmp_path):
    figure = hyperparameters.draw(files(tmp_path, trials=[], searches=[]), STUDY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["Classification\nno search", "ActDiff\nno search"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "$10^{-5}$"),
        (0.01, "$10^{-2}$"),
        (2.84e-3, r"$2.8 \times 10^{-3}$"),
        (0.203439, "0.203"),
        (10.0, "10"),
        (0.0, "0"),
    ],
)
def test_numbers_have_three_digits_at_most(value, text):
    assert hyperparameters._number(value) == text


def test_hyperparameters_that_were_given_without_a_range_are_named(tmp_path):
    given = [("a", "actdiff", "lr", None, None, None, 1e-3, False)]
    figure = hyperparameters.draw(files(tmp_path, trials=[], searches=given), STUDY)
    assert any("given:" in word for axes in figure.axes for word in words(axes))
