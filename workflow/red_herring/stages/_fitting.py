"""What the stages that fit maskers have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from red_herring.analyses.base import Run
from red_herring.networks.masker import FIXED
from red_herring.runtime.files import read_json, sha256
from red_herring.runtime.hardware import pick
from red_herring.runtime.provenance import code_digest, versions
from red_herring.study.stage_settings import Arm, FittingMaskers
from red_herring.training.fit import PERMUTED


class Fitting:
    """A run, and its training and validation images as the classifier was trained on them, for maskers of it."""

    def __init__(
        self, settings: FittingMaskers, split: Path, images: Sequence[Path], model: Path, seed: int, threads: int
    ):
        hardware, batch_size = pick(settings.device, settings.precision, threads), settings.masker["batch_size"]
        given = (settings.task, settings.method, seed, model, split, images, dict(settings.mask), batch_size, hardware)
        self.settings, self.threads = settings, threads
        self.run = Run(*given, signal=settings.signal)
        train = self.run.data("train")
        self.train = train.permuted(seed) if settings.labels == PERMUTED else train
        self.valid = self.run.data("valid")

    def _anatomy(self) -> list[Path]:
        """The segmented anatomy, if the masks are of it: a planted signal stays clear of them."""
        if self.settings.mask["kind"] != "anatomy":
            return []
        return [path.parent / "anatomy.json" for path in self.run.images]

    def digest(self, stage: str, **more: Any) -> str:
        """Of all that what the stage fits depends on: data, classifier, hardware, code, and `more`."""
        keys = ("mask", "signal", "labels", "device", "precision")
        read = {
            **{key: getattr(self.settings, key) for key in keys},
            "seed": self.run.seed,
            "threads": self.threads,
            "versions": versions(),
            "split": sha256(self.run.split),
            "model": sha256(self.run.weights),
            "sources": [read_json(path.parent / "source.json") for path in self.run.images],
            "anatomy": [sha256(file) for file in self._anatomy()],
            "code": code_digest(f"red_herring.stages.{stage}"),
            **more,
        }
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def arm_of(settings: FittingMaskers, name: str, searched: Mapping[str, float]) -> Arm:
    """An arm with all its keys: those of the section, those that were searched in their place, its own over both."""
    own = {} if name == FIXED else settings.arms[name]
    return cast(Arm, {**settings.masker, **searched, **own})
