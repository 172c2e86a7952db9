"""Search the hyperparameters of one method on one task, or take given ones."""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.files import write_json, write_text
from red_herring.provenance import made_by
from red_herring.stages import command

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
    from red_herring import tuning  # needs PyTorch by way of training, which given hyperparameters do not
    from red_herring.training.run import Run

    settings, resume = given.settings, given.resume
    run = Run(settings, given.split, given.images, settings["seed"], given.threads)

    def objective(hyperparameters: dict[str, float], number: int) -> tuning.Trial:
        own = resume / f"trial={number:04d}"
        _forget_trials(resume, but=own)
        return run.trial(hyperparameters, own)

    trial_log = tuning.TrialLog(resume / "trials.jsonl", run.fingerprint("tune"))
    counts = (settings["initial_points"], settings["iterations"])
    trials = tuning.search(settings["space"], objective, *counts, settings["seed"], trial_log)
    _forget_trials(resume)
    chosen = tuning.best(trials, settings["space"])
    for name in chosen["on_bound"]:
        log.warning(
            "the best %s lies at an end of its range %s; a wider one may do better", name, settings["space"][name]
        )
    return pd.DataFrame(trials), chosen


def _forget_trials(resume: Path, but: Path | None = None) -> None:
    """Remove the states of trials that have ended: their results are in the log of trials."""
    for folder in resume.glob("trial=*"):
        if folder != but:
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
