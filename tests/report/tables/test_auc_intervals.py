"""Intervals of runs and methods, by hand."""

from support.tabulated import FEW, STUDY, table


def test_auc_intervals_by_hand():
    found = table("auc_intervals", STUDY, FEW)
    assert found.sections[0].rows == [
        ["All seeds", "–", "0.75 [0.50, 0.90]", "–"],
        ["1", "–", "0.70 [0.60, 0.80]", "0.50"],
    ]
    assert found.sections[0].note == "Test sets of 90 to 100 images of 80 patients."
    assert found.frame["method"].tolist() == ["rrr", "rrr", "masked"]
