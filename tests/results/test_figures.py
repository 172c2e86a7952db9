"""The figures show what they are given."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.results.figures import figure_3, figure_4, figure_5, figure_8, figure_a1, style

METHODS = ["classification", "actdiff"]


def study_of(*tasks):
    task = {"finding": "ill", "control": "well", "ratio": 0.9, "nuisance": "site", "groups": ["A", "B"]}
    return {"tasks": dict.fromkeys(tasks, task), "methods": METHODS}


def csv(tmp_path, name, rows):
    path = tmp_path / name
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_figure_4_draws_the_mean_of_each_method(tmp_path):
    rows = [
        {"task": "t", "method": method, "seed": seed, "epoch": epoch, "valid_auc": 0.2 * seed + 0.1 * epoch}
        for method in METHODS for seed in (1, 2) for epoch in (1, 2, 3)
    ]  # fmt: skip
    axes = figure_4.draw([csv(tmp_path, "histories.csv", rows)], study_of("t")).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["ActDiff"].get_ydata(), [0.4, 0.5, 0.6])
    assert lines["ActDiff"].get_color() == style.COLOURS["actdiff"]
    assert axes.get_title() == "t (n = 2 seeds)"


def test_figure_8_has_a_point_per_run_and_a_panel_per_task(tmp_path):
    rows = [
        {"task": task, "method": method, "seed": seed, "test_auc": 0.5, "iou_gradient": 0.1 * seed, "chance_iou": 0.3}
        for task in ("a", "b") for method in METHODS for seed in (1, 2, 3)
    ]  # fmt: skip
    figure = figure_8.draw([csv(tmp_path, "runs.csv", rows)], study_of("a", "b"))
    for axes in figure.axes:
        points = [collection.get_offsets() for collection in axes.collections]
        np.testing.assert_allclose(points[0], [[0.1, 0.5], [0.2, 0.5], [0.3, 0.5]])
        assert "n = 6 runs" in axes.get_title()


def test_figure_a1_marks_failed_trials_and_says_when_nothing_was_searched(tmp_path):
    rows = [
        {"task": "a", "method": "actdiff", "trial": n, "status": "failed" if n == 2 else "ok", "valid_auc": None if n == 2 else 0.7}
        for n in (1, 2, 3)
    ]  # fmt: skip
    searched, given = figure_a1.draw([csv(tmp_path, "trials.csv", rows)], study_of("a", "b")).axes
    assert sorted(len(collection.get_offsets()) for collection in searched.collections) == [0, 0, 1, 2]
    assert "n = 3 trials each" in searched.get_title()
    assert "not searched" in given.texts[0].get_text()


def test_figure_5_takes_the_mean_over_seeds_above_its_median(tmp_path):
    files = []
    for method in METHODS:
        for seed, level in ((1, 1.0), (2, 3.0)):
            path = tmp_path / "t" / method / f"seed={seed}" / "gradient.npy"
            path.parent.mkdir(parents=True)
            np.save(path, np.stack([np.arange(16.0).reshape(4, 4) * level, np.full((4, 4), 0.5), np.eye(4)]))
            files.append(path)
    figure = figure_5.draw(files, study_of("t"))
    shown = figure.axes[1].images[0].get_array()
    expected = np.arange(16.0).reshape(4, 4) * 2
    np.testing.assert_allclose(shown, np.where(expected >= np.median(expected), expected, 0))
    assert [axes.get_title() for axes in figure.axes] == ["image, mask in red", "A  Classification", "B  ActDiff"]


def test_figure_3_shows_an_image_of_the_larger_cell(tmp_path):
    (tmp_path / "splits" / "t").mkdir(parents=True)
    (tmp_path / "data" / "s").mkdir(parents=True)
    levels = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    np.save(tmp_path / "data" / "s" / "images.npy", levels)
    rows = [
        {"source": "s", "row": row, "label": label, "nuisance": nuisance, "split": split}
        for row, (split, label, nuisance) in enumerate(
            [("train", 0, 1), ("train", 0, 0), ("train", 0, 0), ("train", 1, 1), ("valid", 0, 1), ("valid", 1, 0)]
        )
    ]
    split = csv(tmp_path / "splits" / "t", "seed=1.csv", rows)
    figure = figure_3.draw([split, tmp_path / "data" / "s" / "images.npy"], study_of("t"))
    assert [int(axes.images[0].get_array()[0, 0]) for axes in figure.axes] == [1, 3, 4, 5]
    assert figure.axes[0].get_title() == "training: well\n67% A (n = 3)"


def test_the_same_figure_is_the_same_bytes(tmp_path):
    for number in (1, 2):
        figure, panels = style.panels(["a"])
        panels["a"].plot([1, 2], [3, 4], label="x")
        style.save(figure, tmp_path / f"{number}.pdf", tmp_path / f"{number}.png")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()
    assert Image.open(tmp_path / "1.png").width == pytest.approx(style.COLUMN * 200, abs=2)


def test_a_method_keeps_its_colour_in_every_study():
    assert style.colours(["rrr", "mine"])["rrr"] == style.colours(["mine", "theirs", "rrr"])["rrr"]
    assert len(set(style.colours([*style.COLOURS, "mine", "theirs"]).values())) == 8
