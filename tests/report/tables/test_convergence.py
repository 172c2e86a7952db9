"""How alike what two random relevances leave is: a section for each layer, a column for each start."""

import numpy as np
import pandas as pd
from support.tabulated import settings_of, table

VALUES = {("gradient", "layer4.1"): 0.1, ("gradient", "layer3.1"): 0.05, ("guided_backprop", "layer4.1"): 0.999}


def converged(methods=("masked", "rrr"), seeds=(0, 1)):
    rows = [
        {"task": "spc", "method": method, "seed": seed, "attribution": attribution, "start": start, "layer": layer,
         "images": 10, "undefined": 1, "value": value + (layer == "stem") * 0.0004 * seed, "chance": 0.0244}
        for method in methods for seed in seeds for (attribution, start), value in VALUES.items()
        for layer in ("image", "stem")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def tabulated(made, attributions=("gradient", "guided_backprop")):
    settings = settings_of(methods=["masked", "rrr"], seeds=[0, 1], attributions=list(attributions))
    return table("convergence", {"convergence": made}, settings)


def test_each_layer_has_its_section_and_each_start_its_column():
    found = tabulated(converged())
    assert [section.title for section in found.sections] == ["spc: compared in the image", "spc: compared at stem"]
    image, stem = found.sections
    assert image.headings == ["", "Method", "n", "layer4.1", "layer3.1", "Chance"]
    assert image.rows == [
        ["Gradient", "Masked", "2", "0.100", "0.050", "0.024"],
        ["Gradient", "RRR", "2", "0.100", "0.050", "0.024"],
        ["Guided Backprop", "Masked", "2", "0.999", "–", "0.024"],
        ["Guided Backprop", "RRR", "2", "0.999", "–", "0.024"],
    ]
    assert stem.rows[2][3] == "0.999"  # the mean of 0.9990 and 0.9994
    row = found.frame.iloc[0]
    assert (row["layer"], row["n"], row["images"], row["undefined"]) == ("image", 2, 10, 2)


def test_attributions_that_the_study_does_not_have_are_shown_too():
    rows = tabulated(converged(), ["gradient"]).sections[0].rows
    assert {cells[0] for cells in rows} == {"Gradient", "Guided Backprop"}


def test_what_no_run_has_is_undefined_and_missing_runs_are_named():
    made = converged(methods=["masked"])
    made.loc[made["attribution"] == "gradient", "value"] = np.nan
    found = tabulated(made)
    assert found.sections[0].rows[0][2:5] == ["0", "undefined", "undefined"]
    assert "2 of 4 runs are missing (RRR 2)" in found.note
