"""Which tables and figures a study has."""

import pytest
from red_herring import items, study

PAPER = {
    "tasks": {task: {} for task in study.PUBLISHED_TASKS},
    "methods": ["classification"],
    "attributions": ["gradient"],
}


def test_the_papers_tasks_have_the_papers_items():
    figures, tables = items.figures(PAPER, "maps"), items.tables(PAPER)
    assert {"figure_1", "figure_2", "figure_3", "figure_4", "figure_5", "figure_6", "figure_7", "figure_8"} <= set(
        figures
    )
    assert {"figure_a1", "figure_a2"} <= set(figures)
    assert {"table_synthetic", "table_1", "table_2"} <= set(tables)
    assert figures["figure_6"].tasks == ("spc", "no_spc")
    assert not {"learning_curves", "mean_saliency"} & set(figures)


def test_other_tasks_have_general_ones():
    own = PAPER | {"tasks": {"spc": {}, "mine": {}}}
    figures = items.figures(own, "maps")
    assert figures["figure_a2"].tasks == ("spc",)
    assert figures["learning_curves"].tasks == figures["mean_saliency"].tasks == ("mine",)
    assert "figure_4" not in figures
    assert "mine_localisation" in items.tables(own)


def test_without_gradient_maps_nothing_is_made_of_them():
    figures = items.figures(PAPER | {"attributions": ["occlusion"]}, "maps")
    assert not {"figure_5", "figure_6", "figure_8", "comparisons_iou"} & set(figures)
    assert {"figure_8_iou", "comparisons", "mean_saliency_spc"} <= set(figures)


@pytest.mark.parametrize("released", [True, False])
def test_captions_are_two_sentences_or_three_and_settings_are_those_of_the_tasks(released):
    made = items.released_tables(PAPER) | items.released_figures(PAPER)
    made = made if released else items.tables(PAPER) | items.figures(PAPER, "maps")
    for name, item in made.items():
        assert 2 <= item.caption.count(". ") + 1 <= 3, name
        assert tuple(item.settings(PAPER)["tasks"]) == item.tasks
        assert item.labels["item"]


def test_released_runs_have_neither_epochs_nor_predictions_nor_maps():
    needed = {file for item in items.released_figures(PAPER).values() for file in item.files}
    needed |= {file for item in items.released_tables(PAPER).values() for file in item.files}
    assert not {"histories.csv", "auc_intervals.csv", items.IMAGES} & needed


def test_comparisons_are_made_of_what_seeds_share():
    assert "overlaps.csv" in items.tables(PAPER)["comparisons"].files
    assert "overlaps.csv" in items.released_tables(PAPER)["comparisons"].files
