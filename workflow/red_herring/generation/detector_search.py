"""The search for hyperparameters of an arm of a detection study, on validation images."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from red_herring.generation.cycle_gan import CycleGAN
from red_herring.generation.detection_data import TrainingData
from red_herring.generation.experiment import validate_arm
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.study.stage_settings import Detection, DetectionArm
from red_herring.training import search
from red_herring.training.loop import Diverged

SCORE = "valid_score"
LOGGED = ("valid_loss", SCORE)
"""What the log of trials holds of the validation images: the loss after the last step, and the average precision."""

log = logging.getLogger(__name__)


def in_place(detection: Detection, arm: DetectionArm, searched: Mapping[str, float]) -> tuple[Detection, DetectionArm]:
    """Both with what was searched in place of their own values."""
    whole = ({key: searched.get(key, value) for key, value in own.items()} for own in (detection, arm))
    section, of_arm = whole
    return cast(Detection, section), cast(DetectionArm, of_arm)


@dataclass(frozen=True)
class Searched:
    """An arm, and what its trials have in common, as `red_herring.generation.experiment.validate_arm` takes it.

    pretrained: gives the generator as it was before there was a detector, to each trial anew, which trains it on.
    fingerprint: of all that the trials depend on, the space included.
    """

    arm: DetectionArm
    n_real: int
    data: TrainingData
    detection: Detection
    seed: int
    hardware: Hardware
    pretrained: Callable[[], CycleGAN | None]
    fingerprint: str

    def trial(self, hyperparameters: search.Hyperparameters, resume: Path) -> search.Trial:
        """Train with these in place of its own and say how well: status and LOGGED, None where it failed."""
        detection, arm = in_place(self.detection, self.arm, hyperparameters)
        own = resume, f"{self.fingerprint} {json.dumps(hyperparameters, sort_keys=True)}"
        given = self.n_real, self.data, detection, self.seed, self.hardware, self.pretrained()
        try:
            found = validate_arm(arm, *given, *own)
        except Diverged as error:
            log.warning("%s", error)
            return {"status": "failed", **dict.fromkeys(LOGGED)}
        return {"status": "ok", "valid_loss": found.loss, SCORE: found.ap}


def search_detectors(
    searched: Searched, space: search.Space, counts: tuple[int, int], resume: Path
) -> tuple[list[search.Trial], dict[str, Any]]:
    """The trials, and the best of them, see `red_herring.training.search`, which has the seed of the runs too.

    space: some of lr, inner_rate, lambda_s and lambda_r -> [law, low, high]. counts: of trials at random, and after
    them. resume: a folder for the log of trials and their states, with which an interrupted search goes on. StudyError
    where no validation image has a box.
    """
    if not any(map(len, searched.data.valid.examples.boxes)):
        raise StudyError(
            "valid: has no image with a box, by which a search could go; search nothing or draw more images"
        )

    def objective(proposals: dict[int, search.Hyperparameters]) -> list[search.Trial]:
        folders = {number: search.folder_of(resume, number) for number in proposals}
        search.forget_trials(resume, but=list(folders.values()))
        return [searched.trial(proposed, folders[number]) for number, proposed in proposals.items()]

    trial_log = search.TrialLog(resume / "trials.jsonl", searched.fingerprint)
    trials = search.search(space, objective, *counts, 1, searched.seed, trial_log, SCORE)
    search.forget_trials(resume)
    return trials, search.best(trials, space, SCORE)
