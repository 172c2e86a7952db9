"""Glue: the checked configuration, the wildcards, and what the rules hand to their stages."""

import atexit
import gc
import inspect
import json
import os
import re
import shlex
import sys
from functools import cache

from snakemake.exceptions import WorkflowError
from snakemake.io import sourcecache_entry
from snakemake.logging import logger

PACKAGES = os.path.dirname(workflow.current_basedir.get_path_or_uri(secret_free=True))
if not os.path.isdir(PACKAGES):
    raise WorkflowError(
        f"{PACKAGES}: the stages are a Python package beside the rules, which Snakemake does not fetch; clone the "
        "repository and give the path of its workflow/Snakefile to `module`."
    )
sys.path.insert(0, PACKAGES)

from red_herring.study import places
from red_herring.report import items
from red_herring.runtime import cards
from red_herring.runtime.files import StudyError, check_times, check_writable
from red_herring.runtime.preload import PRELOADED, Preloaded
from red_herring.runtime.provenance import code_digest, content_digest
from red_herring.runtime.typed_json import dumped
from red_herring.stages import make_runnable
from red_herring.study import configuration
from red_herring.study import settings as study
from red_herring.study import detection, maskers, pairs, tasks, variants
from red_herring.study.names import FAMILIES, TOLD_APART

make_runnable()

# A plan is millions of objects that all stay. Looking among them for garbage every 700 new ones takes a tenth of planning;
# taking them apart at the end, when nothing is left to do, another.
gc.set_threshold(50_000)
atexit.register(gc.freeze)


def checked(check, *what):
    """A check of the package, whose sentence Snakemake then shows without a traceback."""
    try:
        return check(*what)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


if workflow.pathvars.get("results") != (config.get("pathvars") or {}).get("results", "results") or (
    workflow.modifier.path_modifier.prefix or workflow.modifier.path_modifier.modifies_prefixes
):
    raise WorkflowError("module: pathvars, prefix and replace_prefix are not read; set pathvars.results in the config.")

# From here on `config` is the user's configuration over the defaults of this checkout, typed. In a module it holds at
# first what the user's file says, and nothing else. The files tell how values were written.
USERS = workflow.config_settings.configfiles
FILES = [configuration.DEFAULTS, *workflow.configfiles[len(USERS) :], *USERS]
config = checked(configuration.typed, configuration.laid(config), FILES)
checked(items.check_names, config["tasks"])
workflow.pathvars.update(workflow.pathvars.from_config(config, module_level=True))

TASKS = config["study"]["tasks"]
METHODS = config["study"]["methods"]
SEEDS = config["study"]["seeds"]
ANALYSES = config["study"]["analyses"]
PAIRS = pairs.pairs(config)
SEARCHED = tasks.searched_tasks(config)
USED = tasks.used_tasks(config)
SOURCES = sorted({source for task in USED for source in tasks.task_sources(config, task)})
checked(places.check_images, config, SOURCES)
ANATOMY = tasks.anatomy_sources(config)
checked(places.check_weights, config, ANATOMY)
if workflow.is_main_process:  # the jobs read all this as well, and need not say it again
    for notice in pairs.notices(config):
        logger.warning(notice)
CSVPATHS = {
    source: config["sources"][source]["csvpath"] for source in SOURCES if config["sources"][source].get("csvpath")
}


def located(csvpath):
    """Where a table is. Without the folder of the images it is not asked for any more, or check_images has refused."""
    return places.located(csvpath) if os.environ.get(places.IMAGES) else csvpath


checked(check_times, map(located, CSVPATHS.values()))


CORES = workflow.resource_settings.cores or 8  # all that are given; a plan or a report may be made without

# Jobs on a GPU at once, one a card unless --resources gpu_jobs_per_card=2 says otherwise; not where a cluster has them.
GPU = int(config["training"]["device"] != "cpu")  # of a job that trains or attributes
if "gpu_jobs_per_card" in workflow.global_resources:
    os.environ[cards.PER_CARD] = str(workflow.global_resources["gpu_jobs_per_card"].value)
GPU_JOBS = checked(cards.jobs_at_once, config["training"]["device"])
if GPU_JOBS and "gpu" not in workflow.global_resources and workflow.resource_settings.nodes is None:
    workflow.register_resource("gpu", GPU_JOBS)


def preload_libraries():
    """Start the process that the jobs of this machine are forked from, if they are for this Python and need no GPU."""
    other = GPU_JOBS or workflow.deployment_settings.deployment_method or sys.platform != "linux"
    if config["preload"] and not (other or PRELOADED in os.environ):
        os.environ |= Preloaded().environment


FETCHED = [source for source in SOURCES if study.origin(config, source)]


# The splits of all runs, and of the searches.
DRAWN_SPLITS = expand("<results>/splits/{task}/seed={seed}.csv", task=TASKS, seed=study.drawn_seeds(config))


def of_searches(name):
    """A file of every search."""
    return [f"<results>/tuning/{task}/{method}/{name}" for task, method in pairs.searches(config)]


def of_runs(pattern, of=PAIRS):
    """A file of every run of these pairs of task and method, of which each has one for every seed."""
    return [path for task, method in of for path in expand(pattern, task=task, method=method, seed=SEEDS)]


# The runs whose maskers something reads; not of runs that are only compared with, which have some anyway.
MASKED = [
    pair
    for pair in PAIRS
    if any(maskers.needs_masker(config, name) and pair in pairs.analysed(config, name) for name in ANALYSES)
]


def answers(analysis):
    """What an analysis says of every run that it is asked of."""
    of = pairs.analysed(config, analysis)
    return of_runs(f"<results>/{analysis}/{{task}}/{{method}}/seed={{seed}}.csv", of)


# Detectors: those of the detection study, and those whose runs generate images for the training of tasks.
DETECTED = [(cell, seed) for cell in detection.cells(config) for seed in SEEDS]
GENERATED = {task: cell for task in USED if (cell := detection.generated_by(config, task))}
GENERATING = [
    (cell, seed)
    for task, cell in GENERATED.items()
    for seed in study.drawn_seeds(config)
    if task in TASKS or seed == study.tuning_seed(config)
]
DETECTION = detection.TABLES if DETECTED else ()
MADE_BY = "{task}/{arm}/n={n_real}/seed={seed}"


def of_detectors(pattern, of):
    """A file of every one of these detectors, each once."""
    return list(dict.fromkeys(path for cell, seed in of for path in expand(pattern, **cell._asdict(), seed=seed)))


def generated_of(task, seed, name):
    """This file of the images that are generated for the training of a task and seed, if any are."""
    of = [(GENERATED[task], seed)] if task in GENERATED else []
    return of_detectors(f"<results>/generated/{MADE_BY}/generated/{name}", of)


# Those that are trained, as pasting needs none, and the searches for their hyperparameters.
TRAINED = DETECTED + [(cell, seed) for cell, seed in GENERATING if detection.is_generated(config, cell.arm)]
TUNED = [
    (cell, SEEDS[0]) for cell in dict.fromkeys(cell for cell, _ in TRAINED) if detection.is_searched(config, cell.arm)
]
DETECTORS = of_detectors(f"<results>/detectors/{MADE_BY}/run.json", DETECTED)
SEARCHES = of_searches("best.json")
RUNS = of_runs("<results>/runs/{task}/{method}/seed={seed}/run.json")


ANSWERS = [answer for analysis in ANALYSES for answer in answers(analysis)]


# Relative, as the path of the checkout must not count. Snakemake takes none with a space.
IMAGE = os.path.relpath(os.path.join(os.path.dirname(PACKAGES), "envs", "red_herring.sif"))
if " " in IMAGE and "APPTAINER" in {method.name for method in workflow.deployment_settings.deployment_method}:
    raise WorkflowError(f"{IMAGE}: Snakemake takes no container from a path with a space; move the checkout.")


# Three folders hold tables of a study, of which all else is made alike: this study's, that of the part of it that is
# there while runs are missing, and that of the authors' released runs.
RESULTS = config["pathvars"]["results"]
INCOMPLETE = f"{RESULTS}/incomplete"
PUBLISHED = "results/published"
OF_STUDY, OF_PUBLISHED = study.results_settings(config), study.published_settings()
OF = {RESULTS: OF_STUDY, INCOMPLETE: OF_STUDY, PUBLISHED: OF_PUBLISHED}
# What there is of each to make tables and figures of. The released runs have neither epochs, predictions nor maps.
RELEASED = ["runs.csv", "localisation.csv", "trials.csv", "searches.csv", "missing.csv", "overlaps.csv"]
OWN = ["runs.csv", "measures.csv", "trials.csv", "searches.csv", "missing.csv", "overlaps.csv", "histories.csv"]
OWN += ["auc_intervals.csv", *(f"{analysis}{made}" for analysis in ANALYSES for made in (".csv", items.MAPS))]
EXPLAINING = [analysis for analysis in ANALYSES if analysis in FAMILIES]
OWN += [TOLD_APART] if EXPLAINING else []
OF_DETECTORS = [*DETECTION, f"detectors{items.MAPS}"] if DETECTED else []


def any_there(paths):
    """Whether one of these files is there."""
    return any(os.path.exists(path.replace("<results>", RESULTS)) for path in paths)


# Of an incomplete study, which may have detectors and no run of a classifier.
PART = OF_DETECTORS if any_there(DETECTORS) else []
PART = [*OWN, *PART] if not PART or any_there(RUNS) else PART
MADE = {RESULTS: [*OWN, *OF_DETECTORS, items.IMAGES], INCOMPLETE: PART, PUBLISHED: RELEASED}
ARRAYS_OF = {folder: PUBLISHED if folder == PUBLISHED else RESULTS for folder in OF}
ASKED = study.described_analyses(config)
TABLES = {folder: items.tables(OF[folder], made, ASKED) for folder, made in MADE.items()}
FIGURES = {folder: items.figures(OF[folder], made, ASKED) for folder, made in MADE.items()}
DATA_FIGURES = [name for name, figure in FIGURES[RESULTS].items() if items.IMAGES in figure.files]
EXPLORER, OVERVIEW, DATA_SHEET = (items.card(items.PAGES, page) for page in ("explorer", "overview", "data_sheet"))
READER = items.card(items.PAGES, "reader")


def any_of(names):
    """A pattern of these names and no other."""
    return "|".join(map(re.escape, names))


wildcard_constraints:
    task=any_of(USED),
    method=any_of(METHODS),
    seed=r"\d+",
    arm=any_of(config["detection"]["arms"]),
    n_real=r"\d+",
    source=any_of(SOURCES),
    study=any_of(OF),
    analysis=any_of(ANALYSES),
    table=any_of({table for tables in TABLES.values() for table in tables}),
    figure=any_of({figure for figures in FIGURES.values() for figure in figures}),


def settings(select, *names):
    """A params function: the part of the study that a stage reads, as JSON, so that only its changes rerun the rule."""
    of = cache(lambda *values: dumped(select(config, *values)))
    return lambda wildcards: of(*(wildcards[name] for name in names))


def code(stage, *more):
    """A params function: the digest of a stage's code; `more` are modules named by wildcards, which no import shows.

    {kind} stands for the kind of the source, {file} for the file of the method.
    """

    @cache
    def digest(source, method):
        names = {"kind": config["sources"][source]["kind"]} if source else {}
        names |= {"file": variants.file_of(config, method)} if method else {}
        return code_digest(f"red_herring.stages.{stage}", *(name.format(**names) for name in more))

    return lambda wildcards: digest(wildcards.get("source"), wildcards.get("method"))


def analysis_settings(analysis):
    """A params function: what an analysis reads of the study."""
    return lambda wildcards: dumped(
        checked(study.analysis_settings, config, analysis, wildcards.task, int(wildcards.seed))
    )


def before_detectors(wildcards):
    """A params function: what training a generator reads."""
    return dumped(detection.pretraining_settings(config, wildcards.task, int(wildcards.n_real)))


def of_detector(select):
    """A params function: what searching for or training a detector reads, or generating by its run."""
    return lambda wildcards: dumped(select(config, wildcards.task, wildcards.arm, int(wildcards.n_real)))


def generator_of(seed=None):
    """An input function: the generator of an arm that has one, before there is a detector. seed: as for `read`."""

    def files(wildcards):
        if not detection.is_generated(config, wildcards.arm):
            return []
        folder = f"<results>/generators/{wildcards.task}/n={wildcards.n_real}/seed={wildcards.get('seed', seed)}"
        return f"{folder}/generator.safetensors"

    return files


def analysis_code(analysis):
    """A params function: the digest of the code of an analysis, with the attributions that it makes maps by."""
    attributions = [f"red_herring.saliency.attributions.{name}" for name in study.attributions_of(config, analysis)]
    return code("analyse", f"red_herring.analyses.{analysis}", *attributions)


def content(*names):
    """The digest of files of the package that a stage finds by itself, where their path must not count."""
    return content_digest(*(os.path.join(PACKAGES, "red_herring", name) for name in names))


@cache
def prepared_of(task, name):
    """This file of every source of a task."""
    return expand("<results>/data/{source}/{name}", source=tasks.task_sources(config, task), name=name)


def read_of(task, name, seed):
    """The same, and of the images that are generated for its runs with a seed."""
    return [*prepared_of(task, name), *generated_of(task, seed, name)]


def masks_of(task, seed):
    """The masks of all that."""
    if config["tasks"][task]["mask"]["kind"] == "anatomy":
        return [file for name in ("anatomy.npy", "anatomy.json") for file in prepared_of(task, name)]
    return read_of(task, "masks.npy", seed)


def prepared(name):
    """An input function: this file of every source of the task."""
    return lambda wildcards: prepared_of(wildcards.task, name)


def read(name, seed=None):
    """An input function: this file of all images that a run reads. seed: that of the wildcards unless it is given."""
    return lambda wildcards: read_of(wildcards.task, name, wildcards.get("seed", seed))


def masks(seed=None):
    """An input function: the masks of all images that a run reads. seed: as for `read`."""
    return lambda wildcards: masks_of(wildcards.task, wildcards.get("seed", seed))


def drawn_from(name):
    """An input function: this file of every source of the task, unless its splits are those of another task and more."""
    return lambda wildcards: [] if wildcards.task in GENERATED else prepared_of(wildcards.task, name)


def base_split(rest=""):
    """An input function: the split of the task whose splits the task has, if there is one, or its counts."""

    def files(wildcards):
        cell = GENERATED.get(wildcards.task)
        return f"<results>/splits/{cell.task}/seed={wildcards.seed}{rest}.csv" if cell else []

    return files


def beside(analysis, wildcards):
    """Whose files an analysis of a run is given, by what the names of its inputs begin with: task and seed of the run, and
    of those beside it.
    """
    found = checked(pairs.companions, config, analysis, wildcards.task, int(wildcards.seed))
    return {"": (wildcards.task, wildcards.seed)} | {f"{which}_": run for which, run in found.items()}


WITH_IMAGES = ("", "base_")  # those of another seed are the same


def given(analysis):
    """An input function for `unpack`: the inputs of an analysis that have a name. One for all of them, as Snakemake spends
    more on calling a function for every job than on the files that it returns.
    """
    masked = maskers.needs_masker(config, analysis)

    def files(wildcards):
        runs, named = beside(analysis, wildcards), {}
        for name, (task, seed) in runs.items():
            named[f"{name}split"] = f"<results>/splits/{task}/seed={seed}.csv"
            if name in WITH_IMAGES:
                named[f"{name}images"] = read_of(task, "images.npy", seed)
            named[f"{name}model"] = f"<results>/runs/{task}/{wildcards.method}/seed={seed}/model.safetensors"
        for name, (task, seed) in runs.items() if masked else ():
            named[f"{name}masker"] = f"<results>/maskers/{task}/{wildcards.method}/seed={seed}/maskers.safetensors"
        return named

    return files


def found_beside(analysis):
    """An input function: what is beside the images that an analysis is given."""

    def files(wildcards):
        found = []
        for name, (task, seed) in beside(analysis, wildcards).items():
            if name in WITH_IMAGES:
                found += [*masks_of(task, seed), *read_of(task, "source.json", seed)]
                found += [] if name else read_of(task, "index.csv", seed)
        return found

    return files


def fetched(wildcards):
    """An input function: where the images were fetched to, if they are."""
    return "<results>/data/{source}/fetched.json" if study.origin(config, wildcards.source) else []


def table(wildcards):
    """An input function: the source's own table, if it has one. It is recorded by its name in the configuration."""
    csvpath = CSVPATHS.get(wildcards.source)
    return sourcecache_entry(located(csvpath), csvpath) if csvpath else []


def weights(wildcards):
    """An input function: the weights of the segmentation network, if they are the user's own."""
    path = config["anatomy"]["weights"]
    return sourcecache_entry(located(path), path) if path else []


def fetched_weights(wildcards):
    """An input function: where they were fetched to, if they are."""
    return [] if config["anatomy"]["weights"] else "<results>/weights/fetched.json"


def stage(name, *values):
    """The shell command of a stage: `flags` of its rule, and those of `values`, such as "params.settings", by their
    last names.
    """
    more = "".join(f" --{value.rpartition('.')[-1]} {{{value}:q}}" for value in values)
    return f"exec python -m red_herring.stages.{name} {{params.flags:q}}{more} --log {{log:q}}"


def flags(wildcards, input, output):
    """A params function: `--name path` of the inputs and outputs that have a name; the others a stage finds by itself."""
    named = [(name, [files] if isinstance(files, str) else files) for name, files in [*input.items(), *output.items()]]
    return [word for name, files in named if files for word in (f"--{name.replace('_', '-')}", *files)]


def sign(rules):
    """Write down the signatures of functions, for which Snakemake asks several times a job and looks longer each time than
    most of them take.
    """
    for of in rules:
        for item in (*of.input, *of.params):
            item = getattr(item, "_file", item)
            function = getattr(item, "callable", item)
            if inspect.isfunction(function):
                function.__signature__ = inspect.signature(function)


def stamp(paths):
    """Of those of the files that are there."""
    paths = [path.replace("<results>", RESULTS) for path in paths]
    times = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
    return f"{len(times)} files, the newest of {max(times, default=0)}"


def finished(wildcards):
    """A params function: a stamp of the files of runs that are there."""
    return stamp(SEARCHES + RUNS + ANSWERS)


def presented(wildcards):
    """A params function: the same, and of what was made of them."""
    return stamp([*SEARCHES, *RUNS, *ANSWERS, *shown(RESULTS), f"{RESULTS}/report.html"])


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
        if file == items.IMAGES:
            files += DRAWN + DECODED
        elif not file.endswith(items.MAPS):  # the tables of their scores stand for them
            files.append(f"{wildcards.study}/{file}")
    return files


def item_settings(wildcards):
    """A params function: what a table or figure reads, as JSON."""
    return dumped(study.showing(item(wildcards).settings(OF[wildcards.study], ARRAYS_OF[wildcards.study])))


def item_code(stage, room):
    """A params function: the digest of the code of a stage and of the module that makes a table or figure."""
    return lambda wildcards: code_digest(
        f"red_herring.stages.{stage}", f"red_herring.report.{room}.{item(wildcards).module}"
    )


def labelled(wildcards):
    """A function for reports: the labels of a table or figure."""
    return item(wildcards).labels


def categorised(wildcards):
    """A function for reports: the category of a table or figure."""
    return item(wildcards).category


def explained(wildcards):
    """An input function: the tables whose models readers are asked about."""
    lacking = [file for file in READER.files if file not in OWN]
    if lacking:
        raise WorkflowError(
            f"reader: readers are shown what {lacking[0].removesuffix('.csv')} explains, which is not among "
            "study.analyses; add it, and tasks with a `signal`"
        )
    return expand("<results>/{file}", file=items.files_of(READER, OWN))


def given_answers(wildcards):
    """An input function: the files that readers saved."""
    return checked(places.answer_files)


def shown(study):
    """All that is made of a study: its tables and figures, and of runs an interactive page and a front page."""
    pages = ["explorer.html", "overview.rst"] if "runs.csv" in MADE[study] else []
    return [
        *expand("{study}/tables/{table}.md", study=study, table=TABLES[study]),
        *expand("{study}/figures/{figure}.pdf", study=study, figure=FIGURES[study]),
        *expand("{study}/{page}", study=study, page=pages),
    ]


def searched(inputs):
    """What only a search reads: nothing when the hyperparameters are given."""
    return inputs if config["tuning"]["mode"] == "search" else []


def jobs():
    """Rule -> how many jobs it has in a whole study, and of how many the output is there."""
    searching = expand(
        "<results>/splits/{task}/seed={seed}.csv", task=SEARCHED, seed=searched([config["tuning"]["seed"]])
    )
    detected = [*DETECTED, *GENERATING, *TUNED]
    learnt = [(cell, seed) for cell, seed in detected if detection.is_generated(config, cell.arm)]
    made = {
        "fetch_source": expand("<results>/data/{source}/fetched.json", source=FETCHED),
        "index_source": expand("<results>/data/{source}/index.csv", source=SOURCES),
        "prepare_images": expand("<results>/data/{source}/images.npy", source=SOURCES),
        "fetch_weights": ["<results>/weights/fetched.json"] if ANATOMY and not config["anatomy"]["weights"] else [],
        "segment_images": expand("<results>/data/{source}/anatomy.npy", source=ANATOMY),
        "render_data_sheet": expand("<results>/data/{source}/data_sheet.md", source=SOURCES),
        "draw_splits": {*DRAWN_SPLITS, *searching, *of_detectors("<results>/splits/{task}/seed={seed}.csv", detected)},
        "compare_splits": ["<results>/overlaps.csv"],
        "tabulate_splits": ["<results>/tables/splits.md"],
        "tune": SEARCHES,
        "train": RUNS,
        "fit_masker": of_runs("<results>/maskers/{task}/{method}/seed={seed}/maskers.safetensors", MASKED),
        "pretrain_generator": of_detectors(
            "<results>/generators/{task}/n={n_real}/seed={seed}/generator.safetensors", learnt
        ),
        "tune_detector": of_detectors("<results>/detectors/{task}/{arm}/n={n_real}/best.json", TUNED),
        "train_detector": of_detectors(f"<results>/detectors/{MADE_BY}/run.json", TRAINED),
        "generate_images": of_detectors(f"<results>/generated/{MADE_BY}/generated/images.npy", GENERATING),
        "collect_detection": expand("<results>/{table}", table=DETECTION[:1]),
        **{analysis: answers(analysis) for analysis in ANALYSES},
        "collect_analysis": expand("<results>/{analysis}.csv", analysis=ANALYSES),
        "collect_runs": ["<results>/runs.csv"],
        "bootstrap_auc": ["<results>/auc_intervals.csv"],
        "tell_apart": [f"<results>/{TOLD_APART}"] if EXPLAINING else [],
        "render_table": expand("<results>/tables/{table}.md", table=TABLES[RESULTS]),
        "render_figure": expand("<results>/figures/{figure}.pdf", figure=FIGURES[RESULTS]),
        "render_explorer": ["<results>/explorer.html"],
        "render_overview": ["<results>/overview.rst"],
    }
    there = {
        name: [os.path.exists(file.replace("<results>", RESULTS)) for file in files] for name, files in made.items()
    }
    return {name: [len(files), sum(files)] for name, files in there.items()}


def missing_runs():
    """The command that names the missing runs and detectors; no rule, as it is for when the jobs of rules have failed."""
    return shlex.join(
        [
            *("python", "-m", "red_herring.stages.report_missing"),
            *("--settings", dumped(study.missing_settings(config))),
            *("--results", RESULTS),
            *("--report", os.path.join(RESULTS, "incomplete.md")),
        ]
    )
