"""Two folders of results side by side, from the command line."""

import pandas as pd
import pytest
from red_herring.reference import PUBLISHED_RUNS


@pytest.fixture
def studies(tmp_path):
    """The released runs of the synthetic task, and the same with RRR's AUCs moved."""
    runs = pd.read_csv(PUBLISHED_RUNS).query("task == 'synthetic'")
    moved = runs.assign(test_auc=runs["test_auc"] + 0.3 * (runs["method"] == "rrr"))
    for name, table in (("before", runs), ("after", moved)):
        (tmp_path / name).mkdir()
        table.to_csv(tmp_path / name / "runs.csv", index=False)
        scores = table.assign(attribution="gradient", iou=table["iou_gradient"])
        scores[["task", "method", "seed", "attribution", "iou"]].to_csv(
            tmp_path / name / "localisation.csv", index=False
        )
    return tmp_path


OUTPUTS = ("--csv", "out.csv", "--markdown", "out.md")


def test_what_differs_is_printed_and_written(studies, stage):
    done = stage("compare_studies", "--before", "before", "--after", "after", *OUTPUTS)
    assert done.returncode == 0, done.stderr
    assert "**Differs: 1 of 12**" in done.stdout
    assert "| synthetic | Test AUC | RRR |" in done.stdout
    assert "**Identical: 11 of 12**" in done.stdout
    assert (studies / "out.md").read_text().strip() == done.stdout.strip()
    table = pd.read_csv(studies / "out.csv")
    assert table["verdict"].value_counts().to_dict() == {"identical": 11, "differs": 1}


def test_a_folder_that_is_no_study_is_named(studies, stage):
    done = stage("compare_studies", "--before", "before", "--after", "elsewhere", *OUTPUTS)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "error: elsewhere/runs.csv: there is no such file; expected the folder of a study, such as results/published"
    )
    assert not (studies / "out.csv").exists()
