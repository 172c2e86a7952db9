"""The similarity of maps of two seeds, less the line, with intervals over seeds or over images."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.tabulated import settings_of, table


def agreement(differences, methods=("masked", "rrr"), similarities=("spearman", "ssim")):
    """differences: of each seed with the next one, NaN where no image has a similarity."""
    rows = [
        {
            "task": "spc", "method": method, "seed": seed, "attribution": attribution, "similarity": similarity,
            "other_seed": (seed + 1) % len(differences), "images": 40 + seed, "undefined": 1, "value": 0.5 + difference,
            "value_low": 0.4, "value_high": 0.6, "cross_image": 0.5, "difference": difference,
            "difference_low": difference - 0.1, "difference_high": difference + 0.2,
        }
        for method in methods for seed, difference in enumerate(differences)
        for attribution in ("gradient", "grad_cam") for similarity in similarities
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tabulated(differences, **what):
    settings = settings_of(
        methods=["masked", "rrr"], seeds=range(len(differences)), attributions=["gradient", "grad_cam", "edges"]
    )
    return table("seed_agreement", {"seed_agreement": agreement(differences, **what)}, settings)


def test_of_three_seeds_the_interval_leaves_out_each_with_both_its_pairs():
    found = tabulated([0.1, 0.2, 0.6])
    assert [section.title for section in found.sections] == ["spc: Spearman", "spc: SSIM"]
    # Without seed 0 there is the pair of 1 and 2, and so on.
    reach = stats.t.ppf(0.975, 2) * np.sqrt(2 / 3 * sum((value - 0.3) ** 2 for value in (0.2, 0.6, 0.1)))
    row = found.frame.iloc[0]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([0.3, 0.3 - reach, 0.3 + reach])
    assert (row["n"], row["images"], row["undefined"], row["interval_over"]) == (3, 41, 3, "seeds")
    expected = ["Gradient", "Masked", "3", "41", "3", "0.80 ± 0.26", "0.50 ± 0.00"]
    assert found.sections[0].rows[0] == [*expected, f"0.30 [{0.3 - reach:.2f}, {0.3 + reach:.2f}]"]
    assert [row[:2] for row in found.sections[0].rows] == [
        [attribution, method] for attribution in ("Gradient", "Grad-CAM") for method in ("Masked", "RRR")
    ]


def test_of_two_seeds_there_is_one_pair_and_the_interval_is_over_images():
    row = tabulated([0.1, 0.3]).frame.iloc[0]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([0.2, 0.1, 0.4])
    assert row["interval_over"] == "images"


def test_what_no_run_has_is_undefined():
    found = tabulated([np.nan, np.nan, np.nan])
    assert found.sections[0].rows[0][2:] == ["0", "41", "3", *["undefined"] * 3]


def test_runs_that_are_missing_are_named():
    settings = settings_of(methods=["masked", "rrr"], seeds=[0, 1, 2], attributions=["gradient"])
    there = agreement([0.1, 0.2, 0.3]).query("method == 'masked' or seed == 0")
    found = table("seed_agreement", {"seed_agreement": there}, settings)
    assert "2 of 6 runs are missing (RRR 2)" in found.note
    assert found.frame["interval_over"].tolist() == ["seeds", "images"] * 2
