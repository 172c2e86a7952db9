"""The search for the hyperparameters of a masker, on the classifier of one run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.study.stage_settings import Arm
from red_herring.training import search
from red_herring.training.loop import Diverged
from red_herring.training.masker import fit_arm

SCORE = "valid_score"
LOGGED = ("valid_loss", "valid_kept_0", "valid_kept_1", "valid_area", SCORE)
"""What the log of trials holds of the last epoch."""

log = logging.getLogger(__name__)


def masker_trial(
    classifier: ResNet18,
    arm: Arm,
    hyperparameters: search.Hyperparameters,
    train: Dataset,
    valid: Dataset,
    seed: int,
    hardware: Hardware,
    resume: Path,
    fingerprint: str,
) -> search.Trial:
    """Fit an arm with these in place of its own and say how well: status and LOGGED, None where it failed.

    The rest as for `red_herring.training.masker.fit_arm`.
    """
    own = f"{fingerprint} {json.dumps(hyperparameters, sort_keys=True)}"
    tried = cast(Arm, {**arm, **hyperparameters})
    try:
        fitted = fit_arm(classifier, tried, train, valid, seed, hardware, resume, own)
    except Diverged as error:
        log.warning("%s", error)
        return {"status": "failed", **dict.fromkeys(LOGGED)}
    return {"status": "ok", **{name: fitted.history[-1][name] for name in LOGGED}}


def search_maskers(
    classifier: ResNet18,
    arm: Arm,
    space: search.Space,
    train: Dataset,
    valid: Dataset,
    seed: int,
    hardware: Hardware,
    counts: tuple[int, int],
    resume: Path,
    fingerprint: str,
) -> tuple[list[search.Trial], dict[str, Any]]:
    """The trials, and the best of them, see `red_herring.training.search`.

    space: some of lr, lambda_in, lambda_out, lambda_tv and steps -> [law, low, high]. seed: of the run, and of the
    search. counts: of trials at random, and after them. resume: a folder for the log of trials and their states, with
    which an interrupted search goes on. fingerprint: of all that the trials depend on, the space included.
    """

    def objective(proposals: dict[int, search.Hyperparameters]) -> list[search.Trial]:
        folders = {number: search.folder_of(resume, number) for number in proposals}
        search.forget_trials(resume, but=list(folders.values()))
        return [
            masker_trial(classifier, arm, proposed, train, valid, seed, hardware, folders[number], fingerprint)
            for number, proposed in proposals.items()
        ]

    trial_log = search.TrialLog(resume / "trials.jsonl", fingerprint)
    trials = search.search(space, objective, *counts, 1, seed, trial_log, SCORE)
    search.forget_trials(resume)
    return trials, search.best(trials, space, SCORE)
