"""The statistical tables: of the released runs, and of studies with one seed, few runs or none."""

import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from red_herring import reference
from red_herring.report.collect import SEARCHES
from red_herring.report.published import overlaps_between, published_tables
from red_herring.report.tabulate import STATISTICAL_TABLES, table
from red_herring.study import settings as study
from scipy import stats

RELEASED = published_tables(pd.read_csv(reference.PUBLISHED_RUNS), pd.read_csv(reference.PUBLISHED_HYPERPARAMETERS), {})
RELEASED["searches"]["on_bound"] = False


def overlaps_of(seeds, share, task, split="test", other="test"):
    """The share of the images in `split` of each seed that is in `other` of each other one."""
    columns = ["task", "seed", "other", "split", "other_split", "share"]
    return pd.DataFrame([(task, a, b, split, other, share) for a, b in permutations(seeds, 2)], columns=columns)


RELEASED["overlaps"] = overlaps_between(RELEASED["runs"], pd.read_csv(reference.PUBLISHED_OVERLAPS))
INTERVALS = ["task", "method", "seed", "seeds", "images", "patients", "auc", "low", "high", "resamples"]
RELEASED["auc_intervals"] = pd.DataFrame(columns=INTERVALS)
SETTINGS = study.published_settings()
FEW = {"tasks": {"a_b": {}}, "methods": ["classification", "rrr", "masked"], "seeds": [1, 2, 3]}
FEW["attributions"] = ["gradient", "occlusion"]


def runs_of(*rows):
    """method, seed, test AUC, test AUC in distribution, IoU of the gradient."""
    columns = ["method", "seed", "test_auc", "test_in_distribution_auc", "iou_gradient"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(task="a_b", iou_occlusion=1 - table["iou_gradient"]).astype({"seed": int})


RUNS = runs_of(
    ("classification", 1, 0.2, 1.0, 0.1),
    ("classification", 2, 0.3, 1.0, 0.2),
    ("classification", 3, 0.1, 1.0, 0.3),
    ("rrr", 1, 0.5, 0.5, 0.15),
    ("rrr", 2, 0.5, 0.9, 0.25),
    ("rrr", 3, 0.9, 0.9, 0.35),
)
SEARCH = pd.DataFrame(
    [
        ("a_b", "rrr", "lr", "log-uniform", 1e-5, 1e-2, 1e-5, True),
        ("a_b", "rrr", "lambda", "log-uniform", 1e-4, 10, 0.5, False),
        ("a_b", "classification", "lr", np.nan, np.nan, np.nan, 1e-3, False),
    ],
    columns=SEARCHES,
)
TRIALS = pd.DataFrame(
    {"task": "a_b", "method": "rrr", "trial": range(1, 6), "lr": [1, 2, 3, 4, 5.0], "lambda": 1.0,
     "status": ["ok"] * 4 + ["failed"], "valid_auc": [0.9, 0.8, 0.7, 0.6, np.nan]}
)  # fmt: skip
AUCS = pd.DataFrame(
    [("a_b", "rrr", 1, 1, 90, 80, 0.7, 0.6, 0.8, 2000), ("a_b", "rrr", np.nan, 3, 270, 240, 0.75, 0.5, 0.9, 2000),
     ("a_b", "masked", 1, 1, 100, 80, 0.5, np.nan, np.nan, 2000)],
    columns=INTERVALS,
)  # fmt: skip
OVERLAPS = pd.concat(
    [
        overlaps_of([1, 2, 3], 0.9, "a_b", "train", "train"),
        overlaps_of([1, 2, 3], 0.8, "a_b", "test", "train"),
        overlaps_of([1, 2, 3], 0.2, "a_b"),
        overlaps_of([1, 2, 3], 0.4, "a_b", "test_positives", "test_positives"),
        overlaps_of([1, 2, 3], 0.7, "another"),
    ]
)
STUDY = {"runs": RUNS, "overlaps": OVERLAPS, "searches": SEARCH, "trials": TRIALS, "auc_intervals": AUCS}


def rows(found, section=0):
    return {tuple(row[: found.sections[section].names]): row for row in found.sections[section].rows}


def test_comparisons_by_hand():
    found = table("comparisons", STUDY, FEW)
    frame = found.frame.set_index(["score", "method"])
    rrr = frame.loc[("test_auc", "rrr")]
    assert rrr["difference"] == pytest.approx((0.3 + 0.2 + 0.8) / 3)
    assert rrr["p"] == rrr["p_holm"] == 0.25
    assert rrr["collapsed"] == pytest.approx(1 / 3), "one of two at chance works in distribution"
    assert frame.loc[("iou_gradient", "rrr"), "difference"] == pytest.approx(0.05)
    assert np.isnan(frame.loc[("iou_gradient", "rrr"), "low"]), "all differences are the same"
    differences = np.array([0.3, 0.2, 0.8])
    t = differences.mean() / np.sqrt(differences.var(ddof=1) * (1 / 3 + 0.2 / 0.8))
    assert rrr["overlap"] == pytest.approx(0.2), "of the test images of this task"
    assert rrr["p_new"] == rrr["p_new_holm"] == pytest.approx(2 * stats.t.sf(t, 2))
    assert np.isnan(frame.loc[("iou_gradient", "rrr"), "p_new"])
    assert frame["collapsed"].notna().sum() == 2
    cells = rows(found)
    assert cells[("Classification",)] == [
        "Classification",
        "3",
        "0.20 ± 0.10",
        "0.20 (0.15, 0.25)",
        "0%",
        *["–"] * 6,
    ]
    assert cells[("RRR",)][:5] == ["RRR", "3", "0.63 ± 0.23", "0.50 (0.50, 0.70)", "33%"]
    assert cells[("RRR",)][5] == "0.433", "three seeds are too few for an interval"
    assert cells[("RRR",)][6:] == ["0.250", "0.250", "[-0.623, 1.490]", "0.220", "0.220"]
    assert cells[("Masked",)] == ["Masked", "0", *["–"] * 9]
    assert found.sections[0].headings[5:] == [
        "Difference [95 % on this pool]", "p on this pool", "Holm", "[95 % on new data]", "p on new data", "Holm",
    ]  # fmt: skip
    assert found.sections[0].note == "Two seeds have 20 % of their test images in common."
    assert "a_b: 3 of 9 runs are missing (Masked 3)." in found.to_markdown()
    assert r"a\_b: test AUC" in found.to_latex()


def test_comparisons_without_classification_are_undefined():
    found = table("comparisons", STUDY | {"runs": RUNS[RUNS["method"] == "rrr"]}, FEW)
    assert rows(found)[("RRR",)][-6:] == ["undefined"] * 6
    assert rows(found)[("Classification",)][1:3] == ["0", "–"]
    assert "Classification 3" in found.note


def test_one_seed_has_a_difference_and_no_more():
    found = table("comparisons", STUDY | {"runs": RUNS[RUNS["seed"] == 1]}, FEW | {"seeds": [1]})
    assert rows(found)[("RRR",)][5:] == ["0.300", *["undefined"] * 5]
    assert "One seed: no interval." in found.to_markdown()
    assert found.sections[0].note == "", "nothing is compared on new data, whatever the seeds share"


@pytest.mark.parametrize("overlaps", [OVERLAPS[:0], pd.DataFrame(), OVERLAPS.query("task == 'another'")])
def test_without_overlaps_nothing_is_said_of_new_data(overlaps):
    found = table("comparisons", STUDY | {"overlaps": overlaps}, FEW)
    assert rows(found)[("RRR",)][6:] == ["0.250", "0.250", *["undefined"] * 3]
    assert found.sections[0].note.startswith("How many test images seeds have in common is not known")


def test_released_comparisons():
    frame = table("comparisons", RELEASED, SETTINGS).frame.set_index(["task", "score", "method"])
    assert frame.loc[("no_spc", "test_auc", "actdiff"), "collapsed"] == pytest.approx(0.7)
    assert frame.loc[("vpc", "test_auc", "classification"), "collapsed"] == 0
    assert frame.loc[("spc", "test_auc", "rrr"), "p_holm"] == pytest.approx(0.0098, abs=1e-4)
    assert len(frame) == 5 * 2 * 6
    aucs = frame.xs("test_auc", level="score")
    assert aucs.loc[("spc", "rrr"), "p_new_holm"] == pytest.approx(0.33, abs=0.01)
    assert aucs.loc[("no_spc", "gradmask"), "p_new_holm"] == pytest.approx(0.054, abs=0.005)
    ious = frame.xs("iou_gradient", level="score")
    assert ious.loc[("spc", "adversarial"), "p_new"] == pytest.approx(0.127, abs=0.005), "of positives seeds share 40 %"
    lasting = aucs.index[aucs["p_new_holm"] < 0.05]
    assert {task: [method for of, method in lasting if of == task] for task in SETTINGS["tasks"]} == {
        "synthetic": ["masked", "actdiff", "adversarial", "gradmask", "rrr"],
        "spc": [],
        "no_spc": ["masked", "actdiff"],
        "vpc": ["masked", "actdiff", "adversarial", "gradmask"],
        "no_vpc": ["masked", "actdiff", "adversarial"],
    }


def test_whose_splits_the_shares_are_of_is_said_where_they_are_ours_alone():
    words = "those of our own splits, drawn as published"
    assert words in table("comparisons", RELEASED, SETTINGS).to_markdown()
    assert words not in table("comparisons", STUDY, FEW).to_markdown()


def test_released_relations():
    found = table("relation", RELEASED, SETTINGS)
    frame = found.frame.set_index(["task", "attribution", "level", "coefficient"])
    assert frame.loc[("vpc", "gradient", "pooled", "spearman"), "value"] == pytest.approx(-0.38, abs=0.01)
    assert frame.loc[("synthetic", "occlusion", "pooled", "spearman"), "n"] == 65
    assert rows(found, 1)[("Gradient", "pooled")][2:6] == ["60", "0.36 [0.21, 0.52]", "0.346 *", "undecided"]
    primary = found.frame[found.frame["role"] == "primary"].set_index("task")
    assert len(primary) == 5, "one hypothesis for each task"
    assert primary["p"].round(3).to_dict() == {
        "synthetic": 0.115,
        "spc": 0.238,
        "no_spc": 0.001,
        "vpc": 0.165,
        "no_vpc": 0.018,
    }
    # Holm: the smallest of five times 5, the next times 4, and so on, never less than the one before.
    assert primary["p_holm"].to_dict() == pytest.approx(
        {"synthetic": 3 * 0.1153, "spc": 3 * 0.1153, "no_spc": 5 * 0.0014, "vpc": 3 * 0.1153, "no_vpc": 4 * 0.0181},
        abs=1e-3,
    )
    assert primary["verdict"].to_dict() == {
        "synthetic": "undecided", "spc": "undecided", "no_spc": "relation", "vpc": "undecided", "no_vpc": "undecided",
    }  # fmt: skip


def test_released_mixed_models():
    found = table("mixed_model", RELEASED, SETTINGS)
    assert len(found.frame) == 5 * 3 * 2
    assert rows(found, 1)[("Gradient",)] == [
        "Gradient", "60", "6", "0.53 [0.06, 0.99]", "0.027", "0.28 [-0.28, 0.84]", "0.323", "0.069", "no warning",
    ]  # fmt: skip
    few = table("mixed_model", STUDY, FEW)
    assert rows(few)[("Gradient",)][3:] == [*["undefined"] * 5, few.frame["warning"][0]]
    assert "Not fitted: fewer than 3 methods, or what does not vary." in few.to_markdown()


def test_released_tasks_compared():
    found = table("relation_between_tasks", RELEASED, SETTINGS)
    assert len(found.frame) == 3 * 2 * 10
    pair = found.frame.query(
        "attribution == 'gradient' and coefficient == 'spearman' and task_a == 'spc' and task_b == 'vpc'"
    )
    assert pair["difference"].item() == pytest.approx(0.264 - 0.037, abs=0.002)
    assert pair["low"].item() < 0 < pair["high"].item()
    assert pair["p_holm"].item() >= pair["p"].item() > 0.05
    alone = table("relation_between_tasks", STUDY, FEW)
    assert alone.frame.empty
    assert "p_holm" in alone.frame
    assert "One task: nothing to compare." in alone.to_markdown()


def test_released_agreement():
    found = table("agreement", RELEASED, SETTINGS)
    frame = found.frame.set_index(["task", "attribution_a", "attribution_b"])["value"]
    assert frame.loc[("vpc", "gradient", "integrated_gradients")] == pytest.approx(0.51, abs=0.01)
    assert frame.loc[("vpc", "integrated_gradients", "occlusion")] == pytest.approx(0.40, abs=0.01)
    assert len(frame) == 5 * 3
    by_hand = table("agreement", STUDY, FEW).frame
    assert by_hand["value"].tolist() == [-1]
    alone = table("agreement", STUDY, FEW | {"attributions": ["gradient"]})
    assert {"n", "value", "low"} <= set(alone.frame.columns), "the figure asks for them"
    assert "One attribution: nothing to compare." in alone.to_markdown()


def test_hyperparameters_by_hand():
    found = table("hyperparameters", STUDY, FEW)
    assert found.frame["method"].tolist() == ["classification", "rrr", "rrr"]
    given, lr, constant, absent = found.sections[0].rows
    assert given == ["Classification", "lr", "given", "–", "0.001", "–", "0", "0", "–", "–"]
    assert lr == ["RRR", "lr", "log-uniform", "1e-05 to 0.01", "1e-05", "yes", "4", "1", "-1.00", "< 0.001"]
    assert constant[-2:] == ["undefined", "undefined"]
    assert absent == ["Masked", "–", "–", "–", "–", "–", "0", "–", "–", "–"]
    nothing = table("hyperparameters", STUDY | {"searches": SEARCH[:0]}, FEW)
    assert nothing.frame.empty
    assert nothing.frame.columns.tolist() == [*SEARCHES, "trials", "failed", "value", "p"]


def test_auc_intervals_by_hand():
    found = table("auc_intervals", STUDY, FEW)
    assert found.sections[0].rows == [
        ["All seeds", "–", "0.75 [0.50, 0.90]", "–"],
        ["1", "–", "0.70 [0.60, 0.80]", "0.50"],
    ]
    assert found.sections[0].note == "Test sets of 90 to 100 images of 80 patients."
    assert found.frame["method"].tolist() == ["rrr", "rrr", "masked"]


@pytest.mark.parametrize("name", STATISTICAL_TABLES)
@pytest.mark.parametrize("kept", [slice(0), slice(1), slice(3), slice(None)], ids=["none", "one", "one method", "all"])
def test_few_runs_never_say_nan_nor_warn(name, kept):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = table(name, STUDY | {"runs": RUNS[kept]}, FEW)
        text = found.to_markdown() + found.to_latex()
    assert "nan" not in text
    assert len(found.sections) >= 1


@pytest.mark.parametrize("name", STATISTICAL_TABLES)
def test_tables_are_the_same_every_time_and_have_no_index(name):
    once, again = (table(name, RELEASED, SETTINGS).to_csv() for _ in range(2))
    assert once == again
    assert not once.startswith((",", "level"))
