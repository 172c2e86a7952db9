"""Train one run: a task, a method, a seed."""

from __future__ import annotations

import argparse
from pathlib import Path

from red_herring.stages import command
from red_herring.training.run import Run


def main(given: argparse.Namespace) -> None:
    run = Run(given.settings, given.split, given.images, given.seed, given.threads)
    run.final(given.hyperparameters, given.resume, given.model, given.history, given.predictions, given.record)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__, resumes=True)
    arguments.add_argument("--split", type=Path, required=True, help="input: CSV of draw_splits")
    arguments.add_argument(
        "--images", type=Path, nargs="+", required=True, help="input: images.npy of each source, the rest beside it"
    )
    arguments.add_argument("--hyperparameters", type=Path, required=True, help="input: best.json of tune")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_output("--model", "safetensors")
    arguments.add_output("--history", "CSV, one row per epoch")
    arguments.add_output("--predictions", "CSV, one row per image")
    arguments.add_output("--record", "JSON")
    arguments.add_argument("--threads", type=int, default=1)
    command.run(main, arguments)
