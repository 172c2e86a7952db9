"""Groups and calibration, by hand."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data.splits import TESTS
from red_herring.report.collect import MEASURED
from support.tabulated import settings_of, table


def measures(method, seed, test_set="test", **more):
    values = dict.fromkeys(MEASURED[5:], 0.0) | {"prevalence": 0.4, "temperature": 2.0}
    return {"task": "spc", "method": method, "seed": seed, "test_set": test_set, "images": 50} | values | more


def made(rows, methods=("classification", "rrr")):
    study = {"measures": pd.DataFrame(rows, columns=MEASURED)}
    return table("measures", study, settings_of(methods=methods))


def test_means_spreads_and_what_a_guess_would_have():
    found = made([
        measures("classification", 0, accuracy=0.5, auprc=0.3, ece=0.1, ece_calibrated=0.05),
        measures("classification", 1, accuracy=0.7, auprc=np.nan, ece=0.3, ece_calibrated=0.05),
        measures("rrr", 0, worst_group_accuracy=0.25, empty_cells=2),
    ])  # fmt: skip
    (section,) = found.sections
    assert section.title == "spc: shifted test set"
    assert section.headings[:8] == [
        "Method", "n", "Accuracy", "Worst group", "AUPRC", "ECE", "if calibrated", "ECE, scaled",
    ]  # fmt: skip
    first, second, guessing = section.rows
    assert first[:7] == [
        "Classification",
        "2",
        "0.60 ± 0.14",
        "0.00 ± 0.00",
        "0.30 (n = 1)",
        "0.20 ± 0.14",
        "0.05 ± 0.00",
    ]
    assert second[:4] == ["RRR", "1", "0.00", "0.25"]
    assert guessing == ["Guessing, or calibrated", "", "0.50", "0.50", "0.40", "0.00", "", "0.00", "", "0.24", "1.00"]
    assert section.note == "50 images. 2 of the four cells have no image."
    assert "No images, and so no section: test set in distribution, balanced test set." in found.note
    assert "spc: 1 of 4 runs are missing (RRR 1)." in found.note
    assert "at a bound where no temperature between fits better" in found.note
    row = found.frame.set_index(["test_set", "method"]).loc[("test", "classification")]
    assert row["accuracy_sd"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert (row["auprc_n"], row["chance_auprc"], row["chance_brier"]) == (1, 0.4, pytest.approx(0.24))


def test_every_test_set_has_a_section_and_no_number_is_nan():
    found = made([measures("rrr", seed, name) for seed in (0, 1) for name in TESTS], methods=["rrr"])
    assert [section.title for section in found.sections] == [
        "spc: shifted test set", "spc: test set in distribution", "spc: balanced test set",
    ]  # fmt: skip
    assert "missing" not in found.note
    assert "nan" not in found.to_markdown()


def test_without_runs_it_says_so_alone():
    found = made([])
    assert found.sections == []
    assert "nan" not in found.to_markdown()
    assert "spc: 4 of 4 runs are missing" in found.note
