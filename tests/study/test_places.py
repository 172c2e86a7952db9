"""What a configuration names is found, or said to be missing with the folder that was looked in."""

from __future__ import annotations

import copy

import pytest
from red_herring.runtime.files import StudyError
from red_herring.study import places


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A study of one source below the folder of the images, where all is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(places.IMAGES, str(tmp_path / "images"))
    (tmp_path / "images/clinic").mkdir(parents=True)
    (tmp_path / "images/clinic/table.csv").touch()
    groups = [{"name": name, "source": "clinic", "group": name} for name in "ab"]
    return {
        "pathvars": {"results": "results"},
        "anatomy": {"weights": None},
        "study": {"tasks": ["t"]},
        "tasks": {"t": {"nuisance": {"groups": groups}}},
        "sources": {
            "clinic": {
                "imgpath": "$RED_HERRING_IMAGES/clinic",
                "csvpath": "$RED_HERRING_IMAGES/clinic/table.csv",
            },
            "of no task": {"imgpath": "$RED_HERRING_IMAGES/nothing", "csvpath": "nothing.csv"},
        },
    }


def changed(config, **source):
    config = copy.deepcopy(config)
    config["sources"]["clinic"] |= source
    return config


def test_a_path_below_the_folder_of_the_images(monkeypatch):
    monkeypatch.setenv(places.IMAGES, "/data")
    assert places.located("$RED_HERRING_IMAGES/nih/images") == "/data/nih/images"
    assert places.located("$RED_HERRING_IMAGES") == "/data"
    for other in ("images", "/images", "a/$RED_HERRING_IMAGES", "$RED_HERRING_IMAGES_2/nih", "$HOME/nih"):
        assert places.located(other) == other


@pytest.mark.parametrize("value", [None, ""])
def test_a_folder_that_is_not_given(config, monkeypatch, value):
    monkeypatch.delenv(places.IMAGES) if value is None else monkeypatch.setenv(places.IMAGES, value)
    with pytest.raises(StudyError) as error:
        places.check_images(config, ["clinic"])
    assert str(error.value) == (
        "config: sources.clinic.imgpath: $RED_HERRING_IMAGES/clinic: RED_HERRING_IMAGES is not set; set it to the folder "
        "that holds clinic, or say `make ... IMAGES=folder`"
    )


def test_all_that_is_named_is_there(config):
    places.check_images(config, ["clinic"])


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"imgpath": "$RED_HERRING_IMAGES/x"}, "imgpath: {images}/x: there is no such folder; fix RED_HERRING_IMAGES"),
        (
            {"maskpath": "$RED_HERRING_IMAGES/x"},
            "maskpath: {images}/x: there is no such folder; fix RED_HERRING_IMAGES",
        ),
        ({"csvpath": "$RED_HERRING_IMAGES/x"}, "csvpath: {images}/x: there is no such file; fix RED_HERRING_IMAGES"),
        ({"csvpath": "x.csv"}, "csvpath: x.csv (relative to {here}): there is no such file; fix `csvpath`"),
        ({"csvpath": "/x.csv"}, "csvpath: /x.csv: there is no such file; fix `csvpath`"),
    ],
)
def test_what_is_not_there_is_named(config, tmp_path, source, sentence):
    with pytest.raises(StudyError) as error:
        places.check_images(changed(config, **source), ["clinic"])
    assert str(error.value) == "config: sources.clinic." + sentence.format(images=tmp_path / "images", here=tmp_path)


def test_a_study_may_be_planned_without_folders_of_images_elsewhere(config):
    places.check_images(changed(config, imgpath="/data/of/the/cluster", csvpath=None), ["clinic"])


def test_nothing_is_needed_of_which_the_results_are_there(config, tmp_path, monkeypatch):
    monkeypatch.delenv(places.IMAGES)
    made = tmp_path / "results/data/clinic"
    made.mkdir(parents=True)
    (made / "index.csv").touch()
    with pytest.raises(StudyError, match="imgpath"):
        places.check_images(config, ["clinic"])
    (made / "source.json").touch()
    places.check_images(config, ["clinic"])


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("weights.pth", "weights.pth (relative to {here}): there is no such file; fix `weights`"),
        ("$RED_HERRING_IMAGES/w.pth", "{here}/images/w.pth: there is no such file; fix RED_HERRING_IMAGES"),
    ],
)
def test_weights_of_ones_own_are_there_before_anything_runs(config, tmp_path, path, sentence):
    config["anatomy"]["weights"] = path
    with pytest.raises(StudyError) as error:
        places.check_weights(config, ["clinic"])
    assert str(error.value) == "config: anatomy.weights: " + sentence.format(here=tmp_path)
    places.check_weights(config, [])
    made = tmp_path / "results/data/clinic/anatomy.npy"
    made.parent.mkdir(parents=True)
    made.touch()
    places.check_weights(config, ["clinic"])
    with pytest.raises(StudyError):
        places.check_weights(config, ["clinic", "another"])
    places.check_weights(config | {"anatomy": {"weights": None}}, ["another"])


def test_answers_are_the_files_of_their_folder(tmp_path, monkeypatch):
    for name in ("b.csv", "a.csv", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setenv(places.ANSWERS, str(tmp_path))
    assert places.answer_files() == [str(tmp_path / name) for name in ("a.csv", "b.csv")]


def test_answers_that_are_not_there_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv(places.ANSWERS, raising=False)
    with pytest.raises(
        StudyError, match="RED_HERRING_ANSWERS is not set; set it to the folder of the files that readers"
    ):
        places.answer_files()
    for folder in (tmp_path, tmp_path / "nowhere"):
        monkeypatch.setenv(places.ANSWERS, str(folder))
        with pytest.raises(StudyError, match=f"{folder}: has no CSV, expected the files that readers saved"):
            places.answer_files()
