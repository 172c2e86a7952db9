"""Signed maps of one network by many attributions, of which some are products of others, and the line of those of
different images.
"""

from __future__ import annotations

import copy

import numpy as np

from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import Maps, Steps, explain
from red_herring.saliency.similarity import compare
from red_herring.statistics.randomisation import Pairs, pairs_of

INPUT = "input"
"""The image as the classifier sees it, as a factor."""

PRODUCTS = {
    "gradient_x_input": ("gradient", INPUT),
    "integrated_gradients": ("local_integrated_gradients", INPUT),
    "guided_grad_cam": ("guided_backprop", "grad_cam"),
    "edges_x_input": ("edges", INPUT),
}
PARTNERS = 10
"""Other images that each is held against, for the line; with 200 images these are 2000 pairs."""

LEAST_IMAGES = 3
"""Of fewer there is no interval of the line."""

FACTORS = frozenset(factor for factors in PRODUCTS.values() for factor in factors)


class Mapped:
    """The maps of a network, asked for by attribution; factors are made once. The arguments are those of `explain`,
    which raises what these raise; noise: the seed of the control `random`, where that is to be another one.
    """

    def __init__(
        self, network: ResNet18, data: Dataset, hardware: Hardware, described: str, seed: int, steps: Steps,
        noise: int | None = None, compared: bool = False,
    ):  # fmt: skip
        self.network, self.data, self.images = network, data, data.batch(slice(None)).images.squeeze(1).numpy()
        self._how = (hardware, described)
        self._seed, self._steps, self._noise = seed, steps, seed if noise is None else noise
        self._compared = compared
        self._kept = {INPUT: Maps(self.images)}

    def __call__(self, name: str) -> Maps:
        if name in self._kept:
            return self._kept[name]
        if name in PRODUCTS:
            one, other = (self(factor) for factor in PRODUCTS[name])
            return Maps(one.maps * other.maps, one.details)
        seed = self._noise if name == "random" else self._seed
        maps = explain(name, self.network, self.data, len(self.data), *self._how, seed, self._steps, self._compared)
        if name in FACTORS:
            self._kept[name] = maps
        return maps

    def of_other_class(self) -> Mapped:
        """Those of the negative class in place of the positive one. Of all images, as the noise of SmoothGrad depends
        on the row of an image and is to be the same.
        """
        network = copy.deepcopy(self.network)
        for parameter in network.fc.parameters():
            parameter.copy_(parameter.flip(0))
        return Mapped(network, self.data, *self._how, self._seed, self._steps, self._noise, self._compared)


def replaced(maps: Maps, others: Maps, rows: np.ndarray) -> Maps:
    """The maps with others of the same images in the place of theirs in these rows."""
    values, details = maps.maps.copy(), maps.details.copy()
    values[rows], details.loc[rows] = others.maps[rows], others.details.loc[rows]
    return Maps(values, details)


def line_of(similarity: str, maps: np.ndarray) -> Pairs:
    """How alike maps of different images are, as `prepare` has made them ready; compared a few at a time."""
    first, second = pairs_of(len(maps), PARTNERS)
    parts = np.array_split(np.arange(len(first)), -(-len(first) // len(maps)))
    alike = [compare(similarity, maps[first[part]], maps[second[part]]) for part in parts]
    return Pairs(first, second, np.concatenate(alike))
