"""Every measure of every attribution: as measured, of chance, corrected for chance."""

import numpy as np
import pandas as pd
import pytest
from red_herring.study.names import MEASURES
from support.tabulated import (
    RELEASED,
    SETTINGS,
    of_tasks,
    settings_of,
    table,
)


def localisation(methods=("masked", "rrr"), attributions=("gradient", "random")):
    rows = [
        {
            "task": "spc",
            "method": method,
            "seed": seed,
            "attribution": attribution,
            "images": 50,
            "undefined": seed,
            "steps": 16 + seed if attribution == "gradient" else np.nan,
            "completeness_error": 0.009 - 0.001 * seed,
        }
        | {f"{measure}": 0.5 + seed / 10 for measure in MEASURES}
        | {f"chance_{measure}": 0.25 for measure in MEASURES}
        | {f"corrected_{measure}": (0.25 + seed / 10) / 0.75 for measure in MEASURES}
        | {f"average_mask_{measure}": 0.7 - seed / 10 for measure in MEASURES}
        | {f"untrained_{measure}": 0.3 if seed else np.nan for measure in MEASURES}
        | {"average_mask_undefined": 0, "untrained_undefined": 0 if seed else 50}
        for method in methods
        for seed in (0, 1)
        for attribution in attributions
    ]
    return pd.DataFrame(rows)


def test_localisation_by_hand():
    settings = settings_of(methods=["masked", "rrr", "actdiff"], attributions=["gradient", "random"])
    found = table("localisation", {"localisation": localisation()}, settings)
    assert [section.title for section in found.sections] == ["spc: Gradient", "spc: Random"]
    rows = found.sections[0].rows
    assert rows[0] == ["As measured", "Masked", "2", "50", "1", *["0.55 ± 0.07"] * len(MEASURES)]
    assert rows[2] == ["As measured", "ActDiff", "0", "–", "–", *["–"] * len(MEASURES)]
    assert rows[3] == ["Chance", "", "", "", "", *["0.25"] * len(MEASURES)]
    assert rows[4] == ["Average mask", "", "2", "50", "0", *["0.65 ± 0.07"] * len(MEASURES)], "of two seeds, not runs"
    assert rows[5] == ["Untrained network", "", "2", "50", "50", *["0.30 (n = 1)"] * len(MEASURES)]
    assert rows[6][:6] == ["Chance-corrected", "Masked", "", "", "", "0.40 ± 0.09"]
    assert "2 of 6 runs are missing (ActDiff 2)" in found.to_markdown()
    row = found.frame.set_index(["method", "attribution"]).loc[("rrr", "random")]
    assert row[["n", "images", "undefined"]].tolist() == [2, 50, 1]
    assert row["corrected_ap_mean"] == pytest.approx(0.4)
    assert row[["average_mask_ap_n", "untrained_ap_n", "untrained_undefined"]].tolist() == [2, 1, 50]
    assert found.sections[0].note.endswith("completeness error: Masked 16 and 0.9%, RRR 16 and 0.9%.")
    assert found.sections[1].note == ""


def test_localisation_of_the_released_runs_has_what_was_released():
    found = table("localisation", RELEASED, of_tasks(SETTINGS, "spc"))
    assert found.sections[0].headings[-3:] == ["IoU", "IoP", "IoT"]
    assert len(found.sections[0].rows) == 6, "no chance level is known"


def test_constant_maps_only_are_undefined():
    constant = localisation().assign(**dict.fromkeys(MEASURES, np.nan))
    constant.loc[constant["method"] == "rrr", "iou"] = 0.5
    found = table("localisation", {"localisation": constant}, settings_of(methods=["masked", "rrr"]))
    assert found.sections[0].rows[0][5] == "undefined"


def test_a_study_of_before_the_arms_has_no_rows_of_them():
    without = [name for name in localisation() if not name.startswith(("average_mask_", "untrained_"))]
    found = table("localisation", {"localisation": localisation()[without]}, settings_of(methods=["masked", "rrr"]))
    assert [row[0] for row in found.sections[0].rows] == [
        *["As measured"] * 2,
        "Chance",
        *["Chance-corrected"] * 2,
    ]


def test_an_arm_that_no_image_has_a_score_of_is_undefined_and_stays():
    nothing = localisation().assign(**{f"untrained_{measure}": np.nan for measure in MEASURES})
    found = table("localisation", {"localisation": nothing}, settings_of(methods=["masked", "rrr"]))
    assert found.sections[0].rows[4][-1] == "undefined"


def test_a_method_that_does_not_run_on_the_task_has_no_row():
    settings = settings_of(methods=["masked", "rrr", "actdiff"], attributions=["gradient", "random"])
    settings["tasks"]["spc"] |= {"methods": ["masked", "rrr"], "left_out": {"actdiff": "it needs more"}}
    found = table("localisation", {"localisation": localisation()}, settings)
    assert "ActDiff" not in [row[1] for section in found.sections for row in section.rows]
    assert found.note.endswith("ActDiff is left out of spc: it needs more.")
