"""The report of a finished study in a real browser, and what is made of a study with missing runs."""

import json
import shutil

import pandas as pd
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from support.workflow_checkout import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reported(finished, tmp_path_factory):
    """The report of the tiny study, as one file."""
    folder = tmp_path_factory.mktemp("report")
    finished.copy(folder / "copy").snakemake(*TINY, "--report", str(folder / "report.html"))
    return folder / "report.html"


def test_it_has_every_item_with_its_caption(reported, finished):
    text = reported.read_text()
    assert reported.stat().st_size < 20e6
    items = [*finished.folder.glob("results/figures/*.png"), *finished.folder.glob("results/tables/*.html")]
    assert len(items) > 20
    for item in items:
        assert item.name in text, item
    for caption in (
        "one point per run",
        "exact Wilcoxon test",
        "which know nothing of the model",
        "Every run of the study",
    ):
        assert caption in text


def test_it_opens_with_the_key_numbers_and_asks_nothing_of_the_network(reported, browser):
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(reported.as_uri())
    heading = WebDriverWait(browser, 10).until(
        lambda page: page.find_element(By.XPATH, "//h1[contains(., 'Does saliency tell')]")
    )
    assert heading.rect["y"] >= 0, "not cut off at the top"
    words = browser.find_element(By.TAG_NAME, "body").text
    assert "4 runs: 1 task, 2 methods, 2 seeds each." in words
    assert "No run is missing." in words
    assert "System Message" not in words
    for category in ("Explorer", "Figures", "Tables", "Analyses", "Runs", "Searches", "Data"):
        assert category in words
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in requests} <= {"file", "data", "blob", "about"}


def test_the_runs_that_are_there_are_shown_without_the_others(after):
    results = after.folder / "results"
    shutil.rmtree(results / "runs/synthetic/actdiff/seed=2")
    for lost in results.glob("*/synthetic/actdiff/seed=2*"):
        lost.unlink()
    (results / "logs/train/synthetic/actdiff/seed=2.log").write_text("error: the loss is nan\n")
    after.snakemake("-c2", "incomplete", *TINY)
    incomplete = results / "incomplete"
    missing = pd.read_csv(incomplete / "missing.csv")
    assert missing[["task", "method", "seed"]].to_numpy().tolist() == [["synthetic", "actdiff", 2]]
    assert "the loss is nan" in missing["why"][0]
    assert (incomplete / "overlaps.csv").read_bytes() == (results / "overlaps.csv").read_bytes(), "all splits are there"
    comparisons = pd.read_csv(incomplete / "tables/comparisons.csv").set_index(["score", "method"])
    one = comparisons.loc["test_auc", "actdiff"]
    assert one["n"] == 1
    assert pd.isna(one[["sd", "low", "high", "p"]]).all()
    table = (incomplete / "tables/synthetic.md").read_text()
    assert "ActDiff | 1 |" in table
    assert "one seed" in table.lower()
    assert "1 run missing." in (incomplete / "overview.rst").read_text()
    assert not (results / "runs/synthetic/actdiff/seed=2").exists(), "nothing is trained for it"
    for text in incomplete.rglob("*.md"):
        assert "nan" not in text.read_text().replace("the loss is nan", "").lower().split(), text
    # Its runs made whole again, the study leaves no incomplete one behind.
    after.snakemake("-c2", "results/runs/synthetic/actdiff/seed=2/run.json", "results/runs.csv", *TINY)
    assert not incomplete.exists()
