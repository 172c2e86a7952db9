"""The grid of maps: which run, image and map are shown, and how."""

import numpy as np
import pytest
from red_herring.report.collect import maps_file
from red_herring.report.figures import randomised_maps
from red_herring.runtime.files import StudyError
from safetensors.numpy import save_file
from support.drawn import csv, words
from support.randomised import ARM, BLOCKS, curves, settings_of, write_maps

NAMES = ("gradient", "random")
RUN = ("spc", "actdiff", 1)


@pytest.fixture
def study(tmp_path):
    return settings_of(attributions=NAMES, seeds=(1, 0)) | {
        "method": "actdiff", "signed": False, "maps": tmp_path / "weight_randomisation",
    }  # fmt: skip


def drawn(folder, study, change=lambda table: table, arms=(ARM,)):
    table = change(curves(study, dict.fromkeys(NAMES, 0.1), arms=arms))
    return randomised_maps.draw([csv(folder, "weight_randomisation.csv", table)], study)


def grid(figure):
    return np.reshape(figure.axes, (len(NAMES), 2 + len(BLOCKS)))


def test_a_row_is_of_an_attribution_and_a_column_of_a_block(tmp_path, study):
    arrays = write_maps(study["maps"], RUN, NAMES)
    figure = drawn(tmp_path, study)
    axes = grid(figure)
    assert [own.get_title() for own in axes[0][:3]] == ["image", "trained", "fc"]
    assert [own.get_ylabel() for own in axes[:, 0]] == ["Gradient", "Random"]
    np.testing.assert_array_equal(axes[1, 0].images[0].get_array(), arrays["example_image"][0])
    for column, state in enumerate(["trained", *BLOCKS], start=1):
        saliency = np.abs(arrays[f"{state}/random"][0].astype(float))
        np.testing.assert_allclose(axes[1, column].images[0].get_array(), saliency / np.percentile(saliency, 99))
    assert figure.get_suptitle() == "spc, ActDiff, seed 1: absolute values (running statistics kept)"


def test_signs_are_kept_about_a_zero_without_colour(tmp_path, study):
    arrays = write_maps(study["maps"], RUN, NAMES)
    (shown,) = grid(drawn(tmp_path, study | {"signed": True}))[0, 4].images
    saliency = arrays["layer4.0/gradient"][0].astype(float)
    np.testing.assert_allclose(shown.get_array(), saliency / np.percentile(np.abs(saliency), 99))
    assert shown.get_clim() == (-1, 1)
    assert shown.cmap(0.5)[:3] == pytest.approx([0.97] * 3, abs=0.01)


def test_maps_without_a_value_and_those_of_a_single_pixel(tmp_path, study):
    arrays = write_maps(study["maps"], RUN, NAMES)
    arrays["fc/gradient"][:] = 0
    arrays["stem/gradient"][:] = 0
    arrays["stem/gradient"][0, 3, 3] = -1
    save_file(arrays, maps_file(study["maps"], RUN))
    axes = grid(drawn(tmp_path, study))
    assert words(axes[0, 2]) == ["all 0"]
    assert axes[0, -1].images[0].get_array().sum() == 1


def test_the_first_seed_that_is_there_is_shown_and_none_is_said(tmp_path, study):
    write_maps(study["maps"], ("spc", "actdiff", 0), NAMES)
    figure = drawn(tmp_path, study, lambda table: table[table["seed"] == 0])
    assert "seed 0" in figure.get_suptitle()
    (axes,) = drawn(tmp_path, study, lambda table: table[table["method"] != "actdiff"]).axes
    assert words(axes) == ["spc, ActDiff: no run of a cascade"]


def test_lost_maps_are_named(tmp_path, study):
    with pytest.raises(StudyError, match=r"actdiff/seed=1\.safetensors: there is no such file"):
        drawn(tmp_path, study)
    write_maps(study["maps"], RUN, ["gradient"])
    with pytest.raises(StudyError, match=r"seed=1\.safetensors: has no fc/random, expected one for each attribution"):
        drawn(tmp_path, study)
