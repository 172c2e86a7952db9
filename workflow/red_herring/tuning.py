"""Bayesian search for hyperparameters, one trial after the other, that can be interrupted at any moment."""

from __future__ import annotations

import json
import logging
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from skopt import Optimizer
from skopt.space import Dimension, Integer, Real

from red_herring.files import StudyError

NEAR_BOUND = 0.05
"""An optimum within this share of a range from one of its ends is flagged."""

WORST_AUC = 0.0
"""What the search is told of a trial that failed."""

log = logging.getLogger(__name__)

Space = dict[str, list[Any]]
Trial = dict[str, Any]


class TrialLog:
    """The trials of one search, appended to a file of JSON lines as they end.

    The first line holds a fingerprint of settings, code and data. A file of another search is started over, and a last
    line that a crash cut off is dropped.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path = path
        self.trials: list[Trial] = []
        lines = self._whole_lines()
        if lines and lines[0] == {"fingerprint": fingerprint}:
            self.trials = lines[1:]
        else:
            if lines:
                log.warning("%s: holds trials of other settings, code or data; starting a new search", path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._append({"fingerprint": fingerprint})

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self._append(trial)

    def _append(self, line: dict[str, Any]) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _whole_lines(self) -> list[dict[str, Any]]:
        """The lines that are whole; what follows the last of them is cut off the file."""
        if not self.path.exists():
            return []
        lines, good = [], 0
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    lines.pop()
                    break
                good += len(line)
        if good < self.path.stat().st_size:
            log.warning("%s: its last line was cut off and is dropped", self.path)
            os.truncate(self.path, good)
        return lines


def search(
    space: Space,
    objective: Callable[[dict[str, float], int], Trial],
    initial_points: int,
    iterations: int,
    seed: int,
    trials: TrialLog,
) -> list[Trial]:
    """Maximise `valid_auc` by a Gaussian process after `initial_points` random trials, `iterations` more.

    space: hyperparameter -> [law, low, high]. objective(hyperparameters, trial number from 1) gives a dict with
    `status` (`ok` or `failed`) and, if ok, `valid_auc`. Trials already in the log are told to the search instead of
    evaluated, so an interrupted search ends with the same answer. Needs at least one hyperparameter.
    """
    names = list(space)
    optimizer = Optimizer(
        [_dimension(name, *space[name]) for name in names],
        base_estimator="GP",
        n_initial_points=initial_points,
        initial_point_generator="random",
        random_state=seed,
    )
    for number in range(1, initial_points + iterations + 1):
        with warnings.catch_warnings():
            # A flat objective (AUC 0.0 everywhere is a finding here) makes the process warn about its length scale.
            warnings.simplefilter("ignore")
            point = optimizer.ask()
        hyperparameters = {name: _plain(value) for name, value in zip(names, point, strict=True)}
        if number <= len(trials.trials):
            trial = trials.trials[number - 1]
            if any(not math.isclose(trial[name], hyperparameters[name], rel_tol=1e-9) for name in names):
                raise StudyError(
                    f"{trials.path}: trial {number} is not what the search proposes; delete this file to start anew"
                )
        else:
            trial = {"trial": number, **hyperparameters, **objective(hyperparameters, number)}
            trials.add(trial)
        log.info("trial %d/%d  %s", number, initial_points + iterations, json.dumps(trial))
        value = trial["valid_auc"] if trial["status"] == "ok" else WORST_AUC
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.tell(point, -value)
    return trials.trials


def best(trials: list[Trial], space: Space) -> dict[str, Any]:
    """The trial with the highest validation AUC, the earliest if several: number, hyperparameters, valid_auc, on_bound.

    Raises StudyError when every trial failed.
    """
    good = [trial for trial in trials if trial["status"] == "ok"]
    if not good:
        raise StudyError(f"all {len(trials)} trials failed; narrow the search ranges of {', '.join(space)}")
    winner = max(good, key=lambda trial: trial["valid_auc"])
    hyperparameters = {name: winner[name] for name in space}
    return {
        "trial": winner["trial"],
        "hyperparameters": hyperparameters,
        "valid_auc": winner["valid_auc"],
        "on_bound": on_bound(hyperparameters, space),
    }


def on_bound(hyperparameters: dict[str, float], space: Space) -> list[str]:
    """The hyperparameters that lie within 5 % of their range from an end of it, on the scale of their law."""
    flagged = []
    for name, (law, low, high) in space.items():
        scale = math.log if law == "log-uniform" else float
        position = (scale(hyperparameters[name]) - scale(low)) / (scale(high) - scale(low))
        if not NEAR_BOUND < position < 1 - NEAR_BOUND:
            flagged.append(name)
    return flagged


def _dimension(name: str, law: str, low: float, high: float) -> Dimension:
    if law == "integer":
        return Integer(low, high, name=name)
    return Real(low, high, prior=law, name=name)


def _plain(value: Any) -> float | int:
    return int(value) if isinstance(value, int | np.integer) else float(value)
