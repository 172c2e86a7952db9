"""Figures of detectors: lines per arm, every seed, and images with their boxes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from red_herring.report.detection_runs import MEASURED, detector_runs, measured_table
from red_herring.report.figures import average_precision, box_accuracy, generated_images
from red_herring.runtime.files import StudyError
from red_herring.statistics.boxes import THRESHOLDS
from safetensors.numpy import save_file
from support.detectors import FURTHER, SEEDS, cells, settings, shown, write_run
from support.drawn import csv, legend, words

ARMS = ["real", "copy_paste", "gan"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of a study, with detection.csv; gan has no run with 50 images."""
    folder = tmp_path_factory.mktemp("study")
    made = [run for run in detector_runs(cells(ARMS), SEEDS) if run[1:3] != ("gan", 50)]
    for run in made:
        write_run(folder / "detectors", run)
    csv(folder, "detection.csv", measured_table(folder / "detectors", made, FURTHER))
    return folder


def draw(module, folder, study=None):
    study = settings(ARMS) if study is None else study
    return module.draw([folder / "detection.csv"], study | {"maps": str(folder / "detectors")})


def test_average_precision_by_arm_and_number(runs):
    figure = draw(average_precision, runs)
    (axes,) = figure.axes
    table = pd.read_csv(runs / "detection.csv").query("measure == 'ap'")
    means = table.groupby(["arm", "n_real"])["value"].mean()
    curves = {tuple(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2}
    expected = {tuple(means[arm]) for arm in ("real", "copy_paste")}
    assert {tuple(np.round(curve, 9)) for curve in curves} == {tuple(np.round(curve, 9)) for curve in expected}
    seeds = [len(found.get_offsets()) for found in axes.collections if not hasattr(found, "get_segments")]
    assert seeds == [6, 6, 3]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "50"]
    assert axes.get_title() == "crosses\nn = 3 seeds"
    assert legend(figure)[:3] == ["real", "copy paste", "gan"]


def test_a_panel_of_the_one_box_for_each_number(runs):
    figure = draw(box_accuracy, runs)
    assert [axes.get_title() for axes in figure.axes] == [
        "crosses, 10 real images with boxes\nn = 3 seeds", "crosses, 50 real images with boxes\nn = 3 seeds"
    ]  # fmt: skip
    lines = [[line for line in axes.lines if len(line.get_ydata()) == len(THRESHOLDS)] for axes in figure.axes]
    assert list(map(len, lines)) == [3, 2]
    assert all((np.diff(line.get_ydata()) <= 0).all() for own in lines for line in own), "a larger overlap is harder"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [f"{T:g}" for T in THRESHOLDS]


def test_images_stand_beside_real_ones_with_their_boxes(runs):
    figure = draw(generated_images, runs)
    grid = np.array(figure.axes).reshape(3, 8)
    assert [axes.get_ylabel().split("\n")[0] for axes in grid[:, 0]] == ["real", "copy paste", "gan"]
    assert grid[0, 0].get_ylabel() == "real"
    assert "AP 0." in grid[2, 0].get_ylabel()
    assert "10 real images, seed 1" in figure.get_suptitle()
    arrays = shown(1, 10)
    for row, prefix in ((0, "real_"), (1, "")):
        for number, axes in enumerate(grid[row]):
            assert (axes.images[0].get_array() == arrays[f"{prefix}images"][number]).all()
            (box,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
            top, left, bottom, right = arrays[f"{prefix}boxes"][number]
            assert box.get_bbox().bounds == (left - 0.5, top - 0.5, right - left, bottom - top)


def test_fewer_images_leave_room(runs, tmp_path):
    csv(tmp_path, "detection.csv", pd.read_csv(runs / "detection.csv").query("arm == 'gan'"))
    folder = write_run(tmp_path / "detectors", ("crosses", "gan", 10, 1))
    save_file(
        {name: own[:3] for name, own in shown(1, 10).items()} | {"real_images": shown(1, 10)["real_images"]},
        folder / "shown.safetensors",
    )
    grid = np.array(draw(generated_images, tmp_path).axes).reshape(2, 8)
    assert [len(axes.images) for axes in grid[1]] == [1] * 3 + [0] * 5


def test_without_a_run_they_say_so(tmp_path):
    csv(tmp_path, "detection.csv", pd.DataFrame(columns=MEASURED))
    assert words(draw(average_precision, tmp_path).axes[0]) == ["no run"]
    assert words(draw(box_accuracy, tmp_path).axes[0]) == ["no run"]
    assert words(draw(generated_images, tmp_path).axes[0]) == ["crosses: no run of an arm that makes images"]


def test_lost_files_are_named(runs, tmp_path):
    csv(tmp_path, "detection.csv", pd.read_csv(runs / "detection.csv"))
    with pytest.raises(StudyError, match="there is no such file, but detection"):
        draw(generated_images, tmp_path)
    folder = write_run(tmp_path / "detectors", ("crosses", "copy_paste", 10, 1))
    save_file({"images": shown(1, 10)["images"]}, folder / "shown.safetensors")
    with pytest.raises(StudyError, match="has no boxes, expected images, boxes"):
        draw(generated_images, tmp_path)
