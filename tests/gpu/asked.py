"""Every analysis asked of one small run on a GPU, its table compared with the CPU's column by column.

A small study of the crosses is prepared, drawn and trained as Snakemake would, by the stages, on the CPU: a task and,
for the cards that ask for others (`OF_TASKS`, `base_run`, `other_seed`), what is derived from it, with two seeds. Then
each analysis that is there is asked by the stage `analyse` with the settings that the study gives it.

Tolerances. A column may differ by TABLES of its largest absolute value: of a dozen images one, by a threshold or a rank
at which roundings decide, may come to lie on the other side, and that is its part of a mean. Where more hangs on
roundings, as of p-values and differences of nearly equal numbers, the yardstick is the CPU itself: how far the same
column comes out by networks whose weights differ by PERTURBED of themselves, more than roundings on any device do, and
a column may differ TWIN times as much. What is missing must be missing on both, and rows must be the same.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from gpu.small import NOISE, Sizes, the_same_noise
from gpu.table import Table
from red_herring.runtime.files import write_json
from red_herring.stages.analyse import analyse
from red_herring.stages.draw_splits import draw_splits
from red_herring.stages.index_source import index_source
from red_herring.stages.prepare_images import prepare_images
from red_herring.stages.train import train
from red_herring.study import settings as study
from red_herring.study.catalogue import analysis_card, analysis_names
from red_herring.study.comparing import keys_of
from red_herring.study.defaults import Config, laid, over
from red_herring.study.pairs import companions
from red_herring.study.tasks import derive_tasks
from red_herring.study.variants import derive_methods

TABLES, TWIN, PERTURBED = 0.1, 3.0, 1e-5
SOURCE, BASE, METHOD, SEED = "noisy", "small", "classification", 1
OTHER_ARMS = ("reference", "twin")
"""On the CPU: the networks as they are, and with weights that differ a little."""

FEW = {"draws": 1, "copies": 2, "sets": 6}
"""Setting of an analysis -> its value here, or the least that it may be; `images` are those of the sizes."""

FILES = ("table.csv", "per_image.csv", "arrays.safetensors")

Which = tuple[str, int]
"""Task and seed of a run."""


def study_of(sizes: Sizes, device: str) -> Config:
    """The configuration, with a task for what the card of any analysis asks of tasks."""
    tasks = {
        BASE: {
            "finding": "one cross",
            "control": "two crosses",
            "nuisance": {
                "name": "side of the box",
                "groups": [{"name": side, "source": SOURCE, "group": side} for side in ("right", "left")],
            },
            "ratio": 0.5,
            "sizes": {"train": 64, "valid": 32, "test": 40},
            "mask": {"kind": "source", "blur_sigma": 0.5},
            "mean_map_images": 4,
        }
    }
    analyses = {}
    for name in analysis_names():
        task, own = asked_task(name)
        tasks.setdefault(task, own)
        few, keys = FEW | {"images": sizes.asked_images}, keys_of(name)
        analyses[name] = {key: max(few[key], keys[key].get("minimum", 1)) for key in keys if key in few}
    source = {"kind": "crosses", "size": 28, "images_per_cell": 64, "seed": 0, "equalise": "none", "noise": NOISE}
    written = laid(
        {
            "study": {"tasks": list(tasks), "methods": [METHOD], "analyses": analysis_names(), "seeds": [SEED, 2]},
            "sources": {SOURCE: source | {"max_unreadable": 0}},
            "tasks": tasks,
            "methods": {METHOD: {"hyperparameters": {"lr": 1e-3}}},
            "analyses": {name: own for name, own in analyses.items() if own},
            "model": {"width": sizes.asked_width},
            "training": {"epochs": 2, "burn_in": 0, "device": device},
            "tuning": {"mode": "given"},
            "saliency": {"attributions": list(sizes.attributions), "steps": 16, "example_images": 2},
        }
    )
    return derive_tasks(written) | {"methods": derive_methods(written["methods"])}


def asked_task(analysis: str) -> tuple[str, Config]:
    """The task of whose run an analysis is asked: the base, or what is derived from it as the card says."""
    task, names = {"of": BASE}, []
    for key, allowed in analysis_card(analysis).of_tasks.items():
        value = allowed[0] if isinstance(allowed, list) else allowed
        task = over(reduce(lambda inner, outer: {outer: inner}, reversed(key.split(".")), value), task)
        names.append(f"{key}_{value}".replace(".", "_"))
    return ("_".join(names), task) if names else (BASE, {})


def runs_of(config: Config, analysis: str) -> dict[str, Which]:
    """Its own run, `own`, and those beside it, as far as the analysis needs them."""
    task, _ = asked_task(analysis)
    return {"own": (task, SEED), **companions(config, analysis, task, SEED)}


class Folder:
    """Where the files of the small study are."""

    def __init__(self, path: Path):
        self.path, self.data = path, path / "data" / SOURCE

    def split(self, run: Which) -> Path:
        return self.path / "splits" / run[0] / f"{run[1]}.csv"

    def model(self, run: Which, arm: str) -> Path:
        return self.path / ("perturbed" if arm == "twin" else "runs") / run[0] / str(run[1]) / "model.safetensors"

    def answer(self, arm: str, analysis: str) -> Path:
        return self.path / "answers" / arm / analysis


def prepare(folder: Folder, config: Config) -> None:
    """Images, and of all runs that are asked, or stand beside one, splits and weights."""
    data = folder.data
    data.mkdir(parents=True)
    index, images = data / "index.csv", data / "images.npy"
    index_source(study.index_settings(config, SOURCE), index)
    prepare_images(
        study.prepare_settings(config, SOURCE), index, images, data / "masks.npy", data / "decoded.csv",
        data / "quarantine.csv", data / "source.json",
    )  # fmt: skip
    write_json(folder.path / "best.json", {"hyperparameters": config["methods"][METHOD]["hyperparameters"]})
    asked = [run for name in analysis_names() for run in runs_of(config, name).values()]
    for run in dict.fromkeys(asked):
        fit_run(folder, config, run, folder.model(run, "reference").parent)
        perturb(folder.model(run, "reference"), folder.model(run, "twin"))


def fit_run(folder: Folder, config: Config, run: Which, into: Path) -> None:
    (task, seed), split = run, folder.split(run)
    split.parent.mkdir(parents=True, exist_ok=True)
    into.mkdir(parents=True)
    index = [folder.data / "index.csv"]
    draw_splits(study.split_settings(config, task), seed, split, split.with_suffix(".counts"), index)
    outputs = ("model.safetensors", "history.csv", "predictions.csv", "run.json")
    train(
        study.train_settings(config, task, METHOD), split, [folder.data / "images.npy"], folder.path / "best.json",
        seed, *(into / name for name in outputs), into / "resume",
    )  # fmt: skip
    torch.set_deterministic_debug_mode("default")


def perturb(weights: Path, into: Path) -> None:
    """Each weight times 1 plus Gaussian noise of PERTURBED."""
    draw, tensors = torch.Generator().manual_seed(0), safetensors.torch.load_file(weights)
    into.parent.mkdir(parents=True)
    changed = {
        name: values * (1 + PERTURBED * torch.randn(values.shape, generator=draw))
        if values.is_floating_point()
        else values
        for name, values in tensors.items()
    }
    safetensors.torch.save_file(changed, into)


def ask(folder: Folder, config: Config, arm: str, analysis: str) -> None:
    """The stage, as the rule starts it."""
    runs, into = runs_of(config, analysis), folder.answer(arm, analysis)
    into.mkdir(parents=True)
    images, beside = [folder.data / "images.npy"], {}
    for key in runs.keys() - {"own"}:
        beside |= {f"{key}_split": folder.split(runs[key]), f"{key}_model": folder.model(runs[key], arm)}
    if "base" in runs:
        beside["base_images"] = images
    own = runs["own"]
    with the_same_noise():
        analyse(
            analysis, study.analysis_settings(config, analysis, *own), folder.split(own), images,
            folder.model(own, arm), METHOD, own[1], *(into / name for name in FILES), **beside,
        )  # fmt: skip


def answer(place: str, sizes: Sizes, arms: list[str]) -> None:
    """What another process runs: all analyses on the CPU. One that fails leaves no table, and its reason behind."""
    folder, config = Folder(Path(place)), study_of(sizes, "cpu")
    for arm, analysis in product(arms, analysis_names()):
        try:
            ask(folder, config, arm, analysis)
        except Exception:
            traceback.print_exc()


def check_analyses(table: Table, sizes: Sizes, device: torch.device) -> None:
    check = "an analysis against the CPU"
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place))
        prepare(folder, study_of(sizes, "cpu"))
        script = Path(__file__).with_name("check.py")
        words = [sys.executable, str(script), "--device", device.type, "--answer", place]
        arms = [[arm] for arm in OTHER_ARMS] if device.type == "cuda" else [list(OTHER_ARMS)]
        others = [subprocess.Popen([*words, *some]) for some in arms]  # while this process asks the GPU
        config, seconds = study_of(sizes, device.type), {}
        check_stage(table, folder, config)
        for analysis in analysis_names():
            with table.reporting(check, analysis, "float32", 28):
                importlib.import_module(f"red_herring.analyses.{analysis}")
                start = time.perf_counter()
                ask(folder, config, device.type, analysis)
                seconds[analysis] = time.perf_counter() - start
        for process in others:
            process.wait()
        for analysis, taken in seconds.items():
            with table.reporting(check, analysis, "float32", 28):
                compare(table, check, folder, device.type, analysis)
                table.measured("seconds of an analysis", analysis, "float32", 28, f"{taken:.1f} s")


def check_stage(table: Table, folder: Folder, config: Config) -> None:
    """A run by the stage `train`, to its files, twice."""
    check, run = "the stage train twice", (BASE, SEED)
    with table.reporting(check, METHOD, "float32", 28):
        places = [folder.path / "again" / number for number in ("1", "2")]
        for place in places:
            fit_run(folder, config, run, place)
        for name in ("model.safetensors", "predictions.csv"):
            same = len({(place / name).read_bytes() for place in places}) == 1
            table.identical(check, f"{METHOD}, {name}", "float32", 28, same)


def compare(table: Table, check: str, folder: Folder, arm: str, analysis: str) -> None:
    """A row for the column that is furthest off, by what it may be."""
    tables = {}
    for one in (arm, *OTHER_ARMS):
        file = folder.answer(one, analysis) / FILES[0]
        if not file.exists():
            raise ValueError(f"has no table of the arm {one}; its reason is above")
        tables[one] = pd.read_csv(file)
    found, expected, twin = tables.values()
    columns = list(differences(found, expected, twin))
    if not columns:
        table.identical(check, f"{analysis}, {len(found)} rows", "float32", 28, True)
        return
    column, error, limit = max(columns, key=lambda one: one[1] / one[2])
    of = f"{analysis}, {len(found)} rows of {len(columns)} numbers; {column} is furthest off"
    table.compare(check, of, "float32", 28, error, limit)


def differences(found: pd.DataFrame, expected: pd.DataFrame, twin: pd.DataFrame) -> Iterator[tuple[str, float, float]]:
    """Column -> how far off, as a share of its largest absolute value, and how far it may be. ValueError where rows,
    columns or what is missing differ.
    """
    if list(found) != list(expected) or len(found) != len(expected):
        raise ValueError(f"has {found.shape} rows and columns, on the CPU {expected.shape}, or others")
    for column in expected:
        if not pd.api.types.is_numeric_dtype(expected[column]):
            if not found[column].equals(expected[column]):
                raise ValueError(f"has other values of {column}")
            continue
        own, wanted, near = (table[column].to_numpy(float) for table in (found, expected, twin))
        if (missing := np.isnan(own) != np.isnan(wanted)).any():
            raise ValueError(f"{column}: {missing.sum()} of {len(own)} values are missing on one device alone")
        if np.isnan(own).all():
            continue
        scale = np.nanmax(np.abs(wanted)) or 1.0
        sensitivity = np.nanmax(np.abs(near - wanted), initial=0.0) / scale
        yield column, float(np.nanmax(np.abs(own - wanted)) / scale), max(TABLES, TWIN * float(sensitivity))
