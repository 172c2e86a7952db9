"""The studies of planted signals in their smallest form, to the tables and figures that they are for; of the whole,
tests/acceptance.
"""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

SHORT = {
    "study": {"tasks": ["clean", "stripe"], "methods": ["classification"], "seeds": [1, 2]},
    "tasks": {"synthetic": {"sizes": {"train": 64, "valid": 32, "test": 32}}},
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0},
    "analyses": {"signal_detection": {"images": 4}, "concepts": {"sets": 3, "images": 5}, "influence": {"images": 4}},
    "masker": {"objectives": "out", "steps": 2},  # of which no masker is said to have collapsed
    "saliency": {"attributions": ["gradient", "edges", "learned_mask"], "example_images": 2},
}
TABLES = ("signals", "told_apart", "spurious_score")
FIGURES = ("signals", "twin_maps_stripe_classification")


def made(results, names):
    return all((results / name).stat().st_size > 300 for name in names)


def test_a_signal_is_planted_and_every_explanation_asked_about_it(checkout: Checkout):
    checkout.study("short", SHORT)
    names = [f"tables/{name}.md" for name in TABLES] + [f"figures/{name}.png" for name in FIGURES]
    targets = [f"results/spurious/{name}" for name in names]
    checkout.snakemake("-c2", *targets, "--configfile", "workflow/studies/spurious.yaml", "short.yaml")
    results = checkout.folder / "results" / "spurious"
    assert made(results, names)
    for analysis in ("spurious_score", "signal_detection", "concepts", "influence"):
        assert set(pd.read_csv(results / f"{analysis}.csv")["task"]) == {"stripe"}, "the normal model is its base run"
    clean, stripe = (
        load_file(next(results.glob(f"runs/{task}/*/seed=1/model.safetensors"))) for task in ("clean", "stripe")
    )
    assert any((clean[name] != stripe[name]).any() for name in clean)
    maskers = sorted(results.glob("maskers/*/classification/seed=*/maskers.safetensors"))
    assert len(maskers) == 4, "of both seeds of the normal model, too"
    masks = pd.read_csv(results / "signal_detection.csv").query("attribution == 'learned_mask'")
    assert (masks["undefined"] == 0).all()
    assert masks["difference_ap"].notna().all()
    assert (masks["difference_ap"] != 0).any(), "each network by its own masker"


SMALLEST = {
    "study": {"methods": ["classification"]},
    "model": {"width": 2},
    "training": {"epochs": 2},
    "analyses": {"signal_detection": {"images": 6}, "concepts": {"sets": 2, "images": 8}, "influence": {"images": 6}},
}


def test_a_tag_on_pneumonia(checkout: Checkout, real_images):
    """Real X-rays at 64 pixels; the tag has the area that it is asked for, and the images are told to have it."""
    checkout.study("smallest", SMALLEST)
    names = [*(f"tables/{name}.md" for name in TABLES), "figures/signals.png"]
    targets = [f"results/spurious_xray/{name}" for name in names]
    studies = ("workflow/studies/spurious_xray.yaml", "smallest.yaml")
    checkout.snakemake("-c2", *targets, "--configfile", *studies, RED_HERRING_IMAGES=str(real_images))
    results = checkout.folder / "results" / "spurious_xray"
    assert made(results, names)
    detection = pd.read_csv(results / "signal_detection.csv")
    assert detection["area"].unique() == pytest.approx([6**2 / 64**2])
    assert (detection.query("attribution == 'edges'")["difference_ap"] == 0).all()
    influence = pd.read_csv(results / "influence.csv")
    assert (influence["base_rate_aligned"] == 1).all()
    np.testing.assert_allclose(influence["base_rate"], 0.5)
