"""Which test images are asked about a planted signal, by all analyses that ask."""

from __future__ import annotations

import numpy as np

from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.data.signals import aligned
from red_herring.runtime.files import StudyError
from red_herring.saliency.mapped import LEAST_IMAGES
from red_herring.saliency.summary import drawn

EXPLAINED, SIDE = 64, 28
"""Images at most whose explanations are kept for telling models apart, and pixels a side at most that these have."""


def opposite(run: Run, count: int) -> Dataset:
    """At most `count` clean images of the shifted test set that are not of the class that carries the signal in
    training, of patients whom no run that is compared has seen in training or validation, drawn with the seed.
    StudyError for fewer than LEAST_IMAGES, or for a run on a task without a signal.
    """
    return _of_label(run, count, opposite=True)


def aligned_test(run: Run, count: int) -> Dataset:
    """The same of the class that carries the signal in training."""
    return _of_label(run, count, opposite=False)


def _of_label(run: Run, count: int, opposite: bool) -> Dataset:
    if run.signal is None:
        raise StudyError(f"{run.task}: has no signal to ask about; give the task one, or ask it of another task")
    label = aligned(run.signal) != opposite
    unseen = run.unseen_by(*_compared(run))
    found = unseen.subset(np.flatnonzero(unseen.labels.numpy() == label))
    if len(found) < LEAST_IMAGES:
        raise StudyError(
            f"{run.task}, seed {run.seed}: has {len(found)} shifted test images of label {int(label)} that no compared "
            f"run has seen in training or validation, expected {LEAST_IMAGES} or more; give the task more images"
        )
    return found.subset(drawn(found, count, run.seed))


def _compared(run: Run) -> list[Run]:
    """The other runs that an analysis was given."""
    base = run.base
    return [other for other in (run.other, base, base.other if base else None) if other]
