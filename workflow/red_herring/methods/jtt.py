"""Just train twice: what a first network gets wrong after a few epochs is shown to a second one more often."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CLASSES, Batch, ResNet18

TITLE = "JTT"
APPROACH = "Group robustness"
CITATION = "Liu et al. 2021, algorithm 1"
USES = []
# Liu et al. try 1, 5 and 10 epochs on CelebA, 1 and 2 on text (on Waterbirds 40 to 60 of 300), and upweight by 20, 50
# and 100 on images, by 4, 5 and 6 on text.
HYPERPARAMETERS = {"first_epochs": ["integer", 1, 10], "upweight": ["integer", 4, 100]}

log = logging.getLogger(__name__)


class Method(base.Method):
    """Stage 1: classification for `first_epochs` epochs. E are the training images that the network then gets wrong in
    evaluation mode. Stage 2: classification by another network, from the same initial weights and with a new optimiser,
    of a set with every image of E `upweight` times and every other once.

    Epochs: those of stage 1 come on top, and can neither be the best one nor end the training. Stage 2 has the epochs,
    burn-in and stop rules of any other method, so what is compared has been trained as long. An epoch of it shows as
    many images as any, drawn anew without replacement from the copies, with `sampling: groups` from those of each cell;
    the paper's shows all copies, and so takes longer the more there are.

    Where stage 1 gets nothing wrong, or everything, no image is shown more often than another, so stage 2 is
    classification. Where it gets all of one class wrong, as an early network may that answers the same to all, the
    whole class is upweighted: that is the algorithm as written, but it unbalances the classes and singles out no
    images. The log says so, and `notes` in the record of a run how many images of each class were wrong.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        self.lr = hyperparameters["lr"]
        self.extra_epochs, self.upweight = (int(hyperparameters[name]) for name in ("first_epochs", "upweight"))
        self.initial_weights = {name: value.clone() for name, value in model.state_dict().items()}
        self.labels = torch.empty(0, dtype=torch.int64)
        self.wrong: Tensor | None = None  # which training images stage 1 got wrong, bool [n]; None until it has ended

    def start(self, cells: Tensor) -> None:
        """Remember the labels, to say what stage 1 came to."""
        self.labels = cells % CLASSES

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return {"classification": base.classification_loss(self.model(batch.images), batch.labels)}

    def start_epoch(self, epoch: int, wrong: Callable[[], Tensor]) -> Tensor | None:
        """Begin stage 2 before its first batch; returns how many copies of each image it draws from."""
        if epoch <= self.extra_epochs:
            return None
        if self.wrong is None:
            self._end_stage_1(wrong())
            self.model.load_state_dict(self.initial_weights)
            self.optimizer = base.Adam(self.model.parameters(), self.lr)
            log.info("%s", self._outcome())
        assert self.wrong is not None
        if self.wrong.all() or not self.wrong.any():
            return None
        return torch.where(self.wrong, self.upweight, 1)

    def _end_stage_1(self, wrong: Tensor) -> None:
        self.wrong = wrong
        self.notes = {"wrong_of_labels": _of_labels(self.labels[wrong])}

    def _outcome(self) -> str:
        """What stage 1 came to, in one sentence."""
        counts, sizes = self.notes["wrong_of_labels"], _of_labels(self.labels)
        shares = [f"{count} of {size} of label {n}" for n, (count, size) in enumerate(zip(counts, sizes, strict=True))]
        told = f"jtt: the first network gets {' and '.join(shares)} wrong"
        if sum(counts) in (0, sum(sizes)):
            return f"{told}, so the second one is shown all images equally often, as in classification"
        told = f"{told}, which the second one is shown {self.upweight} times as often as the others"
        whole = [label for label in range(CLASSES) if counts[label] == sizes[label]]
        return f"{told}; as all of label {whole[0]} are among them, it unbalances the classes" if whole else told

    def state_dict(self) -> dict[str, Any]:
        """With what stage 1 got wrong."""
        return super().state_dict() | {"wrong": self.wrong}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        if state["wrong"] is not None:
            self._end_stage_1(state["wrong"])


def _of_labels(labels: Tensor) -> list[int]:
    """How many there are of each."""
    counts: list[int] = labels.bincount(minlength=CLASSES).tolist()
    return counts
