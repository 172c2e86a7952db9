"""One run of the detection experiment: a detector trained with one kind of further images, and measured.

Arms differ in the further images and in nothing else: the detector's weights before training, its steps, the real and
the object-free images of each step and, where there is a generator, its pretraining are the same in all of them. The
pretraining knows of no detector, so one serves all arms of the same data, number of real images and seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pandas as pd
import torch
from torch import Tensor

from red_herring.generation.alternating import AlternatingLearner, Turns
from red_herring.generation.copy_paste import pasted
from red_herring.generation.cycle_gan import CycleGAN, Weights, initialised_gan
from red_herring.generation.detection_data import DetectionData, Owned, TrainingData
from red_herring.generation.detection_metrics import Predictions, average_precision, detection_measures
from red_herring.generation.detector import Detector, initialised_detector
from red_herring.generation.examples import Examples
from red_herring.generation.generator_learner import GeneratorLearner
from red_herring.generation.learner import DetectorLearner, Further, Schedule, drawn_from
from red_herring.generation.places import plausible_boxes
from red_herring.generation.usage import Usage
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, refuse_other_orders
from red_herring.study.stage_settings import Detection, DetectionArm
from red_herring.training import checkpoint, loop
from red_herring.training.loop import SELECTED_BY, Diverged, Stop, random_numbers

PLACES = 1000
"""Boxes from which those of the generator's training are drawn."""

SHOWN = 8
"""Further images that are kept for a figure, at most."""

FURTHER = get_args(get_type_hints(DetectionArm)["further"])


@dataclass(frozen=True)
class Pretrained:
    """gan: after its last step. history: one dict per epoch. usage: of the part `pretraining`, see
    `red_herring.generation.usage.Usage.table`.
    """

    gan: CycleGAN
    history: loop.History
    usage: pd.DataFrame


@dataclass(frozen=True)
class Measured:
    """detector: in evaluation mode, frozen. history: of the detector, with the generator's terms, one dict per epoch.
    predictions: of each test image; measures: on them, as `detection_measures` gives them. shown: of the last step's
    further images the first SHOWN, with boxes, on the CPU. usage: of the parts `detector` and `test`.
    """

    detector: Detector
    history: loop.History
    predictions: Predictions
    measures: pd.DataFrame
    shown: Examples
    usage: pd.DataFrame


@dataclass(frozen=True)
class Validated:
    """ap: average precision at an IoU of 0.5 on the validation images. loss: on them, after the last step."""

    ap: float
    loss: float


def pretrain(
    n_real: int,
    data: TrainingData,
    settings: Detection,
    seed: int,
    hardware: Hardware,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Pretrained:
    """A generator that learns from so many real images, without a detector; see `run_arm` for the rest."""
    refuse_other_orders()
    return _Run(n_real, data, settings, seed, hardware.device, resume, fingerprint).pretrained()


def run_arm(
    arm: DetectionArm,
    n_real: int,
    data: DetectionData,
    settings: Detection,
    seed: int,
    hardware: Hardware,
    gan: CycleGAN | None = None,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Measured:
    """Train and measure; the same arguments give the same to the bit on the same machine, but for `usage`.

    n_real: how many of the real images are used. settings: `steps`, `lr` and `images` are those of
    `red_herring.generation.learner.Schedule`, a batch of the generator has as many pairs as `images`; `width` is that
    of the detector's first stage, `channels` that of generators and discriminators. gan: what `pretrain` gave of the
    same arguments, for an arm whose further images are generated; it is trained on. hardware: all is in float32,
    whatever its precision, as the unrolled loss has second derivatives. resume, fingerprint: see
    `red_herring.training.loop.train`. StudyError where there are too few real images or the arm makes no sense,
    Diverged where a loss is not finite.
    """
    check_arm(arm, gan)
    refuse_other_orders()
    return _Run(n_real, data, settings, seed, hardware.device, resume, fingerprint).measured(arm, gan, data.test)


def validate_arm(
    arm: DetectionArm,
    n_real: int,
    data: TrainingData,
    settings: Detection,
    seed: int,
    hardware: Hardware,
    gan: CycleGAN | None = None,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Validated:
    """Train as `run_arm` does, and say how well the detector does on the validation images."""
    check_arm(arm, gan)
    refuse_other_orders()
    return _Run(n_real, data, settings, seed, hardware.device, resume, fingerprint).validated(arm, gan)


def check_arm(arm: DetectionArm, gan: CycleGAN | None) -> None:
    """StudyError where it says what there is not, or lacks its generator."""
    further = arm["further"]
    if further not in FURTHER:
        raise StudyError(f"further: is {further}, which there is not; give one of {', '.join(FURTHER)}")
    if further != "generated" and (arm["lambda_s"] or arm["lambda_r"]):
        raise StudyError(
            f"further: is {further}, which no generator makes, so lambda_s and lambda_r weigh nothing; leave them out"
        )
    if (further == "generated") != (gan is not None):
        found = "and there is none" if gan is None else "which asks for none"
        raise StudyError(f"generator: further images are {further}, {found}; give it to arms with generated ones only")


@dataclass
class _Run:
    """What the parts of one run have in common."""

    n_real: int
    data: TrainingData
    settings: Detection
    seed: int
    device: torch.device
    resume: Path | None
    fingerprint: str

    def __post_init__(self) -> None:
        self.real, self.free = self.data.first_real(self.n_real, self.seed), self.data.free.examples.images
        self.boxes, self.side = torch.cat(self.real.boxes), self.free.shape[-1]
        self.usage = Usage(self.device)

    def pretrained(self) -> Pretrained:
        """Train a generator without a detector."""
        gan = initialised_gan(self.side, self.settings["channels"], self.seed, self.device)
        learner = self._generator_learner(gan, None, Weights(0.0, 0.0, self.settings["inner_rate"]))
        history = self._train("pretraining", learner, self._pretraining_stop())
        return Pretrained(gan, history, self.usage.table())

    def measured(self, arm: DetectionArm, gan: CycleGAN | None, test: Owned) -> Measured:
        """Train a detector, measure it, and show the last further images."""
        own, history = self._trained(arm, gan)
        shown = self._shown(own)
        with self.usage.part("test", 0):
            predictions = self._predicted(own.detector, test)
            measures = detection_measures(predictions, test.examples.boxes, test.patients)
        return Measured(own.detector, history, predictions, measures, shown, self.usage.table())

    def validated(self, arm: DetectionArm, gan: CycleGAN | None) -> Validated:
        """Train a detector, and ask it about the validation images."""
        own, history = self._trained(arm, gan)
        valid = self.data.valid
        return Validated(
            average_precision(self._predicted(own.detector, valid), valid.examples.boxes), history[-1][SELECTED_BY]
        )

    def _trained(self, arm: DetectionArm, gan: CycleGAN | None) -> tuple[DetectorLearner, loop.History]:
        detector = initialised_detector(self.settings["width"], self.seed).to(self.device)
        own = self._detector_learner(detector, self._further(arm, gan))
        weights = Weights(arm["lambda_s"], arm["lambda_r"], self.settings["inner_rate"])
        learner = self._alternating(own, gan, weights) if gan else own
        return own, self._train("detector", learner, own.schedule.stop())

    def _predicted(self, detector: Detector, on: Owned) -> Predictions:
        detector.eval().requires_grad_(False)
        return predicted(detector, on.examples.images, 4 * self.settings["images"])

    def _further(self, arm: DetectionArm, gan: CycleGAN | None) -> Further:
        if gan:
            return generating(gan, self.boxes, self.free, self.device)
        return drawn_from(self.real) if arm["further"] == "real" else pasting(self.real, self.free)

    def _detector_learner(self, detector: Detector, further: Further) -> DetectorLearner:
        schedule = Schedule(self.settings["steps"], self.settings["lr"], self.settings["images"])
        return DetectorLearner(detector, schedule, self.real, self.free, further, self.data.valid.examples, self.seed)

    def _generator_learner(self, gan: CycleGAN, detector: Detector | None, weights: Weights) -> GeneratorLearner:
        places = plausible_boxes(self.boxes, PLACES, self.side, random_numbers(self.seed, 0, "places"))
        images = self.free, places, self.real, self.data.valid.object_free()
        return GeneratorLearner(gan, detector, weights, *images, self.settings["images"], self.seed, self.device)

    def _pretraining_stop(self) -> Stop:
        steps, per_epoch = self.settings["pretraining_steps"], math.ceil(len(self.free) / self.settings["images"])
        return Stop(math.ceil(steps / per_epoch), steps=steps, keep_last=True)

    def _alternating(self, learner: DetectorLearner, gan: CycleGAN, weights: Weights) -> AlternatingLearner:
        """The generator goes on in the epoch after those of its pretraining."""
        turns = Turns(self._generator_learner(gan, learner.detector, weights), self._pretraining_stop().epochs + 1)
        return AlternatingLearner(learner, turns, self.settings["generator_every"])

    def _train(self, part: str, learner: loop.Learner[Any], stop: Stop) -> loop.History:
        """The learner has its last weights then."""
        steps = (stop.steps or 0) - _steps_saved(self.resume, self.fingerprint)
        try:
            with self.usage.part(part, steps):
                return loop.train(learner, stop, self.resume, self.fingerprint).history
        except Diverged as error:
            raise Diverged(f"{part}: {error}; try a smaller lr or smaller lambdas") from None

    def _shown(self, learner: DetectorLearner) -> Examples:
        batch = learner.last_batch().to(torch.device("cpu"))
        return batch.rows(torch.arange(len(batch))[2 * self.settings["images"] :][:SHOWN])


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
