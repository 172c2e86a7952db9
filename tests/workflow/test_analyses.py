"""Analyses beside those of the default study, asked of runs that are there."""

import pandas as pd
import pytest
from red_herring.study.catalogue import analysis_card

ASKED = {
    "study": {"analyses": ["localisation", "reliance", "nuisance_probe", "faithfulness"]},
    "analyses": {"nuisance_probe": {"folds": 3, "C": 0.1}, "faithfulness": {"images": 5, "shares": [0.25, 0.5]}},
}
TABLES = [f"results/tables/{name}.md" for name in ("nuisance_probe", "faithfulness")]


@pytest.mark.slow
def test_every_run_is_asked_and_the_answers_are_tables(after):
    after.study("asked", ASKED)
    files = ("--configfile", "tiny.yaml", "asked.yaml")
    planned = after.counted(*TABLES, *files)
    assert (planned["nuisance_probe"], planned["faithfulness"], planned["train"], planned["localisation"]) == (
        4,
        4,
        0,
        0,
    )
    after.snakemake("-c2", *TABLES, *files)
    for table in TABLES:
        name = (after.folder / table).stem
        card, found = analysis_card(name), pd.read_csv(after.folder / "results" / f"{name}.csv")
        rows = len(found) / 4  # two methods and two seeds
        assert rows == (3 if card.by else 1), name
        assert {*card.by, *card.columns} <= {*found}
        assert found[list(card.columns)].notna().all(axis=None), name
        text = (after.folder / table).read_text()
        assert all(f"| {column} |" in text for column in card.columns)
    assert (found["images"] == 5).all()


@pytest.mark.slow
def test_a_slip_in_their_settings_is_named(after):
    after.study("asked", ASKED | {"analyses": {"faithfulness": {"shares": [0.0, 0.5]}}})
    done = after.snakemake("-n", "--configfile", "tiny.yaml", "asked.yaml", check=False)
    assert "analyses.faithfulness.shares.0: is 0.0; allowed is more than 0" in done.stdout + done.stderr
