"""The masks of one run: which run, which masks and images, and where the outline is."""

import numpy as np
import pytest
from red_herring.report.collect import maps_file
from red_herring.report.figures import learned_masks
from red_herring.runtime.files import StudyError
from red_herring.study.settings import described_methods
from safetensors.numpy import save_file
from support.drawn import csv, words
from support.masked import collapse, learned

RUN = ("spc", "actdiff", 1)


@pytest.fixture
def study(tmp_path):
    return {
        "tasks": {"spc": {"finding": "ill", "control": "well"}}, "methods": described_methods(["actdiff"]),
        "seeds": [2, 1], "method": "actdiff", "maps": tmp_path / "learned_masks",
    }  # fmt: skip


def write(study, arms, size=6):
    random = np.random.default_rng(0)
    arrays = {name: random.integers(0, 256, (6, size, size), np.uint8) for name in ("example_image", *arms)}
    arrays = {name if name == "example_image" else f"example/{name}": array for name, array in arrays.items()}
    arrays["example_mask"] = np.zeros((6, size, size), np.uint8)
    arrays["example_mask"][:, 1:3, 2:5] = 1
    arrays["example_label"] = np.array([1, 1, 1, 0, 0, 0])
    path = maps_file(study["maps"], RUN)
    path.parent.mkdir(parents=True)
    save_file(arrays, path)
    return arrays


def draw(folder, study, table):
    return learned_masks.draw([csv(folder, "learned_masks.csv", table)], study)


def test_rows_are_images_of_both_classes_and_columns_maskers_before_maps(tmp_path, study):
    table = learned(methods=["actdiff"], seeds=[1], few=[5])
    arrays = write(study, table["arm"])
    figure = draw(tmp_path, study, table)
    grid = np.reshape(figure.subfigs[0].axes, (4, -1))
    titles = [axes.get_title().replace("\n", " ") for axes in grid[0]]
    assert titles == [
        "image", "Masker, classifier frozen", "Masker, few, examples 5", "Grad-CAM",
        "Guided backprop", "Gradient",
    ]  # fmt: skip
    shown = ["example_image", "example/fixed", "example/few_examples=5_draw=1", "example/grad_cam"]
    for axes, example in zip(grid, (0, 1, 3, 4), strict=True):
        for one, name in zip(axes, shown, strict=False):
            np.testing.assert_array_equal(one.images[0].get_array(), arrays[name][example])
            assert one.images[0].get_clim() == (0, 255)
    assert [axes[0].get_ylabel() for axes in grid] == ["ill", "ill", "well", "well"]
    ends = np.array(grid[2, 1].collections[0].get_segments())
    assert (ends[..., 0].min(), ends[..., 0].max(), ends[..., 1].min(), ends[..., 1].max()) == (1.5, 4.5, 0.5, 2.5)
    assert figure.get_suptitle() == "spc, ActDiff, seed 1; red: the ROI mask"


def test_a_collapsed_masker_is_shown_and_said_to_be_one(tmp_path, study):
    table = learned(methods=["actdiff"], seeds=[1], few=[])
    write(study, table["arm"])
    figure = draw(tmp_path, study, collapse(table, table["arm"] == "fixed"))
    assert "(collapsed)" in figure.subfigs[0].axes[1].get_title()


def test_many_maskers_are_shown_eight_at_a_time(tmp_path, study):
    table = learned(methods=["actdiff"], seeds=[1], few=range(1, 8))
    write(study, table["arm"])
    figure = draw(tmp_path, study, table)
    titled = [[axes.get_title() for axes in block.axes if axes.get_title()] for block in figure.subfigs]
    assert [len(titles) for titles in titled] == [9, 4]


def test_without_a_run_it_says_so(tmp_path, study):
    (axes,) = draw(tmp_path, study, learned(methods=["masked"])).axes
    assert words(axes) == ["spc, ActDiff: no run"]


def test_lost_masks_are_named(tmp_path, study):
    table = learned(methods=["actdiff"], seeds=[1])
    with pytest.raises(StudyError, match=r"seed=1\.safetensors: there is no such file, but learned_masks"):
        draw(tmp_path, study, table)
    write(study, ["fixed"])
    with pytest.raises(StudyError, match=r"seed=1\.safetensors: has no example/few_examples=10_draw=1, expected masks"):
        draw(tmp_path, study, table)
