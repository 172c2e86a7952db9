"""The published numbers: where they are. README.md says where they come from."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
PUBLISHED_HYPERPARAMETERS = FOLDER / "published_hyperparameters.csv"
PUBLISHED_TABLES = FOLDER / "published_tables.csv"
PUBLISHED_RUNS = FOLDER / "published_runs.csv"
PUBLISHED_OVERLAPS = FOLDER / "published_overlaps.csv"
