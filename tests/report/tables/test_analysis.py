"""The table of an analysis that has no module of its own."""

import pandas as pd
import pytest
from red_herring.report.tables.analysis import tabulate

SETTINGS = {
    "tasks": {"t": {}, "u": {}},
    "methods": {"masked": {"title": "Masked"}, "rrr": {"title": "RRR"}},
    "seeds": [1, 2],
    "analysis": "mine",
    "by": {},
    "columns": {"images": "how many", "auc": "chance 0.5"},
}
ROWS = [("t", "masked", 1, 8, 0.5), ("t", "masked", 2, 8, 0.7), ("t", "rrr", 1, 8, 0.25), ("u", "rrr", 1, 8, None)]
MINE = pd.DataFrame(ROWS, columns=["task", "method", "seed", "images", "auc"])


def test_each_number_has_its_mean_and_spread_over_seeds():
    table = tabulate({"mine": MINE}, SETTINGS)
    found = table.frame.set_index(["task", "method", "column"])
    assert found.loc[("t", "masked", "auc"), ["n", "mean", "sd"]].tolist() == pytest.approx([2, 0.6, 0.1414], abs=1e-4)
    assert found.loc[("u", "rrr", "auc"), "n"] == 0
    text = table.to_markdown()
    assert "| auc | 0.60 ± 0.14 | 0.25 |" in text
    assert "| images | 8 ± 0 | 8 |" in text
    assert "auc: chance 0.5." in text
    assert "t: 1 of 4 runs are missing (RRR 1)." in text


def test_the_ends_of_intervals_of_single_runs_are_in_the_file_alone():
    columns = {"auc": "chance 0.5", "auc_low": "lower end", "auc_high": "upper end", "road_low": "no end of anything"}
    mine = MINE.assign(auc_low=0.1, auc_high=0.9, road_low=0.3)
    table = tabulate({"mine": mine}, SETTINGS | {"columns": columns})
    assert [row[0] for row in table.sections[0].rows] == ["auc", "road_low"]
    assert set(table.frame["column"]) == set(columns)
    assert "lower end" not in table.note
    assert "The intervals of single runs are in mine.csv." in table.note
    assert "mine.csv" not in tabulate({"mine": MINE}, SETTINGS).note


def test_rows_that_an_analysis_tells_apart_are_apart():
    mine = pd.concat([MINE.assign(block=name, auc=value) for name, value in (("last", 0.1), ("first", 0.9))])
    table = tabulate({"mine": mine}, SETTINGS | {"by": {"block": "of the network"}})
    assert table.frame.columns.tolist() == ["task", "method", "block", "column", "n", "mean", "sd"]
    text = table.to_markdown()
    assert text.index("last") < text.index("first"), "in the order of the analysis"
    assert "0.10 ± 0.00" in text
    assert "0.90 ± 0.00" in text


def test_a_task_has_a_column_for_each_method_that_runs_on_it():
    tasks = {"t": {}, "u": {"methods": ["rrr"], "left_out": {"masked": "it needs more"}}}
    table = tabulate({"mine": MINE}, SETTINGS | {"tasks": tasks})
    assert [section.headings for section in table.sections] == [["Number", "Masked", "RRR"], ["Number", "RRR"]]
    assert not ((table.frame["task"] == "u") & (table.frame["method"] == "masked")).any()
    assert (
        "Masked is left out of u: it needs more. t: 1 of 4 runs are missing (RRR 1). u: 1 of 2 runs are missing (RRR 1)."
    ) in table.note


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ((0.0012, 0.0016), "0.0014 ± 0.0003"),
        ((-0.000031,), "-0.000031"),
        ((0.0049, 0.3), "0.15 ± 0.21"),
        ((0.001, -0.001), "0.0000 ± 0.0014"),
        ((0.01,), "0.01"),
        ((0.00999,), "0.0100"),
        ((0.0, 0.0), "0.00 ± 0.00"),
        ((None,), "–"),
    ],
)
def test_a_small_number_keeps_two_digits(values, cell):
    mine = pd.DataFrame(
        [("t", "masked", seed, value) for seed, value in enumerate(values, 1)], columns=["task", "method", "seed", "x"]
    )
    table = tabulate({"mine": mine.astype({"x": float})}, SETTINGS | {"columns": {"x": "small"}})
    assert f"| x | {cell} |" in table.to_markdown()
