"""Real small studies run through Snakemake, in copies of the checkout."""

from __future__ import annotations

import shutil

import pytest
from filelock import FileLock
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
def finished(tmp_path_factory, worker_id) -> Checkout:
    """A tiny study that has run to its end, once for all processes that test. Tests work on copies (`after`)."""
    alone = worker_id == "master"
    shared = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent
    folder, whole = shared / "finished", shared / "finished.whole"
    with FileLock(shared / "finished.lock"):
        if whole.exists():
            return Checkout.of(folder)
        shutil.rmtree(folder, ignore_errors=True)  # of another that failed
        folder.mkdir()
        checkout = Checkout(folder)
        checkout.study("tiny", TINY)
        checkout.snakemake("-c2", "--configfile=tiny.yaml", "all")
        whole.touch()
    return checkout


@pytest.fixture(scope="module")
def smallest(real_images, tmp_path_factory):
    """A function that runs a study of workflow/studies on the real images to its end, with one seed, two methods and what
    else is laid over it, with interpreters that start `anew` or not; its checkout.
    """

    def run(name: str, methods: list[str], laid: dict | None = None, anew: bool = False) -> Checkout:
        checkout = Checkout(tmp_path_factory.mktemp("studies"))
        checkout.study("smallest", {"study": {"methods": methods, "seeds": [1234]}, **(laid or {})})
        studies = (f"workflow/studies/{name}.yaml", "smallest.yaml")
        checkout.snakemake("-c2", "all", "--configfile", *studies, anew=anew, RED_HERRING_IMAGES=str(real_images))
        return checkout

    return run


@pytest.fixture
def after(finished, tmp_path) -> Checkout:
    """A copy of the finished tiny study, with its results and Snakemake's records, times of files kept."""
    return finished.copy(tmp_path / "copy")
