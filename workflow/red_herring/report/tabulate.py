"""Every table of a study by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from red_herring.report import statistical_tables
from red_herring.report.markup import Table
from red_herring.report.tables import Study, localisation_table, paper_table, task_table
from red_herring.runtime.files import StudyError
from red_herring.study.names import PAPER_TABLES

STATISTICAL_TABLES = {
    "comparisons": statistical_tables.comparisons_table,
    "relation": statistical_tables.relation_table,
    "mixed_model": statistical_tables.mixed_model_table,
    "relation_between_tasks": statistical_tables.relation_between_tasks_table,
    "agreement": statistical_tables.agreement_table,
    "hyperparameters": statistical_tables.hyperparameters_table,
    "auc_intervals": statistical_tables.auc_intervals_table,
}
LOCALISATION = "_localisation"


def table(name: str, study: Study, settings: Mapping[str, Any]) -> Table:
    """The table of this name: {task}, {task}_localisation, a key of PAPER_TABLES or of STATISTICAL_TABLES.

    study: the tables of the study that it reads, see README of results: runs for all but localisation and
    hyperparameters; overlaps; localisation; searches and trials; auc_intervals; and, for {task} and the paper's,
    published_tables and published_runs. settings: tasks, methods, seeds and attributions in display order. StudyError
    for another name.
    """
    if name in STATISTICAL_TABLES:
        return STATISTICAL_TABLES[name](study, settings)
    if name in PAPER_TABLES:
        return paper_table(name, study, settings)
    task = name.removesuffix(LOCALISATION)
    if task not in settings["tasks"]:
        raise StudyError(f"{name}: is no table of this study, expected its tasks to be {', '.join(settings['tasks'])}")
    return (
        localisation_table(task, study, settings) if name.endswith(LOCALISATION) else task_table(task, study, settings)
    )
