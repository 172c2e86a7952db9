"""The worked examples of docs/extend.md: each planned by the command that it tells, and run in tiny studies."""

import importlib.util
import json
import math
import re
import subprocess
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT
from scipy.special import softmax
from support.small_classifier import batch_of, smooth
from support.workflow_checkout import Checkout
from torch import nn

TEXT = (ROOT / "docs" / "extend.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
FILES = dict(re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))

# What a section has to have: the kind of thing, and what of it is planned that is in no other study.
EXAMPLES = {
    "A method": "method=confidence_penalty",
    "A method with groups": "method=logit_adjustment",
    "An attribution": "",
    "A measure of localisation": "",
    "An analysis": "confidence",
    "A task": "task=scanner,",
    "A derived task": "task=scanner_ratio=0.9",
}

# The examples' own settings, shortened to seconds.
SHORT = {
    "study": {"seeds": [1]},
    "sources": {"crosses": {"images_per_cell": 40}},
    "tasks": {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 16}}},
    "model": {"width": 1},
    "training": {"epochs": 2, "burn_in": 0},
    "tuning": {"seed": 1, "initial_points": 1, "iterations": 1, "epochs": 1, "burn_in": 0},
}


def command(section: str) -> list[str]:
    """What the section says that runs its example."""
    (found,) = re.findall(r"`snakemake -c2 (all --configfile[= ][^`]+)`", SECTIONS[section])
    return found.replace("=", " ", 1).split()


def study(name: str) -> dict[str, Any]:
    return yaml.safe_load(FILES[name])


def both(one: Any, other: Any) -> Any:
    """What either asks for."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {name: both(one[name], value) if name in one else value for name, value in other.items()}
    return list(dict.fromkeys([*one, *other])) if isinstance(one, list) else other


@pytest.fixture
def project(checkout) -> Checkout:
    """A copy of the project with all files of the page, and the images of its clinic; the patch is not applied."""
    for name, content in FILES.items():
        path = checkout.folder / name
        assert not path.exists(), "an example changes no file"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    random, n = np.random.default_rng(0), 160
    np.save(checkout.folder / "clinic.npy", random.integers(0, 255, (n, 32, 32), dtype=np.uint8))
    rows = {
        "image": range(n),
        "patient": [f"p{number // 2}" for number in range(n)],
        "group": ["old" if number % 4 < 2 else "new" for number in range(n)],
        "findings": ["nodule" if number % 2 else "No Finding" for number in range(n)],
    }
    pd.DataFrame(rows).to_csv(checkout.folder / "clinic.csv", index=False)
    checkout.study("short", SHORT)
    return checkout


def apply(project: Checkout, patch: str) -> None:
    assert f"`git apply {patch}`" in TEXT
    subprocess.run(["git", "apply", patch], cwd=project.folder, check=True, capture_output=True)


def results(project: Checkout, name: str) -> Path:
    return project.folder / study(name)["pathvars"]["results"]


def test_every_kind_of_thing_has_an_example_and_every_file_belongs_to_one():
    assert set(EXAMPLES) <= set(SECTIONS)
    assert {word for section in EXAMPLES for word in command(section)} >= {name for name in FILES if ".yaml" in name}


def example(tmp_path, name: str, hyperparameters: dict[str, float], model: nn.Module):
    """The method of the page's file of this name."""
    file = tmp_path / f"{name}.py"
    file.write_text(FILES[f"workflow/red_herring/methods/{name}.py"])
    found = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.Method(model, hyperparameters)


def test_the_losses_of_the_two_methods_are_what_they_say(tmp_path):
    model, batch = smooth(), batch_of([0, 1, 1, 2, 3])
    rows, labels, groups = model(batch.images).tolist(), batch.labels.tolist(), batch.groups.tolist()

    entropies = [-sum(p * math.log(p) for p in softmax(row)) for row in rows]
    penalised = example(tmp_path, "confidence_penalty", {"lr": 1e-3, "lambda": 1.0}, model)
    penalty = penalised.losses(batch, torch.Generator())["penalty"].item()
    assert penalty == pytest.approx(math.log(2) - sum(entropies) / 5, rel=1e-9)

    # Four, two, one and nine images of the cells, and one more of each.
    shares = [[5 / 8, 3 / 8], [2 / 12, 10 / 12]]
    adjusted = [
        softmax([logit + 0.5 * math.log(share) for logit, share in zip(row, shares[group], strict=True)])[label]
        for row, label, group in zip(rows, labels, groups, strict=True)
    ]
    method = example(tmp_path, "logit_adjustment", {"lr": 1e-3, "tau": 0.5}, model)
    method.start(torch.tensor([0] * 4 + [1] * 2 + [2] + [3] * 9))
    loss = method.losses(batch, torch.Generator())["classification"].item()
    assert loss == pytest.approx(-sum(map(math.log, adjusted)) / 5, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("section", EXAMPLES)
def test_the_command_of_an_example_plans_it(project, section):
    for patch in re.findall(r"`git apply (\S+)`", SECTIONS[section]):
        apply(project, patch)
    planned = [f"{rule}, {wildcards}," for rule, wildcards in project.planned(*command(section))]
    assert any("train" in job for job in planned)
    assert any(EXAMPLES[section] in job for job in planned)


@pytest.mark.slow
def test_methods_an_attribution_and_an_analysis_of_ones_own(project):
    """In one study, which asks for all that theirs ask for."""
    names = ("my_method.yaml", "my_groups.yaml", "my_attribution.yaml", "my_analysis.yaml")
    project.study("together", reduce(both, map(study, names)) | {"pathvars": {"results": "results/together"}})
    configured = ("workflow/studies/demo.yaml", "together.yaml", "short.yaml")
    made = project.folder / "results/together"
    wanted = ["runs.csv", "explorer.html", "figures/figure_8.pdf", "figures/mean_saliency_synthetic.pdf"]
    wanted += [f"tables/{name}.md" for name in ("synthetic", "hyperparameters", "synthetic_localisation", "confidence")]
    targets = (str((made / name).relative_to(project.folder)) for name in wanted)  # all is planned above
    project.snakemake("-c2", *targets, "--configfile", *configured)

    table = (made / "tables/synthetic.md").read_text()
    assert "| Control without masks | Confidence penalty | 1 |" in table
    assert "| Group robustness | Logit adjustment | 1 |" in table
    history = pd.read_csv(made / "runs/synthetic/confidence_penalty/seed=1/history.csv")
    assert history["train_penalty"].between(0, np.log(2), inclusive="neither").all()
    settings = json.loads((made / "runs/synthetic/resampling/seed=1/run.json").read_text())["settings"]
    assert settings["options"]["sampling"] == "groups"

    scores = pd.read_csv(made / "localisation.csv")
    assert set(scores["attribution"]) == {"gradient", "decision", "random"}
    assert scores.query("attribution == 'decision'")["iou"].between(0, 1).all()

    asked = pd.read_csv(made / "confidence.csv")
    assert len(asked) == len(pd.read_csv(made / "runs.csv"))
    assert asked["sure_and_wrong"].between(0, 1).all()


@pytest.mark.slow
def test_a_measure_of_ones_own(project):
    apply(project, "my_measure.patch")
    made = results(project, "my_measure.yaml")
    table = str((made / "localisation.csv").relative_to(project.folder))
    project.snakemake("-c2", table, *command("A measure of localisation")[1:], "short.yaml")
    scores = pd.read_csv(project.folder / table)
    assert scores["top"].between(0, 1).all()
    assert (scores["corrected_top"] <= 1).all()


@pytest.mark.slow
def test_a_source_a_task_and_tasks_and_a_method_that_derive_from_others(project):
    made = results(project, "my_ratios.yaml")
    wanted = ("runs.csv", "tables/scanner_ratio=0.9.md", "figures/mean_saliency.png")  # planned above are all
    targets = (str((made / name).relative_to(project.folder)) for name in wanted)
    project.study("quick", {"saliency": {"attributions": ["gradient"]}})
    project.snakemake("-c2", *targets, *command("A derived task")[1:], "short.yaml", "quick.yaml")
    runs = pd.read_csv(made / "runs.csv")
    assert runs["task"].unique().tolist() == ["scanner", "scanner_ratio=0.5", "scanner_ratio=0.9"]
    assert (
        runs.groupby("task")["method"].agg(list).map(set).tolist() == [{"classification", "masked", "masked_zero"}] * 3
    )
    assert [folder.name for folder in (made / "tuning").iterdir()] == ["scanner"]
    for task, ratio in (("scanner", 0.7), ("scanner_ratio=0.5", 0.5), ("scanner_ratio=0.9", 0.9)):
        counts = pd.read_csv(made / f"splits/{task}/seed=1_counts.csv").set_index(["split", "label", "nuisance"])[
            "images"
        ]
        positives = counts["train", 1].sum()
        assert counts["train", 1, 1] == pytest.approx(ratio * positives, abs=0.5)
    assert (made / "figures/mean_saliency.png").is_file()
