"""What searches found, by hand."""

from red_herring.report.collect import SEARCHES
from support.tabulated import FEW, SEARCH, STUDY, table


def test_hyperparameters_by_hand():
    found = table("hyperparameters", STUDY, FEW)
    assert found.frame["method"].tolist() == ["classification", "rrr", "rrr"]
    given, lr, constant, absent = found.sections[0].rows
    assert given == ["Classification", "lr", "given", "–", "0.001", "–", "0", "0", "–", "–"]
    assert lr == ["RRR", "lr", "log-uniform", "1e-05 to 0.01", "1e-05", "yes", "4", "1", "-1.00", "< 0.001"]
    assert constant[-2:] == ["undefined", "undefined"]
    assert absent == ["Masked", "–", "–", "–", "–", "–", "0", "–", "–", "–"]
    nothing = table("hyperparameters", STUDY | {"searches": SEARCH[:0]}, FEW)
    assert nothing.frame.empty
    assert nothing.frame.columns.tolist() == [*SEARCHES, "trials", "failed", "value", "p"]
