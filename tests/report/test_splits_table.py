"""How many images the splits have, to read."""

import pandas as pd
import pytest
from red_herring.data.overlaps import COLUMNS
from red_herring.report.splits_table import overlaps_table, overlaps_to_markdown, splits_to_markdown

TASKS = {"t": {"groups": ["old", "new"], "finding": "sick", "control": "well"}}


def counts(shared):
    rows = [
        ("t", seed, "train", label, group, 4, 3, 0.5, 0, shared)
        for seed in (1, 2)
        for label in (0, 1)
        for group in (0, 1)
    ]
    columns = "task seed split label nuisance images patients largest_share straddling_patients shared_patient_names"
    return pd.DataFrame(rows, columns=columns.split())


def test_names_of_patients_in_both_sources_are_told_below_the_table():
    plain, told = (splits_to_markdown(counts(shared), TASKS) for shared in (0, 24))
    assert "| t" in plain
    assert "names of patients" not in plain
    assert told.startswith(plain)
    assert told.removeprefix(plain).startswith("\nt: 24 names of patients are in both sources and count as different")


def test_who_fills_most_of_a_cell_is_told_with_the_cell():
    table = counts(0)
    table["largest_share"] = [0.25, None, 0.3, 0.25, 0.25, 0.5, None, 0.25]
    assert "| 50.0 % of negatives from new | 0 |" in splits_to_markdown(table, TASKS)
    table["largest_share"] = float("nan")
    assert "| 3 | – | 0 |" in splits_to_markdown(table.assign(patients=[0.75] * 8), TASKS)


def drawn(folder, seed, **images):
    folder = folder / "splits" / "t"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("s", image, split) for split, names in images.items() for image in names]
    pd.DataFrame(rows, columns=["source", "image", "split"]).assign(label=1).to_csv(
        folder / f"seed={seed}.csv", index=False
    )


@pytest.fixture
def results(tmp_path):
    """Seeds 1 and 2 have half of their training images and none of their test images in common; of 1's test images one
    in four trains in seed 0, and another validates there.
    """
    drawn(tmp_path, 1, train="abcd", valid="e", test="wxyz")
    drawn(tmp_path, 2, train="abef", valid="c", test="ghdi")
    drawn(tmp_path, 0, train="wghk", valid="x", test="yabc")
    return tmp_path


def test_what_seeds_share_is_told_per_task_and_what_the_search_has_seen(results):
    shared = overlaps_table(results, ["t"], [1, 2], [1, 2, 0])
    assert list(shared.columns) == COLUMNS
    assert set(zip(shared["seed"], shared["other"], strict=True)) == {(1, 2), (2, 1), (1, 0), (2, 0)}
    text = overlaps_to_markdown(shared, TASKS, 0, TASKS)
    # One of 2's four test images (d) trains in 1; of both, two of four (w, x and g, h) trained or validated in 0.
    assert "| t | 50.0 (50.0 to 50.0) | 0.0 (0.0 to 0.0) | 12.5 (0.0 to 25.0) | 50.0 (50.0 to 50.0) |" in text
    assert "searched on the split of seed 0:" in text
    assert "tuned on another" not in text


def test_what_a_search_of_another_task_has_seen_is_not_known(results):
    text = overlaps_to_markdown(overlaps_table(results, ["t"], [1, 2], [1, 2, 0]), TASKS, 0, ["u"])
    assert "| t | 50.0 (50.0 to 50.0) | 0.0 (0.0 to 0.0) | 12.5 (0.0 to 25.0) | – |" in text
    assert text.endswith("It is not known of tasks that are tuned on another one.\n")


def test_without_a_search_there_is_no_word_of_one_and_one_seed_shares_nothing(results):
    given = overlaps_table(results, ["t"], [1, 2], [1, 2])
    text = overlaps_to_markdown(given, TASKS, None, TASKS)
    assert "| t | 50.0 (50.0 to 50.0) | 0.0 (0.0 to 0.0) | 12.5 (0.0 to 25.0) |\n" in text
    assert "search" not in text
    alone = overlaps_table(results, ["t"], [1], [1])
    assert overlaps_to_markdown(alone, TASKS, None, TASKS) == ""
    searched = overlaps_to_markdown(overlaps_table(results, ["t"], [1], [1, 0]), TASKS, 0, TASKS)
    assert "| t | – | – | – | 50.0 (50.0 to 50.0) |" in searched


def test_splits_that_are_not_there_are_left_out(results):
    assert set(overlaps_table(results, ["t", "u"], [1, 2, 3], [1, 2, 3])["other"]) == {1, 2}
