"""The authors' released code, josephdviviano/saliency-red-herring, from a folder of it: its networks and its training.

Nothing of it is in this project. Of what it imports, what reads its configuration and what logs are put aside: a step
of training needs neither, and they ask for libraries that the environment lacks.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from benchmarks.plain import Images
from red_herring.data.dataset import Dataset
from torch.utils.data import DataLoader

PUT_ASIDE = ("activmask.utils.configuration", "activmask.utils.monitoring", "activmask.manager.mlflow.logger")
NEEDED = ("activmask/training.py", "activmask/models/resnet.py")

WEIGHTED = {"masked": (), "actdiff": ("actdiff_lamb",), "adversarial": ("disc_lamb",), "gradmask": ("gradmask_lamb",)}
WEIGHTED["rrr"] = ("rrr_lamb",)
"""Which arguments of its network are lambda, by method."""


def folder_of(environment: Mapping[str, str]) -> Path:
    """Where it is. Skips the test that asks where RELEASED is not set; ValueError for a folder that does not hold it."""
    given = environment.get("RELEASED")
    if not given:
        pytest.skip(
            "RELEASED is not set: make bench RELEASED=folder, with a checkout of josephdviviano/saliency-red-herring"
        )
    folder = Path(given).resolve()
    for file in NEEDED:
        if not (folder / file).is_file():
            raise ValueError(
                f"RELEASED: {given} holds no {file}; give a folder with a checkout of "
                "josephdviviano/saliency-red-herring"
            )
    return folder


@contextmanager
def imported(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Its modules `training` and `models.resnet`; afterwards Python knows of none of them."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    for name in PUT_ASIDE:
        importlib.import_module(name.rpartition(".")[0])
        aside: Any = ModuleType(name)
        aside.log_metric = aside.log_experiment = lambda *_, **__: lambda function: function
        sys.modules[name] = aside
    try:
        yield importlib.import_module("activmask.training"), importlib.import_module("activmask.models.resnet")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in set(sys.modules) - before if name.partition(".")[0] == "activmask"]:
            del sys.modules[name]


class Shown(Images):
    """An image, 1 where its mask is, and its label, as its data sets give them. zeroed: without what is outside."""

    def __init__(self, data: Dataset, zeroed: bool):
        super().__init__(data)
        self.zeroed = zeroed

    def __getitem__(self, row: int) -> tuple[Any, Any, Any]:
        image, mask, label = super().__getitem__(row)
        return image * mask if self.zeroed else image, mask.float(), int(label)


class Released:
    """Its network and what trains it by a method. given: `lambda`, `lr`, `discriminator_lr`, `discriminator_steps`."""

    def __init__(self, modules: tuple[Any, Any], method: str, given: Mapping[str, float], data: Dataset, batch: int):
        self.training, resnet = modules
        arguments = dict.fromkeys(WEIGHTED[method], given["lambda"])
        if method == "adversarial":
            arguments |= {"disc_lr": given["discriminator_lr"], "disc_iter": given["discriminator_steps"]}
        self.model = resnet.ResNetModel(**arguments)
        self.optimizer = torch.optim.Adam(self.model.encoder.parameters(), lr=given["lr"])
        self.loader = DataLoader(Shown(data, method == "masked"), batch_size=batch, shuffle=True)

    def epoch(self, collects: bool = True) -> float:
        """Its own loop over all images once; the mean loss. collects: garbage after every step, as it does."""
        self.training.gc = gc if collects else SimpleNamespace(collect=lambda: None)
        return float(self.training.train_epoch(self.model, "cpu", self.loader, self.optimizer, 0)[0])

    def loss(self) -> float:
        """Of all images in one batch by the weights as they are, in training."""
        images, masks, labels = next(iter(DataLoader(self.loader.dataset, batch_size=len(self.loader.dataset))))
        outputs = self.model.train()(images.requires_grad_(), masks == 0)
        return sum(self.model.loss(labels, outputs)[0].values()).item()
