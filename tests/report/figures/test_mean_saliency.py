"""The mean maps: which runs they are the mean of, and what no run may do to them."""

import numpy as np
import pytest
from red_herring.report.figures import mean_saliency
from red_herring.runtime.files import StudyError
from support.drawn import words
from support.mean_maps import RAMP, both, write


def test_a_map_is_the_mean_of_maps_of_mean_one():
    maps = np.stack([RAMP, 1000 * RAMP.T])
    mean, n = mean_saliency.mean_map(maps)
    assert n == 2
    np.testing.assert_allclose(mean, (RAMP + RAMP.T) / 2 / 7.5)
    assert mean.mean() == pytest.approx(1)


def test_signs_do_not_count_and_maps_that_show_nothing_are_left_out():
    maps = np.stack([-RAMP, np.zeros((4, 4)), np.full((4, 4), np.nan)])
    mean, n = mean_saliency.mean_map(maps)
    assert n == 1
    np.testing.assert_allclose(mean, RAMP / 7.5)
    assert mean_saliency.mean_map(maps[1:]) == (None, 0)


def test_a_panel_is_dark_below_its_median_and_says_its_n(tmp_path):
    picture, *panels = mean_saliency.draw(*write(tmp_path, both(RAMP))).axes
    np.testing.assert_allclose(panels[0].images[0].get_array(), np.where(RAMP > 7.5, RAMP / 7.5, 0), rtol=1e-6)
    np.testing.assert_allclose(picture.images[0].get_array(), 0.15, rtol=1e-6)
    np.testing.assert_allclose(picture.images[1].get_array()[..., 3], 0.7 * np.eye(4))
    assert [axes.get_xlabel() for axes in panels] == ["n = 2 seeds\n× 10 images"] * 2
    assert [axes.get_title() for axes in panels] == ["A\nClassification", "B\nActDiff"]


def test_few_images_are_counted_as_they_are(tmp_path):
    files, study = write(tmp_path, both(RAMP), images=7)
    assert mean_saliency.draw(files, study).axes[1].get_xlabel() == "n = 2 seeds\n× 7 images"
    study["tasks"] = {"t": {}}
    assert mean_saliency.draw(files, study).axes[1].get_xlabel() == "n = 2 seeds"


def test_missing_and_undefined_maps_are_said(tmp_path):
    maps = {("t", "actdiff", 1): np.zeros((4, 4)), ("u", "classification", 2): RAMP, ("u", "actdiff", 1): RAMP}
    figure = mean_saliency.draw(*write(tmp_path, maps))
    (_, none, undefined), (_, one, _) = np.reshape(figure.axes, (2, 3))
    assert (words(none), none.get_xlabel()) == (["no run"], "")
    assert (words(undefined), undefined.get_xlabel()) == (["undefined"], "n = 0 of 2 seeds\n1 undefined\n× 10 images")
    assert one.get_xlabel().startswith("n = 1 of 2 seeds")


def test_a_task_without_any_run_is_an_empty_row(tmp_path):
    files, study = write(tmp_path, both(RAMP))
    figure = mean_saliency.draw(files, study | {"tasks": {"none": {}}})
    assert [words(axes) for axes in figure.axes] == [["no run"]] * 3


def test_a_lost_map_is_an_error(tmp_path):
    files, study = write(tmp_path, both(RAMP))
    (tmp_path / "localisation/t/actdiff/seed=2.safetensors").unlink()
    with pytest.raises(StudyError, match=r"seed=2\.safetensors: there is no such file"):
        mean_saliency.draw(files, study)


def test_a_method_has_no_frame_in_the_row_of_a_task_on_which_it_does_not_run(tmp_path):
    maps = both(RAMP) | {("u", "actdiff", 1): RAMP, ("u", "actdiff", 2): RAMP}
    files, study = write(tmp_path, maps)
    study["tasks"]["u"]["methods"] = ["actdiff"]
    axes = mean_saliency.draw(files, study).axes
    assert [panel.axison for panel in axes] == [True] * 4 + [False, True]
    assert not axes[4].texts
    del study["tasks"]["t"]
    assert [panel.get_title() for panel in mean_saliency.draw(files, study).axes[1:]] == ["A\nActDiff"]
