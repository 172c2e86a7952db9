"""Figure 3: examples of the larger cell of each class."""

import numpy as np
from red_herring.report.figures import figure_3
from support.drawn import csv


def study_of(*tasks):
    task = {"finding": "ill", "control": "well", "ratio": 0.9, "nuisance": "site", "groups": ["A", "B"]}
    return {"tasks": dict.fromkeys(tasks, task), "methods": {}}


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
