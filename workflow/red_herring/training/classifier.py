"""The learner of a run: a network, and the method that trains it to tell the two labels apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from red_herring.data.dataset import Dataset
from red_herring.data.sampling import draw_order
from red_herring.methods.base import Method
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.training.evaluate import accuracy, auc, cross_entropy, predict
from red_herring.training.loop import random_numbers


class Classifier:
    """A `red_herring.training.loop.Learner`.

    method: what updates `model`. sampling: the order of an epoch, see `red_herring.data.sampling`. with_accuracy:
    whether `validate` also gives train_accuracy, the share of the training images that are told right.
    """

    def __init__(
        self,
        model: ResNet18,
        method: Method,
        sampling: str,
        train: Dataset,
        valid: Dataset,
        batch_size: int,
        seed: int,
        hardware: Hardware,
        with_accuracy: bool = False,
    ):
        self.model, self.method, self.sampling = model, method, sampling
        self.train, self.valid, self.batch_size = train, valid, batch_size
        self.seed, self.hardware, self.with_accuracy = seed, hardware, with_accuracy
        method.start(train.cells)

    def start_epoch(self, epoch: int) -> None:
        """Forget the random numbers of the epoch before."""
        self.epoch = epoch
        self.shuffling = random_numbers(self.seed, epoch, "shuffling", self.hardware.device)

    def batches(self, done: int) -> Iterator[Batch]:
        """Those of this epoch's order without the first `done`, with the network ready to train."""
        repeats = self.method.start_epoch(self.epoch, self._wrong)
        self.model.train()
        order = draw_order(self.sampling, self.train.cells, random_numbers(self.seed, self.epoch, "order"), repeats)
        return self.train.batches(self.batch_size, self.hardware.device, order[done * self.batch_size :])

    def _wrong(self) -> Tensor:
        """Which training images the network gets wrong in evaluation mode, bool [n]."""
        logits = predict(self.model, self.train, self.batch_size, self.hardware)
        return logits.argmax(dim=1) != self.train.labels

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of the method."""
        with self.hardware.mixed():
            return self.method.update(batch, self.shuffling)

    def validate(self) -> dict[str, float]:
        """valid_loss, valid_auc and, if asked for, train_accuracy, of the network in evaluation mode."""
        logits = predict(self.model, self.valid, self.batch_size, self.hardware)
        scores = {"valid_loss": cross_entropy(logits, self.valid.labels), "valid_auc": auc(logits, self.valid.labels)}
        if self.with_accuracy:
            logits = predict(self.model, self.train, self.batch_size, self.hardware)
            scores["train_accuracy"] = accuracy(logits, self.train.labels)
        return scores

    def weights(self) -> dict[str, Tensor]:
        """Those of the network; what the method has besides is of no use after training."""
        return self.model.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """The network, the method, and how far the random numbers of this epoch are used up."""
        return {
            "model": self.model.state_dict(),
            "method": self.method.state_dict(),
            "shuffling": self.shuffling.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.model.load_state_dict(state["model"])
        self.method.load_state_dict(state["method"])
        self.shuffling.set_state(state["shuffling"])
