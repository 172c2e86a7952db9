"""The study of boxes and lungs in its smallest form, to its tables and figures; of the whole, tests/acceptance."""

import json

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow


BRIEF = {"model": {"width": 1}, "training": {"epochs": 1, "burn_in": 0}}


@pytest.fixture(scope="module")
def results(smallest):
    return smallest("masks_small", ["classification", "actdiff"], BRIEF).folder / "results/masks_small"


def test_boxes_and_lungs_are_the_masks(results):
    for source, masked in {"nih_boxes": 33, "covid_lungs": 145}.items():
        masks = np.load(results / "data" / source / "masks.npy", mmap_mode="r")
        assert masks.any(axis=(1, 2)).sum() == masked
    lungs = masks.mean(axis=(1, 2))
    assert 0.15 < lungs[lungs > 0].mean() < 0.5


def test_views_are_selected_on_a_balanced_validation_set(results):
    for file in results.glob("splits/views/seed=*_counts.csv"):
        counts = pd.read_csv(file)
        assert counts.query("split == 'valid'")["images"].tolist() == [25] * 4
        assert counts.query("split == 'train'")["images"].tolist() == [90, 10, 10, 90]


def test_sexes_are_drawn_as_published_and_the_straddlers_counted(results):
    for file in results.glob("splits/sexes/seed=*_counts.csv"):
        assert pd.read_csv(file)["straddling_patients"].iloc[0] > 0
    (row,) = [line for line in (results / "tables/splits.md").read_text().splitlines() if "| sexes | train |" in line]
    assert row.split("|")[-2].strip() != "0"


def test_runs_are_localised_on_the_masks_that_there_are(results):
    runs = pd.read_csv(results / "runs.csv")
    assert runs.groupby("task").size().to_dict() == {"views": 2, "sexes": 2}
    assert runs["test_auc"].between(0, 1).all()
    localisation = pd.read_csv(results / "localisation.csv")
    assert localisation.groupby(["task", "method", "seed"]).ngroups == len(runs)
    assert (localisation.query("task == 'views'")["images"] < 50).all(), "few positives have a box"
    assert (localisation["images"] > 0).all()
    settings = json.loads((results / "runs/sexes/actdiff/seed=1234/run.json").read_text())["settings"]
    assert settings["guidance"] == {"negatives": "skip", "control": "none", "budget": 1.0, "blur_sigma": 0.0}


def test_every_figure_table_and_data_sheet_is_there(results):
    for figure in ("figure_1", "figure_3", "learning_curves", "mean_saliency", "figure_8", "figure_a1", "masks"):
        for suffix in ("pdf", "png"):
            assert (results / "figures" / f"{figure}.{suffix}").stat().st_size > 3000
    for table in ("views", "sexes", "splits"):
        assert (results / "tables" / f"{table}.md").stat().st_size > 300
    for source in ("nih_boxes", "covid_lungs"):
        assert "images" in (results / "data" / source / "data_sheet.md").read_text()
