"""Bayesian search for hyperparameters, trial by trial or batch by batch, that can be interrupted at any moment."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from skopt import Optimizer
from skopt.space import Dimension, Integer, Real

from red_herring.runtime.files import StudyError

NEAR_BOUND = 0.05
"""An optimum within this share of a range from one of its ends is flagged."""

WORST = {"valid_auc": 0.0, "valid_score": -1.0}
"""What a search that goes by this score is told of a trial that failed."""

log = logging.getLogger(__name__)

Space = dict[str, list[Any]]
Hyperparameters = dict[str, float]
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
        with open(self.path, "a", encoding="utf-8") as file:
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
    objective: Callable[[dict[int, Hyperparameters]], list[Trial]],
    initial_points: int,
    iterations: int,
    parallel: int,
    seed: int,
    trials: TrialLog,
    score: str = "valid_auc",
) -> list[Trial]:
    """Maximise a score by a Gaussian process after `initial_points` random trials, `iterations` more.

    space: hyperparameter -> [law, low, high]. objective(trial number from 1 -> hyperparameters), of at most `parallel`
    trials, gives in their order dicts with `status` (`ok` or `failed`) and, if ok, the score, one of WORST. Trials
    already in the log are told to the search instead of evaluated, so an interrupted search ends with the same answer.
    Needs at least one hyperparameter.
    """
    names, total = list(space), initial_points + iterations
    optimizer = Optimizer(
        [_dimension(name, *space[name]) for name in names],
        base_estimator="GP",
        n_initial_points=initial_points,
        initial_point_generator="random",
        random_state=seed,
    )
    for batch in _batches(initial_points, total, parallel):
        with warnings.catch_warnings():
            # A flat objective (AUC 0.0 everywhere is a finding here) makes the process warn about its length scale.
            warnings.simplefilter("ignore")
            points = _ask(optimizer, len(batch), random=batch[-1] <= initial_points)
        proposals = {
            number: {name: _plain(value) for name, value in zip(names, point, strict=True)}
            for number, point in zip(batch, points, strict=True)
        }
        _add_missing(trials, proposals, objective)
        values = []
        for number in batch:
            trial = trials.trials[number - 1]
            log.info("trial %d/%d  %s", number, total, json.dumps(trial))
            values.append(-trial[score] if trial["status"] == "ok" else -WORST[score])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.tell(points, values)
    return trials.trials


def _batches(initial_points: int, total: int, parallel: int) -> Iterator[range]:
    """The numbers of the trials that are evaluated at once; those of one batch are all random, or none of them is."""
    for first, last in ((1, initial_points), (initial_points + 1, total)):
        for start in range(first, last + 1, parallel):
            yield range(start, min(start + parallel, last + 1))


def _ask(optimizer: Optimizer, count: int, random: bool) -> list[list[Any]]:
    """The points of a batch. Before it proposes the next one, the Gaussian process is told that the last one is as good
    as the best so far: the constant liar of Ginsbourger, Le Riche and Carraro (2010), Kriging Is Well-Suited to
    Parallelize Optimization.
    """
    if random or count == 1:
        return [optimizer.ask() for _ in range(count)]
    points: list[list[Any]] = optimizer.ask(n_points=count, strategy="cl_min")
    return points


def _add_missing(
    trials: TrialLog,
    proposals: dict[int, Hyperparameters],
    objective: Callable[[dict[int, Hyperparameters]], list[Trial]],
) -> None:
    """Evaluate the proposals that are not in the log and add them; StudyError if another trial is in their place."""
    missing = {number: proposed for number, proposed in proposals.items() if number > len(trials.trials)}
    for number in sorted(proposals.keys() - missing.keys()):
        trial, proposed = trials.trials[number - 1], proposals[number]
        if any(not math.isclose(trial[name], proposed[name], rel_tol=1e-9) for name in proposed):
            raise StudyError(
                f"{trials.path}: trial {number} is not what the search proposes; delete this file to start anew"
            )
    if missing:
        for (number, proposed), result in zip(missing.items(), objective(missing), strict=True):
            trials.add({"trial": number, **proposed, **result})


def best(trials: list[Trial], space: Space, score: str = "valid_auc") -> dict[str, Any]:
    """The trial with the highest score, the earliest if several: number, hyperparameters, the score, on_bound.

    Raises StudyError when every trial failed.
    """
    good = [trial for trial in trials if trial["status"] == "ok"]
    if not good:
        raise StudyError(f"all {len(trials)} trials failed; narrow the search ranges of {', '.join(space)}")
    winner = max(good, key=lambda trial: trial[score])
    hyperparameters = {name: winner[name] for name in space}
    return {
        "trial": winner["trial"],
        "hyperparameters": hyperparameters,
        score: winner[score],
        "on_bound": on_bound(hyperparameters, space),
    }


def forget_trials(resume: Path, but: Collection[Path] = ()) -> None:
    """Remove the states of trials that have ended: their results are in the log of trials."""
    for folder in resume.glob("trial=*"):
        if folder not in but:
            shutil.rmtree(folder, ignore_errors=True)


def folder_of(resume: Path, number: int) -> Path:
    """Of the state of a trial."""
    return resume / f"trial={number:04d}"


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
