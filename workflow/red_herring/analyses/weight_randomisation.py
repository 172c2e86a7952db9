"""Weight randomisation: whether maps change when the weights of the network are drawn anew, block by block."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import entr, softmax

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import POSITIVE, Maps, sigma_of
from red_herring.saliency.mapped import LEAST_IMAGES, Mapped, line_of, replaced
from red_herring.saliency.similarity import compare, prepare
from red_herring.saliency.smoothing import smooth
from red_herring.saliency.summary import as_levels, drawn
from red_herring.statistics.randomisation import Pairs, crossed_interval
from red_herring.study.catalogue import attribution_card
from red_herring.training.evaluate import predict

TITLE = "Weight randomisation"
CITATION = "Adebayo et al. 2018"
NEEDS = ["saliency", "similarities"]
MAPS_BY = ["gradient", "local_integrated_gradients", "edges", "edges_x_input", "random"]
SETTINGS = {
    "draws": {"type": "integer", "minimum": 1, "default": 5, "description": "of random weights"},
    "order": {
        "type": "array",
        "items": {"enum": ["cascading", "independent"]},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["cascading"],
        "description": "each block with all above it, or by itself",
    },
    "statistics": {
        "type": "array",
        "items": {"enum": ["kept", "reset"]},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["kept"],
        "description": "what becomes of the running statistics of batch norms whose block is randomised",
    },
    "target": {
        "type": "array",
        "items": {"enum": ["fixed", "argmax"]},
        "minItems": 1,
        "uniqueItems": True,
        "default": ["fixed"],
        "description": "the class that a randomised network explains: the positive one, or that of its larger logit",
    },
}
BY = {
    "attribution": "the attribution, or a control",
    "similarity": "of the maps of the trained and the randomised network",
    "order": "cascading: the block with all above it; independent: it alone",
    "statistics": "running statistics of randomised batch norms, kept or reset",
    "target": "the class explained after the reset: fixed, the positive one, or argmax",
    "block": "the lowest that is randomised",
}
COLUMNS = {
    "blocks": "how many of the ten blocks are randomised",
    "images": "of the shifted test set",
    "draws": "of random weights",
    "undefined": "how many of the pairs of an image and a draw have no similarity, as one of the maps is constant",
    "zeros": "the share of pixels of the randomised networks' maps that are exactly 0",
    "value": "similarity to the map of the trained network, mean over images and draws",
    "value_low": "its 95 % interval, for other images and draws",
    "value_high": "the same",
    "draw_sd": "standard deviation over draws of the mean over images",
    "cross_image": "the line: similarity of the trained network's maps of two different images",
    "floor": "similarity of the trained network's map and a randomised network's of another image",
    "edges": "similarity of the trained network's map and the edges of its image",
    "difference": "value less cross_image; below 0 at the end of the cascade: the map passes",
    "difference_low": "its 95 % interval, for other images and draws",
    "difference_high": "the same",
    "entropy": "of the randomised networks' predictions, nats, mean; 0: saturated, 0.69: even",
    "completeness_error": "of integrated gradients of the randomised networks, median",
}

INPUT_ONLY = ("edges", "edges_x_input")
"""Controls that know the image, and of the model nothing."""

SHOWN = 2
"""Images whose signed maps are kept."""

TRAINED = "trained"
"""What its arrays are called by, where those of randomised networks have the block."""


class State(NamedTuple):
    """Which blocks of a network are randomised, from the logits down, and by what draw."""

    order: str
    statistics: str
    draw: int
    blocks: tuple[str, ...]


class Arm(NamedTuple):
    """What tells the rows of the table apart, but for the similarity, and how many blocks are randomised."""

    attribution: str
    order: str
    statistics: str
    target: str
    block: str
    blocks: int


@dataclass(frozen=True)
class Trained:
    """Maps of the trained network by one attribution; for each similarity: the maps as it takes them, the line of
    different images, and the mean similarity to the edges.
    """

    prepared: dict[str, np.ndarray]
    line: dict[str, Pairs]
    edges: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """Of one randomised network and attribution. similarity: name -> of each image, [n]; floor: name -> to the maps of
    other images, mean; zeros: share of pixels; completeness_error: of each image, if the attribution has one.
    """

    similarity: dict[str, np.ndarray]
    floor: dict[str, float]
    zeros: float
    completeness_error: np.ndarray


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """per_image: each similarity, mean over the draws, of every attribution, arm and block.

    Arrays, if a positive test image has a mask, of the images that localisation shows: example_rows and example_image,
    uint8 [k, height, width], of the first SHOWN; of these trained/{attribution} and {block}/{attribution}, float16,
    signed maps divided by their largest absolute value, the latter by the first draw of the cascade; and of all of them
    explorer/{block}/{attribution}, uint8 [n, height, width], as localisation's example/{attribution}.

    Raises StudyError for fewer than three test images.
    """
    saliency, data = settings["saliency"], _images(run, settings["images"])
    examples, arrays = _examples(run, saliency["example_images"])
    names = attributions_of(saliency["attributions"])

    def mapped(network: ResNet18, images: Dataset, state: State | None = None) -> Mapped:
        described = f"{run.weights}, random down to {state.blocks[-1]}" if state else str(run.weights)
        noise = _seed(run, *state) if state else None
        return Mapped(network, images, run.hardware, described, run.seed, saliency["steps"], noise, True)

    trained, same = _trained(mapped(run.model, data), names, settings["similarities"])
    if len(examples):
        arrays |= _pictures(mapped(run.model, examples), TRAINED, names, saliency)
    found: dict[Arm, list[tuple[Outcome, float]]] = defaultdict(list)
    for state in _states(settings):
        network, block = _network(run, state), state.blocks[-1]
        logits = predict(network, data, run.batch_size, run.hardware).double().numpy()
        entropy = entr(softmax(logits, axis=1)).sum(axis=1).mean()
        its = mapped(network, data, state)
        for name, target, maps in _explained(its, logits, names, settings["target"]):
            arm = Arm(name, state.order, state.statistics, target, block, len(state.blocks))
            found[arm].append((same.get(name) or _outcome(trained[name], maps, its.images), entropy))
        if len(examples) and state[:3] == ("cascading", settings["statistics"][0], 0):
            arrays |= _pictures(mapped(network, examples, state), block, names, saliency)
    arms = sorted(found, key=lambda arm: names.index(arm.attribution))
    return Analysed(
        pd.concat([_rows(arm, found[arm], trained[arm.attribution]) for arm in arms], ignore_index=True),
        pd.concat([_of_images(arm, found[arm], data) for arm in arms], ignore_index=True),
        arrays,
    )


def attributions_of(asked: list[str]) -> list[str]:
    """Of which there are maps, where a study has those asked: all but controls, what two of them are without the factor
    x, and the controls of this analysis.
    """
    of_models = {name for name in asked if not attribution_card(name).control} | {"gradient"}
    local = {"local_integrated_gradients"} if "integrated_gradients" in of_models else set()
    return [*sorted(of_models | local), *INPUT_ONLY, "random"]


# Images and networks


def _images(run: Run, count: int) -> Dataset:
    data = run.test.subset(drawn(run.test, count, run.seed))
    if len(data) < LEAST_IMAGES:
        raise StudyError(
            f"{run.task}: has {len(data)} shifted test images, and weight_randomisation compares maps of at least "
            f"{LEAST_IMAGES}; give the task more or leave it out of study.analyses"
        )
    return data


def _examples(run: Run, count: int) -> tuple[Dataset, dict[str, np.ndarray]]:
    """Those of localisation, or more, that there are SHOWN; and the arrays of which and what these are."""
    positive = run.test.subset(np.flatnonzero((run.test.labels == 1).numpy() & run.test.has_mask().numpy()))
    rows = drawn(positive, max(SHOWN, count), run.seed)
    levels = positive.levels.numpy()[rows[:SHOWN]]
    return positive.subset(rows), {"example_rows": rows[:SHOWN], "example_image": levels}


def _states(settings: dict[str, Any]) -> Iterator[State]:
    for statistics, order in itertools.product(settings["statistics"], settings["order"]):
        for draw in range(settings["draws"]):
            for place in range(len(BLOCKS)):
                yield State(order, statistics, draw, BLOCKS[0 if order == "cascading" else place : place + 1])


def _network(run: Run, state: State) -> ResNet18:
    """Folded. The same draw has the same weights in every order, and whatever becomes of the statistics."""
    seed = _seed(run, state.draw)
    return randomised(run.trained, state.blocks, seed, keep_statistics=state.statistics == "kept").folded()


def _seed(run: Run, *what: object) -> int:
    return int(np.random.default_rng([run.seed, *repr(what).encode()]).integers(2**63))


def _explained(
    its: Mapped, logits: np.ndarray, names: list[str], targets: list[str]
) -> Iterator[tuple[str, str, Maps]]:
    """Attribution, target and maps of a network that gives these logits."""
    rows = np.flatnonzero(logits[:, POSITIVE] < logits[:, 1 - POSITIVE])
    negative = its.of_other_class() if "argmax" in targets and len(rows) else None
    for name in names:
        maps = its(name)
        for target in targets:
            yield name, target, replaced(maps, negative(name), rows) if negative and target == "argmax" else maps


# What is compared


def _trained(own: Mapped, names: list[str], similarities: list[str]) -> tuple[dict[str, Trained], dict[str, Outcome]]:
    """The maps of the trained network by attribution, and the outcome of those that know nothing of a network."""
    edges = {similarity: prepare(similarity, own("edges").maps, own.images) for similarity in similarities}
    trained, same = {}, {}
    for name in names:
        maps = own(name)
        prepared = {similarity: prepare(similarity, maps.maps, own.images) for similarity in similarities}
        line = {similarity: line_of(similarity, values) for similarity, values in prepared.items()}
        to_edges = {
            similarity: _mean(compare(similarity, prepared[similarity], edges[similarity])) for similarity in edges
        }
        trained[name] = Trained(prepared, line, to_edges)
        if name in INPUT_ONLY:
            same[name] = _outcome(trained[name], maps, own.images)
    return trained, same


def _outcome(trained: Trained, maps: Maps, images: np.ndarray) -> Outcome:
    values, floor = {}, {}
    for similarity, own in trained.prepared.items():
        theirs = prepare(similarity, maps.maps, images)
        values[similarity] = compare(similarity, own, theirs)
        floor[similarity] = _mean(compare(similarity, own, np.roll(theirs, 1, axis=0)))
    error = maps.details.get("completeness_error", pd.Series(dtype=float))
    return Outcome(values, floor, float((maps.maps == 0).mean()), error.to_numpy())


def _mean(values: np.ndarray) -> float:
    """Of those that are defined."""
    return float(pd.Series(values).mean())


# What comes of it


def _rows(arm: Arm, found: list[tuple[Outcome, float]], trained: Trained) -> pd.DataFrame:
    """A row of the table for each similarity."""
    outcomes, rows = [outcome for outcome, _ in found], []
    for similarity, line in trained.line.items():
        values = np.stack([outcome.similarity[similarity] for outcome in outcomes], axis=1)
        value, difference = crossed_interval(values), crossed_interval(values, line)
        rows.append(
            {
                **{"attribution": arm.attribution, "similarity": similarity, **arm._asdict()},
                "images": len(values),
                "draws": len(outcomes),
                "undefined": np.isnan(values).sum(),
                "zeros": np.mean([outcome.zeros for outcome in outcomes]),
                "value": value.value,
                "value_low": value.low,
                "value_high": value.high,
                "draw_sd": pd.DataFrame(values).mean().std(),
                "cross_image": _mean(line.alike),
                "floor": _mean(np.array([outcome.floor[similarity] for outcome in outcomes])),
                "edges": trained.edges[similarity],
                "difference": difference.value,
                "difference_low": difference.low,
                "difference_high": difference.high,
                "entropy": np.mean([entropy for _, entropy in found]),
                "completeness_error": pd.Series(np.concatenate([o.completeness_error for o in outcomes])).median(),
            }
        )
    return pd.DataFrame(rows)


def _of_images(arm: Arm, found: list[tuple[Outcome, float]], data: Dataset) -> pd.DataFrame:
    """A row for each image, with each similarity, mean over draws."""
    outcomes = [outcome for outcome, _ in found]
    means = {
        name: pd.DataFrame([outcome.similarity[name] for outcome in outcomes]).mean() for name in outcomes[0].similarity
    }
    return data.table[["source", "image", "label"]].assign(**arm._asdict()).assign(**means)


def _pictures(its: Mapped, network: str, names: list[str], saliency: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of one network: signed maps, and of a randomised one what the interactive page shows."""
    arrays = {}
    for name in names:
        maps = its(name).maps
        arrays[f"{network}/{name}"] = _of_largest_one(maps[:SHOWN])
        if network != TRAINED and name in saliency["attributions"]:
            absolute = np.abs(maps[: saliency["example_images"]])
            arrays[f"explorer/{network}/{name}"] = as_levels(
                smooth(absolute, sigma_of(name, saliency["smoothing_sigma"]))
            )
    return arrays


def _of_largest_one(maps: np.ndarray) -> np.ndarray:
    largest = np.abs(maps).max(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0).astype(np.float16)
    return scaled
