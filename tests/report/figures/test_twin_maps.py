"""The grid of twins: which run, image and maps are shown, and where the signal's outline is."""

import numpy as np
import pytest
from red_herring.report.collect import maps_file
from red_herring.report.figures import twin_maps
from red_herring.report.twins import MODELS, STATES
from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import attribution_names
from red_herring.study.settings import described_attributions, described_methods
from safetensors.numpy import save_file
from support import twins
from support.drawn import csv, words

NAMES = ("gradient", "random")
RUN = ("tag", "actdiff", 1)


@pytest.fixture
def study(tmp_path):
    return {
        "tasks": {"tag": {"finding": "ill"}}, "methods": described_methods(["actdiff"]), "seeds": [1, 0],
        "attributions": described_attributions(NAMES), "method": "actdiff", "maps": tmp_path / "signal_detection",
    }  # fmt: skip


def draw(folder, study, *runs, names=NAMES):
    return twin_maps.draw([csv(folder, "signal_detection.csv", twins.table(runs, names))], study)


def grid(figure, block=0):
    return np.reshape(figure.subfigs[block].axes, (4, -1))


def test_rows_are_the_two_models_with_and_without_the_signal_and_columns_attributions(tmp_path, study):
    arrays = twins.write(study["maps"], RUN, NAMES)
    figure = draw(tmp_path, study, RUN)
    axes = grid(figure)
    assert [own.get_title() for own in axes[0]] == ["image", "Gradient", "Random"]
    pairs = [(state, model) for state in STATES for model in MODELS]
    for row, (state, model) in zip(axes, pairs, strict=True):
        np.testing.assert_array_equal(row[0].images[0].get_array(), arrays[f"example_{state}"][0])
        for one, name in zip(row[1:], NAMES, strict=True):
            np.testing.assert_array_equal(one.images[0].get_array(), arrays[f"example/{state}/{model}/{name}"][0])
            assert one.images[0].get_clim() == (0, 255)
        said = arrays[f"example_probability/{state}/{model}"][0]
        image, whose = twin_maps.IMAGE[state], twin_maps.WHOSE[model]
        assert row[0].get_ylabel() == f"{image},\n{whose}: {said:.2f}"
    title = figure.get_suptitle().replace("\n", " ")
    assert title == (
        "tag, ActDiff, seed 1; beside each row the probability of ill; red: the signal's outline, 7.5 % of the image"
    )


def test_the_outline_is_that_of_the_signal_where_the_image_has_it(tmp_path, study):
    twins.write(study["maps"], RUN, NAMES)
    axes = grid(draw(tmp_path, study, RUN))
    for panel in axes[:2].flat:
        (lines,) = panel.collections
        ends = np.array(lines.get_segments())
        assert len(ends) == 12, "the sides of 3 x 3 pixels"
        assert (ends.min(), ends.max()) == (0.5, 3.5)
    assert not any(len(panel.collections) for panel in axes[2:].flat)


def test_a_constant_map_is_said_to_be_one(tmp_path, study):
    arrays = twins.write(study["maps"], RUN, NAMES)
    save_file(
        arrays | {"example/planted/normal/random": np.zeros((3, 12, 10), np.uint8)}, maps_file(study["maps"], RUN)
    )
    panel = grid(draw(tmp_path, study, RUN))[1, 2]
    assert words(panel) == ["constant"]
    assert not panel.images


def test_the_first_seed_that_is_there_is_shown_and_none_is_said(tmp_path, study):
    other = ("tag", "actdiff", 0)
    twins.write(study["maps"], other, NAMES)
    assert "seed 0" in draw(tmp_path, study, other).get_suptitle()
    (axes,) = draw(tmp_path, study, ("tag", "masked", 0)).axes
    assert words(axes) == ["tag, ActDiff: no run with its normal model"]


def test_a_narrow_figure_has_its_whole_title(tmp_path, study):
    twins.write(study["maps"], RUN, NAMES)
    study["attributions"] = described_attributions(["gradient"])
    assert draw(tmp_path, study, RUN).get_suptitle().endswith("of the image")


def test_many_attributions_are_shown_seven_at_a_time(tmp_path, study):
    names = attribution_names()
    twins.write(study["maps"], RUN, names)
    figure = draw(tmp_path, study | {"attributions": described_attributions(names)}, RUN, names=names)
    titled = [axes.get_title() for block in figure.subfigs for axes in block.axes if axes.get_title()]
    assert titled.count("image") == len(figure.subfigs) == -(-len(names) // 7)
    assert len(titled) == len(names) + len(figure.subfigs)


def test_lost_maps_are_named(tmp_path, study):
    with pytest.raises(StudyError, match=r"actdiff/seed=1\.safetensors: there is no such file, but signal_detection"):
        draw(tmp_path, study, RUN)
    twins.write(study["maps"], RUN, ["gradient"])
    with pytest.raises(StudyError, match=r"seed=1\.safetensors: has no example/clean/normal/random, expected maps of"):
        draw(tmp_path, study, RUN)
