"""Influence: whether the training images that an answer owes itself to give a planted signal away."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from red_herring.analyses._planted import EXPLAINED, SIDE, opposite
from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.data.signals import aligned, carriers
from red_herring.runtime.files import StudyError
from red_herring.saliency.summary import block_means
from red_herring.statistics import influence as by
from red_herring.statistics.influence import Points, top
from red_herring.statistics.paired import t_interval
from red_herring.training.evaluate import features

TITLE = "Training points"
CITATION = "Adebayo et al. 2022, re-implemented from the published definitions; influence: Koh and Liang 2017"
OF_TASKS = {"signal.kind": ["tag", "stripe", "blur", "half_blur"]}
NEEDS = ["saliency", "base_run", "other_seed"]
SETTINGS = {
    "images": {
        "type": "integer",
        "minimum": 3,
        "default": 100,
        "description": "test images of the class that is not aligned with the signal, at most",
    },
    "damping": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 0.1,
        "description": "of the Hessian, a share of its mean eigenvalue",
    },
}
BY = {
    "form": "how helpful a training image is for an answer, by the last layer alone: influence; influence_normalised, "
    "by how far the image moves the weights; tracin, of the one checkpoint that a run keeps; cosine, of the features, "
    "whatever the labels; random, a control",
}
COLUMNS = {
    "queries": "shifted test images of the class that is not aligned, of patients whom no compared run has seen in "
    "training or validation, with the signal; asked of is the aligned class as the answer",
    "top": "how many of the training images are the most helpful 1 %, at least one",
    "undefined": "queries for which all training images are equally helpful, or none can be told to be",
    "normal_undefined": "the same by the network that was trained without the signal",
    "base_rate": "share of all training images that carry the signal",
    "base_rate_aligned": "the same of those of the aligned class, what a ranking by the label alone comes to",
    "share": "of the most helpful training images that carry the signal, mean over the queries",
    "share_low": "its 95 % interval, for other images and this network",
    "share_high": "the same",
    "normal_share": "the same by the network that was trained without the signal, of the same training images, which "
    "it has not seen with it: a false alarm where it is above the base rates",
    "normal_share_low": "its 95 % interval",
    "normal_share_high": "the same",
    "difference": "share less normal_share",
    "difference_low": "its 95 % interval, over queries, paired",
    "difference_high": "the same",
    "base_rate_identical": "share of the training images that have the label of the queries",
    "identical_class": "the same of the images that are most helpful for the query without the signal and with its own "
    "label, mean over the queries",
    "identical_class_low": "its 95 % interval",
    "identical_class_high": "the same",
    "identical_undefined": "queries without it, as undefined",
    "normal_identical_class": "the same by the other network, of its own training images",
    "normal_identical_class_low": "its 95 % interval",
    "normal_identical_class_high": "the same",
    "normal_identical_undefined": "queries without it",
}
MEANS = {
    "share": "undefined",
    "normal_share": "normal_undefined",
    "difference": None,
    "identical_class": "identical_undefined",
    "normal_identical_class": "normal_identical_undefined",
}
"""What is a mean over queries -> the column that counts those without it."""

TOP = 0.01
"""Of the training images."""

SHOWN = 5
"""Most helpful training images of a query that are kept as pictures."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: form, share, normal_share, difference, identical_class and normal_identical_class of each query.

    Arrays: explained/clean/{own|normal}/{form}, float16 [n, pixels], 0 to 1, the mean of the images that are most
    helpful for the query without the signal and its own label, each network's of its own training images, reduced to
    SIDE pixels a side (NaN: undefined); explained_rows, int64 [n], the rows of per_image that have the names of these
    queries; and of the first `example_images` queries example/{form}/{own|normal}, uint8 [n, SHOWN, height, width], the
    most helpful images of the planted query (0: undefined), and example_clean/{form}/{own|normal}, of the one without
    the signal, as the means. StudyError for fewer than three queries, and for weights by which features are no numbers.
    """
    assert run.base is not None
    asked, random = _asked(run, settings), np.random.default_rng([run.seed, *b"influence"])
    networks = {"own": (run, asked.train), "normal": (run.base, run.base.data("train"))}
    ranked = {who: _ranked(of, own, asked, settings, random) for who, (of, own) in networks.items()}
    arrays = {"explained_rows": np.arange(min(EXPLAINED, len(asked.clean)))}
    for who, forms in ranked.items():
        for form, found in forms.items():
            arrays |= {f"explained/clean/{who}/{form}": found.means, f"example/{form}/{who}": found.pictures}
            arrays[f"example_clean/{form}/{who}"] = found.clean_pictures
    per_image = pd.concat([_of_queries(asked, ranked, form) for form in FORMS], ignore_index=True)
    rates = _rates(asked)
    rows = [{"form": form, **rates, **_row(own)} for form, own in per_image.groupby("form", sort=False)]
    return Analysed(pd.DataFrame(rows), per_image, arrays)


class Asked(NamedTuple):
    """train: the training images as the run saw them, of which carries, bool [n], have the signal; clean, planted: the
    queries without and with the signal. towards: the label of the class that the signal is aligned with.
    """

    train: Dataset
    carries: np.ndarray
    clean: Dataset
    planted: Dataset
    towards: int


class Ranked(NamedTuple):
    """By one network and form, of each query: share and identical_class, [queries]; the arrays of `analyse`."""

    share: np.ndarray
    identical_class: np.ndarray
    means: np.ndarray
    pictures: np.ndarray
    clean_pictures: np.ndarray


def _asked(run: Run, settings: dict[str, Any]) -> Asked:
    assert run.signal is not None
    train, clean = run.data("train"), opposite(run, settings["images"])
    planted, _ = run.planted(clean)
    return Asked(train, carriers(train.table, run.signal, run.seed), clean, planted, aligned(run.signal))


def _ranked(
    run: Run, own: Dataset, asked: Asked, settings: dict[str, Any], random: np.random.Generator
) -> dict[str, Ranked]:
    """By form. own: the training images of this network."""
    trained = _points(run, own)
    candidates = trained if own is asked.train else _points(run, asked.train)
    curvature = by.damped(_hessian(run, trained), settings["damping"])
    planted = _scores(_points(run, asked.planted, asked.towards), candidates, curvature, random)
    clean = _scores(_points(run, asked.clean), trained, curvature, random)
    shown, found = settings["saliency"]["example_images"], {}
    for form in FORMS:
        helpful, alike = (top(scores[form], _count(scores[form].shape[1])) for scores in (planted, clean))
        found[form] = Ranked(
            helpful @ asked.carries,
            alike @ (trained.labels != asked.towards),
            _mean_images(own, alike[:EXPLAINED]),
            _pictures(asked.train, planted[form][:shown], helpful[:shown]),
            _pictures(own, clean[form][:shown], alike[:shown]),
        )
    return found


def _points(run: Run, data: Dataset, label: int | None = None) -> Points:
    """These images as the last layer of a run has them, with their labels, or all with this one."""
    found = features(run.model, data, run.batch_size, run.hardware).double().numpy()
    if not np.isfinite(found).all():
        raise StudyError(f"{run.weights}: its features are not finite; its weights are spoilt, so train it again")
    weights, bias = (values.detach().cpu().double().numpy() for values in (run.model.fc.weight, run.model.fc.bias))
    labels = data.labels.numpy() if label is None else np.full(len(data), label)
    return Points(found, found @ (weights[1] - weights[0]) + bias[1] - bias[0], labels)


def _hessian(run: Run, trained: Points) -> np.ndarray:
    found = by.hessian(trained)
    if not np.trace(found) > 0:
        raise StudyError(
            f"{run.weights}: is so sure of every training image that their loss has no curvature, in double precision; "
            "its training has diverged, so train it with a lower learning rate"
        )
    return found


def _scores(
    queries: Points, candidates: Points, curvature: np.ndarray, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Form -> how helpful each candidate is for each query, [queries, candidates], the most helpful highest."""
    return {
        "influence": by.influence(queries, candidates, curvature),
        "influence_normalised": by.influence_normalised(queries, candidates, curvature),
        "tracin": by.tracin(queries, candidates),
        "cosine": by.cosine(queries, candidates),
        "random": random.random((len(queries.labels), len(candidates.labels))),
    }


FORMS = ("influence", "influence_normalised", "tracin", "cosine", "random")


def _count(images: int) -> int:
    return max(1, round(TOP * images))


def _of_queries(asked: Asked, ranked: dict[str, dict[str, Ranked]], form: str) -> pd.DataFrame:
    own, normal = ranked["own"][form], ranked["normal"][form]
    return asked.clean.table[["source", "image", "label"]].assign(
        form=form,
        share=own.share,
        normal_share=normal.share,
        difference=own.share - normal.share,
        identical_class=own.identical_class,
        normal_identical_class=normal.identical_class,
    )


def _rates(asked: Asked) -> dict[str, float]:
    """What is the same for all forms."""
    of_aligned = asked.train.labels.numpy() == asked.towards
    return {
        "queries": len(asked.clean),
        "top": _count(len(asked.train)),
        "base_rate": asked.carries.mean(),
        "base_rate_aligned": asked.carries[of_aligned].mean(),
        "base_rate_identical": (~of_aligned).mean(),
    }


def _row(images: pd.DataFrame) -> dict[str, float]:
    row: dict[str, float] = {}
    for column, undefined in MEANS.items():
        there = images[column].dropna().to_numpy()
        row[column], row[f"{column}_low"], row[f"{column}_high"] = t_interval(there)
        if undefined:
            row[undefined] = len(images) - len(there)
    return row


def _mean_images(data: Dataset, weights: np.ndarray) -> np.ndarray:
    """[queries, pixels]. weights: of each image in the mean of each query."""
    small = block_means(data.levels.numpy(), SIDE).reshape(len(data), -1)
    return np.asarray(weights @ small / 255, np.float16)


def _pictures(data: Dataset, scores: np.ndarray, helpful: np.ndarray) -> np.ndarray:
    """The SHOWN images of the highest scores of each query, or all there are; 0 where nothing is more helpful."""
    found = data.levels.numpy()[np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN]]
    found[np.isnan(helpful).any(axis=1)] = 0
    return found
