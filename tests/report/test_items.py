"""Which tables and figures a study has."""

import pytest
from red_herring.report import items
from red_herring.runtime.files import StudyError
from red_herring.study import settings as study

OWN = ["runs.csv", "localisation.csv", "trials.csv", "searches.csv", "missing.csv", "overlaps.csv"]
RELEASED = tuple(OWN)
"""What there is of the released runs."""

OWN += ["histories.csv", "auc_intervals.csv", f"localisation{items.MAPS}", items.IMAGES]
PAPER = {
    "tasks": {task: {"ratio": 0.5 if "no_" in task else 0.9, "selection": "shifted"} for task in study.PUBLISHED_TASKS},
    "methods": ["classification"],
    "attributions": ["gradient"],
}


ASKED = {
    "localisation": {"title": "Localisation", "by": {"attribution": "a"}, "columns": {"iou": "b"}},
    "mine": {"title": "My question", "by": {}, "columns": {"x": "c"}, "settings": {"depth": 3}},
}


def test_the_papers_tasks_have_the_papers_items():
    figures, tables = items.figures(PAPER, OWN, ASKED), items.tables(PAPER, OWN, ASKED)
    assert {"figure_1", "figure_2", "figure_3", "figure_4", "figure_5", "figure_6", "figure_7", "figure_8"} <= set(
        figures
    )
    assert {"figure_a1", "figure_a2"} <= set(figures)
    assert {"table_synthetic", "table_1", "table_2"} <= set(tables)
    assert figures["figure_6"].tasks == ("spc", "no_spc")
    assert not {"learning_curves", "mean_saliency"} & set(figures)


def test_other_tasks_have_general_ones():
    own = PAPER | {"tasks": {"spc": PAPER["tasks"]["spc"], "mine": {"ratio": 1.0, "selection": "balanced"}}}
    figures = items.figures(own, OWN, ASKED)
    assert figures["figure_a2"].tasks == ("spc",)
    assert figures["learning_curves"].tasks == figures["mean_saliency"].tasks == ("mine",)
    assert "figure_4" not in figures
    assert "mine_localisation" in items.tables(own, OWN, ASKED)


def test_without_gradient_maps_nothing_is_made_of_them():
    figures = items.figures(PAPER | {"attributions": ["occlusion"]}, OWN, ASKED)
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
    mine = items.figures(PAPER | {"tasks": {"mine": {"ratio": ratio, "selection": selection}}}, OWN, ASKED)
    for name, words in {"learning_curves": curves, "figure_3": examples}.items():
        assert words in mine[name].caption
        assert mine[name].caption.endswith(".")
        assert ("shifted" in mine[name].caption, "changes sides" in mine[name].caption).count(True) == (
            selection == "shifted" and ratio != 0.5
        )


def test_captions_name_the_tasks_where_they_differ():
    caption = items.figures(PAPER, OWN, ASKED)["figure_a2"].caption
    assert ". In spc and vpc the validation set has the shifted relation, so" in caption
    assert "; in no_spc and no_vpc nuisance and finding are unrelated" in caption
    assert "of the classifier before its last layer is fitted again" in caption
    assert "begins with its first stage" in caption


def test_the_settings_say_the_selection_of_every_task():
    tasks = {"spc": {"ratio": 0.9}, "mine": {"ratio": 0.7, "selection": "in_distribution"}}
    common = {
        "finding": "a", "control": "b", "mask": {"kind": "source"}, "mean_map_images": 1,
        "nuisance": {"name": "n", "groups": [{"name": "x"}, {"name": "y"}]},
    }  # fmt: skip
    config = {
        "study": {"tasks": list(tasks), "methods": [], "seeds": []},
        "saliency": {"attributions": []},
        "tasks": {name: common | own for name, own in tasks.items()},
    }
    found = {name: task["selection"] for name, task in study.results_settings(config)["tasks"].items()}
    assert found == {"spc": "shifted", "mine": "in_distribution"}


@pytest.mark.parametrize("released", [True, False])
def test_captions_are_two_sentences_or_three_and_settings_are_those_of_the_tasks(released):
    study, files = (PAPER | {"origin": "released"}, RELEASED) if released else (PAPER, OWN)
    for name, item in (items.tables(study, files, ASKED) | items.figures(study, files, ASKED)).items():
        assert 2 <= item.caption.count(". ") + 1 <= 3, name
        assert tuple(item.settings(PAPER, "maps")["tasks"]) == item.tasks
        assert item.labels["item"]


def test_released_runs_have_neither_epochs_nor_predictions_nor_maps():
    study = PAPER | {"origin": "released"}
    made = items.tables(study, RELEASED, ASKED) | items.figures(study, RELEASED, ASKED)
    needed = {file for item in made.values() for file in item.files}
    assert not {"histories.csv", "auc_intervals.csv", items.IMAGES, f"localisation{items.MAPS}"} & needed
    assert not {"figure_2", "figure_a1", "auc_intervals"} & set(made), "there are no trials, and nothing was trained"
    assert {"figure_8", "comparisons_iou", "hyperparameters_spc", "table_1"} <= set(made)


def test_comparisons_are_made_of_what_seeds_share():
    assert "overlaps.csv" in items.tables(PAPER, OWN, ASKED)["comparisons"].files
    assert "overlaps.csv" in items.tables(PAPER, RELEASED, ASKED)["comparisons"].files


@pytest.mark.parametrize("name", ["agreement", "table_1", "Table_1", "splits", "spc_localisation"])
def test_a_task_may_not_be_called_like_another_table(name):
    with pytest.raises(StudyError, match=f"tasks.{name}: is the name of another table"):
        items.check_names(["spc", name])


def test_which_figures_show_images():
    figures = items.figures(PAPER | {"tasks": {"vpc": PAPER["tasks"]["vpc"]}}, OWN, ASKED)
    assert {name for name, figure in figures.items() if figure.shows_images} == {
        "figure_1", "figure_3", "masks", "figure_7", "mean_saliency_vpc",
    }  # fmt: skip


def test_signals_are_shown_of_the_tasks_that_have_one():
    tasks = {
        task: about | {"signal": {"kind": "tag"} if task == "vpc" else None} for task, about in PAPER["tasks"].items()
    }
    figure = items.figures(PAPER | {"tasks": tasks}, OWN, ASKED)["signals"]
    assert (figure.tasks, figure.options) == (("vpc",), {})
    assert "signals" not in items.figures(PAPER, OWN, ASKED)


def test_a_table_of_the_paper_needs_one_of_its_tasks():
    tables = items.tables(PAPER | {"tasks": {"spc": PAPER["tasks"]["spc"]}}, OWN, ASKED)
    assert tables["table_1"].tasks == ("spc",)
    assert not {"table_2", "table_synthetic"} & set(tables)


def test_what_a_missing_file_would_show_is_not_made():
    without = [file for file in OWN if file not in ("overlaps.csv", "histories.csv")]
    tables, figures = items.tables(PAPER, without, ASKED), items.figures(PAPER, without, ASKED)
    assert "comparisons" not in tables
    assert not {"comparisons", "comparisons_iou", "figure_4"} & set(figures), "also what is made of that table"
    assert {"relation", "figure_8"} <= set(figures)


def test_a_figure_has_the_caption_of_its_table_if_it_says_so():
    assert items.figures(PAPER, OWN, ASKED)["relation"].caption == items.tables(PAPER, OWN, ASKED)["relation"].caption


def test_the_maps_are_named_in_the_settings_of_what_shows_them_alone():
    figures = items.figures(PAPER, OWN, ASKED)
    assert figures["figure_5"].settings(PAPER, "here")["maps"] == "here/localisation"
    assert "maps" not in figures["figure_8"].settings(PAPER, "here")


ROOMS = (items.TABLES, items.FIGURES, items.PAGES)


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_a_card(room):
    for card in items.cards(room):
        assert card.title
        assert card.caption.endswith((".", items.IN_VALIDATION)), card.module


def test_a_card_without_a_caption_is_named(tmp_path, monkeypatch):
    (tmp_path / items.TABLES).mkdir()
    (tmp_path / items.TABLES / "mine.py").write_text('TITLE = "Mine"\nCATEGORY = "Tables"\nFILES = ["runs.csv"]\n')
    monkeypatch.setattr(items, "ROOM", tmp_path)
    with pytest.raises(StudyError, match=r"tables/mine\.py: declare CAPTION as a literal at the top"):
        items.card.__wrapped__(items.TABLES, "mine")


def test_one_file_is_a_table_more(tmp_path, monkeypatch):
    (tmp_path / items.TABLES).mkdir()
    card = 'TITLE = "Mine"\nCATEGORY = "Tables"\nCAPTION = "What it is."\nFILES = ["runs.csv"]\n'
    (tmp_path / items.TABLES / "mine.py").write_text(card)
    monkeypatch.setattr(items, "ROOM", tmp_path)
    (found,) = items.tables(PAPER, ["runs.csv"], ASKED).items()
    assert found == ("mine", items.Item("mine", ("runs.csv",), tuple(PAPER["tasks"]), "What it is.", "Tables", "Mine"))
    with pytest.raises(StudyError, match=r"tasks\.mine: is the name of another table"):
        items.check_names(["mine"])


def test_two_things_of_one_name_are_refused(tmp_path, monkeypatch):
    (tmp_path / items.TABLES).mkdir()
    card = 'TITLE = "Mine"\nCATEGORY = "Tables"\nCAPTION = "What it is."\nFILES = []\nITEMS = {"ours": {}}\n'
    for name in ("one", "two"):
        (tmp_path / items.TABLES / f"{name}.py").write_text(card)
    monkeypatch.setattr(items, "ROOM", tmp_path)
    with pytest.raises(StudyError, match=r"tables/two\.py: ITEMS: ours is one of one\.py as well"):
        items.tables(PAPER, [], ASKED)


def test_an_analysis_without_a_module_has_a_table_and_one_with_has_that():
    tables = items.tables(PAPER, [*OWN, "mine.csv"], ASKED)
    mine = tables["mine"]
    assert (mine.module, mine.files, mine.title, mine.tasks) == (
        "analysis",
        ("mine.csv",),
        "My question",
        tuple(PAPER["tasks"]),
    )
    assert mine.settings(PAPER, "maps")["columns"] == {"x": "c"}
    assert "localisation" not in tables
    assert "mine" not in items.tables(PAPER, OWN, ASKED), "its answers are not there"


def test_a_task_may_not_be_called_like_an_analysis():
    with pytest.raises(StudyError, match=r"tasks\.reliance: is the name of another table"):
        items.check_names(["reliance"])


def test_what_is_made_of_searches_shows_the_methods_that_were_searched():
    task = {"ratio": 1.0, "selection": "shifted"}
    own = PAPER | {"tasks": {"mine": task | {"methods": ["a"]}}, "searches": {"mine": task | {"methods": ["a", "b"]}}}
    figures = items.figures(own, OWN, ASKED)
    assert figures["figure_a1"].settings(own, "")["tasks"]["mine"]["methods"] == ["a", "b"]
    assert figures["learning_curves"].settings(own, "")["tasks"]["mine"]["methods"] == ["a"]


CHOICE = {
    "TITLE": "Choice {what} of {method}",
    "CATEGORY": "Figures",
    "CAPTION": "What it is.",
    "FILES": ["mine.csv", f"mine{items.MAPS}"],
    "ITEMS": {
        "of_{task}_{what}_{method}": {
            "tasks": "each", "each": {"what": "mine.kinds", "method": items.METHODS}, "deep": True
        }
    },
}  # fmt: skip


@pytest.fixture
def choice(tmp_path, monkeypatch):
    (tmp_path / items.FIGURES).mkdir()
    (tmp_path / items.TABLES).mkdir()
    card = "".join(f"{name} = {value!r}\n" for name, value in CHOICE.items())
    (tmp_path / items.FIGURES / "choice.py").write_text(card)
    monkeypatch.setattr(items, "ROOM", tmp_path)


def test_one_is_made_for_each_value_of_a_setting_of_an_analysis_and_each_method_of_the_task(choice):
    study = PAPER | {
        "tasks": {"spc": {"ratio": 0.9}, "vpc": {"ratio": 0.9, "methods": ["actdiff"]}},
        "methods": ["classification", "actdiff"],
    }
    asked = {"mine": ASKED["mine"] | {"settings": {"kinds": ["a", "b"], "more": 3}}}
    figures = items.figures(study, CHOICE["FILES"], asked)
    assert list(figures) == [
        *("of_spc_a_classification", "of_spc_a_actdiff", "of_spc_b_classification", "of_spc_b_actdiff"),
        *("of_vpc_a_actdiff", "of_vpc_b_actdiff"),
    ]
    one = figures["of_vpc_b_actdiff"]
    assert (one.title, one.tasks) == ("Choice b of actdiff", ("vpc",))
    assert one.options == {"what": "b", "method": "actdiff", "deep": True}
    assert one.settings(study, "here")["maps"] == "here/mine"
    assert one.shows_images
    assert items.figures(study, [], {}) == {}, "the analysis is not asked"


def test_two_of_one_name_by_those_of_tasks_and_methods_are_refused(choice):
    study = PAPER | {"tasks": {"a": {"ratio": 0.9}, "a_b": {"ratio": 0.9}}, "methods": ["c"]}
    asked = {"mine": ASKED["mine"] | {"settings": {"kinds": ["x", "b_x"]}}}
    with pytest.raises(StudyError, match=r"^config: two figures would be called of_a_b_x_c; call a task or a method"):
        items.figures(study, CHOICE["FILES"], asked)


RANDOMISED = {
    "weight_randomisation": {
        "title": "Weight randomisation", "by": {}, "columns": {},
        "settings": {
            "similarities": ["ssim", "hog"], "order": ["cascading"], "statistics": ["kept", "reset"], "target": ["fixed"]
        },
        "asked": {"spc": {"methods": ["classification"], "left_out": {}}},
    }
}  # fmt: skip


def test_random_weights_have_a_figure_of_each_similarity_and_arm_and_one_of_each_method_that_is_asked():
    made = [*OWN, "weight_randomisation.csv", f"weight_randomisation{items.MAPS}"]
    study = PAPER | {"methods": ["classification", "actdiff"]}
    figures, tables = items.figures(study, made, RANDOMISED), items.tables(study, made, RANDOMISED)
    assert {name for name, figure in figures.items() if "weight_randomisation.csv" in figure.files} == {
        *(
            f"weight_randomisation_spc_{similarity}_cascading_{statistics}_fixed"
            for similarity in ("ssim", "hog")
            for statistics in ("kept", "reset")
        ),
        *("randomised_maps_spc_classification", "randomised_maps_spc_classification_signed"),
    }
    assert [name for name in tables if "randomisation" in name] == ["spc_weight_randomisation"]
    maps = figures["randomised_maps_spc_classification_signed"]
    assert (maps.options, maps.title) == (
        {"method": "classification", "signed": True},
        "Randomised maps: classification, with sign",
    )
    assert maps.settings(study, "results")["maps"] == "results/weight_randomisation"
    for item in (
        maps,
        figures["weight_randomisation_spc_ssim_cascading_kept_fixed"],
        tables["spc_weight_randomisation"],
    ):
        assert 2 <= item.caption.count(". ") + 1 <= 3


OF_DETECTORS = ["detection.csv", "detection_usage.csv", "detection_comparisons.csv", f"detectors{items.MAPS}"]
DETECTING = PAPER | {
    "detection": {name: {"arms": {"real": {"further": "real", "n_real": [10]}}} for name in ("x", "y")}
}


def test_detectors_have_items_of_their_own_tasks_once_a_study():
    made = [*OWN, *OF_DETECTORS]
    tables, figures = items.tables(DETECTING, made, ASKED), items.figures(DETECTING, made, ASKED)
    found = {name: item for name, item in (tables | figures).items() if item.category == "Detection with few boxes"}
    assert set(found) == {
        "detection", "detection_comparisons", "average_precision", "box_accuracy", "generated_images_x",
        "generated_images_y",
    }  # fmt: skip
    for name, item in found.items():
        assert item.tasks == ((name[-1],) if "images" in name else ("x", "y"))
        own = item.settings(DETECTING, "results")
        assert own["tasks"] == {task: DETECTING["detection"][task] for task in item.tasks}
        assert "detection" not in own
        assert 2 <= item.caption.count(". ") + 1 <= 3
        assert "A mechanism that was derived again" in item.caption
    assert figures["generated_images_x"].shows_images
    assert figures["generated_images_x"].settings(DETECTING, "results")["maps"] == "results/detectors"
    assert tables["comparisons"].tasks == tuple(PAPER["tasks"])
    assert "detection" not in tables["comparisons"].settings(DETECTING, "results")


def test_a_study_without_detectors_has_none_of_them():
    made = items.tables(PAPER, OWN, ASKED) | items.figures(PAPER, OWN, ASKED)
    assert "Detection with few boxes" not in {item.category for item in made.values()}
