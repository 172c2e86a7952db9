"""What an analysis is given of a run, and what it gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from red_herring.data.dataset import Dataset, load, with_carriers
from red_herring.data.splits import SHIFTED_TEST, read_split
from red_herring.networks.layers import BatchNorm2d
from red_herring.networks.masker import FIXED, JOINT, Masker, untrained_like
from red_herring.networks.resnet import ResNet18, initialised
from red_herring.networks.weights import load_classifier, load_maskers
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import Steps
from red_herring.saliency.summary import drawn

NORMALISING = 512
"""Training images, at most, whose statistics the batch norms of an untrained network have."""

UNTRAINED_STEPS = 32
"""Of integrated gradients of the untrained network, where those of the trained one are adaptive. Its way is rough: on
crosses at width 8 a completeness error of 1 % asks for 80 to 210 steps in place of 25, three quarters of the time of
all maps, and changes the mean of no measure by as much as 0.01."""


@dataclass(frozen=True)
class Run:
    """A trained run: what an analysis reads of it is read when it is asked for.

    weights: safetensors of `train`. split: CSV of `draw_splits`. images: images.npy of each source. mask: the `mask` of
    the task; signal: that of the task, if it has one (`red_herring.data.signals`). batch_size: images at a time.

    base: the run of the same method and seed on the task that this one's is `of`; other: that of the same task and
    method with the next seed of the study, of the last one's with the first. They are there where the card of an
    analysis NEEDS them; `base.other` where it needs both. masker_file: of `fit_masker`, where the analysis, or an
    attribution of the study, needs maskers.
    """

    task: str
    method: str
    seed: int
    weights: Path
    split: Path
    images: Sequence[Path]
    mask: dict[str, Any]
    batch_size: int
    hardware: Hardware
    base: Run | None = None
    other: Run | None = None
    signal: Mapping[str, Any] | None = None
    masker_file: Path | None = None

    @cached_property
    def model(self) -> ResNet18:
        """The classifier in evaluation mode on its device, batch norms folded, parameters frozen, with its masker."""
        return self.trained.folded()

    @cached_property
    def trained(self) -> ResNet18:
        """The same with its batch norms as they were trained."""
        network = load_classifier(self.weights).to(self.hardware.device)
        network.masker = self.masker
        return network

    @cached_property
    def maskers(self) -> dict[str, Masker]:
        """Arm -> the masker that was fitted by it to the classifier, frozen, in evaluation mode, on its device; none
        where the run was given none.
        """
        found = load_maskers(self.masker_file) if self.masker_file else {}
        return {arm: masker.to(self.hardware.device) for arm, masker in found.items()}

    @property
    def masker(self) -> Masker | None:
        """The one whose mask is the attribution `learned_mask`: trained with the classifier, if it was."""
        return self.maskers.get(JOINT) or self.maskers.get(FIXED)

    @cached_property
    def untrained(self) -> ResNet18:
        """The network as a learning rate of zero would leave it, like `model`: its initial weights, and batch norms
        with the mean statistics of batches of training images.

        The statistics that batch norms begin with, 0 and 1, are those of a network that never was in training. It holds
        more of what is easy to see: on the crosses at width 8, AUCs of a probe of the nuisance of 0.94 to 1.00 in place
        of 0.80 to 0.97. Its masker, if the trained one has any, is untrained as well.
        """
        device, train = self.hardware.device, self.data("train")
        network = initialised(self.model.conv1.out_channels, self.seed).to(device)
        if self.masker is not None:
            network.masker = untrained_like(self.masker, self.seed).to(device)
        rows = torch.from_numpy(drawn(train, NORMALISING, self.seed))
        whole = len(rows) - len(rows) % self.batch_size or len(rows)
        norms = [module for module in network.modules() if isinstance(module, BatchNorm2d)]
        with torch.inference_mode(), self.hardware.mixed():
            for number, batch in enumerate(train.batches(self.batch_size, device, rows[:whole]), start=1):
                for norm in norms:
                    norm.momentum = 1 / number
                network.features(batch.images)
        return network.folded()

    def listed(self, *splits: str) -> pd.DataFrame:
        """The rows of these splits (red_herring.data.splits.ALL_SPLITS), each image once, as of the first of them."""
        table = read_split(self.split)
        return pd.concat([table[table["split"] == split] for split in splits]).drop_duplicates(["source", "image"])

    def data(self, *splits: str) -> Dataset:
        """Their images as the network saw them: those of training and validation with the signal of the task."""
        parts, folders = self.listed(*splits), [path.parent for path in self.images]
        (found,) = load(parts.assign(split="all"), folders, self.mask, ["all"])
        own = Dataset(found.levels.numpy(), found.masks.numpy(), parts, (found.low, found.high))
        return with_carriers(own, self.signal, self.seed)

    def planted(self, data: Dataset, signal: Mapping[str, Any] | None = None) -> tuple[Dataset, np.ndarray]:
        """All images of `data` with the signal of the task, or another one, and its pixels, bool [n, height, width]:
        each image as training would see it if it carried the signal. StudyError without any signal.
        """
        planted = signal or self.signal
        if planted is None:
            raise StudyError(f"{self.task}: has no signal to plant; give the task one")
        return data.planted(planted)

    @cached_property
    def test(self) -> Dataset:
        """The shifted test set."""
        return self.data(SHIFTED_TEST)

    def unseen_by(self, *others: Run) -> Dataset:
        """The images of the shifted test set of patients whom no other one of these runs has seen in training or
        validation.
        """
        seen = pd.concat([other.listed("train", "valid")["patient"] for other in others])
        return self.test.subset(np.flatnonzero(~self.test.table["patient"].isin(seen)))


def untrained_steps(steps: Steps) -> Steps:
    """Of integrated gradients of `Run.untrained`, where those of the trained network are `steps`."""
    return UNTRAINED_STEPS if steps == "adaptive" else steps


@dataclass(frozen=True)
class Analysed:
    """What an analysis found out about one run.

    table: its answer, a row for each value of what the card says under BY, or one row; all runs' are put together.
    per_image: one row per image (and value of BY): what the answer is made of. arrays: name -> array, such as maps.
    """

    table: pd.DataFrame
    per_image: pd.DataFrame = field(default_factory=pd.DataFrame)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def check_declared(name: str, table: pd.DataFrame, by: Collection[str], columns: Collection[str]) -> None:
    """StudyError unless the table of an analysis has the columns that its file declares: text under BY, or numbers."""
    for column in [*by, *columns]:
        if column not in table:
            raise StudyError(f"analyses/{name}.py: declares the column {column!r}, which its table lacks")
    for column in table:
        values = table[column].dropna().infer_objects()
        if column not in by and len(values) and not pd.api.types.is_numeric_dtype(values):
            raise StudyError(f"analyses/{name}.py: the column {column!r} of its table holds text; declare it under BY")
