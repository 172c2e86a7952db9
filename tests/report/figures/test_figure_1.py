"""Figure 1: the means of the cells, and the differences that are made of them."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.figures import _inputs, figure_1
from red_herring.runtime.files import StudyError

TASK = {"finding": "ill", "control": "well", "ratio": 0.75, "nuisance": "site", "groups": ["A", "B"]}
CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def split_of(cells, source="s", split="train"):
    """One row per (label, nuisance), rows counted from 0."""
    rows = [
        {"source": source, "image": f"{row}.png", "row": row, "patient": str(row), "label": label, "nuisance": nuisance, "split": split}
        for row, (label, nuisance) in enumerate(cells)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write(tmp_path, images, **splits):
    """The files that the figure takes: images, source -> array; splits, task -> table."""
    files = []
    for task, split in splits.items():
        files.append(tmp_path / "splits" / task / "seed=7.csv")
        files[-1].parent.mkdir(parents=True)
        split.to_csv(files[-1], index=False)
    for source, array in images.items():
        files.append(tmp_path / "data" / source / "images.npy")
        files[-1].parent.mkdir(parents=True)
        np.save(files[-1], array)
    return files


def levels(*values, size=3):
    """One constant uint8 image per value."""
    return np.array(values, np.uint8)[:, None, None] * np.ones((1, size, size), np.uint8)


def study_of(**tasks):
    return {"tasks": tasks, "methods": []}


def test_the_means_are_those_of_a_float64_sum_over_all_chunks(monkeypatch):
    monkeypatch.setattr(_inputs, "CHUNK", 3)
    random = np.random.default_rng(0)
    images = {"a": random.integers(0, 256, (40, 5, 5), np.uint8), "b": random.integers(0, 256, (40, 5, 5), np.uint8)}
    split = pd.concat(
        split_of([CELLS[number % 4] for number in random.permutation(40)], source, split).iloc[:30]
        for source, split in (("a", "train"), ("b", "test"))
    )
    means, counts = figure_1.cell_means(split, images)
    for label, group in CELLS:
        cell = split[(split["label"] == label) & (split["nuisance"] == group)]
        stack = np.stack([images[row.source][row.row] for row in cell.itertuples()]).astype(np.float64)
        assert counts[label, group] == len(stack)
        np.testing.assert_allclose(means[label, group], stack.mean(axis=0), rtol=1e-12)


def test_only_training_validation_and_test_count():
    split = split_of([*CELLS, (1, 1), (1, 1)])
    split.loc[4, "split"], split.loc[5, "split"] = "valid", "test_balanced"
    means, counts = figure_1.cell_means(split, {"s": levels(0, 0, 0, 10, 30, 200)})
    assert counts.tolist() == [[1, 1], [1, 2]]
    assert means[1, 1, 0, 0] == 20


def test_the_equations_by_hand():
    # Images of label 0: 10 in group 0, 40 in group 1; of label 1: 30 and 100.
    means, _ = figure_1.cell_means(split_of(CELLS), {"s": levels(10, 40, 30, 100)})
    assert np.unique(figure_1.group_mean(means, 0)) == 20
    assert np.unique(figure_1.group_mean(means, 1)) == 70
    assert np.unique(figure_1.balanced_difference(means)) == (20 + 60) / 2
    assert np.unique(figure_1.related_difference(means, 0.75)) == (0.75 * 100 + 0.25 * 30) - (0.75 * 10 + 0.25 * 40)
    assert np.unique(figure_1.related_difference(means, 1.0)) == 90
    np.testing.assert_allclose(figure_1.related_difference(means, 0.5), figure_1.balanced_difference(means))


def test_a_group_weighs_its_classes_the_same_whatever_the_mix():
    means, _ = figure_1.cell_means(split_of([*CELLS, (0, 0), (0, 0)]), {"s": levels(10, 0, 30, 0, 10, 10)})
    assert np.unique(figure_1.group_mean(means, 0)) == 20


def test_an_empty_cell_leaves_its_share_to_the_other_group():
    means, counts = figure_1.cell_means(split_of([(0, 0), (0, 1), (1, 1)]), {"s": levels(10, 40, 100)})
    assert counts[1, 0] == 0
    assert np.isnan(means[1, 0]).all()
    assert np.unique(figure_1.group_mean(means, 0)) == 10
    assert np.unique(figure_1.balanced_difference(means)) == 60, "only group 1 has both classes"
    assert np.unique(figure_1.related_difference(means, 0.75)) == 100 - (0.75 * 10 + 0.25 * 40)


def test_without_a_group_that_has_both_classes_there_is_no_balanced_difference():
    means, _ = figure_1.cell_means(split_of([(0, 0), (1, 1)]), {"s": levels(10, 100)})
    assert np.isnan(figure_1.balanced_difference(means)).all()
    assert np.unique(figure_1.related_difference(means, 0.75)) == 90


def test_four_panels_a_row_on_one_symmetric_scale(tmp_path):
    files = write(tmp_path, {"s": levels(10, 40, 30, 100)}, t=split_of(CELLS), even=split_of(CELLS))
    figure = figure_1.draw(files, study_of(even=TASK | {"ratio": 0.5}, t=TASK))
    *panels, bar = figure.axes
    assert [axes.get_title() for axes in panels] == [
        "A, n = 2", "B, n = 2", "difference, no correlation\nn = 4", "difference, ratio 0.75\nn = 4",
    ]  # fmt: skip
    assert panels[0].get_ylabel() == "t\nill − well"
    assert [axes.images[0].get_array().mean() for axes in panels] == [20, 70, 40, 65]
    limits = {axes.images[0].get_clim() for axes in panels[2:]}
    assert len(limits) == 1, "one scale for both differences"
    low, high = limits.pop()
    assert -low == high == pytest.approx(np.percentile([40] * 9 + [65] * 9, figure_1.SATURATED))
    assert "grey levels" in bar.get_ylabel()


def test_without_a_related_task_all_are_drawn(tmp_path):
    even = TASK | {"ratio": 0.5}
    files = write(tmp_path, {"s": levels(10, 40, 30, 100)}, a=split_of(CELLS), b=split_of(CELLS))
    figure = figure_1.draw(files, study_of(a=even, b=even))
    assert sum("no correlation" in axes.get_title() for axes in figure.axes) == 2


def test_a_panel_says_what_is_missing(tmp_path):
    files = write(tmp_path, {"s": levels(10, 40, 100)}, t=split_of([(0, 0), (0, 1), (1, 1)]))
    titles = [axes.get_title() for axes in figure_1.draw(files, study_of(t=TASK)).axes]
    assert titles[:4] == [
        "A, n = 1\nonly well", "B, n = 2", "difference, no correlation\nonly B", "difference, ratio 0.75\nn = 3, 1 of 4 cells empty",
    ]  # fmt: skip


def test_a_cell_that_training_does_not_use_is_not_missed(tmp_path):
    files = write(tmp_path, {"s": levels(10, 100)}, t=split_of([(0, 0), (1, 1)]))
    panels = figure_1.draw(files, study_of(t=TASK | {"ratio": 1.0})).axes
    assert panels[2].get_title().endswith("no group with both")
    assert [text.get_text() for text in panels[2].texts] == ["no image"]
    assert panels[3].get_title() == "difference, ratio 1\nn = 2"


def test_a_class_without_any_image_is_said(tmp_path):
    files = write(tmp_path, {"s": levels(10, 40)}, t=split_of([(0, 0), (0, 1)]))
    panels = figure_1.draw(files, study_of(t=TASK)).axes
    assert [len(axes.texts) for axes in panels[:4]] == [0, 0, 1, 1]


def test_sources_of_different_sizes_are_named():
    split = pd.concat([split_of(CELLS[:2], "a"), split_of(CELLS[2:], "b")])
    with pytest.raises(StudyError, match="different sizes, a 3, b 4"):
        figure_1.cell_means(split, {"a": levels(1, 2), "b": levels(1, 2, size=4)})
