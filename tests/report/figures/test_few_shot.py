"""Scores over the number of examples: draws are averaged within a seed, and what has collapsed is counted."""

import numpy as np
import pytest
from red_herring.report.figures import few_shot
from red_herring.statistics.paired import t_interval
from support.drawn import csv, legend, words
from support.masked import collapse, learned
from support.tabulated import settings_of

SEEDS = (0, 1, 2)


def drawn(tmp_path, table):
    settings = settings_of(methods=["classification", "actdiff"], seeds=SEEDS)
    return few_shot.draw([csv(tmp_path, "learned_masks.csv", table)], settings)


def means(axes):
    """The curves of the methods."""
    return [line.get_ydata() for line in axes.lines if len(line.get_xdata()) > 2]


def test_a_panel_for_each_score_and_all_examples_at_the_right(tmp_path):
    figure = drawn(tmp_path, learned(seeds=SEEDS))
    assert [axes.get_ylabel() for axes in figure.axes] == ["IoU", "localisation error"]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "10", "all"]
    assert first.get_title().replace("\n", " ") == "spc, few n = 3 seeds; 0 of 30 maskers collapsed"
    assert legend(figure)[:2] == ["Classification", "ActDiff"]


def test_draws_are_averaged_before_seeds(tmp_path):
    axes = drawn(tmp_path, learned(seeds=SEEDS)).axes[0]
    for curve in means(axes):
        np.testing.assert_allclose(curve, [0.43, 0.52, 0.5])
    (low, high) = t_interval(np.array([0.33, 0.43, 0.53]))[1:]
    ends = [segment[:, 1] for found in axes.collections for segment in getattr(found, "get_segments", list)()]
    np.testing.assert_allclose(ends[0], [low, high])
    assert sum(len(found.get_offsets()) for found in axes.collections if not hasattr(found, "get_segments")) == 2 * 9


def test_levels_to_set_it_against(tmp_path):
    figure = drawn(tmp_path, learned(seeds=SEEDS))
    levels = [next(line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":") for axes in figure.axes]
    assert levels == pytest.approx([0.1, 0.5]), "chance, and the whole image"


def test_what_collapsed_is_counted_and_has_no_point(tmp_path):
    table = learned(seeds=SEEDS)
    lost = (table["arm"] == "few_examples=1_draw=1") | (table["arm"] == "few_examples=10_draw=1")
    lost |= (table["examples"] == 1) & (table["seed"] == 0) & (table["method"] == "actdiff")
    axes = drawn(tmp_path, collapse(table, lost)).axes[0]
    assert axes.get_title().replace("\n", " ").endswith("n = 2–3 of 3 seeds; 13 of 30 maskers collapsed")
    np.testing.assert_allclose(means(axes)[1], [0.49, 0.53, 0.5])


def test_all_examples_close_only_curves_of_maskers_that_differ_in_nothing_else(tmp_path):
    table = learned(seeds=SEEDS, few=(1, 5, 10))
    of_few = table["arm"].str.startswith("few")
    alone = drawn(tmp_path, table.assign(examples_alone=table["examples_alone"].mask(of_few, 0.0)))
    assert [len(curve) for curve in means(alone.axes[0])] == [3, 3]
    part = drawn(tmp_path, table.assign(examples=table["examples"].mask(table["arm"] == "fixed", 20.0)))
    assert [len(curve) for curve in means(part.axes[0])] == [3, 3]
    assert len(part.axes) == len(alone.axes), "the arm `fixed` is no family"


def test_without_few_examples_it_says_so(tmp_path):
    figure = drawn(tmp_path, learned(seeds=SEEDS, few=()))
    assert words(figure.axes[0]) == ["no masker was fitted to a part of the examples"]
    assert words(drawn(tmp_path, learned().iloc[:0]).axes[0]) == words(figure.axes[0])
