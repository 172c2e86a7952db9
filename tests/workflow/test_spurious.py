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
    "saliency": {"attributions": ["gradient", "edges"], "example_images": 2},
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


def test_a_tag_on_pneumonia(smallest_spurious):
    """Real X-rays at 64 pixels; the tag has the area that it is asked for, and the images are told to have it."""
    results = smallest_spurious
    assert made(results, [f"tables/{name}.md" for name in TABLES])
    assert made(results, ["explorer.html", "overview.rst", "figures/signals.png"])
    detection = pd.read_csv(results / "signal_detection.csv")
    assert detection["area"].unique() == pytest.approx([6**2 / 64**2])
    edges = detection.query("attribution == 'edges'")
    assert (edges["difference_ap"] == 0).all()
    influence = pd.read_csv(results / "influence.csv")
    assert (influence["base_rate_aligned"] == 1).all()
    np.testing.assert_allclose(influence["base_rate"], 0.5)


@pytest.fixture(scope="module")
def smallest_spurious(smallest):
    """Two seeds, as maps are held against those of another normal model."""
    laid = {
        "study": {"methods": ["classification"], "seeds": [1234, 3232]},
        "training": {"epochs": 2},
        "analyses": {
            "signal_detection": {"images": 8},
            "concepts": {"sets": 3, "images": 8},
            "influence": {"images": 8},
        },
    }
    return smallest("spurious_xray", ["classification"], laid).folder / "results" / "spurious_xray"
