"""Detectors: which a study has, by what each is made, which tasks take generated images, and what is refused."""

from dataclasses import asdict

import pytest
from red_herring.runtime.files import StudyError
from red_herring.study import configuration, detection, tasks
from red_herring.study import settings as study
from red_herring.study.defaults import laid
from red_herring.study.pairs import OF_IMAGES
from red_herring.study.stage_settings import Detecting

FIND = {"of": "synthetic", "ratio": 0.5}
BROKEN = {"of": "synthetic", "generated": {"arm": "gan", "n_real": 50}}


def typed(section=None, **own):
    """A study of a task `find` in which detectors look for a cross, and of more tasks."""
    return configuration.typed(
        laid({"detection": {"tasks": ["find"]} | (section or {}), "tasks": {"find": FIND, **own}})
    )


def test_the_papers_study_has_no_detectors():
    config = configuration.typed(laid({}))
    assert detection.cells(config) == []
    assert tasks.used_tasks(config) == config["study"]["tasks"]


def test_every_task_has_detectors_of_every_arm_and_number_of_boxes_but_of_arms_that_are_left_out():
    arms = {"real": {"n_real": [10, 50, 100]}, "unrolled": {"n_real": []}, "detector_loss": {"n_real": []}}
    config = typed({"n_real": [10, 50], "arms": arms})
    numbers = {"real": [10, 50, 100], "copy_paste": [10, 50], "gan": [10, 50]}
    assert detection.numbers(config) == numbers
    assert detection.cells(config) == [("find", arm, number) for arm, own in numbers.items() for number in own]
    settings = detection.collecting_detection_settings(config)
    assert settings.cells == [{"task": "find", "arms": numbers}]
    assert settings.further == {"copy_paste": "copy_paste", "gan": "generated", "real": "real"}
    assert settings.seeds == config["study"]["seeds"]
    assert list(settings.made_with) == [f"find/{arm}/n={number}" for arm, own in numbers.items() for number in own]
    assert settings.made_with["find/gan/n=10"] == asdict(detection.detecting_settings(config, "find", "gan", 10))


def test_detectors_of_pneumonia_and_of_masses_are_a_few_lines_of_configuration():
    """As config.yaml has them: RSNA's boxes, and those of a class of NIH."""
    rsna = laid({"detection": {"tasks": ["no_vpc"], "n_real": [100, 300]}, "sources": {"rsna": {"size": 128}}})
    assert {cell.n_real for cell in detection.cells(configuration.typed(rsna))} == {100, 300}
    groups = [{"name": view, "source": "nih", "group": view} for view in ("PA", "AP")]
    masses = {
        "finding": "Mass (box)", "control": "No Finding", "nuisance": {"name": "view", "groups": groups},
        "ratio": 0.5, "mask": {"kind": "source"}, "mean_map_images": 10,
    }  # fmt: skip
    section = {"detection": {"tasks": ["masses"], "n_real": [20]}, "sources": {"nih": {"boxes": "Mass"}}}
    config = configuration.typed(laid(section | {"tasks": {"masses": masses}}))
    assert {cell.task for cell in detection.cells(config)} == {"masses"}


def test_tables_have_arms_in_the_order_of_what_they_add_however_they_are_written():
    arms = {"alone": {"further": "generated", "lambda_r": 0.1}, "a_last_one": {"further": "generated", "lambda_r": 3}}
    shown = study.results_settings(typed({"arms": arms, "n_real": [10]}))["detection"]
    assert list(shown) == ["find"]
    order = ["real", "copy_paste", "gan", "detector_loss", "alone", "unrolled", "a_last_one"]
    assert list(shown["find"]["arms"]) == order
    assert list(detection.collecting_detection_settings(typed({"arms": arms})).cells[0]["arms"]) == order
    assert shown["find"]["arms"]["gan"] == {"further": "generated", "lambda_s": 0.0, "lambda_r": 0.0, "n_real": [10]}
    assert shown["find"]["finding"] == "one cross"
    assert "detection" not in study.results_settings(configuration.typed(laid({})))


def test_an_arm_has_all_its_keys_and_a_generator_knows_of_no_arm():
    config = typed()
    settings = detection.detecting_settings(config, "find", "unrolled", 10)
    assert settings.arm_is == {"further": "generated", "lambda_s": 0.1, "lambda_r": 2.0}
    assert detection.arms(config)["gan"] == {"further": "generated", "lambda_s": 0.0, "lambda_r": 0.0}
    assert (settings.task, settings.n_real, settings.mask) == ("find", 10, {"kind": "source"})
    assert "tasks" not in settings.detection
    assert "n_real" not in settings.detection
    before = detection.pretraining_settings(config, "find", 10)
    assert Detecting(**vars(before), arm="unrolled", arm_is=settings.arm_is) == settings
    other = typed({"arms": {"unrolled": {"lambda_r": 1}}})
    assert detection.pretraining_settings(other, "find", 10) == before
    assert detection.detecting_settings(other, "find", "gan", 10) == detection.detecting_settings(
        config, "find", "gan", 10
    )


SEARCH = {"lambda_r": [0.1, 10], "lr": [1e-3, 1e-2], "inner_rate": [1e-4, 1e-3], "lambda_s": [0.01, 1]}


def test_an_arm_is_searched_over_what_it_has():
    config = typed({"search": SEARCH, "arms": {"alone": {"further": "generated", "lambda_r": 3}}})
    spaces = {arm: detection.search_space(config, arm) for arm in detection.arms(config)}
    assert {arm: list(space) for arm, space in spaces.items()} == {
        "real": ["lr"], "copy_paste": ["lr"], "gan": ["lr"], "detector_loss": ["lr", "lambda_s"],
        "unrolled": ["lr", "inner_rate", "lambda_s", "lambda_r"], "alone": ["lr", "inner_rate", "lambda_r"],
    }  # fmt: skip
    assert spaces["real"] == {"lr": ["log-uniform", 1e-3, 1e-2]}
    settings = detection.searching_settings(config, "find", "unrolled", 10)
    assert (settings.space, settings.initial_points, settings.iterations) == (spaces["unrolled"], 5, 10)
    assert settings.seed == config["study"]["seeds"][0]
    assert detection.training_settings(config, "find", "unrolled", 10) == settings, "so that all go by one search"
    made_with = detection.collecting_detection_settings(config).made_with
    assert made_with["find/unrolled/n=10"] == asdict(settings)
    shown = study.results_settings(config)["detection"]["find"]["arms"]
    assert shown["detector_loss"]["searched"] == ["lr", "lambda_s"]


def test_an_arm_of_which_nothing_remains_is_not_searched_and_is_made_as_without_a_search():
    config, without = typed({"search": {"lambda_s": [0.01, 1]}}), typed()
    searched = {arm for arm in detection.arms(config) if detection.is_searched(config, arm)}
    assert searched == {"detector_loss", "unrolled"}
    for arm in ("real", "gan"):
        own, other = (detection.training_settings(one, "find", arm, 10) for one in (config, without))
        assert type(own) is type(other) is Detecting
        assert own == other
    assert not any(detection.is_searched(without, arm) for arm in detection.arms(without))
    before = (detection.pretraining_settings(one, "find", 10) for one in (config, without))
    assert next(before) == next(before), "a generator knows of no search of detectors"
    generating = (detection.detecting_settings(one, "find", "unrolled", 10) for one in (config, without))
    assert next(generating) == next(generating)


def test_a_search_in_another_order_is_the_same():
    config, other = typed({"search": SEARCH}), typed({"search": dict(reversed(SEARCH.items()))})
    spaces = [list(detection.search_space(one, "unrolled").items()) for one in (config, other)]
    assert spaces[0] == spaces[1]


def test_arms_that_a_search_makes_one_are_refused_unless_one_is_left_out():
    arms = {"more": {"further": "generated", "lambda_s": 0.5}}
    search = {"lambda_s": [0.01, 1]}
    with pytest.raises(StudyError, match=r"detection.search: leaves nothing in which arm more differs from detector_"):
        typed({"search": search, "arms": arms})
    typed({"search": {"lr": [1e-3, 1e-2]}, "arms": arms})
    typed({"search": search, "arms": {"more": arms["more"] | {"n_real": []}}})


def test_a_task_with_generated_images_names_the_run_that_makes_them_and_is_drawn_as_its_base():
    config = typed({"tasks": []}, broken=BROKEN)
    config["study"]["tasks"] = ["broken"]
    assert detection.generated_by(config, "broken") == ("synthetic", "gan", 50)
    assert detection.generated_by(config, "synthetic") is None
    assert tasks.used_tasks(config) == ["broken", "synthetic"], "whose images others are made of"
    assert tasks.named_tasks(config) == ["broken", "synthetic"]
    own, base = study.split_settings(config, "broken"), study.split_settings(config, "synthetic")
    assert vars(own) == vars(base) | {"task": "broken"}
    assert set(OF_IMAGES) >= {"generated"}, "so that no analysis takes the base for a task of the same images"


def test_a_family_may_have_several_numbers_of_boxes():
    family = {"of": "synthetic", "each": {"generated.arm": ["gan", "copy_paste"], "generated.n_real": [10]}}
    config = typed(broken=family)
    name = "broken_generated.arm=copy_paste_generated.n_real=10"
    assert detection.generated_by(config, name) == ("synthetic", "copy_paste", 10)


def test_detectors_may_be_trained_in_tasks_whose_runs_the_study_does_not_have():
    config = typed()
    assert "find" in tasks.used_tasks(config)
    assert "find" not in config["study"]["tasks"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"tasks": ["fnd"]}, ["detection.tasks.0", "'fnd'", "allowed are", "find"]),
        ({"tasks": ["find", "find"]}, ["detection.tasks", "without repetition"]),
        ({"tasks": ["spc"]}, ["detection.tasks.0", "'spc'", "of kind ellipse", "kind source"]),
        ({"tasks": ["permuted"]}, ["detection.tasks.0", "labels permuted", "allowed is one with as_they_are"]),
        ({"tasks": ["exchanged"]}, ["detection.tasks.0", "labels nuisance"]),
        ({"tasks": ["tagged"]}, ["detection.tasks.0", "signal.kind tag", "allowed is one with none"]),
        ({"tasks": ["published"]}, ["detection.tasks.0", "patients as_published", "no patient who tests"]),
        ({"tasks": ["broken"]}, ["detection.tasks.0", "generated images among its own", "'synthetic'"]),
        ({"n_real": []}, ["detection.n_real", "at least as long as 1"]),
        ({"n_real": [10, 10]}, ["detection.n_real", "without repetition"]),
        ({"n_real": [0]}, ["detection.n_real.0", "at least 1"]),
        ({"n_real": [300]}, ["detection.tasks.0", "n_real 300", "at most 250"]),
        ({"arms": {"real": {"n_real": [5, 5]}}}, ["detection.arms.real.n_real", "without repetition"]),
        ({"arms": {"real": {"lambda_r": 0.1}}}, ["detection.arms.real.lambda_r", "further is real"]),
        ({"arms": {"copy_paste": {"lambda_s": 1}}}, ["detection.arms.copy_paste.lambda_s", "further is copy_paste"]),
        ({"arms": {"gan": {"lambda_s": -1}}}, ["detection.arms.gan.lambda_s", "at least 0"]),
        ({"arms": {"again": {"further": "generated"}}}, ["detection.arms.gan", "differs from again in nothing"]),
        ({"arms": {"Gan": {"further": "generated", "lambda_r": 1}}}, ["detection.arms", "'Gan'", "'gan'", "rename"]),
        ({"arms": {"a/b": {"further": "real"}}}, ["detection.arms", "'a/b'", "names like"]),
        ({"arms": {"other": {"lambda_s": 1}}}, ["detection.arms.other", "lacks the key 'further'"]),
        ({"arms": {"real": {"further": "pasted"}}}, ["detection.arms.real.further", "copy_paste"]),
        ({"steps": 0}, ["detection.steps", "at least 1"]),
        ({"lr": 0}, ["detection.lr", "more than 0"]),
        ({"inner_rate": -1e-4}, ["detection.inner_rate", "more than 0"]),
        ({"boxes": 10}, ["detection", "'boxes'"]),
        ({"search": {"lr": [1e-2, 1e-3]}}, ["detection.search.lr", "[0.01, 0.001]", "low < high"]),
        ({"search": {"lambda_s": [0, 1]}}, ["detection.search.lambda_s", "numbers above 0"]),
        ({"search": {"inner_rate": [1e-4]}}, ["detection.search.inner_rate", "at least as long as 2"]),
        ({"search": {"steps": [100, 200]}}, ["detection.search", "'steps'"]),
        ({"initial_points": 0}, ["detection.initial_points", "at least 1"]),
        (
            {"arms": {name: {"n_real": []} for name in ("real", "copy_paste", "gan", "detector_loss", "unrolled")}},
            ["detection.arms", "all have n_real []"],
        ),
    ],
)
def test_a_wrong_section_gets_a_sentence(section, words):
    others = {
        "permuted": {"of": "synthetic", "labels": "permuted"},
        "exchanged": {"of": "synthetic", "labels": "nuisance"},
        "tagged": {"of": "synthetic", "signal": {"kind": "tag"}},
        "published": {"of": "synthetic", "patients": "as_published"},
        "broken": BROKEN,
    }
    with pytest.raises(StudyError) as caught:
        typed(section, **others)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"of": "broken", "mask": {"budget": 0.5}}, ["tasks.more.of", "'broken'", "generated images itself"]),
        (BROKEN | {"ratio": 0.9}, ["tasks.more.ratio", "differs from synthetic", "leave it out"]),
        (BROKEN | {"sizes": {"train": 400}}, ["tasks.more.sizes.train", "differs from synthetic"]),
        (BROKEN | {"selection": "balanced"}, ["tasks.more.selection", "differs from synthetic"]),
        (BROKEN | {"labels": "permuted"}, ["tasks.more.labels", "differs from synthetic"]),
        (BROKEN | {"finding": "Mass"}, ["tasks.more.finding", "differs from synthetic"]),
        (BROKEN | {"mask": {"kind": "ellipse", "semi_axis": 0.4}}, ["tasks.more.mask.kind", "allowed is source"]),
        (BROKEN | {"generated": {"arm": "gann", "n_real": 5}}, ["generated.arm", "'gann'", "allowed are", "unrolled"]),
        (BROKEN | {"generated": {"arm": "real", "n_real": 5}}, ["generated.arm", "'real'", "makes no images"]),
        (BROKEN | {"generated": {"arm": "gan"}}, ["tasks.more.generated", "lacks the key 'n_real'"]),
        (BROKEN | {"generated": {"arm": "gan", "n_real": 0}}, ["tasks.more.generated.n_real", "at least 1"]),
        (BROKEN | {"generated": {"arm": "gan", "n_real": 251}}, ["generated.n_real", "is 251", "at most 250"]),
        ({"of": "spc", "generated": {"arm": "gan", "n_real": 5}}, ["tasks.more.of", "'spc'", "kind ellipse"]),
    ],
)
def test_a_task_that_cannot_have_generated_images_gets_a_sentence(task, words):
    with pytest.raises(StudyError) as caught:
        typed(broken=BROKEN, more=task)
    for word in words:
        assert word in str(caught.value)


def test_only_a_derived_task_has_generated_images_and_no_source_is_called_so():
    config = laid({})
    config["tasks"]["synthetic"]["generated"] = {"arm": "gan", "n_real": 5}
    with pytest.raises(StudyError, match=r"tasks.synthetic.generated: goes with of"):
        configuration.typed(config)
    with pytest.raises(StudyError, match=r"sources.generated: generated images are called so in splits"):
        configuration.typed(laid({"sources": {"generated": laid({})["sources"]["crosses"]}}))
