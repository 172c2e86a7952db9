"""The stages of the reader study, as the rules call them."""

import json

import pandas as pd
import pytest
from red_herring.report.pages.reader import read_key
from support import reader_study


@pytest.fixture
def asked(stage, tmp_path):
    """What the stage that makes the pages has done, of a study in its folder."""
    reader_study.make(tmp_path)
    return stage(
        "reader", "--settings", json.dumps(reader_study.SETTINGS), "--files", *tmp_path.glob("*.csv"), "--results", tmp_path,
        "--blinded", "reader/blinded.html", "--unblinded", "reader/unblinded.html", "--key", "reader/key.csv",
    )  # fmt: skip


def results(stage, *files):
    return stage(
        "reader_results", "--key", "reader/key.csv", "--answers", *files, "--csv", "reader/results.csv",
        "--markdown", "reader/results.md",
    )  # fmt: skip


def test_pages_key_and_results_are_files(asked, stage, tmp_path):
    assert asked.returncode == 0, asked.stderr
    key = read_key(tmp_path / "reader/key.csv")
    for page, digest in key.groupby("page")["digest"].first().items():
        assert digest in (tmp_path / f"reader/{page}.html").read_text(encoding="utf-8")
    files = [
        reader_study.save(tmp_path / f"{page}.csv", reader_study.answered(key, page, number, lambda row: "4"))
        for number, page in enumerate(("blinded", "unblinded"), start=1)
    ]
    done = results(stage, *files)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "reader/results.csv")
    assert set(table.query("model != 'own less normal'")["median"]) == {4}
    assert "Integrated gradients" in (tmp_path / "reader/results.md").read_text(encoding="utf-8")
    done = results(stage, *files, files[0])
    assert done.returncode == 1
    (sentence,) = done.stderr.strip().splitlines()
    assert "is of reader 1, as is" in sentence
