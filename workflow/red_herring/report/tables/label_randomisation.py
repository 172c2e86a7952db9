"""Whether maps change when a network is trained on permuted labels, beside how much they change with the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.markup import ABSENT, Section, Table, joined, mean_and_sd
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task
from red_herring.report.tables.seed_agreement import LEAST_SEEDS
from red_herring.study.names import SIMILARITIES

TITLE = "Label randomisation"
CATEGORY = "Sanity checks"
CAPTION = (
    "Whether maps depend on what the labels say: the map of a network trained on permuted labels against that of one "
    "trained on the true ones. Hold it against two networks of true labels and different seeds: where these differ as "
    "much, the test says nothing. Permuted labels must have been learnt by heart, or the test was not reached."
)
FILES = ["label_randomisation.csv"]
ITEMS = {"{task}_label_randomisation": {"tasks": "each"}}
RELEASED = False

PAIRS = {
    "permuted": "Permuted labels",
    "permuted_other_seed": "Permuted labels, other seed",
    "other_seed": "True labels, other seed",
    "cross_image": "Other images",
}
OF_IMAGES = ("permuted", "permuted_other_seed", "other_seed")
"""Pairs of which each image is one; the line of other images is of pairs of images."""

ACCURACIES = ["train_accuracy", "test_accuracy", "base_train_accuracy", "base_test_accuracy"]
KEYS = ["similarity", "attribution", "method", "pair"]
FRAME = ["task", *KEYS, "n", "images", "undefined", "mean", "sd", *ACCURACIES]
SAME = "other_seed"
"""The pair that is the same two networks twice where there are two seeds, so that it has no spread over seeds."""

ENOUGH = 0.95
"""Training accuracy that the test asks for."""

TRAINED = ["Method", "n", "Images", "Permuted, training", "Permuted, test", "True, training", "True, test"]

NOTE = (
    "n: seeds; mean ± sample standard deviation over seeds. Accuracy: of training images by the labels that the "
    "network was trained on, of shifted test images by the true ones, where a network that goes by the nuisance has "
    "less than 0.50. Similarity of two maps of an image, mean over the shifted test images that none of the networks "
    "has seen; undefined: how many of these have none, as a map is constant, in the first three columns and all runs. "
    "Permuted labels: the network of permuted labels and that of true ones, which began with the same weights; other "
    "seed: and that of true labels of the next seed. True labels, other seed: the networks of true labels of two "
    "seeds, of which there is one pair, and no spread, where the study has two. Other images: the network of true "
    "labels, maps of two different images. Intervals over images are in label_randomisation.csv."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every attribution by every similarity and pair of networks, for every method of the one task.

    frame: task, similarity, attribution, method, pair, n (runs with a value), images (mean), undefined (sum), mean and
    sd over seeds (none of SAME of two seeds), and the accuracies, means.
    """
    (task,) = settings["tasks"]
    own = of_task(study["label_randomisation"], task)
    found = {keys: _over_seeds(rows, keys[-1]) for keys, rows in own.groupby(KEYS, sort=False)}
    ordered = [
        (similarity, attribution, method, pair)
        for similarity in dict.fromkeys(own["similarity"])
        for attribution in settings["attributions"]
        for method in methods_of(settings, task)
        for pair in PAIRS
    ]
    rows = [{"task": task, **dict(zip(KEYS, keys, strict=True)), **found[keys]} for keys in ordered if keys in found]
    frame = pd.DataFrame(rows, columns=FRAME)
    return Table(
        frame,
        [_trained(task, own, settings), *_similarities(task, frame, settings)],
        joined(NOTE, missing_note(own, settings)),
    )


def _over_seeds(runs: pd.DataFrame, pair: str) -> Mapping[str, Any]:
    row = {"n": runs["value"].count(), "images": runs["images"].mean(), "undefined": runs["undefined"].sum()}
    sd = runs["value"].std() if pair != SAME or row["n"] >= LEAST_SEEDS else np.nan
    return {**row, "mean": runs["value"].mean(), "sd": sd, **runs[ACCURACIES].mean()}


def _trained(task: str, own: pd.DataFrame, settings: Settings) -> Section:
    """What the networks had learnt."""
    rows, short = [], []
    for method, about in methods_of(settings, task).items():
        runs = own[own["method"] == method].drop_duplicates("seed")
        cells = [mean_and_sd(runs[name].mean(), runs[name].std()) for name in ACCURACIES] if len(runs) else [ABSENT] * 4
        images = f"{runs['images'].mean():.0f}" if len(runs) else ABSENT
        rows.append([about["title"], str(len(runs)), images, *cells])
        short += [f"{about['title']} {count}" for count in [(runs["train_accuracy"] < ENOUGH).sum()] if count]
    note = (
        f"Below {ENOUGH:.0%} in training, so not the test that was meant (runs): {', '.join(short)}." if short else ""
    )
    return Section(f"{task}: accuracy", TRAINED, rows, note)


def _similarities(task: str, frame: pd.DataFrame, settings: Settings) -> Iterator[Section]:
    for similarity, of in frame.groupby("similarity", sort=False):
        rows = []
        for (attribution, method), found in of.groupby(["attribution", "method"], sort=False):
            cells = found.set_index("pair")
            titles = [settings["attributions"][attribution]["title"], settings["methods"][method]["title"]]
            counts = [f"{cells['n'].max()}", f"{cells.loc[list(OF_IMAGES), 'undefined'].sum():.0f}"]
            rows.append([*titles, *counts, *(mean_and_sd(*cells.loc[pair, ["mean", "sd"]]) for pair in PAIRS)])
        headings = ["", "Method", "n", "Undefined", *PAIRS.values()]
        yield Section(f"{task}: {SIMILARITIES[similarity]}", headings, rows, names=2)
