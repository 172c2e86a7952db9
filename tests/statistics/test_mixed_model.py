"""The mixed model against statsmodels' formula, least squares at the bound, and what cannot be fitted."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from red_herring import reference
from red_herring.statistics import mixed_model as module
from red_herring.statistics.mixed_model import mixed_model
from statsmodels.api import OLS
from statsmodels.formula.api import mixedlm

RELEASED = pd.read_csv(reference.PUBLISHED_RUNS)
METHODS = np.tile(range(6), 10)


def modelled(x, y, groups=METHODS):
    return mixed_model(np.asarray(x, float), np.asarray(y, float), np.asarray(groups)).set_index("term")


@pytest.mark.parametrize("task", ["synthetic", "spc", "vpc"])
def test_it_is_statsmodels_model_whatever_the_scale(task):
    runs = RELEASED[RELEASED["task"] == task].rename(columns={"test_auc": "auc", "iou_gradient": "iou"})
    runs["between"] = runs.groupby("method")["iou"].transform("mean")
    runs["within"] = runs["iou"] - runs["between"]
    with warnings.catch_warnings(action="ignore"):  # of a bound, as a variance of 0.01 is large for an AUC
        expected = mixedlm("auc ~ within + between", runs, groups=runs["method"]).fit()
    missing = pd.DataFrame({"iou": [0.5, np.nan], "auc": [np.nan, 0.5], "method": "rrr"})
    with_missing = pd.concat([runs, missing])
    found = modelled(with_missing["iou"], with_missing["auc"], with_missing["method"])
    assert found["n"].tolist() == [len(runs)] * 2
    assert found["methods"].tolist() == [6, 6]
    for term in ("within", "between"):
        ends = expected.conf_int().loc[term].tolist()
        assert found.loc[term, ["estimate", "low", "high"]].tolist() == pytest.approx(
            [expected.params[term], *ends], rel=1e-3, abs=1e-3
        )
        assert found.loc[term, "p"] == pytest.approx(expected.pvalues[term], rel=0.01, abs=1e-6)
        assert found.loc[term, "intercept_sd"] == pytest.approx(np.sqrt(expected.cov_re.iloc[0, 0]), rel=1e-3)
        assert found.loc[term, "warning"] == ""


def test_at_the_bound_it_is_least_squares_and_says_so():
    """Methods that differ less than chance leave no variance to the random intercept."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 10, 6))
    y -= y.mean(axis=0)
    found = modelled(x.ravel(), y.ravel())
    between = np.tile(x.mean(axis=0), 10)
    simple = OLS(y.ravel(), np.column_stack([np.ones(60), x.ravel() - between, between])).fit()
    assert found["warning"].str.startswith(module.BOUNDARY).all()
    assert found["intercept_sd"].max() < 0.1
    assert found["estimate"].tolist() == pytest.approx(simple.params[1:], abs=1e-3)
    assert (found["high"] - found["low"]).tolist() == pytest.approx(2 * 1.96 * simple.bse[1:], rel=0.01)


@pytest.mark.parametrize(
    ("x", "y", "groups", "said"),
    [
        (np.arange(60) % 7, np.arange(60) % 6, METHODS, module.SINGULAR),
        (np.arange(60) % 7, np.ones(60), METHODS, module.TOO_FEW),
        (np.arange(60) % 6, np.arange(60) % 7, METHODS, module.TOO_FEW),
        (np.full(60, 0.1 + 0.2), np.arange(60) % 7, METHODS, module.TOO_FEW),
        (np.arange(60) % 7, np.arange(60) % 11, METHODS % 2, module.TOO_FEW),
        ([], [], [], module.TOO_FEW),
        ([1, 2, 4, 3], [1, 3, 2, 7], [0, 1, 2, 2], module.NO_ERRORS),
    ],
    ids=["singular", "constant score", "one seed", "constant map", "two methods", "no runs", "four runs"],
)
def test_what_cannot_be_fitted_has_no_numbers_and_says_why(x, y, groups, said):
    with warnings.catch_warnings(action="error"):
        found = modelled(x, y, groups)
    assert found["warning"].tolist() == [said] * 2
    assert found[["estimate", "low", "high", "p", "intercept_sd"]].isna().all(axis=None)


def test_a_fit_that_does_not_converge_has_no_numbers(monkeypatch):
    """That of statsmodels' own first optimiser."""
    monkeypatch.setattr(module, "OPTIMISER", "bfgs")
    rng = np.random.default_rng(0)
    found = pd.concat([modelled(*rng.normal(size=(2, 60))) for _ in range(20)])
    failed = found[found["warning"] == module.NOT_CONVERGED]
    assert len(failed) > 10
    assert failed[["estimate", "low", "high", "p", "intercept_sd"]].isna().all(axis=None)


def test_only_who_fits_it_waits_for_its_import():
    code = "import sys, red_herring.stages.render_table; print('statsmodels.regression' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_how_often_it_is_wrong_is_what_the_note_says():
    """Of 300 studies of six methods and ten seeds without any relation p is below 0.05 between in 11 %; the standard
    error is 1.8 %. Within in 7 %, and in 17 % where seeds differ as much as runs do, as the seeds are those of all
    methods; 1.5 and 2.2 %. Bounds are 2.5 of them.
    """
    rng = np.random.default_rng(0)
    for seed_sd, within in ((1, (0.17, 0.055)), (0, (0.07, 0.037))):
        wrong = []
        for _ in range(300):
            x, y = (
                2 * rng.normal(size=(1, 6)) + seed_sd * rng.normal(size=(10, 1)) + rng.normal(size=(10, 6))
                for _ in range(2)
            )
            wrong.append(modelled(x.ravel(), y.ravel())["p"] < 0.05)
        rates = pd.concat(wrong, axis=1).mean(axis=1)
        assert rates["within"] == pytest.approx(within[0], abs=within[1])
        assert rates["between"] == pytest.approx(0.11, abs=0.045)
