"""The study of real images in its smallest form, to its tables and figures, and what doses and rivals are asked beside
it; of the whole, tests/acceptance.
"""

import pandas as pd
import pytest
from support.memory import most_memory
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(smallest) -> Checkout:
    """As users run it, and as what its jobs take is measured."""
    return smallest("xray_small", ["classification", "masked"], anew=True)


@pytest.fixture(scope="module")
def results(finished):
    return finished.folder / "results/xray_small"


def test_the_shift_is_visible_on_real_images(results):
    runs = pd.read_csv(results / "runs.csv")
    assert runs.groupby("task").size().to_dict() == {"site_pneumonia": 2, "no_site_pneumonia": 2}
    auc = runs[runs["method"] == "classification"].groupby("task")["test_auc"].mean()
    assert auc["site_pneumonia"] <= auc["no_site_pneumonia"] - 0.2


def test_patients_do_not_straddle_and_all_cells_are_counted(results):
    for file in results.glob("splits/*/seed=*[0-9].csv"):
        split = pd.read_csv(file)
        roles = split["split"].str.split("_").str[0].groupby(split["patient"])  # train, valid, test
        assert roles.nunique().max() == 1
        counts = pd.read_csv(file.with_name(f"{file.stem}_counts.csv"))
        assert counts["images"].sum() == len(split)
        assert (counts["images"] > 0).all()
        assert (counts["straddling_patients"] == 0).all()


def test_every_run_is_scored_on_three_test_sets_and_within_both_groups(results):
    runs = pd.read_csv(results / "runs.csv")
    scores = runs[["test_auc", "test_in_distribution_auc", "test_balanced_auc", "within_0_auc", "within_1_auc"]]
    assert scores.notna().all().all()
    assert (runs.groupby("task")["floor_auc"].first() - [0.5, 0.1]).abs().max() < 0.011  # no_site_pneumonia, site_...
    shifted = runs.query("task == 'site_pneumonia' and method == 'classification'")
    # Children against adults is easily seen: with the relation of training the classifier looks far better than it is.
    assert (shifted["test_in_distribution_auc"] > shifted["test_auc"] + 0.2).all()


def test_tables_and_figures_hold_both_tasks(results):
    for task in ("site_pneumonia", "no_site_pneumonia"):
        for suffix in ("csv", "md", "tex"):
            assert (results / "tables" / f"{task}.{suffix}").stat().st_size > 300
    for figure in ("figure_1", "masks", "figure_3", "learning_curves", "mean_saliency", "figure_8", "figure_a1"):
        for suffix in ("pdf", "png"):
            assert (results / "figures" / f"{figure}.{suffix}").stat().st_size > 3000


def test_no_job_took_more_than_three_gibibytes(results):
    assert 0 < most_memory(results) < 3 * 1024  # MiB


# Laid over that study, of which the images and the splits stay.
MORE = {
    "study": {
        "tasks": ["site_pneumonia", "site_ratio", "site_control"],
        "methods": ["classification", "actdiff", "reweighting"],
        "analyses": ["localisation", "reliance", "nuisance_probe", "weight_randomisation"],
    },
    "tasks": {
        "site_pneumonia": {"analyses": ["reliance", "nuisance_probe"]},
        "site_ratio": {
            "of": "site_pneumonia", "each": {"ratio": [0.5]}, "methods": ["classification", "actdiff"],
            "analyses": ["reliance", "nuisance_probe", "weight_randomisation"], "tuned_on": "site_pneumonia",
        },
        "site_control": {
            "of": "site_pneumonia", "mask": {"control": "random"}, "methods": ["actdiff"], "analyses": [],
            "tuned_on": "site_pneumonia",
        },
    },
    "methods": {"reweighting": {"hyperparameters": {"lr": 1e-3}}},
    "analyses": {"weight_randomisation": {"images": 4, "draws": 1}},
    "training": {"epochs": 1, "burn_in": 0},
    "saliency": {"attributions": ["gradient"]},
}  # fmt: skip
TO_MAKE = (
    *("tables/doses.md", "tables/mask_controls.md", "figures/doses.png"),
    *("tables/ranking.md", "tables/predictors.md", "figures/predictors.png"),
    "tables/site_ratio=0.5_weight_randomisation.md",
)


def test_doses_and_rivals_on_x_rays_at_two_ratios(finished, real_images, tmp_path):
    checkout = finished.copy(tmp_path / "more")
    checkout.study("more", MORE)
    studies = ("workflow/studies/xray_small.yaml", "smallest.yaml", "more.yaml")
    targets = [f"results/xray_small/{name}" for name in TO_MAKE]
    done = checkout.snakemake("-c2", *targets, "--configfile", *studies, RED_HERRING_IMAGES=str(real_images))
    assert "rule prepare_images" not in done.stdout + done.stderr
    runs = pd.read_csv(checkout.folder / "results/xray_small/runs.csv")
    assert runs.groupby("task")["method"].agg(set).to_dict() == {
        "site_pneumonia": {"classification", "actdiff", "reweighting"},
        "site_ratio=0.5": {"classification", "actdiff"},
        "site_control": {"actdiff"},
    }
    assert runs["test_auc"].between(0, 1).all()
