"""The worked examples of docs/extend.md, run as they stand there: a method, a source, a task of one's own."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

TEXT = (ROOT / "docs/extend.md").read_text()
EXAMPLES = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))

# The examples' own settings, shortened to seconds.
SHORT = {
    "study": {"seeds": [1]},
    "model": {"width": 1},
    "training": {"epochs": 2, "burn_in": 0},
    "saliency": {"attributions": ["gradient", "edges"]},
    "tuning": {"seed": 1, "initial_points": 1, "iterations": 1, "epochs": 1, "burn_in": 0},
}


@pytest.fixture
def examples(checkout):
    for name, content in EXAMPLES.items():
        (checkout.folder / name).write_text(content)
    return checkout


def test_every_kind_of_thing_has_an_example():
    assert set(EXAMPLES) == {
        "workflow/red_herring/methods/gradnorm.py", "my_method.yaml",
        "workflow/red_herring/methods/vrex.py", "my_groups.yaml",
        "workflow/red_herring/saliency/attributions/decision.py", "my_attribution.yaml",
        "my_measure.patch", "my_measure.yaml",
        "workflow/red_herring/analyses/confidence.py", "my_analysis.yaml",
        "workflow/red_herring/data/sources/array.py", "my_task.yaml", "my_ratios.yaml",
    }  # fmt: skip


def test_a_method_of_ones_own(examples):
    sizes = {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 16}}}
    examples.study("short", SHORT | {"tasks": sizes, "sources": {"crosses": {"images_per_cell": 40}}})
    examples.snakemake("-c2", "all", "--configfile", "workflow/studies/demo.yaml", "my_method.yaml", "short.yaml")
    table = (examples.folder / "results/my_method/tables/synthetic.md").read_text()
    assert "| Saliency based | GradNorm | 1 |" in table
    history = pd.read_csv(examples.folder / "results/my_method/runs/synthetic/gradnorm/seed=1/history.csv")
    assert (history["train_penalty"] > 0).all()


def test_a_source_and_a_task_of_ones_own(examples):
    random, n = np.random.default_rng(0), 160
    np.save(examples.folder / "clinic.npy", random.integers(0, 255, (n, 32, 32), dtype=np.uint8))
    rows = {
        "image": range(n),
        "patient": [f"p{number // 2}" for number in range(n)],
        "group": ["old" if number % 4 < 2 else "new" for number in range(n)],
        "findings": ["nodule" if number % 2 else "No Finding" for number in range(n)],
    }
    pd.DataFrame(rows).to_csv(examples.folder / "clinic.csv", index=False)
    examples.study("short", SHORT)
    examples.snakemake("-c2", "all", "--configfile", "my_task.yaml", "short.yaml")
    results = examples.folder / "results/my_task"
    counts = pd.read_csv(results / "splits/scanner/seed=1_counts.csv").set_index(["split", "label", "nuisance"])[
        "images"
    ]
    train = counts["train", 1, 0] + counts["train", 1, 1]
    assert counts["train", 1, 1] == pytest.approx(0.7 * train, abs=0.5)
    assert len(pd.read_csv(results / "runs.csv")) == 2
    assert (results / "figures/mean_saliency.png").is_file()
