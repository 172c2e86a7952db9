"""Runs of detectors, collected and compared: by hand, and on the same test images only."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from red_herring.generation.usage import COLUMNS
from red_herring.report import detection_runs
from red_herring.report.detection_runs import compared_table, costs, detector_runs, means_over_seeds
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError
from red_herring.statistics import boxes
from scipy import stats
from support.detectors import FURTHER, SEEDS, SIZES, cells, write_run

COLUMNS_OF_BOXES = ["image", "patient", "top", "left", "bottom", "right"]


def by_hand(detectors, arm, seed, found, n_real=10):
    """A run on four images, five times, of two patients each, with a box but for the last; found: which of the three
    it finds.
    """
    folder = write_run(detectors, ("t", arm, n_real, seed))
    names = [(f"{seed}{image}{copy}", f"p{seed}{image // 2}{copy}") for copy in range(5) for image in range(4)]
    box = (2, 3, 8, 9)
    truths = [(*name, *([None] * 4 if place % 4 == 3 else box)) for place, name in enumerate(names)]
    pd.DataFrame(truths, columns=COLUMNS_OF_BOXES).to_csv(folder / "truths.csv", index=False)
    right = [(*name, *box, 0.5) for place, name in enumerate(names) if place % 4 in found]
    pd.DataFrame(right, columns=[*COLUMNS_OF_BOXES, "score"]).to_csv(folder / "predictions.csv", index=False)
    return "t", arm, n_real, seed


def test_two_arms_by_hand(tmp_path):
    """One finds 3, 2 and 3 of three objects, the other 1, 1 and none; precision is 1 wherever there is a recall."""
    found = {1: ([0, 1, 2], [0]), 2: ([0, 1], [1]), 3: ([0, 1, 2], [])}
    runs = [by_hand(tmp_path, arm, seed, own[k]) for k, arm in enumerate("ab") for seed, own in found.items()]
    table = compared_table(tmp_path, runs)
    assert list(table) == detection_runs.COMPARED
    assert table[["measure", "first", "second", "n_real"]].to_numpy().tolist() == [
        ["ap", "b", "a", 10],
        ["iou", "b", "a", 10],
    ]
    differences = -np.array([2, 1, 3]) / 3
    error = differences.std(ddof=1) / np.sqrt(3)
    for _, row in table.iterrows():
        assert (row["paired"], row["difference"]) == (3, pytest.approx(differences.mean()))
        assert row["p"] == row["p_holm"] == pytest.approx(2 * stats.t.sf(abs(differences.mean()) / error, 2))
        assert row["high"] - row["difference"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
        assert (row["overlap"], row["p_new"]) == (0, pytest.approx(row["p"])), "no image is in two test sets"
        assert row["low_both"] < row["low_patients"] < row["difference"] < row["high_patients"] < row["high_both"]
    assert table["images"].tolist() == [60, 45], "of the images with a box the accuracy of one box"
    assert table["patients"].tolist() == [30, 30]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    detectors = tmp_path_factory.mktemp("detectors")
    runs = detector_runs(cells(), SEEDS)
    for run in runs:
        write_run(detectors, run)
    return detectors, runs


@pytest.mark.slow
def test_thirty_runs_are_compared_in_seconds(study):
    start = time.process_time()
    table = compared_table(*study)
    assert time.process_time() - start < 20
    assert len(table) == 2 * len(SIZES) * 10
    assert (table["family"] == 20).all(), "Holm's over all pairs and sizes of a task and measure"
    assert (table["p_holm"] >= table["p"]).all()
    assert table["overlap"].between(0.6, 0.9).all(), "60 of 80 images test"
    wide = table["high_both"] - table["low_both"]
    assert (wide.dropna() >= (table["high_patients"] - table["low_patients"])[wide.notna()]).all()
    ap = table[(table["measure"] == "ap") & (table["n_real"] == 10)].set_index(["first", "second"])
    assert ap.loc[("copy_paste", "real"), "low_patients"] > 0, "it finds twice as much"
    same = ap.loc[("unrolled", "gan")]
    assert (same["difference"], same["low_patients"], same["p"]) == (0, 0, 1), "the same boxes"


def test_measures_and_usage_are_as_the_runs_left_them(study):
    detectors, runs = study
    measured = detection_runs.measured_table(detectors, runs, FURTHER)
    assert list(measured) == detection_runs.MEASURED
    assert detection_runs.USED[4:] == COLUMNS
    assert len(measured) == len(runs) * (1 + 2 * len(boxes.THRESHOLDS))
    assert dict(zip(measured["arm"], measured["further"], strict=True)) == FURTHER
    used = detection_runs.used_table(detectors, runs)
    assert list(used) == detection_runs.USED
    taken = costs(used).pivot_table(index="arm", columns="measure", values="value")
    assert taken.loc["gan", ["seconds", "pretraining_seconds", "cpu_seconds", "memory_mib"]].tolist() == [
        15,
        10,
        12.5,
        500,
    ]
    assert taken.loc["real", ["seconds", "pretraining_seconds", "memory_mib"]].tolist() == [5, 0, 420]


def test_a_run_that_is_not_there_has_no_row(tmp_path):
    runs = detector_runs(cells(["real"], [10]), SEEDS)
    write_run(tmp_path, runs[1])
    settings = {"crosses/real/n=10": {"steps": 2}}
    assert detection_runs.there(tmp_path, runs, settings) == [runs[1]]
    assert detection_runs.there(tmp_path, runs, {"crosses/real/n=10": {"steps": 3}}) == [], "made with others"
    for found in (detection_runs.measured_table(tmp_path, [], {}), detection_runs.used_table(tmp_path, [])):
        assert len(found) == 0
        assert list(found)[:2] == ["task", "arm"]
    assert list(compared_table(tmp_path, [])) == list(compared_table(tmp_path, runs[1:2])) == detection_runs.COMPARED


def test_a_run_of_another_search_waits_to_be_made_again(tmp_path):
    (run, *_) = detector_runs(cells(["real"], [10]), SEEDS)
    settings = {"steps": 2, "space": {"lr": ["log-uniform", 0.1, 1.0]}}
    made_with = {"crosses/real/n=10": settings}
    record = write_run(tmp_path, run) / "run.json"
    best = record.parents[1] / "best.json"

    def is_there(**found):
        record.write_text(json.dumps({"settings": settings, "hyperparameters": {"lr": 0.2}} | found))
        return detection_runs.there(tmp_path, [run], made_with) == [run]

    assert not is_there(), "its search is gone"
    best.write_text(json.dumps({"hyperparameters": {"lr": 0.2}}))
    assert is_there()
    assert not is_there(hyperparameters={"lr": 0.3})
    assert not is_there(settings={"steps": 2}), "of no search"
    assert not is_there(settings=settings | {"space": {"lr": ["log-uniform", 0.1, 2.0]}})


def test_arms_are_compared_over_the_seeds_and_sizes_that_both_have(tmp_path):
    runs = [by_hand(tmp_path, "a", seed, [0]) for seed in (1, 2)] + [by_hand(tmp_path, "b", 2, [0, 1])]
    runs += [by_hand(tmp_path, "b", 1, [0], n_real=25)]
    table = compared_table(tmp_path, runs)
    assert table[["n_real", "paired"]].to_numpy().tolist() == [[10, 1], [10, 1]]
    assert table[["low", "p", "p_holm", "low_new", "low_both"]].isna().all(axis=None), "one seed"
    assert table["low_patients"].notna().all()
    assert (table["family"] == 0).all()


def test_a_name_that_two_patients_have_is_two_images(tmp_path):
    run = by_hand(tmp_path, "a", 1, [0])
    folder = detection_runs.detector_folder(tmp_path, run)
    for name in ("truths", "predictions"):
        table = read_table(folder / f"{name}.csv")
        table.assign(image="one").drop_duplicates("patient").to_csv(folder / f"{name}.csv", index=False)
    found = detection_runs.read_tested(folder)
    assert (len(found.images), found.value("ap")) == (10, 0.5)


def test_values_are_those_of_the_measures(tmp_path):
    folder = write_run(tmp_path, ("t", "gan", 10, 1))
    measures = read_table(folder / "measures.csv").set_index(["measure", "threshold"])["value"]
    found = detection_runs.read_tested(folder)
    assert [found.value(name) for name in ("ap", "iou")] == pytest.approx([measures["ap", 0.5], measures["iou", 0.5]])


def test_other_test_images_are_refused(tmp_path):
    runs = [by_hand(tmp_path, "a", 1, [0]), by_hand(tmp_path, "b", 1, [0])]
    file = tmp_path / "t/b/n=10/seed=1/truths.csv"
    read_table(file).iloc[1:].to_csv(file, index=False)
    with pytest.raises(StudyError, match=r"image 100 is not in truths\.csv; train the detector again"):
        compared_table(tmp_path, runs)
    predictions = file.with_name("predictions.csv")
    read_table(predictions).iloc[:0].to_csv(predictions, index=False)
    with pytest.raises(StudyError, match="b with n=10 and a with n=10 have different test images with seed 1"):
        compared_table(tmp_path, runs)


def test_without_a_true_box_nothing_is_compared(tmp_path):
    runs = [by_hand(tmp_path, arm, 1, []) for arm in "ab"]
    for arm in "ab":
        file = tmp_path / f"t/{arm}/n=10/seed=1/truths.csv"
        read_table(file).assign(**dict.fromkeys(("top", "left", "bottom", "right"))).to_csv(file, index=False)
    table = compared_table(tmp_path, runs)
    assert table["measure"].tolist() == ["ap"]
    assert table[["difference", "low_patients"]].isna().all(axis=None)


def test_means_over_seeds_by_hand():
    measured = pd.DataFrame(
        {"task": "t", "arm": "a", "n_real": 10, "measure": "ap", "threshold": 0.5, "value": [0.2, 0.4, np.nan]}
    )
    (row,) = means_over_seeds(measured).to_dict("records")
    reach = stats.t.ppf(0.975, 1) * 0.1
    assert [row[key] for key in ("n", "mean", "sd", "low", "high")] == pytest.approx(
        [2, 0.3, np.sqrt(0.02), 0.3 - reach, 0.3 + reach]
    )
