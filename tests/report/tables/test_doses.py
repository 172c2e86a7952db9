"""Dose and response by hand: means, t intervals, what the nuisance alone scores, and who did not run."""

import numpy as np
import pytest
from scipy import stats
from support.swept import runs, settings, task
from support.tabulated import rows, table

SETTINGS = settings({"t_ratio=0.5": task(0.5), "t": task(0.98)}, ["t_ratio=0.5", "t"])
RUNS = runs(
    {
        ("t_ratio=0.5", "classification"): [1.0, 0.9, 0.8],
        ("t_ratio=0.5", "masked"): [1.0, 1.0, 1.0],
        ("t", "classification"): [0.2, 0.6],
    }
)


def test_doses_by_hand():
    found = table("doses", {"runs": RUNS}, SETTINGS)
    frame = found.frame.set_index(["task", "method", "score"])
    row = frame.loc[("t_ratio=0.5", "classification", "test_auc")]
    reach = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert row[["n", "mean", "sd", "low", "high"]].tolist() == pytest.approx([3, 0.9, 0.1, 0.9 - reach, 0.9 + reach])
    assert row[["series", "ratio", "reference"]].tolist() == ["t", 0.5, 0.5]
    assert frame.loc[("t", "classification", "test_auc"), "reference"] == pytest.approx(0.02)
    assert np.isnan(frame.loc[("t_ratio=0.5", "masked", "test_auc"), "low"]), "all seeds are the same"
    assert ("t", "masked", "test_auc") not in frame.index
    assert [section.title for section in found.sections] == [
        "t: AUC, shifted", "t: AUC, balanced", "t: AUC, in distribution"
    ]  # fmt: skip
    assert found.sections[0].note == "Tasks: t_ratio=0.5, t."
    assert found.sections[0].headings == ["Method", "0.5", "0.98"]
    cells = rows(found)
    assert cells[("Classification",)] == ["Classification", "0.90 [0.65, 1.15]", "0.40 [-2.14, 2.94] (n = 2)"]
    assert cells[("Masked",)] == ["Masked", "1.00", "–"]
    assert cells[("Nuisance alone",)] == ["Nuisance alone", "0.50", "0.02"]
    assert "ActDiff" not in found.sections[0].title + str(found.sections[0].rows)


def test_the_nuisance_alone_scores_what_it_does_on_the_test_sets_that_were_drawn():
    """A seed counts once, however many methods have it."""
    floors = {("t_ratio=0.5", 1): 0.5, ("t_ratio=0.5", 2): 0.6, ("t_ratio=0.5", 3): 0.4, ("t", 1): 0.03, ("t", 2): 0.0}
    keys = zip(RUNS["task"], RUNS["seed"], strict=True)
    drawn = RUNS.assign(floor_auc=[floors[key] for key in keys])
    fewer = drawn.drop(index=5)  # Masked without its third seed
    frame = table("doses", {"runs": fewer}, SETTINGS).frame.drop_duplicates(["task", "score"])
    reference = frame.set_index(["task", "score"])["reference"]
    assert reference["t", "test_auc"] == pytest.approx(0.015)
    assert reference["t_ratio=0.5", "test_auc"] == pytest.approx(0.5)
    assert reference["t", "test_in_distribution_auc"] == 0.98
    unknown = drawn.assign(floor_auc=None)
    assert set(table("doses", {"runs": unknown}, SETTINGS).frame["reference"].round(12)) == {0.5, 0.02, 0.98}


def test_maps_and_reliance_are_shown_where_the_study_has_them():
    own = RUNS[["task", "method", "seed"]]
    maps = own.assign(attribution="gradient", corrected_iou=0.25)
    reliance = own.assign(relative_reliance=RUNS["test_auc"])
    found = table("doses", {"runs": RUNS, "localisation": maps, "reliance": reliance}, SETTINGS)
    titles = [section.title for section in found.sections]
    assert titles[3:] == ["t: IoU, chance-corrected (Gradient)", "t: reliance on the outside"]
    assert rows(found, 3)[("Classification",)] == ["Classification", "0.25", "0.25 (n = 2)"]
    assert ("Nuisance alone",) not in rows(found, 3)
