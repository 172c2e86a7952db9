"""MPRT revised: two variants of the weight randomisation test that are to cure what was objected to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import ResNet18
from red_herring.saliency.attribution import explain
from red_herring.saliency.similarity import compare, prepare
from red_herring.saliency.summary import drawn
from red_herring.statistics.randomisation import crossed_interval
from red_herring.study.catalogue import attribution_card

TITLE = "MPRT, smooth and efficient"
CITATION = "Hedström et al. 2024"
NEEDS = ["saliency"]
MAPS_BY = ["random"]
SETTINGS = {
    "images": {"type": "integer", "minimum": 1, "default": 8, "description": "shifted test images, at most"},
    "draws": {"type": "integer", "minimum": 1, "default": 3, "description": "of random weights"},
    "copies": {"type": "integer", "minimum": 1, "default": 50, "description": "noisy ones of an image"},
    "smooth": {
        "type": "array",
        "items": {
            "enum": [
                "gradient", "gradient_x_input", "guided_backprop", "grad_cam", "guided_grad_cam", "occlusion",
                "smoothgrad", "integrated_gradients", "local_integrated_gradients", "random",
            ]
        },
        "uniqueItems": True,
        "default": ["gradient", "gradient_x_input", "guided_backprop", "grad_cam", "guided_grad_cam", "random"],
        "description": "attributions whose maps are averaged over the copies; others take many passes for one map",
    },
    "statistics": {
        "enum": ["kept", "reset"],
        "default": "kept",
        "description": "the running ones of batch norms, when the weights are drawn anew",
    },
}  # fmt: skip
BY = {"attribution": "each of the study but controls, and `random`, drawn anew for each network"}
COLUMNS = {
    "images": "shifted test images, some of them drawn with the seed",
    "draws": "of random weights",
    "undefined": "comparisons of an image, a draw and a block without a value, as a map is constant",
    "smprt_undefined": "the same of maps averaged over noisy copies",
    "mprt": "rank correlation of absolute maps before and after weights are drawn anew, from the stem up to each block "
    "in turn; mean over blocks, images and draws; low where maps depend on the weights",
    "mprt_low": "lower end of its 95 % interval, over images and draws",
    "mprt_high": "upper end",
    "mprt_end": "the same with all weights drawn anew",
    "smprt": "mprt of maps averaged over noisy copies of the image; missing for attributions that are not in `smooth`",
    "smprt_low": "lower end of its 95 % interval",
    "smprt_high": "upper end",
    "smprt_end": "the same with all weights drawn anew",
    "emprt": "relative rise of the entropy of a map when all weights are drawn anew; high where maps of a trained "
    "network are simpler than those of a random one",
    "emprt_low": "lower end of its 95 % interval",
    "emprt_high": "upper end",
    "entropy": "of the histogram of a map's values, nats; at most 4.6",
    "entropy_random": "of a map with all weights drawn anew",
}
NOISE = 0.1
"""Standard deviation of the noise of a copy as a share of an image's range."""

BINS = 100
"""Of the histogram of a map, between its smallest and its largest value."""

UPWARDS = BLOCKS[::-1]

KINDS = ("mprt", "smprt")
"""Of maps as they are, and averaged over noisy copies."""

Maps = dict[tuple[str, str], np.ndarray]
"""(one of KINDS, attribution) -> signed maps, float32 [n, height, width]."""

Scores = dict[str, np.ndarray]
"""Column -> [images, draws]."""


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """Smooth and efficient MPRT (Hedström et al. 2024) beside the test that they revise. Both have their limits: the
    noise makes a SmoothGrad of every map, and an entropy does not see where a map is and is ruled by its tails.

    per_image: source, image, attribution, draw and, for each, mprt, mprt_end, smprt, smprt_end, entropy, entropy_random
    and emprt. Arrays: mprt/{attribution} and smprt/{attribution}, float64 [images, draws, blocks], from the stem up.
    """
    data = run.test.subset(drawn(run.test, settings["images"], run.seed))
    trained = _maps(run, run.model, data, settings, 0)
    names = [name for kind, name in trained if kind == "mprt"]
    ready = {key: prepare("spearman_abs", maps) for key, maps in trained.items()}
    shape = (len(data), settings["draws"], len(UPWARDS))
    alike = {(kind, name): np.full(shape, np.nan) for kind in KINDS for name in names}
    entropy_random = {name: np.empty(shape[:2]) for name in names}
    for number, (draw, block, network) in enumerate(_networks(run, settings), start=1):
        maps = _maps(run, network, data, settings, number)
        for key in maps:
            alike[key][:, draw, block] = compare("spearman_abs", ready[key], prepare("spearman_abs", maps[key]))
        if block == len(UPWARDS) - 1:
            for name in names:
                entropy_random[name][:, draw] = entropy_of(maps["mprt", name])
    scores = {
        name: _scores(
            alike["mprt", name], alike["smprt", name], entropy_of(trained["mprt", name]), entropy_random[name]
        )
        for name in names
    }
    undefined = {key: np.isnan(values).sum() if key in trained else np.nan for key, values in alike.items()}
    table = [
        {
            "attribution": name,
            "undefined": undefined["mprt", name],
            "smprt_undefined": undefined["smprt", name],
            **_row(scores[name]),
        }
        for name in names
    ]
    per_image = pd.concat([_per_image(scores[name], data, name) for name in names], ignore_index=True)
    arrays = {f"{kind}/{name}": values for (kind, name), values in alike.items()}
    return Analysed(pd.DataFrame(table), per_image, arrays)


def entropy_of(maps: np.ndarray) -> np.ndarray:
    """Of the histogram of each map's values, nats, float64 [n]; NaN: a constant map. Dividing a map by the root of its
    mean square (Binder et al. 2023) beforehand would change nothing, as the bins are of its own range.
    """
    values = maps.reshape(len(maps), -1).astype(np.float64)
    found = [stats.entropy(np.histogram(one, BINS)[0]) if np.ptp(one) > 0 else np.nan for one in values]
    return np.array(found)


def _networks(run: Run, settings: dict[str, Any]) -> Iterator[tuple[int, int, ResNet18]]:
    """The draw, the place in UPWARDS of the last block that is reset, and the network, folded."""
    for draw in range(settings["draws"]):
        seed = int(np.random.default_rng([run.seed, draw, *b"mprt"]).integers(2**32))
        for block in range(len(UPWARDS)):
            network = randomised(run.trained, UPWARDS[: block + 1], seed, settings["statistics"] == "kept")
            yield draw, block, network.folded()


def _maps(run: Run, network: ResNet18, data: Dataset, settings: dict[str, Any], number: int) -> Maps:
    """number: of the network; its copies have noise of their own, and so has its random map."""
    of_study = settings["saliency"]["attributions"]
    names = [*(name for name in of_study if not attribution_card(name).control), "random"]
    copies = _noisy(data, settings["copies"], [run.seed, number])
    maps = {}
    for name in names:
        seed = run.seed + number if name == "random" else run.seed
        about = (run.batch_size, run.hardware, str(run.weights), seed, settings["saliency"]["steps"])
        maps["mprt", name] = explain(name, network, data, *about, compared=True).maps
        if name in settings["smooth"]:
            of_copies = explain(name, network, copies, *about, compared=True).maps
            maps["smprt", name] = of_copies.reshape(len(data), -1, *of_copies.shape[1:]).mean(axis=1)
    return maps


def _noisy(data: Dataset, copies: int, seed: list[int]) -> Dataset:
    """So many copies of each image, one after the other, with Gaussian noise of NOISE (max x - min x). Their levels are
    no whole numbers, and may lie outside of 0 to 255.
    """
    levels = data.levels.numpy().astype(np.float64)
    spread = NOISE * np.ptp(levels, axis=(1, 2))
    random = [np.random.default_rng([*seed, row, *b"mprt"]) for row in range(len(levels))]
    noise = [one.normal(0, width, (copies, *levels.shape[1:])) for one, width in zip(random, spread, strict=True)]
    table = data.table.loc[np.repeat(data.table.index, copies)]
    noisy = np.repeat(levels, copies, axis=0) + np.concatenate(noise)
    return Dataset(noisy, data.masks[0].numpy(), table, (data.low, data.high))


def _scores(mprt: np.ndarray, smprt: np.ndarray, entropy: np.ndarray, entropy_random: np.ndarray) -> Scores:
    """mprt, smprt: [images, draws, blocks]; entropy: [images]; entropy_random: [images, draws]."""
    of_trained = np.broadcast_to(entropy[:, None], entropy_random.shape)
    return {
        "mprt": _mean(mprt),
        "mprt_end": mprt[..., -1],
        "smprt": _mean(smprt),
        "smprt_end": smprt[..., -1],
        "entropy": of_trained,
        "entropy_random": entropy_random,
        "emprt": entropy_random / of_trained - 1,
    }


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the last axis, of what is defined; NaN where nothing is."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(there, values, 0).sum(axis=-1) / there.sum(axis=-1)
    return mean


def _row(scores: Scores) -> dict[str, float]:
    row = {name: float(_mean(values.ravel())) for name, values in scores.items()}
    images, draws = scores["emprt"].shape
    for name in ("mprt", "smprt", "emprt"):
        interval = crossed_interval(scores[name])
        row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {"images": images, "draws": draws, **row}


def _per_image(scores: Scores, data: Dataset, name: str) -> pd.DataFrame:
    images, draws = scores["emprt"].shape
    about = data.table.loc[np.repeat(np.arange(images), draws), ["source", "image"]].reset_index(drop=True)
    about = about.assign(attribution=name, draw=np.tile(np.arange(draws), images))
    return about.assign(**{column: values.ravel() for column, values in scores.items()})
