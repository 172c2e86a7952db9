"""Real small studies run through Snakemake, in copies of the checkout."""

from __future__ import annotations

import shutil

import pytest
from support.workflow_checkout import Checkout


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path)


TINY = {
    "study": {"tasks": ["synthetic"], "methods": ["classification", "actdiff"], "seeds": [1, 2]},
    "sources": {"crosses": {"images_per_cell": 40}},
    "tasks": {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 24}}},
    "model": {"width": 1},
    "training": {"epochs": 2, "burn_in": 0},
    "saliency": {"attributions": ["gradient", "integrated_gradients", "edges"], "example_images": 2},
    "tuning": {"seed": 1, "initial_points": 1, "iterations": 1, "epochs": 1, "burn_in": 0},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """A tiny study that has run to its end. Tests work on copies (`after`)."""
    checkout = Checkout(tmp_path_factory.mktemp("finished"))
    checkout.study("tiny", TINY)
    checkout.snakemake("-c2", "--configfile=tiny.yaml", "all")
    return checkout


@pytest.fixture(scope="module")
def real_study(real_images, tmp_path_factory):
    """A function that runs a study of workflow/studies on the real images to its end and returns its results."""

    def run(name: str):
        folder = tmp_path_factory.mktemp("studies")
        study = f"workflow/studies/{name}.yaml"
        Checkout(folder).snakemake("-c2", f"--configfile={study}", "all", RED_HERRING_IMAGES=str(real_images))
        return folder / "results" / name

    return run


@pytest.fixture
def after(finished, tmp_path) -> Checkout:
    """A copy of the finished tiny study, with its results and Snakemake's records, times of files kept."""
    copy = object.__new__(Checkout)
    copy.folder = tmp_path / "copy"
    shutil.copytree(finished.folder, copy.folder)
    return copy
