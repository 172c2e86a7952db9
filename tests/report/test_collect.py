"""Tidy tables from the files of runs."""

import pandas as pd
import pytest
from red_herring.data.splits import TESTS
from red_herring.report.collect import (
    MEASURED,
    analysis_table,
    check_made_by,
    histories_table,
    searches_table,
    study_tables,
    trials_table,
)
from red_herring.runtime.files import StudyError, read_json, write_json
from red_herring.study.names import MEASURES

IMAGES = {"train": 60, "valid": 30, "test": 30, "test_in_distribution": 20, "test_balanced": 24}
SHIFT = {
    "test_in_distribution_auc": 0.9,
    "test_balanced_auc": 0.8,
    "within_0_auc": 0.7,
    "within_1_auc": None,
    "floor_auc": 0.1,
}


def measured(score, test_set):
    """One that depends on the run, one that is missing, one of its set, and zeros."""
    own = {"accuracy": score, "auprc": None, "prevalence": IMAGES[test_set] / 100}
    return dict.fromkeys(MEASURED[5:], 0) | own


@pytest.fixture
def results(tmp_path):
    for method, auc in (("actdiff", 0.75), ("rrr", 0.5)):
        run = tmp_path / "runs" / "t" / method / "seed=3"
        write_json(
            run / "run.json",
            {
                "task": "t",
                "method": method,
                "seed": 3,
                "best_epoch": 2,
                "valid_auc": 0.7,
                "test_auc": auc,
                "images": IMAGES,
                "measures": {name: measured(auc, name) for name in TESTS},
                **SHIFT,
            },
        )
        pd.DataFrame({"epoch": [1, 2], "valid_auc": [0.6, 0.7]}).to_csv(run / "history.csv", index=False)
        scores = {f"{prefix}{measure}": [0.5, 0.5] for measure in MEASURES for prefix in ("", "chance_", "corrected_")}
        scores |= {"attribution": ["gradient", "integrated_gradients"], "images": 3, "undefined": [1, 0]}
        scores |= {"chance_iou": [0.125, 0.0625], "chance_iop": 0.375, "steps": [None, 64 / 3]}
        (tmp_path / "localisation" / "t" / method).mkdir(parents=True)
        pd.DataFrame(scores).to_csv(tmp_path / "localisation" / "t" / method / "seed=3.csv", index=False)
        tuning = tmp_path / "tuning" / "t" / method
        tuning.mkdir(parents=True)
        columns = (
            {"trial": [1, 2], "lr": [1e-3, 1e-2], "valid_auc": [0.5, 0.6]}
            if method == "actdiff"
            else {"trial": [], "lr": []}
        )
        pd.DataFrame(columns).to_csv(tuning / "trials.csv", index=False)
        write_json(tuning / "best.json", {"hyperparameters": {"lr": 1e-2, "lambda": 0.5}, "on_bound": ["lr"]})
    return tmp_path


RUNS = [("t", "actdiff", 3), ("t", "rrr", 3)]


STUDY = {
    "searched": {"t": "t"},
    "spaces": {"t/actdiff": {"lr": ["log-uniform", 1e-5, 1e-2], "lambda": ["log-uniform", 1e-4, 10]}},
}


def test_one_row_per_run(results):
    table = study_tables(results, RUNS, STUDY["searched"], STUDY["spaces"])["runs"]
    assert table.iloc[0].to_dict() == pytest.approx(
        {
            "task": "t", "method": "actdiff", "seed": 3, "best_epoch": 2, "valid_auc": 0.7, "test_auc": 0.75, **SHIFT,
            "within_1_auc": float("nan"), "test_images": 30, "test_in_distribution_images": 20, "test_balanced_images": 24,
        },
        nan_ok=True,
    )  # fmt: skip
    assert table["test_auc"].tolist() == [0.75, 0.5]


def test_one_row_per_run_and_test_set(results):
    table = study_tables(results, RUNS, STUDY["searched"], STUDY["spaces"])["measures"]
    assert list(table) == MEASURED
    assert table[["method", "test_set"]].to_numpy().tolist() == [
        [m, name] for m in ("actdiff", "rrr") for name in TESTS
    ]
    assert table["images"].tolist() == [30, 20, 24] * 2
    assert table["prevalence"].tolist() == [0.3, 0.2, 0.24] * 2
    assert table["accuracy"].tolist() == [0.75] * 3 + [0.5] * 3
    assert table["auprc"].isna().all()


def test_the_table_of_an_analysis_has_what_each_run_says(results):
    table = analysis_table(results, "localisation", RUNS)
    assert table[["task", "method", "seed", "attribution"]].to_numpy().tolist() == [
        ["t", method, 3, attribution]
        for method in ("actdiff", "rrr")
        for attribution in ("gradient", "integrated_gradients")
    ]
    gradient, integrated = table.iloc[0], table.iloc[1]
    assert (gradient["images"], gradient["undefined"], gradient["mass"]) == (3, 1, 0.5)
    assert pd.isna(gradient["steps"])
    assert integrated["steps"] == pytest.approx(64 / 3)


def test_one_row_per_hyperparameter_with_its_range_if_it_was_searched(results):
    table = searches_table(results, [run[:2] for run in RUNS], STUDY["spaces"])
    first, last = table.iloc[0], table.iloc[3]
    assert first.tolist() == ["t", "actdiff", "lr", "log-uniform", 1e-5, 1e-2, 1e-2, True]
    assert (last["method"], last["hyperparameter"], last["best"], last["on_bound"]) == ("rrr", "lambda", 0.5, False)
    assert pd.isna(last[["law", "low", "high"]]).all()


def test_runs_and_searches_of_other_settings_or_code_do_not_get_into_a_table(results):
    for method in ("actdiff", "rrr"):
        write_json(
            results / f"tuning/t/{method}/best.json", {"made_by": f"search {method}", "hyperparameters": {"lr": 0.1}}
        )
        record = results / f"runs/t/{method}/seed=3/run.json"
        write_json(record, read_json(record) | {"made_by": f"run {method}", "hyperparameters": {"lr": 0.1}})
    expected = {
        stage: {f"t/{method}": f"{word} {method}" for method in ("actdiff", "rrr")}
        for stage, word in (("tune", "search"), ("train", "run"))
    }
    check_made_by(results, RUNS, expected, {"t": "t"})
    expected["tune"]["t/actdiff"] = expected["train"]["t/rrr"] = "another"
    files = f"{results}/tuning/t/actdiff/best.json {results}/runs/t/rrr/seed=3/run.json"
    with pytest.raises(
        StudyError, match=f"by other settings or code than those at Snakemake's start, .*--forcerun {files}$"
    ):
        check_made_by(results, RUNS, expected, {"t": "t"})


def test_a_run_with_hyperparameters_of_another_search_does_not_get_into_a_table(results):
    record = results / "runs/t/rrr/seed=3/run.json"
    write_json(record, read_json(record) | {"made_by": "run", "hyperparameters": {"lr": 0.1}})
    expected = {"tune": {"other/rrr": "search"}, "train": {"t/rrr": "run"}}
    best = results / "tuning/other/rrr/best.json"
    write_json(best, {"made_by": "search", "hyperparameters": {"lr": 0.1}})
    check_made_by(results, RUNS[1:], expected, {"t": "other"})
    write_json(best, {"made_by": "search", "hyperparameters": {"lr": 0.2}})
    with pytest.raises(StudyError, match=f"^{record}: was made by other settings .*--forcerun {record}$"):
        check_made_by(results, RUNS[1:], expected, {"t": "other"})


def test_one_row_per_epoch_and_per_trial(results):
    histories = histories_table(results, RUNS)
    assert histories.columns.tolist() == ["task", "method", "seed", "epoch", "valid_auc"]
    assert histories["method"].tolist() == ["actdiff"] * 2 + ["rrr"] * 2
    trials = trials_table(results, [run[:2] for run in RUNS])
    assert trials[["task", "method", "trial"]].to_numpy().tolist() == [["t", "actdiff", 1], ["t", "actdiff", 2]]


def test_without_any_trial_the_columns_are_still_there(results):
    table = trials_table(results, [("t", "rrr")])
    assert table.empty
    assert {"task", "method", "trial"} <= set(table.columns)
