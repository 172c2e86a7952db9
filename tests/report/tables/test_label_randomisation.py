"""Similarities of maps under true and permuted labels, beside what the networks had learnt."""

import numpy as np
import pandas as pd
from support.tabulated import settings_of, table

VALUES = {"permuted": 0.4, "permuted_other_seed": 0.2, "other_seed": 0.6, "cross_image": 0.1}


def labelled(methods=("masked", "rrr"), seeds=(0, 1)):
    rows = [
        {
            "task": "spc", "method": method, "seed": seed, "attribution": attribution, "similarity": similarity,
            "pair": pair, "images": 30, "undefined": 2, "value": value + seed / 10, "value_low": 0.0, "value_high": 1.0,
            "train_accuracy": 0.9 if method == "rrr" and seed else 0.96, "test_accuracy": 0.5,
            "base_train_accuracy": 1.0, "base_test_accuracy": 0.75,
        }
        for method in methods for seed in seeds for attribution in ("gradient", "grad_cam")
        for similarity in ("spearman", "hog") for pair, value in VALUES.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tabulated(rows, seeds=(0, 1)):
    settings = settings_of(methods=["masked", "rrr"], seeds=seeds, attributions=["gradient", "grad_cam", "edges"])
    return table("label_randomisation", {"label_randomisation": rows}, settings)


def test_every_pair_has_a_column():
    found = tabulated(labelled())
    assert [section.title for section in found.sections] == ["spc: accuracy", "spc: Spearman", "spc: HOG"]
    numbers = ["12", "0.45 ± 0.07", "0.25 ± 0.07", "0.65", "0.15 ± 0.07"]  # two seeds are one pair of networks
    assert found.sections[1].rows == [
        [attribution, method, "2", *numbers] for attribution in ("Gradient", "Grad-CAM") for method in ("Masked", "RRR")
    ]
    row = found.frame.iloc[0]
    assert (row["pair"], row["n"], row["images"], row["undefined"]) == ("permuted", 2, 30, 4)


def test_three_seeds_are_three_pairs_of_networks():
    rows = tabulated(labelled(seeds=(0, 1, 2)), (0, 1, 2)).sections[1].rows
    assert rows[0][6] == "0.70 ± 0.10"


def test_labels_that_were_not_learnt_are_named():
    section = tabulated(labelled()).sections[0]
    assert section.rows == [
        ["Masked", "2", "30", "0.96 ± 0.00", "0.50 ± 0.00", "1.00 ± 0.00", "0.75 ± 0.00"],
        ["RRR", "2", "30", "0.93 ± 0.04", "0.50 ± 0.00", "1.00 ± 0.00", "0.75 ± 0.00"],
    ]
    assert section.note == "Below 95% in training, so not the test that was meant (runs): RRR 1."
    assert tabulated(labelled(methods=["masked"])).sections[0].note == ""


def test_a_method_without_a_run_is_there_and_says_so():
    found = tabulated(labelled(methods=["masked"]))
    assert found.sections[0].rows[1] == ["RRR", "0", *["–"] * 5]
    assert "2 of 4 runs are missing (RRR 2)" in found.note


def test_what_no_image_has_is_undefined():
    rows = labelled()
    rows.loc[(rows["pair"] == "permuted") & (rows["attribution"] == "grad_cam"), "value"] = np.nan
    assert tabulated(rows).sections[1].rows[2][4:6] == ["undefined", "0.25 ± 0.07"]
