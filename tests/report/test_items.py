"""Which tables and figures a study has."""

import pytest
from red_herring.report import items
from red_herring.runtime.files import StudyError
from red_herring.study import settings as study

PAPER = {
    "tasks": {task: {"ratio": 0.5 if "no_" in task else 0.9, "selection": "shifted"} for task in study.PUBLISHED_TASKS},
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
    own = PAPER | {"tasks": {"spc": PAPER["tasks"]["spc"], "mine": {"ratio": 1.0, "selection": "balanced"}}}
    figures = items.figures(own, "maps")
    assert figures["figure_a2"].tasks == ("spc",)
    assert figures["learning_curves"].tasks == figures["mean_saliency"].tasks == ("mine",)
    assert "figure_4" not in figures
    assert "mine_localisation" in items.tables(own)


def test_without_gradient_maps_nothing_is_made_of_them():
    figures = items.figures(PAPER | {"attributions": ["occlusion"]}, "maps")
    assert not {"figure_5", "figure_6", "figure_8", "comparisons_iou"} & set(figures)
    assert {"figure_8_iou", "comparisons", "mean_saliency_spc"} <= set(figures)


@pytest.mark.parametrize(
    ("selection", "ratio", "curves", "examples"),
    [
        ("shifted", 0.9, "The validation set has the shifted relation, so", "The nuisance changes sides"),
        ("in_distribution", 0.9, "The validation set has the relation of training, so", "in validation as in training"),
        ("balanced", 0.9, "Nuisance and finding are unrelated in the validation set", "tells nothing of the class"),
        (
            "in_distribution",
            0.5,
            "Nuisance and finding are unrelated in the validation set",
            "tells nothing of the class",
        ),
    ],
)
def test_captions_say_which_relation_the_validation_set_has(selection, ratio, curves, examples):
    mine = items.figures(PAPER | {"tasks": {"mine": {"ratio": ratio, "selection": selection}}}, "maps")
    for name, words in {"learning_curves": curves, "figure_3": examples}.items():
        assert words in mine[name].caption
        assert mine[name].caption.endswith(".")
        assert ("shifted" in mine[name].caption, "changes sides" in mine[name].caption).count(True) == (
            selection == "shifted" and ratio != 0.5
        )


def test_captions_name_the_tasks_where_they_differ():
    caption = items.figures(PAPER, "maps")["figure_a2"].caption
    assert ". In spc and vpc the validation set has the shifted relation, so" in caption
    assert "; in no_spc and no_vpc nuisance and finding are unrelated" in caption


def test_the_settings_say_the_selection_of_every_task():
    tasks = {"spc": {"ratio": 0.9}, "mine": {"ratio": 0.7, "selection": "in_distribution"}}
    common = {
        "finding": "a", "control": "b", "mask": {"kind": "source"}, "mean_map_images": 1,
        "nuisance": {"name": "n", "groups": [{"name": "x"}, {"name": "y"}]},
    }  # fmt: skip
    config = {
        "study": {"tasks": list(tasks)},
        "saliency": {},
        "tasks": {name: common | own for name, own in tasks.items()},
    }
    found = {name: task["selection"] for name, task in study.results_settings(config)["tasks"].items()}
    assert found == {"spc": "shifted", "mine": "in_distribution"}


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


@pytest.mark.parametrize("name", ["agreement", "table_1", "Table_1", "splits", "spc_localisation"])
def test_a_task_may_not_be_called_like_another_table(name):
    with pytest.raises(StudyError, match=f"tasks.{name}: is the name of another table"):
        items.check_names(["spc", name])


def test_which_figures_show_images():
    figures = items.figures(PAPER | {"tasks": {"vpc": PAPER["tasks"]["vpc"]}}, "maps")
    assert {name for name, figure in figures.items() if figure.shows_images} == {
        "figure_1", "figure_3", "masks", "figure_7", "mean_saliency_vpc",
    }  # fmt: skip
