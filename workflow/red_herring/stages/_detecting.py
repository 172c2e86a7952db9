"""What the stages of a detection study have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from red_herring.data.splits import read_split
from red_herring.generation.cycle_gan import CycleGAN, initialised_gan
from red_herring.generation.detection_data import DetectionData, TrainingData
from red_herring.generation.study_data import detection_data, training_data
from red_herring.runtime.files import read_json, sha256
from red_herring.runtime.hardware import pick
from red_herring.runtime.provenance import code_digest, versions
from red_herring.study.stage_settings import Pretraining
from red_herring.training.states import read_state

PRECISION = "float32"
"""Whatever the study trains its classifiers in: the unrolled loss has second derivatives."""


class Experiment:
    """What a run is made of, and where: a drawn split, prepared sources, settings, a seed.

    images: images.npy of each source, with its masks and source.json beside it.
    """

    def __init__(self, settings: Pretraining, split: Path, images: Sequence[Path], seed: int, threads: int):
        self.hardware = pick(settings.device, PRECISION, threads)
        self.settings, self.seed, self.threads = settings, seed, threads
        self.split, self.folders = split, [path.parent for path in images]

    def data(self) -> DetectionData:
        """All that is trained and measured on."""
        return detection_data(read_split(self.split), self.folders, self.settings.mask)

    def training_data(self) -> TrainingData:
        """The same without the test images, which are not read."""
        return training_data(read_split(self.split), self.folders, self.settings.mask)

    def pretrained(self, generator: Path | None, data: TrainingData) -> CycleGAN | None:
        """What pretrain_generator left, if a generator is given."""
        if not generator:
            return None
        side, channels = data.free.examples.images.shape[-1], self.settings.detection["channels"]
        gan = initialised_gan(side, channels, self.seed, self.hardware.device)
        gan.load_state_dict(read_state(generator))
        return gan

    def digest(self, stage: str, **more: Any) -> str:
        """Of all that what the stage makes depends on: settings, data, hardware, code, and `more`."""
        read = {
            "settings": asdict(self.settings),
            "seed": self.seed,
            "threads": self.threads,
            "device": str(self.hardware.device),
            "versions": versions(),
            "split": sha256(self.split),
            "sources": [read_json(folder / "source.json") for folder in self.folders],
            "code": code_digest(f"red_herring.stages.{stage}"),
            **more,
        }
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()
