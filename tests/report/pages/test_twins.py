"""Twins on the interactive page: which runs have them, and what the page holds of them."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.report.collect import maps_file
from red_herring.report.pages import explorer
from red_herring.report.twins import MODELS, STATES
from safetensors.numpy import load_file
from support import explorer_study, twins

RUN = ("b", "classification", 1)
NAMES = ("gradient", "random")


def held(folder, settings):
    """Run -> its twins, of the small study; None for runs on a task without a signal."""
    data = explorer.study_of(settings, explorer_study.tables(folder), folder / "maps")
    return {(run["task"], run["method"], run["seed"]): run["twins"] for run in data["runs"]}


@pytest.fixture
def study(tmp_path):
    settings = explorer_study.make(tmp_path)
    explorer_study.plant(tmp_path, settings, NAMES)
    return settings


def test_runs_on_tasks_with_a_signal_have_twins_and_others_none(tmp_path, study):
    found = held(tmp_path, study)
    assert {run[0] for run, own in found.items() if own} == {"b"}
    assert {run[0] for run, own in found.items() if own is None} == {"a"}
    assert explorer_study.WITHOUT_MAPS in [run for run, own in found.items() if own], "they are not of localisation"
    (tmp_path / "signal_detection.csv").unlink()
    assert set(held(tmp_path, study).values()) == {None}


def test_the_sheet_holds_the_images_the_signal_and_the_maps_of_both_models(tmp_path, study):
    own = held(tmp_path, study)[RUN]
    arrays = load_file(maps_file(tmp_path / "signal_detection", RUN))
    assert own["attributions"] == ["gradient", "random"], "and not one of which no twins were made"
    tiles = np.asarray(Image.open(io.BytesIO(base64.b64decode(own["png"])))).reshape(2, 2, 12, 2 + 2 * 2, 10)
    for example in range(2):
        for place, state in enumerate(STATES):
            shown = tiles[example, place].transpose(1, 0, 2)
            np.testing.assert_array_equal(shown[0], arrays[f"example_{state}"][example])
            np.testing.assert_array_equal(shown[1], arrays["example_truth"][example])
            pairs = [f"{model}/{name}" for model in MODELS for name in NAMES]
            for layer, pair in enumerate(pairs, start=2):
                np.testing.assert_array_equal(shown[layer], arrays[f"example/{state}/{pair}"][example])


def test_images_have_their_names_their_signal_and_what_both_models_say(tmp_path, study):
    own = held(tmp_path, study)[RUN]
    arrays = load_file(maps_file(tmp_path / "signal_detection", RUN))
    assert [image["image"] for image in own["images"]] == ["004", "002"]
    assert [image["pixels"] for image in own["images"]] == [9, 9]
    for number, image in enumerate(own["images"]):
        for state in STATES:
            said = [arrays[f"example_probability/{state}/{model}"][number] for model in MODELS]
            assert image["probability"][state] == pytest.approx(said, abs=0.001)


def test_means_are_those_of_the_table_and_undefined_is_null(tmp_path, study):
    table = pd.read_csv(tmp_path / "signal_detection.csv")
    mine = (table[["task", "method", "seed"]] == list(RUN)).all(axis=1) & (table["attribution"] == "random")
    table.loc[mine, ["kssd_ap", "difference_ap", "difference_ap_low", "difference_ap_high"]] = np.nan
    table.to_csv(tmp_path / "signal_detection.csv", index=False)
    numbers = held(tmp_path, study)[RUN]["numbers"]
    assert numbers["gradient"] == {
        "images": [5, 0.02], "planted": [0.66, 0.12, 0.54, 0.4, 0.68], "clean": [0.18, 0.19, 0.05],
    }  # fmt: skip
    assert numbers["random"]["planted"] == [None, 0.12, None, None, None]


def test_the_task_says_what_is_planted(tmp_path, study):
    study["tasks"]["b"] = study["tasks"]["b"] | {"signal": {"kind": "half_blur", "share": 0.5, "of": "negatives"}}
    about = {
        task["name"]: task["about"]
        for task in explorer.study_of(study, explorer_study.tables(tmp_path), tmp_path / "maps")["tasks"]
    }
    assert about["b"].endswith("ratio 0.9; signal: blur of one half on 50 % of training negatives.")
    assert about["a"].endswith("ratio 0.9.")


def test_large_images_are_reduced_and_few_are_kept(tmp_path):
    settings = explorer_study.make(tmp_path, tasks=("b",), methods=("rrr",), seeds=(1,))
    explorer_study.plant(tmp_path, settings, NAMES, (224, 224))
    own = held(tmp_path, settings)["b", "rrr", 1]
    assert (own["stored"], own["shown"], len(own["images"])) == ([224, 224], [28, 28], 2)
    assert len(twins.ROWS) == 3
    assert len(own["png"]) < 4 * 28 * 28 * 2 * 6
