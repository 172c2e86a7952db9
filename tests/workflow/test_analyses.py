"""Analyses beside those of the default study, asked of runs that are there."""

import pandas as pd
import pytest
from red_herring.study.catalogue import analysis_card
from safetensors.numpy import load_file

ASKED = {
    "study": {"analyses": ["localisation", "reliance", "nuisance_probe", "faithfulness"]},
    "analyses": {"nuisance_probe": {"folds": 3, "C": 0.1}, "faithfulness": {"images": 5, "shares": [0.25, 0.5]}},
}
TABLES = [f"results/tables/{name}.md" for name in ("nuisance_probe", "faithfulness")]


@pytest.mark.slow
def test_every_run_is_asked_and_the_answers_are_tables(after):
    after.study("asked", ASKED)
    files = ("--configfile", "tiny.yaml", "asked.yaml")
    planned = after.counted(*TABLES, *files)
    assert (planned["nuisance_probe"], planned["faithfulness"], planned["train"], planned["localisation"]) == (
        4,
        4,
        0,
        0,
    )
    after.snakemake("-c2", *TABLES, *files)
    for table in TABLES:
        name = (after.folder / table).stem
        card, found = analysis_card(name), pd.read_csv(after.folder / "results" / f"{name}.csv")
        rows = len(found) / 4  # two methods and two seeds
        assert rows == (3 if card.by else 1), name
        assert {*card.by, *card.columns} <= {*found}
        assert found[list(card.columns)].notna().all(axis=None), name
        text = (after.folder / table).read_text()
        assert all(f"| {column} |" in text for column in card.columns)
    assert (found["images"] == 5).all()


@pytest.mark.slow
def test_a_slip_in_their_settings_is_named(after):
    after.study("asked", ASKED | {"analyses": {"faithfulness": {"shares": [0.0, 0.5]}}})
    done = after.snakemake("-n", "--configfile", "tiny.yaml", "asked.yaml", check=False)
    assert "analyses.faithfulness.shares.0: is 0.0; allowed is more than 0" in done.stdout + done.stderr


BESIDE = """
import pandas as pd

from red_herring.analyses.base import Analysed

TITLE = "Beside"
CITATION = ""
NEEDS = ["base_run", "other_seed"]
OF_TASKS = {"labels": "permuted"}
BY = {"which": "the run", "of_task": "its task"}
COLUMNS = {"of": "its seed", "bias": "of its last layer", "pixels": "inside the masks of its test images", "unseen": "n"}


def analyse(run, settings):
    runs = {"own": run, "base": run.base, "other": run.other, "base_other": run.base.other}
    rows = [
        {
            "which": name, "of_task": one.task, "of": one.seed, "bias": float(one.trained.fc.bias[1]),
            "pixels": int(one.test.masks[0].sum()), "unseen": len(run.unseen_by(run.base, run.other, run.base.other)),
        }
        for name, one in runs.items()
    ]
    return Analysed(pd.DataFrame(rows))
"""
COMPARED = {
    "study": {"tasks": ["synthetic", "permuted"], "analyses": ["localisation", "beside"]},
    "tasks": {
        "permuted": {
            "of": "synthetic", "labels": "permuted", "methods": ["classification"], "tuned_on": "synthetic",
            "mask": {"kind": "ellipse", "semi_axis": 0.2, "blur_sigma": 0}, "analyses": ["beside"],
        },
    },
}  # fmt: skip
LAID = ("--configfile", "tiny.yaml", "compared.yaml")
RUN = "results/beside/permuted/classification/seed=1.csv"


@pytest.mark.slow
def test_an_analysis_that_compares_runs_is_given_them_and_asked_where_they_are(after):
    (after.folder / "workflow/red_herring/analyses/beside.py").write_text(BESIDE)
    after.study("compared", COMPARED)
    planned = after.counted("results/beside.csv", *LAID)
    assert (planned["train"], planned["beside"], planned["localisation"]) == (2, 2, 0)
    assert after.counted("analyses", *LAID)["localisation"] == 2
    after.snakemake("-c2", "results/tables/beside.md", *LAID)

    found = pd.read_csv(after.folder / "results/beside.csv")
    assert set(zip(found["task"], found["method"], found["seed"], strict=True)) == {
        ("permuted", "classification", 1), ("permuted", "classification", 2),
    }  # fmt: skip
    rows = found[found["seed"] == 1].set_index("which")
    expected = {
        "own": ("permuted", 1),
        "base": ("synthetic", 1),
        "other": ("permuted", 2),
        "base_other": ("synthetic", 2),
    }
    for name, (task, seed) in expected.items():
        row = rows.loc[name]
        weights = load_file(after.folder / f"results/runs/{task}/classification/seed={seed}/model.safetensors")
        assert (row["of_task"], row["of"]) == (task, seed)
        assert row["bias"] == pytest.approx(weights["fc.bias"][1], rel=1e-6)
        assert (row["pixels"] > 50) == (task == "permuted"), "the ellipse is its own, crosses those of the base"
    splits = {seed: pd.read_csv(after.folder / f"results/splits/synthetic/seed={seed}.csv") for seed in (1, 2)}
    tested, seen = splits[1].query("split == 'test'"), splits[2].query("split in ('train', 'valid')")
    assert (rows["unseen"] == (~tested["image"].isin(seen["image"])).sum()).all()
    table = (after.folder / "results/tables/beside.md").read_text()
    assert "permuted" in table
    assert "synthetic:" not in table
    assert "missing" not in table

    assert after.planned("results/tables/beside.md", *LAID) == []
    runs = after.folder / "results/runs/synthetic/classification"
    (runs / "seed=2/model.safetensors").write_bytes((runs / "seed=1/model.safetensors").read_bytes())
    again = [wildcards for rule, wildcards in after.planned(RUN, *LAID) if rule == "beside"]
    assert again == ["task=permuted, method=classification, seed=1"], "its base run of the other seed is another one"


def test_one_seed_has_no_other(after):
    (after.folder / "workflow/red_herring/analyses/beside.py").write_text(BESIDE)
    after.study("compared", COMPARED | {"study": COMPARED["study"] | {"seeds": [1]}})
    done = after.snakemake("-n", *LAID, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("config: ")]
    assert line.startswith("config: study.analyses.1: is 'beside', which compares runs of two seeds")
