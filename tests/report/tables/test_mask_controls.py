"""Own masks against wrong ones, by hand and in both scopes."""

import numpy as np
import pytest
from scipy import stats
from support.swept import CONTROLS, EQUAL_CONTROLS, WITH_CONTROLS, overlaps, runs, settings
from support.tabulated import rows, table

AUCS = {
    ("t", "classification"): [0.0, 0.2, 0.1],
    ("t", "masked"): [1.0, 0.9, 0.8],
    ("c_mask.control=random", "masked"): [0.5, 0.6, 0.1],
    ("c_mask.control=other", "masked"): [1.0, 0.9, 0.8],
    ("c_mask.control=random", "actdiff"): [0.5, 0.6, 0.1],
    ("equal_t", "masked"): [0.9, 0.9, 0.9],
    ("equal_c_mask.control=random", "masked"): [0.1, 0.2, 0.4],
}
STUDY = {"runs": runs(AUCS), "overlaps": overlaps(*CONTROLS, *EQUAL_CONTROLS)}


def test_mask_controls_by_hand():
    found = table("mask_controls", STUDY, WITH_CONTROLS)
    frame = found.frame.set_index(["series", "method", "control"])
    assert list(frame.index) == [
        ("t, c", "masked", "random"),
        ("t, c", "masked", "other"),
        ("equal_t, equal_c", "masked", "random"),
    ]
    row = frame.loc[("t, c", "masked", "random")]
    differences = np.array([0.5, 0.3, 0.7])
    error = differences.std(ddof=1) * np.sqrt(1 / 3 + 0.1 / 0.9)
    p_new = 2 * stats.t.sf(0.5 / error, 2)
    assert row[["own", "mean", "difference"]].tolist() == pytest.approx([0.9, 0.4, 0.5])
    assert row["kept"] == pytest.approx((0.4 - 0.1) / (0.9 - 0.1))
    assert (row["p"], row["p_holm"]) == (0.25, 0.5), "of two controls of this series, not of the other one"
    assert (row["p_new"], row["p_new_holm"]) == pytest.approx((p_new, 2 * p_new))
    assert frame["family"].tolist() == [2, 2, 1]
    same = frame.loc[("t, c", "masked", "other")]
    assert (same["difference"], same["kept"], same["p"]) == (0, 1, 1)
    assert np.isnan(frame.loc[("equal_t, equal_c", "masked", "random"), "kept"]), "Classification did not run there"
    cells = rows(found)[("Masked", "random, same area")]
    assert cells[2:6] == ["3", "0.90", "0.40", "38%"]
    assert found.sections[0].note == "Two seeds have 10 % of their test images in common."
    assert [section.title for section in found.sections] == [
        "t, c: its own masks less a control", "equal_t, equal_c: its own masks less a control"
    ]  # fmt: skip


def test_means_are_of_the_seeds_that_both_have():
    """The second run of the control is missing, and Classification has no seed but the first."""
    aucs = {
        ("t", "classification"): [0.1],
        ("t", "masked"): [0.9, 0.5, 0.7],
        ("c_mask.control=random", "masked"): [0.5, 0.1, 0.4],
    }
    study = STUDY | {"runs": runs(aucs).drop(index=5)}
    (row,) = table("mask_controls", study, WITH_CONTROLS).frame.to_dict("records")
    assert (row["paired"], row["own"], row["mean"]) == pytest.approx((2, 0.8, 0.45))
    assert row["own"] - row["mean"] == pytest.approx(row["difference"])
    assert row["kept"] == pytest.approx((0.5 - 0.1) / (0.9 - 0.1))


def test_a_series_without_its_own_masks_has_nothing_to_compare():
    without = {name: about for name, about in CONTROLS.items() if name != "t"}
    (section,) = table("mask_controls", STUDY, settings(without, list(without))).sections
    assert section.rows == []
    assert section.note == "No task of this series has its own masks, or no run of both."
