"""Concepts: whether TCAV scores of concepts, a planted signal among them, give away that a model relies on it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from red_herring.analyses._planted import aligned_test
from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.data.signals import aligned, names_of, of_kind
from red_herring.runtime.files import StudyError
from red_herring.saliency.concepts import Tapped, accuracy, activations, vectors
from red_herring.saliency.summary import drawn
from red_herring.statistics.common import SIGNIFICANCE

TITLE = "Concepts"
CITATION = "Adebayo et al. 2022, re-implemented from the published definitions; TCAV: Kim et al. 2018"
OF_TASKS = {"signal.kind": ["tag", "stripe", "blur", "half_blur"]}
NEEDS = ["base_run"]
SETTINGS = {
    "layers": {
        "type": "array",
        "items": {"enum": ["layer1", "layer2", "layer3"]},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["layer2", "layer3"],
        "description": "whose activations are told apart; of layer4, behind which come a mean and the last layer, the "
        "logit's gradient is the same for all images, so each score would be 0 or 1",
    },
    "sets": {"type": "integer", "minimum": 2, "default": 20, "description": "of random images, for a vector each"},
    "images": {"type": "integer", "minimum": 2, "default": 30, "description": "in each set, and with each concept"},
    "accuracy": {
        "type": "number",
        "minimum": 0.5,
        "maximum": 1,
        "default": 0.7,
        "description": "for new images, below which a vector is refused",
    },
}
BY = {
    "concept": "what its images have: the signal of the task; another one, stripe, or tag where the task has stripe; "
    "random_patches, squares of noise",
    "layer": "the layer whose activations tell them from others",
}
COLUMNS = {
    "images": "clean shifted test images of the aligned class, of patients whom neither run has seen in training or "
    "validation, at most 64",
    "sets": "of random images, each with a concept activation vector",
    "score": "share of the images whose logit of the aligned class rises towards the concept, mean over vectors",
    "score_sd": "its standard deviation over vectors",
    "refused": "vectors without a score, as their accuracy is too low",
    "accuracy": "of the vectors, of all of them, for images that they have not seen; chance 0.5",
    "random_score": "mean score of as many vectors of a random set against another one",
    "random_score_sd": "its standard deviation over these",
    "t_p": "of Welch's t-test, two-sided, that score is random_score; too small, as vectors share the concept's images",
    "normal_score": "score of the same vectors of the network that was trained without the signal, fitted to the same "
    "images",
    "normal_score_sd": "the same as of score",
    "normal_refused": "the same",
    "normal_accuracy": "the same",
    "normal_random_score": "the same",
    "normal_random_score_sd": "the same",
    "normal_t_p": "the same",
    "difference": "score less normal_score",
    "ks": "the largest difference of the distributions of the two over vectors, Kolmogorov-Smirnov",
    "ks_p": "its p, of these two networks and these images of the concept",
    "alarm": "1: normal_t_p is below 0.05, whether the concept speaks for the class or against it; else 0",
    "alarm_towards": "1: so it is, and normal_score is above normal_random_score; else 0",
}
PATCHES = "random_patches"
RANDOM = "random_images"
"""What the vectors of random sets are called by in the file of vectors."""

SCORED = 64
"""Images of the class, at most."""

PARTS = 4
"""Of the training images are the least, each of `images`: with the concept, to try vectors on, and to draw sets of."""

PATCH = 1 / 4
"""Sides of an image that a square of noise has."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: for each concept, layer and set of random images, by number, score and accuracy of the vector, refused
    or not, and normal_score and normal_accuracy; of RANDOM the scores of vectors of two random sets.

    Arrays: explained/{concepts|known}/{own|normal}/tcav, float32 [sets, columns], the scores of the concepts that are
    not the signal, or of the signal, column by column as in the table; NaN: refused. StudyError for fewer than three
    test images, for too few training images, and for weights by which activations are no numbers.
    """
    assert run.base is not None
    asked = _asked(run, settings)
    own, normal = (_of_network(of, asked) for of in (run, run.base))
    found = own.assign(normal_score=normal["score"], normal_accuracy=normal["accuracy"])
    given = found.assign(
        score=found["score"].where(found["accuracy"] >= settings["accuracy"]),
        normal_score=found["normal_score"].where(found["normal_accuracy"] >= settings["accuracy"]),
    )
    rows = []
    for (concept, layer), vectors_of in given.groupby(["concept", "layer"], sort=False):
        if concept != RANDOM:
            random = found[(found["concept"] == RANDOM) & (found["layer"] == layer)]
            about = {"concept": concept, "layer": layer, "images": len(asked.scored), "sets": len(vectors_of)}
            rows.append(about | _row(vectors_of, random))
    return Analysed(pd.DataFrame(rows), found, _arrays(given, asked.kind))


class Asked(NamedTuple):
    """kind: of the signal. towards: the label of the aligned class. scored: images of that class. sets: name -> the
    images of each concept and of random sets, by number, two for each of `vectors`. held: concept -> images to try
    vectors on, with the concept, and under RANDOM without any. layers: whose activations.
    """

    kind: str
    towards: int
    scored: Dataset
    sets: dict[str, Dataset]
    held: dict[str, Dataset]
    vectors: int
    layers: list[str]


def _asked(run: Run, settings: dict[str, Any]) -> Asked:
    """All sets are of clean training images, each image of another patient; those that vectors are tried on are in no
    set, and those that get a concept in no random set.
    """
    assert run.base is not None
    assert run.signal is not None
    pool, count = run.base.data("train"), settings["images"]
    rows = drawn(pool, len(pool), run.seed)
    rows = rows[~pool.table["patient"].iloc[rows].duplicated().to_numpy()]
    if len(rows) < PARTS * count:
        raise StudyError(
            f"{run.task}, seed {run.seed}: its training images are of {len(rows)} patients, expected {PARTS} times "
            f"analyses.concepts.images, {PARTS * count}, or more; ask for fewer images, or give the task more"
        )
    with_concept, held, others = (pool.subset(part) for part in np.split(rows, [count, 2 * count]))
    random = np.random.default_rng([run.seed, *b"concepts"])
    sets = {
        str(number): others.subset(random.choice(len(others), count, replace=False))
        for number in range(2 * settings["sets"])
    }
    concepts = _concepts(run)
    return Asked(
        run.signal["kind"],
        aligned(run.signal),
        aligned_test(run, SCORED),
        {name: make(with_concept) for name, make in concepts.items()} | sets,
        {name: make(held) for name, make in concepts.items()} | {RANDOM: held},
        settings["sets"],
        settings["layers"],
    )


def _concepts(run: Run) -> dict[str, Callable[[Dataset], Dataset]]:
    """Concept -> what gives it to images, the signal first."""
    assert run.signal is not None
    own = run.signal["kind"]
    other = of_kind(run.signal, "tag" if own == "stripe" else "stripe")
    return {
        own: lambda data: run.planted(data)[0],
        other["kind"]: lambda data: run.planted(data, other)[0],
        PATCHES: lambda data: patched(data, run.seed),
    }


def patched(data: Dataset, seed: int) -> Dataset:
    """The images with a square of noise each, somewhere; where, and of what levels, depends on the name of the image
    and the seed.
    """
    levels = data.levels.numpy().copy()
    side = max(1, round(PATCH * levels.shape[1]))
    for image, name in zip(levels, names_of(data.table), strict=True):
        random = np.random.default_rng([seed, *f"patch {name}".encode()])
        row, column = (random.integers(length - side + 1) for length in image.shape)
        image[row : row + side, column : column + side] = random.integers(256, size=(side, side))
    return Dataset(levels, data.masks.numpy(), data.table, (data.low, data.high))


def _of_network(run: Run, asked: Asked) -> pd.DataFrame:
    """concept, layer, set, score and accuracy of each vector by the network of a run, concepts in their order."""
    tapped, device = Tapped(run.model, asked.layers), run.hardware.device
    held = {name: activations(tapped, data, device) for name, data in asked.held.items()}
    if not all(np.isfinite(values).all() for of in held.values() for values in of.values()):
        raise StudyError(f"{run.weights}: its activations are not finite; its weights are spoilt, so train it again")
    count, concepts = asked.vectors, [*held]

    def pair(concept: str, number: int) -> tuple[str, str]:
        return (str(count + number) if concept == RANDOM else concept, str(number))

    pairs = [pair(*of) for of in product(concepts, range(count))]
    found = vectors(tapped, asked.towards, asked.scored, asked.sets, pairs, device)
    rows = []
    for concept, layer, number in product(concepts, asked.layers, range(count)):
        vector = found[layer][pair(concept, number)]
        of_concept, without = held[concept][layer], held[RANDOM][layer]
        right = np.nan if concept == RANDOM else accuracy(vector, of_concept, without)
        rows.append((concept, layer, number, vector.score, right))
    return pd.DataFrame(rows, columns=["concept", "layer", "set", "score", "accuracy"])


def _row(given: pd.DataFrame, random: pd.DataFrame) -> dict[str, float]:
    """given: the vectors of one concept and layer, scores of refused ones missing. random: those of random sets."""
    row: dict[str, float] = {}
    for prefix in ("", "normal_"):
        scores, others = given[f"{prefix}score"], random[f"{prefix}score"]
        row |= {
            f"{prefix}score": scores.mean(),
            f"{prefix}score_sd": scores.std(),
            f"{prefix}refused": scores.isna().sum(),
            f"{prefix}accuracy": given[f"{prefix}accuracy"].mean(),
            f"{prefix}random_score": others.mean(),
            f"{prefix}random_score_sd": others.std(),
            f"{prefix}t_p": welch_p(scores.dropna().to_numpy(), others.to_numpy()),
        }
    ks, ks_p = _distance(given["score"].dropna().to_numpy(), given["normal_score"].dropna().to_numpy())
    significant = row["normal_t_p"] < SIGNIFICANCE
    higher = row["normal_score"] > row["normal_random_score"]
    undefined = np.isnan(row["normal_t_p"])
    return row | {
        "difference": row["score"] - row["normal_score"],
        "ks": ks,
        "ks_p": ks_p,
        "alarm": np.nan if undefined else float(significant),
        "alarm_towards": np.nan if undefined else float(significant and higher),
    }


def welch_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of Welch's t-test that two samples have one mean; undefined with fewer than two values of one, and
    where neither varies.
    """
    if min(len(first), len(second)) < 2 or max(np.ptp(first), np.ptp(second)) == 0:
        return np.nan
    of_each = (part for values in (first, second) for part in (values.mean(), values.std(ddof=1), len(values)))
    return float(stats.ttest_ind_from_stats(*of_each, equal_var=False).pvalue)


def _distance(own: np.ndarray, normal: np.ndarray) -> tuple[float, float]:
    """Of Kolmogorov and Smirnov, with its p; undefined with fewer than two vectors of one."""
    if min(len(own), len(normal)) < 2:
        return np.nan, np.nan
    found = stats.ks_2samp(own, normal)
    return float(found.statistic), float(found.pvalue)


def _arrays(given: pd.DataFrame, kind: str) -> dict[str, np.ndarray]:
    arrays = {}
    of_concepts = given[given["concept"] != RANDOM]
    known = of_concepts["concept"] == kind
    for name, part in (("known", of_concepts[known]), ("concepts", of_concepts[~known])):
        for who, column in (("own", "score"), ("normal", "normal_score")):
            columns = [scores.to_numpy() for _, scores in part.groupby(["concept", "layer"], sort=False)[column]]
            arrays[f"explained/{name}/{who}/tcav"] = np.stack(columns, axis=1).astype(np.float32)
    return arrays
