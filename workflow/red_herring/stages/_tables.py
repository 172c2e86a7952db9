"""The tables of a study as outputs of the stages that collect them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.files import write_text
from red_herring.stages import command


def write_tables(tables: dict[str, pd.DataFrame], given: argparse.Namespace) -> None:
    """Each table to the output of its name."""
    for name, table in tables.items():
        write_text(getattr(given, name), table.to_csv(index=False))


def add_tables(arguments: command.Arguments) -> None:
    """The folder of the study, and the outputs of `write_tables`."""
    arguments.add_argument(
        "--results", type=Path, required=True, help="input: the folder of runs/, saliency/ and tuning/"
    )
    arguments.add_output("--runs", "CSV, one row per run")
    arguments.add_output("--localisation", "CSV, one row per run and attribution")
    arguments.add_output("--histories", "CSV, one row per epoch of every run")
    arguments.add_output("--trials", "CSV, one row per trial of every search")
    arguments.add_output("--searches", "CSV, one row per hyperparameter of every search")
    arguments.add_output("--missing", "CSV, one row per run that is not there")
