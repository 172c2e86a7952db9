"""Tables of detectors: measures and costs by hand, which runs are missing, and what few seeds say."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.detection_runs import COMPARED, MEASURED, USED
from red_herring.report.tables._detectors import arms_note, seeds_note
from red_herring.statistics.boxes import THRESHOLDS
from support.detectors import FURTHER, settings, usage
from support.tabulated import rows, table

APS = {("real", 10): [0.1, 0.3, 0.5], ("real", 50): [0.6], ("gan", 10): [0.5, 0.6, 0.7]}
SETTINGS = settings(["real", "gan"])


def measured(aps):
    """detection.csv: T falls with the threshold."""
    found = []
    for (arm, n_real), values in aps.items():
        for seed, ap in enumerate(values, start=1):
            about = ["crosses", arm, FURTHER[arm], n_real, seed]
            found.append([*about, "ap", 0.5, ap, ap - 0.1, ap + 0.1, 60, 40])
            for measure, level in (("iou", 1.0), ("iobb", 1.1)):
                found += [[*about, measure, T, level - T, 0, 1, 30, 30] for T in THRESHOLDS]
    return pd.DataFrame(found, columns=MEASURED)


def used(aps):
    parts = [
        usage(arm).assign(task="crosses", arm=arm, n_real=n_real, seed=seed)
        for (arm, n_real), values in aps.items()
        for seed in range(1, len(values) + 1)
    ]
    return pd.concat(parts).reindex(columns=USED)


STUDY = {"detection": measured(APS), "detection_usage": used(APS)}


def test_measures_by_hand():
    found = table("detection", STUDY, SETTINGS)
    cells = rows(found)
    assert found.sections[0].headings == ["Arm", "10 real images", "50 real images"]
    assert cells["real",][1:] == ["0.30 [-0.20, 0.80] (n = 3)", "0.60 (n = 1)"], "2.5 standard deviations, and one seed"
    assert cells["gan",][1:] == ["0.60 [0.35, 0.85] (n = 3)", "–"]
    titles = [section.title for section in found.sections]
    assert titles[1] == "crosses, 10 real images: T(IoU), share whose one box reaches IoU"
    assert found.sections[1].headings == ["Arm", *map(str, THRESHOLDS)]
    assert rows(found, 1)["real",][1:] == [f"{1 - T:.2f} ± 0.00" for T in THRESHOLDS]
    assert rows(found, 3)["gan",][1:] == [f"{1.1 - T:.2f} ± 0.00" for T in THRESHOLDS]


def test_what_was_searched_is_named_and_no_weight_that_was_not_used():
    arms = {
        "real": {"further": "real", "lambda_s": 0.0, "lambda_r": 0.0, "searched": ["lr"]},
        "gan": {"further": "generated", "lambda_s": 0.0, "lambda_r": 0.0},
        "unrolled": {"further": "generated", "lambda_s": 0.1, "lambda_r": 2.0, "searched": ["lr", "lambda_s"]},
    }
    note = arms_note({"tasks": {"crosses": {"arms": arms}}})
    assert "learns from the detector's loss and 2 times its unrolled loss too. Searched by" in note
    assert note.endswith("as many trials for each: real lr; unrolled lr, lambda_s.")
    assert "Searched" not in arms_note({"tasks": {"crosses": {"arms": {"gan": arms["gan"]}}}})


def test_what_arms_take_stands_beside_what_they_find():
    found = table("detection", STUDY, SETTINGS)
    place = next(place for place, section in enumerate(found.sections) if "cost" in section.title)
    headings = ["Arm", "AP", "Seconds", "Of these pretraining", "CPU seconds", "Memory (MiB)"]
    assert found.sections[place].headings == headings, "nothing of a GPU, as there is none"
    assert rows(found, place)["real",] == ["real", "0.30", "5.0", "0.0", "3.5", "420"]
    assert rows(found, place)["gan",] == ["gan", "0.60", "15.0", "10.0", "12.5", "500"]
    frame = found.frame.set_index(["arm", "n_real", "measure"])
    assert frame.loc[("gan", 10, "seconds"), ["n", "mean"]].tolist() == [3, 15]


def test_it_says_what_is_missing_and_what_it_is():
    text = table("detection", STUDY, SETTINGS).to_markdown()
    assert "crosses: 5 of 12 runs are missing (real with 50 images 2, gan with 50 images 3)." in text
    assert "the numbers of the paper are not reproduced" in text
    assert "gan, a generator that learns without the detector" in text
    assert "With 3 seeds an interval over seeds is wide: 2.5 standard deviations to each side." in text
    assert "nan" not in text


def test_no_run_at_all():
    empty = {name: part.iloc[:0] for name, part in STUDY.items()}
    found = table("detection", empty, SETTINGS)
    assert [section.note for section in found.sections] == ["No run."]
    assert len(found.frame) == 0
    nothing = table(
        "detection_comparisons", empty | {"detection_comparisons": pd.DataFrame(columns=COMPARED)}, SETTINGS
    )
    assert {section.note for section in nothing.sections} == {
        "No two arms have runs with the same real images and seed."
    }


def test_one_seed_and_many():
    assert seeds_note(1) == "One seed: no interval over seeds."
    assert "9.0 standard deviations" in seeds_note(2)
    assert seeds_note(5) == ""


COMPARISON = dict.fromkeys(COMPARED, np.nan) | {
    "task": "crosses", "n_real": 10, "measure": "ap", "threshold": 0.5, "first": "gan", "second": "copy_paste",
    "images": 70, "patients": 50, "paired": 3, "difference": 0.1, "low": -0.1, "high": 0.3, "p": 0.2, "p_holm": 0.4,
    "family": 2, "overlap": 0.25, "low_new": -0.2, "high_new": 0.4, "p_new": 0.3, "p_new_holm": 0.6, "family_new": 2,
    "low_patients": 0.05, "high_patients": 0.15, "low_both": -0.12, "high_both": 0.32,
}  # fmt: skip


def test_comparisons_stand_in_both_scopes_and_over_patients():
    alone = COMPARISON | {"first": "unrolled", "paired": 1, "low": np.nan, "low_both": np.nan}
    other = COMPARISON | {"measure": "iou", "overlap": np.nan}
    compared = pd.DataFrame([COMPARISON, alone, other, COMPARISON | {"task": "another"}])
    arms = settings(["copy_paste", "gan", "unrolled"])
    found = table("detection_comparisons", STUDY | {"detection_comparisons": compared}, arms)
    assert [section.title for section in found.sections] == [
        "crosses: average precision at IoU 0.5", "crosses: T(IoU) at 0.5"
    ]  # fmt: skip
    assert rows(found)["10 real images", "gan less copy paste"][2:] == [
        "3", "0.100 [-0.100, 0.300]", "0.200", "0.400", "[-0.200, 0.400]", "0.300", "0.600", "[0.050, 0.150]",
        "[-0.120, 0.320]",
    ]  # fmt: skip
    assert rows(found)["10 real images", "unrolled less copy paste"][-1] == "undefined"
    notes = [section.note for section in found.sections]
    assert notes[0] == "70 test images of 50 patients in all. Two seeds have 25 % of them in common."
    assert notes[1].startswith("70 test images with a true box of 50 patients in all. How many test images seeds have")
    assert len(found.frame) == 3
    assert list(found.frame) == COMPARED


@pytest.mark.parametrize("module", ["detection", "detection_comparisons"])
def test_other_forms_are_made(module):
    found = table(module, STUDY | {"detection_comparisons": pd.DataFrame([COMPARISON])}, SETTINGS)
    assert "crosses" in found.to_latex()
    assert "crosses" in found.to_html()
