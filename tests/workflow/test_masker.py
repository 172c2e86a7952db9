"""Maskers: which are planned, what a change of theirs runs again, and their study in its smallest form; of the whole,
tests/acceptance.
"""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

STUDY = {
    "study": {"tasks": ["synthetic"], "methods": ["classification", "joint_masking"], "seeds": [1, 2]},
    "tuning": {"mode": "given"},
    "methods": {
        "classification": {"hyperparameters": {"lr": 1e-3}},
        "joint_masking": {
            "hyperparameters": {"lr": 1e-3, "masker_lr": 1e-3, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3}
        },
    },
    "saliency": {"attributions": ["gradient", "learned_mask"]},
}
MASKERS = {"fit_masker", "tune_masker"}


def planned(checkout, **changes):
    """How many maskers a study plans, laid over STUDY."""
    checkout.study("one", STUDY | changes)
    return Counter(rule for rule, _ in checkout.planned("--configfile=one.yaml") if rule in MASKERS)


def test_maskers_are_planned_only_of_runs_of_which_something_reads_them(checkout):
    assert planned(checkout, saliency={"attributions": ["gradient"]}) == {}
    assert planned(checkout) == {"fit_masker": 4}
    own = {
        "study": STUDY["study"] | {"analyses": ["localisation", "learned_masks"]},
        "saliency": {"attributions": ["gradient"]},
    }
    assert planned(checkout, **own) == {"fit_masker": 4}
    own["study"]["tasks"] = ["synthetic", "half"]
    tasks = {"half": {"of": "synthetic", "ratio": 0.5, "analyses": []}}
    assert planned(checkout, tasks=tasks, **own) == {"fit_masker": 4}, "those of the task that is asked"
    searched = {"search": {"lr": [1e-3, 1e-2]}}
    assert planned(checkout, masker=searched) == {"fit_masker": 4, "tune_masker": 1}, "none for joint_masking"


# Trained until the classifier tells most images right, without which its masker is said to have collapsed.
SHORT = {
    "study": {
        "methods": ["classification", "joint_masking"], "seeds": [1],
        "analyses": ["localisation", "learned_masks"],
    },
    "tasks": {"synthetic": {"sizes": {"train": 64, "valid": 32, "test": 32}}},
    "methods": {"classification": {"hyperparameters": {"lr": 1e-2}}},
    "masker": {"steps": 4, "arms": {"few": {"each": {"examples": [1, 4]}}}},
    "model": {"width": 2},
    "training": {"epochs": 10, "burn_in": 0, "batch_size": 8},
    "saliency": {"attributions": ["gradient", "learned_mask"], "example_images": 1},
}  # fmt: skip
TABLES = ("localisation", "learned_masks")
FILES = (*(f"{table}.csv" for table in TABLES), "tables/synthetic_learned_masks.md", "figures/few_shot.png")
LAID = ("--configfile", "workflow/studies/masker.yaml", "short.yaml")
ARMS = {"fixed", "in_only", "out_only", "shuffled", "blurred", "two_stages"}
ARMS |= {f"few_examples={examples}_draw={draw}" for examples in (1, 4) for draw in (1, 2)}


def made(checkout, names, *laid):
    checkout.snakemake("-c2", *(f"results/masker/{name}" for name in names), *LAID, *laid)
    return checkout.folder / "results/masker"


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Checkout:
    """masker.yaml in its smallest form, to what it is for. Tests work on copies."""
    checkout = Checkout(tmp_path_factory.mktemp("masker"))
    checkout.study("short", SHORT)
    made(checkout, FILES)
    return checkout


def targets():
    return [f"results/masker/{name}" for name in FILES]


@pytest.fixture
def copied(study, tmp_path) -> Checkout:
    return study.copy(tmp_path / "copy")


def table(checkout, name, **of):
    found = pd.read_csv(checkout.folder / f"results/masker/{name}.csv")
    for column, value in of.items():
        found = found[found[column] == value]
    return found


def collapsed(checkout, method):
    folder = checkout.folder / f"results/masker/maskers/synthetic/{method}/seed=1"
    arms = json.loads((folder / "maskers.json").read_text())["arms"]
    return {name: arm["collapsed"] for name, arm in arms.items()}


def assert_scored_unless_collapsed(checkout):
    """Of all maskers, and of maps by that which an attribution is; how many there are that collapsed."""
    lost = 0
    for method in ("classification", "joint_masking"):
        of_arms = collapsed(checkout, method)
        (localised,) = table(checkout, "localisation", method=method, attribution="learned_mask").to_dict("records")
        shown = of_arms["joint" if method == "joint_masking" else "fixed"]
        assert (localised["undefined"] == localised["images"]) == np.isnan(localised["iou"]) == shown
        masks = table(checkout, "learned_masks", method=method, reference=0).set_index("arm")
        assert masks["collapsed"].astype(bool).to_dict() == of_arms
        for arm, row in masks.iterrows():
            assert row[["le", "f1", "sm", "pxap", "nuisance_iou"]].isna().all() == of_arms[arm]
        lost += sum(of_arms.values())
    return lost


def test_every_masker_is_fitted_scored_and_shown(study):
    results = study.folder / "results/masker"
    assert all((results / name).stat().st_size > 300 for name in FILES)
    assert set(collapsed(study, "classification")) == ARMS
    assert set(collapsed(study, "joint_masking")) == {"joint"}
    assert not collapsed(study, "classification")["fixed"], "or nothing below is tested"
    assert_scored_unless_collapsed(study)
    masks = table(study, "learned_masks", method="classification").set_index("arm")
    assert masks["examples"].loc["few_examples=4_draw=1"] == 4
    assert set(masks.index[: len(ARMS)]) == ARMS, "maskers before what they are set against"
    assert not list((results / "maskers").rglob("resume"))


def test_the_masker_of_joint_masking_is_that_of_its_run(study):
    results = study.folder / "results/masker"
    run, masker = (
        load_file(results / f"{name}/synthetic/joint_masking/seed=1/{file}.safetensors")
        for name, file in (("runs", "model"), ("maskers", "maskers"))
    )
    assert any(name.startswith("masker.") for name in run)
    assert (masker["joint/output.weight"] == run["masker.output.weight"]).all()


def test_another_arm_refits_the_maskers_and_trains_nothing(copied):
    assert copied.planned(*targets(), *LAID) == []
    copied.study("more", {"masker": {"arms": {"wide": {"lambda_in": 0.5}}}})
    jobs = copied.planned(*targets(), *LAID, "more.yaml")
    counts = Counter(rule for rule, _ in jobs)
    assert {rule for rule in counts if not rule.startswith(("collect", "render"))} == {"fit_masker", *TABLES}
    assert {wildcards for rule, wildcards in jobs if rule == "fit_masker"} == {
        "task=synthetic, method=classification, seed=1"
    }, "that of joint_masking is fitted by no arm"


# All masks end up empty, but for the one that is asked for nothing else.
EMPTYING = {
    "study": {"analyses": ["localisation", "learned_masks", "weight_randomisation"]},
    "masker": {"lambda_in": 1000.0, "lambda_out": 1000.0, "lr": 0.3, "steps": 16},
    "analyses": {"weight_randomisation": {"images": 4, "draws": 1, "similarities": ["spearman_abs"]}},
}
SHOWN = (
    *("tables/synthetic_localisation.md", "tables/synthetic_learned_masks.md", "tables/relation.md"),
    *("figures/few_shot.png", "figures/learned_masks_synthetic_classification.png", "figures/mean_saliency_synthetic.png"),
    *("figures/figure_8_iou.png", "figures/relation.png", "figures/randomised_maps_synthetic_classification.png"),
    "explorer.html",
)  # fmt: skip


def test_where_all_maskers_collapsed_there_is_no_score_and_all_is_drawn(copied):
    copied.study("emptying", EMPTYING)
    results = made(copied, SHOWN, "emptying.yaml")
    assert all(lost or arm == "out_only" for arm, lost in collapsed(copied, "classification").items())
    assert collapsed(copied, "joint_masking") == {"joint": True}
    assert assert_scored_unless_collapsed(copied) == len(ARMS)
    values = table(copied, "weight_randomisation", attribution="learned_mask")
    assert values["value"].isna().all()
    assert (values["undefined"] == values["images"]).all()
    assert all((results / name).stat().st_size > 300 for name in SHOWN)
    shown = (results / "tables/synthetic_learned_masks.md").read_text()
    assert "| Masker, classifier frozen | 0 | 1 of 1 | – | – |" in shown
    assert " nan " not in shown


ON_X_RAYS = {
    "study": {
        "tasks": ["site_pneumonia"], "methods": ["classification"], "seeds": [1],
        "analyses": ["localisation", "learned_masks"],
    },
    "tasks": {"site_pneumonia": {"sizes": {"train": 80, "valid": 40, "test": 40}}},
    "masker": {"objectives": "out", "steps": 2},
    "model": {"width": 2},
    "training": {"epochs": 1, "burn_in": 0},
    "saliency": {"attributions": ["gradient", "learned_mask"]},
}  # fmt: skip


def test_masks_of_x_rays_whose_nuisance_is_in_no_known_pixels(checkout, real_images):
    checkout.study("smallest", ON_X_RAYS)
    targets = [f"results/xray_small/{name}.csv" for name in TABLES]
    studies = ("workflow/studies/xray_small.yaml", "smallest.yaml")
    checkout.snakemake("-c2", *targets, "--configfile", *studies, RED_HERRING_IMAGES=str(real_images))
    localised, masks = (pd.read_csv(checkout.folder / target) for target in targets)
    assert localised.query("attribution == 'learned_mask'")["undefined"].tolist() == [0]
    masks = masks.set_index("arm")
    assert masks.loc["fixed", ["collapsed", "undefined", "nuisance_images"]].tolist() == [0, 0, 0]
    assert masks.loc["fixed", ["iou", "le", "pxap", "sm"]].notna().all()
    assert masks["nuisance_iou"].isna().all()
