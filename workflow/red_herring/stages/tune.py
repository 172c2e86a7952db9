"""Search the hyperparameters of one method on one task, or take given ones."""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.files import write_json, write_text
from red_herring.provenance import made_by
from red_herring.stages import command
from red_herring.training.parallel import Evaluate, processes

log = logging.getLogger(__name__)


def main(given: argparse.Namespace) -> None:
    settings = given.settings
    if settings["mode"] != "search":
        trials = pd.DataFrame(
            columns=["trial", *settings["hyperparameters"], "status", "valid_auc", "best_epoch", "epochs"]
        )
        chosen = {"trial": None, "hyperparameters": settings["hyperparameters"], "valid_auc": None, "on_bound": []}
    else:
        trials, chosen = _search(given)
    write_text(given.trials, trials.to_csv(index=False))
    write_json(given.best, {"mode": settings["mode"], **chosen, "made_by": made_by("tune", settings)})


def _search(given: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, Any]]:
    from red_herring import tuning  # needs scikit-optimize, which given hyperparameters do not

    settings, resume = given.settings, given.resume
    fingerprint, evaluating = _evaluation(given)
    trial_log = tuning.TrialLog(resume / "trials.jsonl", fingerprint)
    with evaluating as evaluate:

        def objective(proposals: dict[int, tuning.Hyperparameters]) -> list[tuning.Trial]:
            jobs = [(hyperparameters, resume / f"trial={number:04d}") for number, hyperparameters in proposals.items()]
            _forget_trials(resume, but=[own for _, own in jobs])
            return evaluate(jobs)

        counts = (settings["initial_points"], settings["iterations"], settings["parallel"])
        trials = tuning.search(settings["space"], objective, *counts, settings["seed"], trial_log)
    _forget_trials(resume)
    chosen = tuning.best(trials, settings["space"])
    for name in chosen["on_bound"]:
        log.warning(
            "the best %s lies at an end of its range %s; a wider one may do better", name, settings["space"][name]
        )
    return pd.DataFrame(trials), chosen


def _evaluation(given: argparse.Namespace) -> tuple[str, AbstractContextManager[Evaluate]]:
    """The fingerprint of the search, and what evaluates its trials: this process, or several others at once."""
    from red_herring.training.run import Run  # needs PyTorch, which given hyperparameters do not

    settings, parallel = given.settings, given.settings["parallel"]
    threads = max(1, given.threads // parallel)  # of a trial: its result depends on how many
    arguments = (settings, given.split, given.images, settings["seed"], threads)
    run = Run(*arguments)  # also for others, so that wrong data are named before they start
    if parallel > 1:
        return run.fingerprint("tune"), processes(parallel, arguments)
    return run.fingerprint("tune"), nullcontext(lambda jobs: [run.trial(*job) for job in jobs])


def _forget_trials(resume: Path, but: Collection[Path] = ()) -> None:
    """Remove the states of trials that have ended: their results are in the log of trials."""
    for folder in resume.glob("trial=*"):
        if folder not in but:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__, resumes=True)
    arguments.add_argument("--split", type=Path, help="input: CSV of draw_splits for the search's seed")
    arguments.add_argument(
        "--images", type=Path, nargs="+", help="input: images.npy of each source, the rest beside it"
    )
    arguments.add_output("--trials", "CSV, one row per trial")
    arguments.add_output("--best", "JSON, the hyperparameters to use")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
