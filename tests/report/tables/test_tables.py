"""What holds for every statistical table: of studies with few runs or none, and of the released runs."""

import warnings

import pytest
from red_herring.report import items
from support.tabulated import FEW, RELEASED, RUNS, SETTINGS, few, table

STATISTICAL = [
    card.module
    for card in items.cards(items.TABLES)
    if card.category == "Analyses" and items.ANALYSIS not in card.items
]
"""Those of all tasks, but for that of any analysis."""


@pytest.mark.parametrize("name", STATISTICAL)
@pytest.mark.parametrize("kept", [slice(0), slice(1), slice(3), slice(None)], ids=["none", "one", "one method", "all"])
def test_few_runs_never_say_nan_nor_warn(name, kept):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = table(name, few(RUNS[kept]), FEW)
        text = found.to_markdown() + found.to_latex()
    assert "nan" not in text
    assert len(found.sections) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", STATISTICAL)
def test_tables_are_the_same_every_time_and_have_no_index(name):
    once, again = (table(name, RELEASED, SETTINGS).to_csv() for _ in range(2))
    assert once == again
    assert not once.startswith((",", "level"))
