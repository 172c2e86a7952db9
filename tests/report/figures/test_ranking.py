"""The ranking: both test sets in the order of the shifted one."""

import numpy as np
import pytest
from red_herring.report.figures import ranking
from support.drawn import csv, words
from support.swept import runs, settings, task
from support.tabulated import table

SETTINGS = {key: value for key, value in settings({"t": task(), "empty": task()}).items() if key != "series"}
RUNS = runs(
    {
        ("t", "classification"): [0.1, 0.2, 0.3],
        ("t", "masked"): [0.7, 0.9, 0.6],
        ("t", "actdiff"): [0.8, 0.8, 0.8],
    }
)


@pytest.fixture
def draw(tmp_path):
    def of(own):
        frame = table("ranking", {"runs": own}, SETTINGS).frame
        return ranking.draw([csv(tmp_path, "runs.csv", own), csv(tmp_path, "ranking.csv", frame)], SETTINGS)

    return of


def test_the_best_is_above_and_its_rank_beside(draw):
    shifted, balanced, *empty = draw(RUNS).axes
    for axes in (shifted, balanced):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["ActDiff", "Masked", "Classification"]
        assert words(axes) == ["1 (1–2)", "2 (1–2)", "3 (3–3)"]
    np.testing.assert_allclose(shifted.collections[1].get_offsets()[:, 0], [0.7, 0.9, 0.6])
    np.testing.assert_allclose(balanced.collections[1].get_offsets()[:, 0], [0.85, 0.95, 0.8])
    assert [words(axes) for axes in empty] == [["no run"]] * 2


def test_a_method_without_a_score_is_undefined_and_a_score_of_no_method_is_not_drawn(draw):
    balanced = RUNS["test_balanced_auc"].where(RUNS["method"] != "masked")
    _, panel, *_ = draw(RUNS.assign(test_balanced_auc=balanced)).axes
    assert words(panel) == ["1 (1–1)", "undefined", "2 (2–2)"]
    shifted, empty = draw(RUNS.assign(test_balanced_auc=np.nan)).axes
    assert {axes.get_xlabel() for axes in (shifted, empty)} == {"AUC, shifted"}


def test_ranks_of_fewer_seeds_are_said(draw):
    shifted, *_ = draw(RUNS.drop(index=[0, 1])).axes
    assert shifted.get_title() == "t\nn = 1–3 of 3 seeds\nranked on 1 of 3 seeds"
    shifted, *_ = draw(RUNS.drop(index=[0, 1, 5])).axes
    assert words(shifted) == ["no rank"] * 3
