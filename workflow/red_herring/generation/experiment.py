"""One run of the detection experiment: a detector trained with one kind of further images, and measured.

Arms differ in the further images and in nothing else: the detector's weights before training, its steps, the real and
the object-free images of each step and, where there is a generator, its pretraining are the same in all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import torch
from torch import Tensor

from red_herring.generation.alternating import AlternatingLearner, Turns
from red_herring.generation.copy_paste import pasted
from red_herring.generation.cycle_gan import CycleGAN, Weights, initialised_gan
from red_herring.generation.detection_data import DetectionData
from red_herring.generation.detection_metrics import Predictions, detection_measures
from red_herring.generation.detector import Detector, initialised_detector
from red_herring.generation.examples import Examples
from red_herring.generation.generator_learner import GeneratorLearner
from red_herring.generation.learner import DetectorLearner, Further, Schedule, drawn_from
from red_herring.generation.places import plausible_boxes
from red_herring.generation.usage import Usage
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, refuse_other_orders
from red_herring.training import checkpoint, loop
from red_herring.training.loop import Diverged, Stop, random_numbers

Arm = Literal["real", "copy_paste", "gan", "detector_loss", "unrolled"]
"""Where further images come from: the real ones again, pasting, or a generator that is trained without the detector,
with the detector's loss on its images, or with its unrolled loss on real images as well."""

ARMS: tuple[Arm, ...] = get_args(Arm)
GENERATED: tuple[Arm, ...] = ("gan", "detector_loss", "unrolled")

PLACES = 1000
"""Boxes from which those of the generator's training are drawn."""

SHOWN = 8
"""Further images that are kept for a figure, at most."""


@dataclass(frozen=True)
class Settings:
    """Of all arms. width: channels of the detector's first stage. steps, lr, images: see
    `red_herring.generation.learner.Schedule`; a batch of the generator has as many pairs as `images`. channels: of
    generators and discriminators. pretraining_steps: of the generator before the detector's first. generator_every:
    steps of the detector for one of the generator. lambda_s, lambda_r, inner_rate: weights of the detector's and of the
    unrolled loss, and the step in the latter (`red_herring.generation.unroll`).
    """

    width: int
    steps: int
    images: int
    lr: float
    channels: int
    pretraining_steps: int
    generator_every: int
    lambda_s: float
    lambda_r: float
    inner_rate: float

    def schedule(self) -> Schedule:
        """Of the detector."""
        return Schedule(self.steps, self.lr, self.images)

    def weights(self, arm: Arm) -> Weights:
        """Of the generator's loss in the turns between the detector's steps."""
        detector = 0.0 if arm == "gan" else self.lambda_s
        return Weights(detector, self.lambda_r if arm == "unrolled" else 0.0, self.inner_rate)


@dataclass(frozen=True)
class Measured:
    """detector: in evaluation mode, frozen. history, pretraining: of the detector, with the generator's terms, and of
    the generator before, one dict per epoch, none in arms without a generator. measures: on the test images, as
    `detection_measures` gives them. shown: of the last step's further images the first SHOWN, with boxes, on the CPU.
    usage: see `red_herring.generation.usage.Usage.table`; parts are `pretraining`, `detector` and `test`.
    """

    detector: Detector
    history: loop.History
    pretraining: loop.History
    measures: pd.DataFrame
    shown: Examples
    usage: pd.DataFrame


def run_arm(
    arm: Arm,
    n_real: int,
    data: DetectionData,
    settings: Settings,
    seed: int,
    hardware: Hardware,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Measured:
    """Train and measure; the same arguments give the same to the bit on the same machine, but for `usage`.

    n_real: how many of the real images are used. hardware: all is in float32, whatever its precision, as the unrolled
    loss has second derivatives. resume, fingerprint: see `red_herring.training.loop.train`. StudyError where there are
    too few real images or the arm is unknown, Diverged where a loss is not finite.
    """
    if arm not in ARMS:
        raise StudyError(f"arm: is {arm}, which there is not; give one of {', '.join(ARMS)}")
    refuse_other_orders()
    real = data.first_real(n_real, seed)
    return _Run(arm, data, real, settings, seed, hardware.device, resume, fingerprint).measured()


@dataclass
class _Run:
    """What the parts of one run have in common. real: the training images with boxes that are used."""

    arm: Arm
    data: DetectionData
    real: Examples
    settings: Settings
    seed: int
    device: torch.device
    resume: Path | None
    fingerprint: str

    def __post_init__(self) -> None:
        self.free, self.boxes = self.data.free.examples.images, torch.cat(self.real.boxes)
        self.side = self.free.shape[-1]
        self.usage = Usage(self.device)

    def measured(self) -> Measured:
        """Train, measure, and show the last further images."""
        detector = initialised_detector(self.settings.width, self.seed).to(self.device)
        pretraining: loop.History = []
        if self.arm in GENERATED:
            gan = initialised_gan(self.side, self.settings.channels, self.seed, self.device)
            pretraining = self._pretrain(gan)
            own = self._detector_learner(detector, generating(gan, self.boxes, self.free, self.device))
            history = self._train("detector", self._alternating(own, gan), own.schedule.stop())
        else:
            further = drawn_from(self.real) if self.arm == "real" else pasting(self.real, self.free)
            own = self._detector_learner(detector, further)
            history = self._train("detector", own, own.schedule.stop())
        shown = self._shown(own)
        detector.eval().requires_grad_(False)
        return Measured(detector, history, pretraining, self._measures(detector), shown, self.usage.table())

    def _detector_learner(self, detector: Detector, further: Further) -> DetectorLearner:
        valid = self.data.valid.examples
        return DetectorLearner(detector, self.settings.schedule(), self.real, self.free, further, valid, self.seed)

    def _generator_learner(self, gan: CycleGAN, detector: Detector | None, weights: Weights) -> GeneratorLearner:
        places = plausible_boxes(self.boxes, PLACES, self.side, random_numbers(self.seed, 0, "places"))
        images = self.free, places, self.real, self.data.valid.object_free()
        return GeneratorLearner(gan, detector, weights, *images, self.settings.images, self.seed, self.device)

    def _pretraining_stop(self) -> Stop:
        steps, per_epoch = self.settings.pretraining_steps, math.ceil(len(self.free) / self.settings.images)
        return Stop(math.ceil(steps / per_epoch), steps=steps, keep_last=True)

    def _pretrain(self, gan: CycleGAN) -> loop.History:
        """Without a detector, so it is the same in all arms that have a generator."""
        return self._train("pretraining", self._generator_learner(gan, None, Weights()), self._pretraining_stop())

    def _alternating(self, learner: DetectorLearner, gan: CycleGAN) -> AlternatingLearner:
        """The generator goes on in the epoch after those of its pretraining."""
        own = self._generator_learner(gan, learner.detector, self.settings.weights(self.arm))
        return AlternatingLearner(
            learner, Turns(own, self._pretraining_stop().epochs + 1), self.settings.generator_every
        )

    def _train(self, part: str, learner: loop.Learner[Any], stop: Stop) -> loop.History:
        """The learner has its last weights then."""
        folder = self.resume / part if self.resume else None
        steps = (stop.steps or 0) - _steps_saved(folder, self.fingerprint)
        try:
            with self.usage.part(part, steps):
                return loop.train(learner, stop, folder, self.fingerprint).history
        except Diverged as error:
            raise Diverged(f"{part} of {self.arm}: {error}; try a smaller lr or smaller lambdas") from None

    def _shown(self, learner: DetectorLearner) -> Examples:
        batch = learner.last_batch().to(torch.device("cpu"))
        return batch.rows(torch.arange(len(batch))[2 * self.settings.images :][:SHOWN])

    def _measures(self, detector: Detector) -> pd.DataFrame:
        test = self.data.test
        with self.usage.part("test", 0):
            predictions = predicted(detector, test.examples.images, 4 * self.settings.images)
            return detection_measures(predictions, test.examples.boxes, test.patients)


def pasting(real: Examples, free: Tensor) -> Further:
    """Draws of object-free images, each with a real object pasted into it."""
    draw = drawn_from(Examples(free, [torch.zeros(0, 4)] * len(free)))
    return lambda count, random: pasted(draw(count, random).images, real, random)


def generating(gan: CycleGAN, boxes: Tensor, free: Tensor, device: torch.device) -> Further:
    """Draws of the same object-free images, into each of which the generator puts an object of the size of one of these
    boxes, int64 [k, 4].
    """
    draw = drawn_from(Examples(free, [torch.zeros(0, 4)] * len(free)))

    def further(count: int, random: torch.Generator) -> Examples:
        images = draw(count, random).images
        places = plausible_boxes(boxes, count, images.shape[-1], random)
        made = gan.generate(images.to(device), places.to(device), random)
        return Examples(made.cpu(), list(places.unsqueeze(1)))

    return further


def predicted(detector: Detector, images: Tensor, batch_size: int) -> Predictions:
    """Of each image its boxes and their scores, on the CPU."""
    device = next(detector.parameters()).device
    found = [own for part in images.split(batch_size) for own in detector.predict(part.to(device))]
    return [(boxes.cpu(), scores.cpu()) for boxes, scores in found]


def _steps_saved(folder: Path | None, fingerprint: str) -> int:
    """How many steps an earlier process has done, from which training goes on."""
    found = checkpoint.load_latest(folder, fingerprint) if folder else None
    return int(found[1]["steps"]) if found else 0
