"""Whether an attribution passes by the mass inside of two networks' maps."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.tabulated import settings_of, table


def contrasts(**of_attribution):
    """Attribution -> the contrast of each seed."""
    rows = [
        {
            "task": "spc", "method": "masked", "seed": seed, "attribution": attribution, "images": 20, "undefined": 3,
            "area": 0.125, "base_mass": 0.5 + value, "own_mass": 0.5, "untrained_mass": 0.25, "untrained_undefined": 1,
            "contrast": value, "contrast_low": value - 0.05, "contrast_high": value + 0.05,
        }
        for attribution, values in of_attribution.items() for seed, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tabulated(rows, seeds=(0, 1, 2)):
    settings = settings_of(methods=["masked"], seeds=seeds, attributions=["gradient", "grad_cam", "occlusion"])
    return table("task_contrast", {"task_contrast": rows}, settings)


def test_the_verdict_is_that_of_the_interval_over_seeds():
    found = tabulated(contrasts(gradient=[0.2, 0.3, 0.4], grad_cam=[-0.2, -0.3, -0.4], occlusion=[-0.3, 0.0, 0.3]))
    reach = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert found.frame[["contrast", "low", "high"]].iloc[0].tolist() == pytest.approx([0.3, 0.3 - reach, 0.3 + reach])
    assert found.frame["verdict"].tolist() == ["pass", "fail", "undecided"]
    assert found.frame["interval_over"].unique().tolist() == ["seeds"]
    first, second = found.sections[0].rows[:2]
    interval = f"0.30 [{0.3 - reach:.2f}, {0.3 + reach:.2f}]"
    assert first == ["Gradient", "Masked", "3", "20", "9", "0.80", "0.50", "0.25", interval, "pass"]
    assert second[-1] == "**fail**"
    assert "The masks hold 12.5% of the pixels" in found.note


def test_one_run_has_its_interval_over_images():
    found = tabulated(contrasts(gradient=[0.2]), seeds=[0])
    assert found.frame[["low", "high"]].iloc[0].tolist() == pytest.approx([0.15, 0.25])
    assert found.frame["verdict"].tolist() == ["pass"]
    assert found.frame["interval_over"].tolist() == ["images"]
    assert found.note.endswith("One seed: its interval is over images.")


def test_a_control_that_the_study_does_not_have_is_shown_without_a_verdict():
    rows = contrasts(gradient=[0.2, 0.3, 0.4], edges=[0.0, 0.0, 0.0])
    rows.loc[rows["attribution"] == "edges", ["contrast_low", "contrast_high"]] = np.nan
    found = tabulated(rows)
    assert found.sections[0].rows[1] == ["Edges", "Masked", "3", "20", "9", *["0.50"] * 2, "0.25", "0.00", "–"]


def test_an_attribution_without_any_map_is_undefined():
    nothing = contrasts(gradient=[np.nan] * 3).assign(base_mass=np.nan, own_mass=np.nan)
    row = tabulated(nothing).sections[0].rows[0]
    assert row == ["Gradient", "Masked", "0", "20", "9", "undefined", "undefined", "0.25", "undefined", "undefined"]


def test_without_an_answer_no_number_is_made_up():
    found = tabulated(contrasts(gradient=[0.2]).iloc[:0])
    assert found.frame.empty
    assert "nan" not in found.to_markdown()
    assert "spc: 3 of 3 runs are missing (Masked 3)." in found.note
