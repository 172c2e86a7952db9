"""Ways to train the classifier, one file each.

A file declares TITLE, APPROACH, CITATION, USES (what it is told besides images and labels: `masks`, `groups`),
HYPERPARAMETERS (its own, besides `lr`, with law and range) and, if it has any, OPTIONS, all as literals
(`red_herring.study.catalogue` reads them); and it holds a class `Method`.
"""

from __future__ import annotations

import importlib
from typing import Any

from red_herring.methods.base import Method
from red_herring.networks.resnet import ResNet18
from red_herring.study.catalogue import SAMPLING, method_card


def make_method(
    name: str, model: ResNet18, hyperparameters: dict[str, float], options: dict[str, Any] | None = None
) -> Method:
    """The method of a name (a file of this folder), ready to update `model`.

    options: as a study gives them; those that every method has are the training's, not the method's. A penalty weight
    `lambda` of 0 gives classification itself: not even the masked images pass through the network.
    """
    if hyperparameters.get("lambda") == 0:
        name, options = "classification", None
    chosen = method_card(name).chosen(options or {})
    own = {option: value for option, value in chosen.items() if option not in SAMPLING}
    made: Method = importlib.import_module(f"{__name__}.{name}").Method(model, hyperparameters, **own)
    return made
