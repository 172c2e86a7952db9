"""What goes with the test AUC: the coefficients are those of the relation, and over tasks methods change places together."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from red_herring.report.tables.predictors import _relation
from red_herring.statistics import correlation
from scipy import stats
from support.swept import METHODS, settings, task
from support.tabulated import rows, table

SEEDS = range(5)
TASKS = {"t_ratio=0.9": task(0.9), "t": task(1.0)}
SETTINGS = settings(TASKS, list(TASKS)) | {"seeds": list(SEEDS)}
PER_TASK = {key: value for key, value in SETTINGS.items() if key != "series"}


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(4)
    runs = pd.DataFrame(
        [(of, method, seed) for of in TASKS for method in METHODS for seed in SEEDS], columns=["task", "method", "seed"]
    )
    auc = rng.uniform(size=len(runs))
    noisy = auc + rng.normal(0, 0.3, len(runs))
    maps = runs.assign(attribution="gradient", iou=noisy, chance_iou=0.1)
    return {
        "runs": runs.assign(test_auc=auc),
        "localisation": pd.concat([maps, maps.assign(attribution="random", iou=0.1)]),
        "reliance": runs.assign(relative_reliance=1 - auc**3),
        "nuisance_probe": runs.assign(nuisance_auc=rng.uniform(size=len(runs)), untrained_nuisance_auc=0.8),
    }


def test_predictors_of_a_task(study):
    found = table("predictors", study, PER_TASK)
    frame = found.frame.set_index(["of", "predictor", "level", "coefficient"])
    row = frame.loc[("t", "relative_reliance", "pooled", "spearman")]
    assert row["value"] == pytest.approx(-1)
    own = study["runs"][study["runs"]["task"] == "t"]
    iou = study["localisation"].query("task == 't' and attribution == 'gradient'")["iou"].to_numpy()
    of_iou = stats.spearmanr(own["test_auc"], iou).statistic
    assert frame.loc[("t", "iou", "pooled", "spearman"), "value"] == pytest.approx(of_iou)
    assert row["advantage"] == pytest.approx(1 - of_iou), "less reliance should go with a higher AUC"
    assert row["advantage_low"] <= row["advantage"] <= row["advantage_high"]
    assert np.isnan(frame.loc[("t", "iou", "pooled", "spearman"), "advantage"])
    relation = correlation.relation(own["test_auc"].to_numpy(), iou, own["method"].to_numpy(), own["seed"].to_numpy())
    of_frame = found.frame.query("of == 't' and predictor == 'iou'")[correlation.RELATION].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_frame, relation, check_dtype=False)
    assert [section.title for section in found.sections] == ["t_ratio=0.9: test AUC", "t: test AUC"]
    assert rows(found, 1)[("IoU (Gradient)", "pooled")][-1] == "–"


def test_over_a_series_methods_change_places_on_all_tasks_together(study):
    found = table("predictors", study, SETTINGS).frame.set_index(["of", "predictor", "level", "coefficient"])
    row = found.loc[("t", "nuisance_auc", "pooled", "spearman")]
    runs = study["runs"].merge(study["nuisance_probe"])
    assert row["n"] == 30
    assert row["seeds"] == 5, "not ten"
    assert row["value"] == pytest.approx(stats.spearmanr(runs["test_auc"], runs["nuisance_auc"]).statistic)
    chance = []
    for order in permutations(METHODS):
        taken = runs.assign(method=runs["method"].map(dict(zip(METHODS, order, strict=True))))
        both = runs.merge(taken, on=["task", "method", "seed"], suffixes=("", "_taken"))
        chance.append(stats.spearmanr(both["test_auc"], both["nuisance_auc_taken"]).statistic)
    assert row["p"] == pytest.approx(np.mean(np.abs(chance) >= abs(row["value"]) - 1e-12))
    assert set(found.index.get_level_values("level")) == {"pooled", "within"}


def test_without_a_probe_the_others_are_compared(study):
    found = table("predictors", {name: part for name, part in study.items() if name != "nuisance_probe"}, PER_TASK)
    assert set(found.frame["predictor"]) == {"relative_reliance", "iou"}


def test_over_a_series_pooled_is_of_the_methods_that_run_on_every_task(study):
    """Masked does not run on one task, and a run is missing on the other: p and coefficient are of what is left when
    both are left out, and within methods of all runs.
    """
    runs = study["runs"]
    holes = ((runs["task"] == "t") & (runs["method"] == "masked")) | (
        (runs["task"] == "t_ratio=0.9") & (runs["method"] == "actdiff") & (runs["seed"] == 3)
    )
    part = study | {"runs": runs[~holes]}
    keys = ["of", "predictor", "level", "coefficient"]
    found = table("predictors", part, SETTINGS).frame.set_index(keys)
    left = runs[(runs["method"] != "masked") & ~((runs["task"] == "t_ratio=0.9") & (runs["seed"] == 3))]
    alone = table("predictors", study | {"runs": left}, SETTINGS).frame.set_index(keys)
    at = ("t", "nuisance_auc", "pooled", "spearman")
    assert found.loc[at, "n"] == 18
    pd.testing.assert_series_equal(found.loc[at], alone.loc[at])
    assert found.loc[("t", "nuisance_auc", "within", "spearman"), "n"] == 24


def test_of_methods_on_no_common_task_there_is_no_relation_over_tasks(study):
    runs = study["runs"]
    apart = runs[(runs["task"] == "t") == (runs["method"] == "masked")]
    found = table("predictors", study | {"runs": apart}, SETTINGS)
    pooled = found.frame[found.frame["level"] == "pooled"]
    assert (pooled["n"] == 0).all()
    assert pooled[["value", "p"]].isna().all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("on_one", [0, 4])
def test_what_the_ratio_does_to_all_methods_is_no_evidence_for_a_predictor(on_one):
    """Of methods that do not differ but by chance p is below 0.05 as often as it should be, though both scores fall
    with the ratio and the pooled coefficient is large; also where some methods run on one task alone.
    """
    rng, both = np.random.default_rng(0), "abcdef"
    cells = [
        (of, method, 1) for of, names in {"t_ratio=0.9": both + "ghij"[:on_one], "t": both}.items() for method in names
    ]
    runs = pd.DataFrame(cells, columns=["task", "method", "seed"])
    fall = (runs["task"] == "t").to_numpy(float)
    low, large = [], []
    for _ in range(200):
        auc, x = (fall + 0.2 * rng.normal(size=len(runs)) for _ in range(2))
        found = _relation(runs.assign(test_auc=auc, nuisance_auc=x, iou=x), "nuisance_auc", ["pooled"])
        row = found.set_index("coefficient").loc["spearman"]
        low.append(row["p"] < 0.05)
        large.append(row["value"] > 0.5)
    assert np.mean(large) > 0.8
    assert 0.01 <= np.mean(low) <= 0.09
