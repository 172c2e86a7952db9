"""The studies of doses and of robust rivals in their smallest form, to the tables and figures that they are for; of the
whole, tests/acceptance. On X-rays: test_xray_small.py.
"""

import numpy as np
import pandas as pd
import pytest
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

SHORT = {
    "study": {"seeds": [1]},
    "tasks": {"synthetic": {"sizes": {"train": 64, "valid": 32, "test": 32}}},
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0},
    "tuning": {"seed": 1, "initial_points": 1, "iterations": 0, "epochs": 1, "burn_in": 0},
}
SHORT_DOSES = {
    "study": {"tasks": ["synthetic", "synthetic_ratio", "synthetic_budget", "equal", "equal_control"]},
    "tasks": {
        "synthetic": {"methods": ["classification", "actdiff"]},
        "synthetic_ratio": {"each": {"ratio": [0.75]}},
        "synthetic_budget": {"each": {"mask.budget": [0.25]}},
        "equal": {"methods": ["classification", "masked"]},
        "equal_control": {"each": {"mask.control": ["random"]}},
    },
}
SHORT_ROBUST = {"study": {"methods": ["classification", "resampling", "coral", "actdiff"]}}
SHORT_ROBUST["tasks"] = {
    "synthetic": {"ratio": 0.75},
    "synthetic_ratio": {"methods": ["classification", "coral", "actdiff"]},
}


@pytest.fixture
def run(checkout):
    """A function that makes these tables and figures of studies laid over each other; the results."""

    def run(results: str, studies: tuple[str, ...], made: tuple[str, ...]):
        targets = [f"results/{results}/{name}" for name in made]
        checkout.snakemake("-c2", *targets, "--configfile", *studies)
        return checkout.folder / "results" / results

    return run


SWEEPS = ("doses", "budgets", "mask_controls")


def test_doses_budgets_and_whose_masks_on_crosses(run, checkout: Checkout):
    for name, content in {"short": SHORT, "doses": SHORT_DOSES}.items():
        checkout.study(name, content)
    made = [path for name in SWEEPS for path in (f"tables/{name}.md", f"figures/{name}.png")]
    results = run("doses", ("workflow/studies/doses.yaml", "short.yaml", "doses.yaml"), made)
    runs = pd.read_csv(results / "runs.csv")
    assert set(runs.query("task == 'synthetic_mask.budget=0.25'")["method"]) == {"actdiff"}
    assert set(runs.query("task == 'equal_mask.control=random'")["method"]) == {"masked"}
    equal = np.load(results / "data/crosses_equal/images.npy")
    assert len(set((equal == 255).sum(axis=(1, 2)))) == 1, "nothing is to be counted"
    doses = pd.read_csv(results / "tables/doses.csv")
    assert {0.75, 1.0} <= set(doses["ratio"])


def test_rivals_on_crosses_and_what_cannot_work_is_left_out(run, checkout: Checkout):
    for name, content in {"short": SHORT, "robust": SHORT_ROBUST}.items():
        checkout.study(name, content)
    made = ("tables/ranking.md", "tables/predictors.md", "figures/ranking.png", "figures/predictors.png")
    results = run("robust", ("workflow/studies/robust.yaml", "short.yaml", "robust.yaml"), made)
    runs = pd.read_csv(results / "runs.csv")
    assert set(runs.query("task == 'synthetic_ratio=1'")["method"]) == {"classification", "actdiff"}
    assert "CORAL is left out of synthetic_ratio=1" in (results / "tables/ranking.md").read_text()
    assert len(pd.read_csv(results / "nuisance_probe.csv")) == len(runs) == 6
