"""The mixed model of a score and how well maps localise: score ~ within + between + (1 | method)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from red_herring.statistics.common import CONFIDENCE, DECIMALS

TERMS = ("within", "between")

LEAST_METHODS = 3
"""Of fewer, what lies between them cannot be told from their random intercepts."""

ESTIMATES = ["estimate", "low", "high", "p"]
TOO_FEW = f"Not fitted: fewer than {LEAST_METHODS} methods, or what does not vary."
SINGULAR = "Not fitted: singular."
NOT_CONVERGED = "Not fitted: the optimisation did not converge."
NO_ERRORS = "Not fitted: no standard errors, as the Hessian is not positive definite."
BOUNDARY = "The random intercept may be at its bound, 0."
HESSIAN = "The Hessian is not positive definite."

SENTENCES = {
    "boundary of the parameter space": BOUNDARY,
    "covariance is singular": BOUNDARY,
    "covariance matrix is singular": BOUNDARY,
    "not positive definite": HESSIAN,
}
"""What statsmodels warns of (a part of its words) -> what that says of the fit. At the bound the Hessian matters
little: the standard errors are those of least squares there.
"""

OPTIMISER = "powell"
"""With statsmodels' own order of optimisers every third fit fails whose random intercept is near 0, with this none."""


def mixed_model(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> pd.DataFrame:
    """y ~ within + between + (1 | groups) over runs by restricted maximum likelihood (statsmodels' MixedLM).

    x, y: floats [runs]; groups: their method; a run with NaN is left out. within: x less the mean of its method;
    between: that mean.

    Returns one row per term with n (runs), methods, term, estimate (of y for one of x), its 95 % interval low to high
    and p (Wald, by the normal distribution), intercept_sd (standard deviation of the random intercept), and warning,
    what statsmodels warned of in a sentence. A fit that fails or does not converge has no numbers, and says so there.
    """
    there = ~(np.isnan(x) | np.isnan(y))
    x, y, groups = (np.asarray(values)[there] for values in (x, y, groups))
    methods, names = pd.factorize(groups)
    between = pd.Series(x).groupby(methods).transform("mean").to_numpy()
    terms = np.round(np.stack([x - between, between]), DECIMALS)
    undefined = dict.fromkeys([*ESTIMATES, "intercept_sd"], np.nan)
    if len(names) < LEAST_METHODS or not all(np.ptp(values) > 0 for values in (*terms, np.round(y, DECIMALS))):
        found: dict[str, Any] = undefined | {"warning": TOO_FEW}
    else:
        found = undefined | _fitted(terms, y, methods)
    return pd.DataFrame({"n": len(x), "methods": len(names), "term": TERMS, **found})


def _fitted(terms: np.ndarray, y: np.ndarray, methods: np.ndarray) -> dict[str, Any]:
    """Column -> values of both terms.

    All is fitted in standard deviations: statsmodels takes a variance of the intercept below 0.01 for its bound,
    whatever the unit, and those of AUCs mostly are.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM  # takes 0.2 s, which no other table has to wait for

    scale = terms.std(axis=1) / y.std()
    standard = (terms - terms.mean(axis=1, keepdims=True)) / terms.std(axis=1, keepdims=True)
    design = np.column_stack([np.ones(len(y)), *standard])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            fit = MixedLM((y - y.mean()) / y.std(), design, groups=methods).fit(method=OPTIMISER)
            intervals = fit.conf_int(1 - CONFIDENCE)[1:3]
        except np.linalg.LinAlgError:
            return {"warning": SINGULAR}
    said = _sentences([str(warning.message) for warning in warned])
    if not fit.converged:
        return {"warning": NOT_CONVERGED}
    if np.isnan(intervals).any() or (HESSIAN in said and BOUNDARY not in said):
        return {"warning": NO_ERRORS}
    estimates = np.column_stack([fit.fe_params[1:], intervals]) / scale[:, None]
    return {
        **dict(zip(ESTIMATES, [*estimates.T, fit.pvalues[1:3]], strict=True)),
        "intercept_sd": float(np.sqrt(fit.cov_re.item())) * y.std(),
        "warning": " ".join(said),
    }


def _sentences(messages: list[str]) -> list[str]:
    """What statsmodels' warnings say of a fit."""
    said = [
        next((sentence for part, sentence in SENTENCES.items() if part in message), f"statsmodels warned: {message}.")
        for message in messages
    ]
    return list(dict.fromkeys(said))
