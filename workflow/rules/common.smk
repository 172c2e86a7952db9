"""Glue: the checked configuration, the wildcards, and what the rules hand to their stages."""

import json
import os
import re
import shlex
import sys

from snakemake.exceptions import WorkflowError

PACKAGES = os.path.dirname(workflow.current_basedir.get_path_or_uri(secret_free=True))
sys.path.insert(0, PACKAGES)

from red_herring import cards, configuration, items, study
from red_herring.files import StudyError, check_times, check_writable
from red_herring.provenance import code_digest
from red_herring.stages import make_runnable

make_runnable()


def checked(check, *what):
    """A check of the package, whose sentence Snakemake then shows without a traceback."""
    try:
        return check(*what)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


# The files that the configuration was read from, the user's over the workflow's own; rules see it only as it is typed.
USERS = workflow.config_settings.configfiles
config = checked(configuration.typed, config, [*workflow.configfiles[len(USERS) :], *USERS])
workflow.pathvars.update(workflow.pathvars.from_config(config, module_level=True))

TASKS = config["study"]["tasks"]
METHODS = config["study"]["methods"]
SEEDS = config["study"]["seeds"]
ATTRIBUTIONS = config["saliency"]["attributions"]
SOURCES = sorted({source for task in TASKS for source in study.task_sources(config, task)})
checked(check_times, filter(None, (config["sources"][source].get("csvpath") for source in SOURCES)))


CORES = workflow.resource_settings.cores or 8  # all that are given; a plan or a report may be made without

# Jobs on a GPU at once, one a card unless --resources gpu_jobs_per_card=2 says otherwise; not where a cluster has them.
GPU = int(config["training"]["device"] != "cpu")  # of a job that trains or attributes
if "gpu_jobs_per_card" in workflow.global_resources:
    os.environ[cards.PER_CARD] = str(workflow.global_resources["gpu_jobs_per_card"].value)
GPU_JOBS = checked(cards.jobs_at_once, config["training"]["device"])
if GPU_JOBS and "gpu" not in workflow.global_resources and workflow.resource_settings.nodes is None:
    workflow.register_resource("gpu", GPU_JOBS)
FETCHED = [source for source in SOURCES if study.origin(config, source)]


SEARCHES = expand("<results>/tuning/{task}/{method}/best.json", task=TASKS, method=METHODS)
RUNS = expand("<results>/runs/{task}/{method}/seed={seed}/run.json", task=TASKS, method=METHODS, seed=SEEDS)
MAPS = expand(
    "<results>/saliency/{task}/{method}/seed={seed}/{attribution}.csv",
    task=TASKS,
    method=METHODS,
    seed=SEEDS,
    attribution=ATTRIBUTIONS,
)


# Three folders hold tables of a study, of which all else is made alike: this study's, that of the part of it that is
# there while runs are missing, and that of the authors' released runs.
RESULTS = config["pathvars"]["results"]
INCOMPLETE = f"{RESULTS}/incomplete"
PUBLISHED = "results/published"
OF_STUDY, OF_PUBLISHED = study.results_settings(config), study.published_settings()
OF = {RESULTS: OF_STUDY, INCOMPLETE: OF_STUDY, PUBLISHED: OF_PUBLISHED}
TABLES = {
    RESULTS: items.tables(OF_STUDY),
    INCOMPLETE: items.tables(OF_STUDY),
    PUBLISHED: items.released_tables(OF_PUBLISHED),
}
OWN_FIGURES = items.figures(OF_STUDY, f"{RESULTS}/saliency")
DATA_FIGURES = [name for name, figure in OWN_FIGURES.items() if items.IMAGES in figure.files]
FIGURES = {
    RESULTS: OWN_FIGURES,
    INCOMPLETE: {name: figure for name, figure in OWN_FIGURES.items() if name not in DATA_FIGURES},
    PUBLISHED: items.released_figures(OF_PUBLISHED),
}


wildcard_constraints:
    task="|".join(TASKS),
    method="|".join(METHODS),
    seed=r"\d+",
    source="|".join(SOURCES),
    study="|".join(map(re.escape, OF)),
    table="|".join({table for tables in TABLES.values() for table in tables}),
    figure="|".join({figure for figures in FIGURES.values() for figure in figures}),


def settings(select, *names):
    """A params function: the part of the study that a stage reads, as JSON, so that only its changes rerun the rule."""
    return lambda wildcards: json.dumps(select(config, *(wildcards[name] for name in names)))


def code(stage, *more):
    """A params function: the digest of a stage's code; `more` are modules named by wildcards, which no import shows.

    {kind} stands for the kind of the source.
    """

    def digest(wildcards):
        names = dict(wildcards.items())
        if "source" in names:
            names["kind"] = config["sources"][names["source"]]["kind"]
        return code_digest(f"red_herring.stages.{stage}", *(name.format(**names) for name in more))

    return digest


def prepared(name):
    """An input function: this file of every source of the task."""
    return lambda wildcards: expand(
        "<results>/data/{source}/{name}", source=study.task_sources(config, wildcards.task), name=name
    )


def fetched(wildcards):
    """An input function: where the images were fetched to, if they are."""
    return "<results>/data/{source}/fetched.json" if study.origin(config, wildcards.source) else []


def table(wildcards):
    """An input function: the source's own table, if it has one."""
    return config["sources"][wildcards.source].get("csvpath") or []


def option(name):
    """A params function: --name and the input of that name, or nothing when there is no such input."""
    return lambda wildcards, input: [f"--{name}", input.get(name)] if input.get(name) else []


def finished(wildcards):
    """A params function: a stamp of the files of runs that are there."""
    paths = [path.replace("<results>", RESULTS) for path in SEARCHES + RUNS + MAPS]
    times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
    return f"{len(times)} files, the newest of {max(times, default=0)}"


def item(wildcards):
    """The table or figure that the wildcards name."""
    kind, name = ("table", TABLES) if "table" in wildcards.keys() else ("figure", FIGURES)
    found = name[wildcards.study].get(wildcards[kind])
    if found is None:
        raise WorkflowError(
            f"{wildcards.study} has no {kind} {wildcards[kind]!r}; there is {', '.join(name[wildcards.study])}"
        )
    return found


def made_of(wildcards):
    """An input function: the files that a table or figure is made of."""
    files = []
    for file in item(wildcards).files:
        files += DRAWN + DECODED if file == items.IMAGES else [f"{wildcards.study}/{file}"]
    return files


def item_settings(wildcards):
    """A params function: what a table or figure reads, as JSON."""
    return json.dumps(item(wildcards).settings(OF[wildcards.study]))


def item_code(stage, package):
    """A params function: the digest of the code of a stage and of the module that makes a table or figure."""
    return lambda wildcards: code_digest(f"red_herring.stages.{stage}", f"{package}.{item(wildcards).module}")


def labelled(wildcards):
    """A function for reports: the labels of a table or figure."""
    return item(wildcards).labels


def categorised(wildcards):
    """A function for reports: the category of a table or figure."""
    return item(wildcards).category


def shown(study):
    """All that is made of a study: its tables, figures, interactive page and front page."""
    return [
        *expand("{study}/tables/{table}.md", study=study, table=TABLES[study]),
        *expand("{study}/figures/{figure}.pdf", study=study, figure=FIGURES[study]),
        f"{study}/explorer.html",
        f"{study}/overview.rst",
    ]


def searched(inputs):
    """What only a search reads: nothing when the hyperparameters are given."""
    return inputs if config["tuning"]["mode"] == "search" else []


# The command that names the missing runs; no rule, as it is for when the jobs of rules have failed.
MISSING_RUNS = shlex.join(
    [
        *("python", "-m", "red_herring.stages.report_missing"),
        *("--settings", json.dumps(study.missing_settings(config))),
        *("--results", config["pathvars"]["results"]),
        *("--published-tables", "workflow/red_herring/reference/published_tables.csv"),
        *("--published-runs", "workflow/red_herring/reference/published_runs.csv"),
        *("--report", os.path.join(config["pathvars"]["results"], "incomplete.md")),
    ]
)
