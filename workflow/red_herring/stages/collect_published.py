"""The authors' released runs as the tables of a study."""

from __future__ import annotations

import argparse

from red_herring.data.masks import ellipse
from red_herring.reference import PUBLISHED_HYPERPARAMETERS, PUBLISHED_OVERLAPS, PUBLISHED_RUNS
from red_herring.results.published import overlaps_between, published_tables
from red_herring.results.reading import read_table
from red_herring.saliency.localisation import chance
from red_herring.stages import command
from red_herring.stages._tables import write_tables
from red_herring.tuning import on_bound

ONE_ELLIPSE = ("spc", "no_spc")
SIZE, SEMI_AXIS = 224, 0.4
"""Tasks that have one mask for all images, which is known, pixels a side, and its semi-axis in sides."""


def main(given: argparse.Namespace) -> None:
    of_ellipse = chance(int(ellipse(SIZE, SEMI_AXIS).sum()), SIZE**2)
    tables = published_tables(
        read_table(PUBLISHED_RUNS), read_table(PUBLISHED_HYPERPARAMETERS), dict.fromkeys(ONE_ELLIPSE, of_ellipse)
    )
    searches = tables["searches"]
    searches["on_bound"] = [
        bool(on_bound({row.hyperparameter: row.best}, {row.hyperparameter: [row.law, row.low, row.high]}))
        for row in searches.itertuples()
    ]
    tables["overlaps"] = overlaps_between(tables["runs"], read_table(PUBLISHED_OVERLAPS))
    write_tables(tables, given)


if __name__ == "__main__":
    arguments = command.Arguments(__doc__, settings=False)
    arguments.add_output("--runs", "CSV, one row per run")
    arguments.add_output("--localisation", "CSV, one row per run and attribution")
    arguments.add_output("--searches", "CSV, one row per hyperparameter")
    arguments.add_output("--trials", "CSV, one row per trial: none")
    arguments.add_output("--overlaps", "CSV, a row per ordered pair of seeds and pair of splits")
    arguments.add_output("--missing", "CSV, one row per run that is not there: none")
    command.run(main, arguments)
