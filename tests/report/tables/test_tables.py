"""What holds for every statistical table: of studies with few runs or none, and of the released runs."""

import warnings

import pandas as pd
import pytest
from red_herring.report import items
from red_herring.report.collect import SHIFT_SCORES
from support.tabulated import FEW, REFERENCE, RELEASED, RUNS, SETTINGS, few, table

CARDS = {
    card.module: card
    for card in items.cards(items.TABLES)
    if card.category == "Analyses" and items.ANALYSIS not in card.items
}
STATISTICAL = list(CARDS)
"""Those of all tasks, but for that of any analysis."""


def settings_for(name, settings):
    """With a series of one task for what is of series alone."""
    of_series = all("series" in about for about in CARDS[name].items.values()) if name in CARDS else False
    return settings | {"series": [["a_b"]]} if of_series else settings


@pytest.mark.parametrize("name", STATISTICAL)
@pytest.mark.parametrize("kept", [slice(0), slice(1), slice(3), slice(None)], ids=["none", "one", "one method", "all"])
def test_few_runs_never_say_nan_nor_warn(name, kept):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = table(name, few(RUNS[kept]), settings_for(name, FEW))
        text = found.to_markdown() + found.to_latex()
    assert "nan" not in text
    assert len(found.sections) >= 1


@pytest.mark.parametrize("name", [*STATISTICAL, "task"])
def test_a_method_that_does_not_run_on_a_task_is_no_missing_run_and_has_no_row(name):
    why = "it needs images in all four cells"
    task = FEW["tasks"]["a_b"] | {
        "groups": ["left", "right"],
        "methods": ["classification", "masked"],
        "left_out": {"rrr": why},
    }
    tables = REFERENCE | few(RUNS.assign(**dict.fromkeys(SHIFT_SCORES, 0.5)))
    own = {name: part[part["method"] != "rrr"] if "method" in part else part for name, part in tables.items()}
    found = table(name, own, settings_for(name, FEW | {"tasks": {"a_b": task}}))
    cells = [cell for section in found.sections for cells in (section.headings, *section.rows) for cell in cells]
    assert "RRR" not in " ".join(cells)
    assert "rrr" not in found.frame.get("method", pd.Series(dtype=str)).tolist()
    text = found.to_markdown()
    assert f"RRR is left out of a_b: {why}." in text
    assert ("a_b: 3 of 6 runs are missing (Masked 3)." in text) == (name != "hyperparameters"), "nor is it counted"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.released])
def test_tables_are_the_same_every_time_and_have_no_index(name):
    once, again = (table(name, RELEASED, SETTINGS).to_csv() for _ in range(2))
    assert once == again
    assert not once.startswith((",", "level"))
