"""Masks of anatomy, from the weights of the segmentation network to the figures; only the weights are made."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.masks import BITS
from red_herring.study.anatomy import STRUCTURES
from support.loopback import Answer, web
from support.made_segmenter import fitted, made_weights, published

pytestmark = pytest.mark.slow

SIZE, IMAGES = 48, 28
SITES = ("east", "west")
HEART = ("--configfile=heart.yaml",)


def thorax(random, ill):
    """A bright body with two dark lungs and a heart between them, larger if ill, uint8 [48, 48]."""
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    heart = rows**2 + (columns - 0.05) ** 2 < (0.2 if ill else 0.13) ** 2
    lungs = (rows / 0.38) ** 2 + ((np.abs(columns) - 0.23) / 0.16) ** 2 < 1
    levels = np.where(heart, 220, np.where(lungs, 60, 170)) + random.normal(0, 15, rows.shape) + random.uniform(-20, 20)
    return levels.clip(0, 255).astype(np.uint8)


def write_site(folder, random):
    """A folder of images with a table, half of the images ill; the images."""
    folder.mkdir()
    pictures = [thorax(random, number % 2) for number in range(IMAGES)]
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number}.png")
    labels = ["ill" if number % 2 else "No Finding" for number in range(IMAGES)]
    rows = {
        "file": [f"{number}.png" for number in range(IMAGES)],
        "label": labels,
        "view": "PA",
        "patient": range(IMAGES),
    }
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return pictures


def study(address):
    columns = {"file": "file", "label": "label", "group": "view", "patient": "patient"}
    source = {"kind": "folder", "size": SIZE, "max_unreadable": 0, "columns": columns}
    return {
        "study": {"tasks": ["heart"], "methods": ["classification", "masked"], "seeds": [1]},
        "anatomy": {"address": address},
        "sources": {
            site: source | {"imgpath": site, "csvpath": f"{site}/table.csv", "people": site} for site in SITES
        },
        "tasks": {
            "heart": {
                "finding": "ill", "control": "No Finding", "ratio": 0.75, "mean_map_images": 4,
                "nuisance": {"name": "site", "groups": [{"name": site, "source": site} for site in SITES]},
                "sizes": {"train": 16, "valid": 8, "test": 8},
                "mask": {"kind": "anatomy", "structures": ["Heart"], "negatives": "skip"},
            },
        },
        "model": {"width": 2},
        "training": {"epochs": 2, "burn_in": 0},
        "tuning": {"mode": "given"},
        "methods": {name: {"hyperparameters": {"lr": 0.001}} for name in ("classification", "masked")},
        "saliency": {"attributions": ["gradient"], "example_images": 1},
    }  # fmt: skip


def test_from_weights_on_a_server_to_figures(checkout, tmp_path):
    random = np.random.default_rng(0)
    pictures = np.stack([picture for site in SITES for picture in write_site(checkout.folder / site, random)])
    weights = published(fitted(made_weights(), pictures, empty=0.2), tmp_path / "made weights.pth")
    results = checkout.folder / "results"
    with web(Answer(weights.read_bytes())) as site:
        checkout.study("heart", study(f"{site.url}/v1/weights.pth"))
        done = checkout.snakemake("-c2", "all", *HEART)
        assert len(site.asked) == 1
    assert "Lian et al. 2021" in done.stdout + done.stderr
    assert "its anatomy is segmented in images of 48 pixels" in done.stdout + done.stderr

    stored = {site: np.load(results / "data" / site / "anatomy.npy") for site in SITES}
    hearts = {site: anatomy & BITS["Heart"] > 0 for site, anatomy in stored.items()}
    found = np.concatenate(list(hearts.values())).any(axis=(1, 2))
    assert 0 < (~found).sum() < 25, "some images have nothing inside, and most have"
    for site, masks in hearts.items():
        assert masks.shape == (IMAGES, SIZE, SIZE)
        record = json.loads((results / "data" / site / "anatomy.json").read_text())
        assert record["nothing_inside"]["Heart"] == (~masks.any(axis=(1, 2))).sum()
        assert record["structures"] == list(STRUCTURES)
        shares = pd.read_csv(results / "data" / site / "anatomy.csv")
        np.testing.assert_allclose(shares["Heart"], masks.mean(axis=(1, 2)))
        sheet = (results / "data" / site / "data_sheet.md").read_text()
        assert f"| Heart | {record['nothing_inside']['Heart']} of {IMAGES} |" in sheet
        assert not (results / "data" / site / "resume").exists()
    split = pd.read_csv(results / "splits/heart/seed=1.csv").query("split == 'test' and label == 1")
    masked = sum(hearts[row.source][row.row].any() for row in split.itertuples())
    localised = pd.read_csv(results / "localisation.csv")
    assert localised["images"].tolist() == [masked, masked]
    run = json.loads((results / "runs/heart/masked/seed=1/run.json").read_text())
    assert run["settings"]["mask"] == {"kind": "anatomy", "structures": ["Heart"]}
    assert (results / "figures/masks.png").stat().st_size > 3000

    # The server is gone, and nothing is to do.
    assert checkout.planned("all", *HEART) == []
    # Other structures are those that were segmented already.
    checkout.edit("heart.yaml", "- Heart", "- Aorta")
    again = checkout.counted("all", *HEART)
    assert {"train", "localisation", "reliance"} <= set(again)
    assert not {"fetch_weights", "segment_images", "prepare_images", "draw_splits"} & set(again)
    # A copy of one's own needs no server; what was made by it stands in the place of the other.
    checkout.edit("heart.yaml", "anatomy:\n", f"anatomy:\n  weights: {weights}\n")
    counts = checkout.counted("all", *HEART)
    assert counts["segment_images"] == 2
    assert "fetch_weights" not in counts
