"""The real-image study, through Snakemake, to its tables and figures."""

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def results(real_images, tmp_path_factory):
    from workflow_checkout import Checkout

    # The study's config names its folders relative to the checkout, so the copy is laid where they are found.
    folder = tmp_path_factory.mktemp("studies") / "checkout"
    folder.mkdir()
    (folder.parent / "shared").mkdir()
    (folder.parent / "shared" / "data").symlink_to(real_images)
    checkout = Checkout(folder)
    checkout.snakemake("-c2", "--configfile", "workflow/studies/xray_small.yaml", "all")
    return folder / "results" / "xray_small"


def test_the_shift_is_visible_on_real_images(results):
    runs = pd.read_csv(results / "runs.csv")
    assert runs.groupby("task").size().to_dict() == {"site_pneumonia": 8, "no_site_pneumonia": 8}
    auc = runs[runs["method"] == "classification"].groupby("task")["test_auc"].mean()
    assert auc["site_pneumonia"] <= auc["no_site_pneumonia"] - 0.2


def test_patients_do_not_straddle_and_all_cells_are_counted(results):
    for file in results.glob("splits/*/seed=*[0-9].csv"):
        split = pd.read_csv(file)
        assert split.groupby("patient")["split"].nunique().max() == 1
        counts = pd.read_csv(file.with_name(f"{file.stem}_counts.csv"))
        assert counts["images"].sum() == len(split)
        assert (counts["images"] > 0).all()


def test_tables_and_figures_hold_both_tasks(results):
    for task in ("site_pneumonia", "no_site_pneumonia"):
        for suffix in ("csv", "md", "tex"):
            assert (results / "tables" / f"{task}.{suffix}").stat().st_size > 300
    for figure in ("figure_3", "figure_4", "figure_5", "figure_8", "figure_a1"):
        for suffix in ("pdf", "png"):
            assert (results / "figures" / f"{figure}.{suffix}").stat().st_size > 3000


def test_no_job_took_more_than_three_gibibytes(results):
    for file in (results / "benchmarks").rglob("*.tsv"):
        assert pd.read_csv(file, sep="\t")["max_rss"].max() < 3 * 1024, file
