"""The study of sanity checks in its smallest form, to the tables and figures that it is for; of the whole,
tests/acceptance.
"""

import pandas as pd
import pytest
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

SHORT = {
    "study": {"methods": ["classification"], "seeds": [1, 2]},
    "tasks": {
        "synthetic": {"sizes": {"train": 64, "valid": 32, "test": 32}},
        "noisy_permuted": {"stop": {"steps": 4}},
    },
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0},
    "analyses": {
        "weight_randomisation": {"images": 4, "draws": 1, "similarities": ["spearman_abs", "ssim"]},
        "label_randomisation": {"images": 6},
        "seed_agreement": {"images": 6},
        "convergence": {"images": 2},
        "mprt": {"images": 2, "draws": 1, "copies": 2},
    },
    "masker": {"objectives": "out", "steps": 2},  # of which no masker is said to have collapsed
    "saliency": {"attributions": ["gradient", "guided_backprop", "learned_mask", "edges"], "example_images": 1},
}
TABLES = (
    "noisy_weight_randomisation", "noisy_permuted_label_randomisation", "plain_side_task_contrast",
    "noisy_seed_agreement", "plain_convergence", "mprt",
)  # fmt: skip
FIGURES = ("weight_randomisation_noisy_ssim_cascading_kept_fixed", "randomised_maps_noisy_classification")


def test_every_question_is_answered_of_the_runs_that_it_is_asked_of(checkout: Checkout):
    checkout.study("short", SHORT)
    made = [f"tables/{name}.md" for name in TABLES] + [f"figures/{name}.png" for name in FIGURES]
    targets = [f"results/sanity/{name}" for name in made]
    checkout.snakemake("-c2", *targets, "--configfile", "workflow/studies/sanity.yaml", "short.yaml")
    results = checkout.folder / "results" / "sanity"
    assert all((results / name).stat().st_size for name in made)

    def asked(analysis):
        return set(pd.read_csv(results / f"{analysis}.csv")["task"])

    assert asked("weight_randomisation") == {"noisy", "plain"}
    assert asked("label_randomisation") == {"noisy_permuted"}
    assert asked("task_contrast") == {"plain_side"}
    assert asked("seed_agreement") == {"noisy"}
    assert asked("convergence") == asked("mprt") == {"plain"}
    for analysis in ("weight_randomisation", "label_randomisation", "task_contrast", "seed_agreement", "mprt"):
        of_masks = pd.read_csv(results / f"{analysis}.csv").query("attribution == 'learned_mask'")
        assert len(of_masks) > 0
        assert (of_masks["undefined"] == 0).all()
    plain, side = (
        pd.read_csv(results / "splits" / task / "seed=1.csv").set_index(["image", "split"]).sort_index()
        for task in ("plain", "plain_side")
    )
    assert (side["label"] == plain["nuisance"]).all()
    assert 0 < (side["label"] != plain["label"]).mean() < 1
