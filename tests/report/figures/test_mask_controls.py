"""Own masks less wrong ones: ends and points are those of the table and of the runs."""

import numpy as np
import pytest
from red_herring.report.figures import mask_controls
from support.drawn import csv, words
from support.swept import CONTROLS, EQUAL_CONTROLS, WITH_CONTROLS, overlaps, runs
from support.tabulated import table

AUCS = {
    ("t", "classification"): [0.0, 0.2, 0.1],
    ("t", "masked"): [1.0, 0.9, 0.8],
    ("c_mask.control=random", "masked"): [0.5, 0.6, 0.1],
    ("c_mask.control=other", "masked"): [1.0, 0.9],
}


@pytest.fixture
def files(tmp_path):
    tables = {"runs": runs(AUCS), "overlaps": overlaps(*CONTROLS, *EQUAL_CONTROLS)}
    frame = table("mask_controls", tables, WITH_CONTROLS).frame
    return [csv(tmp_path, f"{name}.csv", part) for name, part in (tables | {"mask_controls": frame}).items()]


def test_a_row_is_of_a_method_and_a_control(files):
    one, other = mask_controls.draw(files, WITH_CONTROLS).axes
    assert [label.get_text() for label in one.get_yticklabels()] == ["Masked, random", "Masked, other"]
    np.testing.assert_allclose(one.collections[0].get_offsets()[:, 0], [0.5, 0.3, 0.7])
    np.testing.assert_allclose(one.collections[1].get_offsets()[:, 0], [0, 0])
    assert [line.get_xdata()[0] for line in one.lines if line.get_markersize() == 5 and line.get_marker() == "s"] == [
        pytest.approx(0.5),
        pytest.approx(0),
    ]
    said = words(one)
    assert said[0].endswith("\nkeeps 38 % of the benefit")
    assert one.get_title() == "t, c\nn = 2–3 of 3 seeds paired"
    assert words(other) == ["no run of both"]
