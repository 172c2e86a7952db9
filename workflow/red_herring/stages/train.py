"""Train one run: a task, a method, a seed."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from red_herring.stages import command
from red_herring.training.run import Run


def main(given: argparse.Namespace) -> None:
    run = Run(given.settings, given.split, given.images, given.seed, given.threads)
    resume = given.model.parent / "resume"
    run.final(given.hyperparameters, resume, given.model, given.history, given.predictions, given.record)
    shutil.rmtree(resume, ignore_errors=True)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--split", type=Path, required=True, help="input: CSV of draw_splits")
    arguments.add_argument(
        "--images", type=Path, nargs="+", required=True, help="input: images.npy of each source, the rest beside it"
    )
    arguments.add_argument("--hyperparameters", type=Path, required=True, help="input: best.json of tune")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--model", type=Path, required=True, help="output: safetensors")
    arguments.add_argument("--history", type=Path, required=True, help="output: CSV, one row per epoch")
    arguments.add_argument("--predictions", type=Path, required=True, help="output: CSV, one row per image")
    arguments.add_argument("--record", type=Path, required=True, help="output: JSON")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
