"""Search the hyperparameters of one method on one task, or take given ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_json, write_text
from red_herring.runtime.provenance import made_by
from red_herring.study.stage_settings import Given, Searching
from red_herring.training.parallel import Evaluate, processes

log = logging.getLogger(__name__)


def tune(
    settings: Searching | Given,
    trials: Annotated[Path, Output("CSV, one row per trial")],
    best: Annotated[Path, Output("JSON, the hyperparameters to use")],
    resume: Path,
    split: Annotated[Path | None, Input("CSV of draw_splits for the search's seed")] = None,
    images: Annotated[Sequence[Path], Input("images.npy of each source, the rest beside it")] = (),
    threads: int = 1,
) -> None:
    if isinstance(settings, Given):
        given = settings.hyperparameters
        tried = pd.DataFrame(columns=["trial", *given, "status", "valid_auc", "best_epoch", "epochs"])
        chosen: dict[str, Any] = {"trial": None, "hyperparameters": given, "valid_auc": None, "on_bound": []}
    elif split is None:
        raise ValueError("a search needs the split that it is made on")
    else:
        tried, chosen = _search(settings, split, images, resume, threads)
    write_text(trials, tried.to_csv(index=False))
    write_json(best, {"mode": settings.mode, **chosen, "made_by": made_by("tune", settings)})


def _search(
    settings: Searching, split: Path, images: Sequence[Path], resume: Path, threads: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    from red_herring.training import search  # needs scikit-optimize, which given hyperparameters do not

    fingerprint, evaluating = _evaluation(settings, split, images, threads)
    trial_log = search.TrialLog(resume / "trials.jsonl", fingerprint)
    with evaluating as evaluate:

        def objective(proposals: dict[int, search.Hyperparameters]) -> list[search.Trial]:
            jobs = [
                (hyperparameters, search.folder_of(resume, number)) for number, hyperparameters in proposals.items()
            ]
            search.forget_trials(resume, but=[own for _, own in jobs])
            return evaluate(jobs)

        counts = (settings.initial_points, settings.iterations, settings.parallel)
        trials = search.search(settings.space, objective, *counts, settings.seed, trial_log)
    search.forget_trials(resume)
    chosen = search.best(trials, settings.space)
    for name in chosen["on_bound"]:
        log.warning("the best %s lies at an end of its range %s; a wider one may do better", name, settings.space[name])
    return pd.DataFrame(trials), chosen


def _evaluation(
    settings: Searching, split: Path, images: Sequence[Path], threads: int
) -> tuple[str, AbstractContextManager[Evaluate]]:
    """The fingerprint of the search, and what evaluates its trials: this process, or several others at once."""
    from red_herring.training.run import Run  # needs PyTorch, which given hyperparameters do not

    parallel = settings.parallel
    of_a_trial = max(1, threads // parallel)  # its result depends on how many
    arguments = (settings, split, images, settings.seed, of_a_trial)
    run = Run(*arguments)  # also for others, so that wrong data are named before they start
    if parallel > 1:
        return run.fingerprint("tune"), processes(parallel, arguments)
    return run.fingerprint("tune"), nullcontext(lambda jobs: [run.trial(*job) for job in jobs])


if __name__ == "__main__":
    command.run(tune)
