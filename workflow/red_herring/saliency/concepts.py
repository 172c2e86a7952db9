"""Testing with concept activation vectors (TCAV, Kim et al. 2018) by Captum: whether a concept speaks for a class.

A concept is a set of images that have it, held against a set of others: the normal of the plane by which a linear
classifier parts the activations of the two is its vector v (CAV), and its score is the share of the images of a class
whose logit S rises along it, dS/dh . v > 0.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import LayerActivation
from captum.concept import CAV, TCAV, Classifier, Concept
from captum.concept._utils.common import concepts_to_str
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from red_herring.data.dataset import Dataset
from red_herring.saliency.attribution import PIXELS

SIDE = 14
"""Positions a side at which activations are told apart, at most: as many as the second stage has of images of 28
pixels, on which nothing is lost in the second or third. Of 224 pixels and 64 channels 30 images would else be numbers
by the tens of millions, of which Captum makes Python lists and files.
"""

ITERATIONS = 1000
"""Of the solver, at most; it takes tens."""


class Vector(NamedTuple):
    """A CAV: log odds of the concept are activations . weights + intercept, weights float64 [features]. score: of the
    class that was asked about, 0 to 1.
    """

    score: float
    weights: np.ndarray
    intercept: float


class Tapped(nn.Module):
    """A copy of a network in which the activations of some layers are read and moved as block means, [n, channels, s,
    s] with s of SIDE or less, at the modules `taps.{layer}`.

    It answers as the network does. With the block means r of the activations h and U, which repeats a mean over its
    block, it computes S(h + U r - U r0) at r0 = r, so the derivative by r is that of h moved by U.
    """

    def __init__(self, network: nn.Module, layers: Collection[str]):
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        self.taps = nn.ModuleDict({layer: nn.Identity() for layer in layers})
        for layer, tap in self.taps.items():
            self.network.get_submodule(layer).register_forward_hook(
                lambda _module, _inputs, activations, tap=tap: _tapped(activations, tap)
            )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits

    @property
    def places(self) -> list[str]:
        """Where Captum is to look, in the order of the layers."""
        return [f"taps.{layer}" for layer in self.taps]


def _tapped(activations: Tensor, tap: nn.Module) -> Tensor:
    """The means begin at the tap: through them the derivative by a lower tap would count what is above twice."""
    height, width = activations.shape[-2:]
    means = F.adaptive_avg_pool2d(activations.detach(), (min(SIDE, height), min(SIDE, width)))
    means = tap(means.requires_grad_(torch.is_grad_enabled()))
    return activations + F.interpolate(means - means.detach(), (height, width))


def activations(tapped: Tapped, data: Dataset, device: torch.device) -> dict[str, np.ndarray]:
    """Layer -> the activations of all images as a classifier of concepts takes them, float64 [n, features]."""
    reader = LayerActivation(tapped, [tapped.get_submodule(place) for place in tapped.places])
    parts = [[_flat(found) for found in reader.attribute(batch)] for batch in _batches(data, device)]
    return dict(zip(tapped.taps, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def vectors(
    tapped: Tapped, target: int, data: Dataset, sets: Mapping[str, Dataset], pairs: Sequence[tuple[str, str]],
    device: torch.device,
) -> dict[str, dict[tuple[str, str], Vector]]:  # fmt: skip
    """Layer -> pair -> its CAV, with its score over the images of `data` for the class `target`.

    sets: name -> images. pairs: the set of images with a concept, and that of others that it is held against.

    Captum writes activations and CAVs (pickles) to a folder, which is removed at once. It returns its scores in another
    order from 17 pairs on, so they are found by key, and its own accuracies, of two concepts, are no accuracies.
    """
    concepts = {name: Concept(number, name, _batches(of, device)) for number, (name, of) in enumerate(sets.items())}
    experiments = {pair: [concepts[name] for name in pair] for pair in pairs}
    keys = {pair: concepts_to_str(experiment) for pair, experiment in experiments.items()}
    with tempfile.TemporaryDirectory() as folder:
        captum = _Tcav(tapped, tapped.places, classifier=LinearClassifier(), save_path=folder)
        captum.compute_cavs([*experiments.values()], force_train=True)  # activations once; else anew for every pair
        rising = dict.fromkeys(product(tapped.places, pairs), 0.0)
        for images in _batches(data, device):
            found = captum.interpret(images, [*experiments.values()], target=target)
            for place, pair in rising:
                rising[place, pair] += float(found[keys[pair]][place]["sign_count"][0]) * len(images)
    return {
        layer: {
            pair: _vector(captum.cavs[keys[pair]][place], concepts[pair[0]], rising[place, pair] / len(data))
            for pair in pairs
        }
        for layer, place in zip(tapped.taps, tapped.places, strict=True)
    }


class _Tcav(TCAV):  # type: ignore[misc]
    """Captum's, with CAVs as they are at hand: it would read its files again for every batch of images."""

    def load_cavs(self, concepts: list[Concept]) -> tuple[list[str], dict[Concept, list[str]]]:
        """None is missing."""
        return [], {}


def _vector(cav: CAV, concept: Concept, score: float) -> Vector:
    row = cav.stats["classes"].index(concept.id)
    return Vector(score, cav.stats["weights"][row].numpy(), cav.stats["intercepts"][row])


def accuracy(vector: Vector, concept: np.ndarray, others: np.ndarray) -> float:
    """The share of new images whose side of the plane is theirs, of both kinds alike; chance 0.5. The activations of
    those with the concept and of those without, [n, features].
    """
    rights = [(side * (of @ vector.weights + vector.intercept) > 0).mean() for side, of in ((1, concept), (-1, others))]
    return float(np.mean(rights))


class LinearClassifier(Classifier):  # type: ignore[misc]
    """Logistic regression with the ridge of scikit-learn on activations less their mean, divided by one number, their
    root mean square. (Divided by its own deviation, each that is hardly ever but 0 would have the largest weight. Of
    Captum's classifier, by stochastic steps on activations as they are, no two fits are the same.)
    """

    def __init__(self) -> None:
        self._weights, self._classes = torch.empty(0), list[int]()

    def train_and_eval(self, dataloader: Any, **_kwargs: Any) -> dict[str, Any]:
        """The intercepts, which Captum keeps beside the weights."""
        inputs, labels = (torch.cat(parts).cpu().numpy() for parts in zip(*dataloader, strict=True))
        centre = inputs.mean(axis=0, dtype=float)
        scale = np.sqrt(np.square(inputs - centre).mean()) or 1.0
        fitted = LogisticRegression(max_iter=ITERATIONS).fit((inputs - centre) / scale, labels)
        weights = fitted.coef_[0] / scale
        intercept = float(fitted.intercept_[0] - weights @ centre)
        self._weights = torch.from_numpy(np.stack([-weights, weights]))
        self._classes = fitted.classes_.tolist()
        return {"intercepts": [-intercept, intercept]}

    def weights(self) -> Tensor:
        """[2, features], in the order of `classes`."""
        return self._weights

    def classes(self) -> list[int]:
        return self._classes


def _batches(data: Dataset, device: torch.device) -> Iterator[Tensor]:
    """Of as many images as one forward pass may hold."""
    return (batch.images for batch in data.batches(max(1, PIXELS // data.levels[0].numel()), device))


def _flat(values: Tensor) -> np.ndarray:
    return values.flatten(1).detach().cpu().double().numpy()
