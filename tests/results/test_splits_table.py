"""How many images the splits have, to read."""

import pandas as pd
from red_herring.results.splits import splits_to_markdown

TASKS = {"t": {"groups": ["old", "new"], "finding": "sick", "control": "well"}}


def counts(shared):
    rows = [
        ("t", seed, "train", label, group, 4, 3, 0, shared) for seed in (1, 2) for label in (0, 1) for group in (0, 1)
    ]
    columns = "task seed split label nuisance images patients straddling_patients shared_patient_names"
    return pd.DataFrame(rows, columns=columns.split())


def test_names_of_patients_in_both_sources_are_told_below_the_table():
    plain, told = (splits_to_markdown(counts(shared), TASKS) for shared in (0, 24))
    assert "| t" in plain
    assert "names of patients" not in plain
    assert told.startswith(plain)
    assert told.removeprefix(plain).startswith("\nt: 24 names of patients are in both sources and count as different")
