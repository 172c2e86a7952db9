"""The tables and figures of a study: what each is made of, in the order of the report, and what it says to look for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.names import MEASURES, OVERLAPS, PAPER_TABLES

Settings = Mapping[str, Any]
"""What `red_herring.study.settings.results_settings` gives."""

IMAGES = "images"
"""Stands for the first split of every task with the images and masks of all sources."""

CURVES = {"figure_4": ("synthetic",), "figure_a2": ("spc", "no_spc", "vpc", "no_vpc")}
MEAN_MAPS = {"figure_5": ("synthetic",), "figure_6": ("spc", "no_spc"), "figure_7": ("vpc", "no_vpc")}
"""Item of the paper -> the tasks that it shows."""


@dataclass(frozen=True)
class Item:
    """A table or figure.

    module: what makes it, of red_herring.report (tables) or red_herring.report.figures. files: what it is made of,
    below the folder of the study, or IMAGES. tasks: those that it shows. caption: what it is and what to look for.
    category, title: where and under which name the report has it. options: further settings.
    """

    module: str
    files: tuple[str, ...]
    tasks: tuple[str, ...]
    caption: str
    category: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """What the report lists the item under."""
        return {"item": self.title, "task": ", ".join(self.tasks)}

    @property
    def shows_images(self) -> bool:
        """Whether one sees images in it, or means of them."""
        return IMAGES in self.files or "maps" in self.options

    def settings(self, study: Settings) -> dict[str, Any]:
        """What the item reads of the study."""
        return {**study, "tasks": {task: study["tasks"][task] for task in self.tasks}, **self.options}


def check_names(tasks: Iterable[str]) -> None:
    """StudyError if a task is called like another table."""
    for name in tasks:
        if name.lower() in RESERVED or name.lower().endswith(LOCALISATION_SUFFIX):
            raise StudyError(f"config: tasks.{name}: is the name of another table; call the task otherwise")


def tables(study: Settings) -> dict[str, Item]:
    """Name -> table of a study."""
    runs, tasks = ("runs.csv",), tuple(study["tasks"])
    found = {}
    for name, shown in _shown(PAPER_TABLES, tasks):
        title = name.replace("_", " ").capitalize()
        found[name] = Item("tables", runs, shown, PAPER_TABLE, "Tables", title)
    for task in tasks:
        found[task] = Item("tables", runs, (task,), TASK_TABLE, "Tables", "Test sets and groups")
        found[f"{task}{LOCALISATION_SUFFIX}"] = Item(
            "tables", ("localisation.csv",), (task,), LOCALISATION, "Tables", "Localisation"
        )
    for name, caption in STATISTICS.items():
        found[name] = Item("tables", STATISTICS_OF.get(name, runs), tasks, caption, "Analyses", _title(name))
    return found


def released_tables(study: Settings) -> dict[str, Item]:
    """Name -> table of those that need no predictions."""
    return {name: item for name, item in tables(study).items() if name != "auc_intervals"}


def figures(study: Settings, maps: str) -> dict[str, Item]:
    """Name -> figure of a study. maps: the folder of its maps."""
    tasks = tuple(study["tasks"])
    found = {
        "figure_1": Item("figure_1", (IMAGES,), tasks, FIGURE_1, "Figures", "Figure 1"),
        "figure_2": Item("figure_2", (), tasks, FIGURE_2, "Figures", "Figure 2"),
        "figure_3": Item(
            "figure_3", (IMAGES,), tasks, FIGURE_3 + _in_validation(study, tasks, EXAMPLES), "Figures", "Figure 3"
        ),
        "masks": Item("masks", (IMAGES,), tasks, MASKS, "Data", "Masks"),
    }
    for name, shown in [*_shown(CURVES, tasks), *_others("learning_curves", CURVES, tasks)]:
        caption = LEARNING_CURVES + _in_validation(study, shown, CURVES_SAY)
        found[name] = Item("learning_curves", ("histories.csv",), shown, caption, "Figures", _title(name))
    options = {"maps": maps, "attribution": "gradient"}
    if "gradient" in study["attributions"]:
        for name, shown in [*_shown(MEAN_MAPS, tasks), *_others("mean_saliency", MEAN_MAPS, tasks)]:
            found[name] = Item("mean_saliency", ("runs.csv",), shown, MEAN_SALIENCY, "Figures", _title(name), options)
    for task in tasks:
        found[f"mean_saliency_{task}"] = Item(
            "mean_saliency_attributions", ("runs.csv",), (task,), MEAN_SALIENCY, "Figures", "All attributions", options
        )
    found["figure_a1"] = Item("figure_a1", ("trials.csv", "searches.csv"), tasks, FIGURE_A1, "Figures", "Figure A.1")
    intervals = ("auc_intervals.csv",)
    found["auc_intervals"] = Item("auc_intervals", intervals, tasks, AUC_INTERVALS, "Analyses", "AUC intervals")
    return found | released_figures(study)


def released_figures(study: Settings) -> dict[str, Item]:
    """Name -> figure of those that runs, localisation and statistics are enough for."""
    tasks = tuple(study["tasks"])
    scatter = ("runs.csv", "localisation.csv", "tables/relation.csv")
    found = {}
    if "gradient" in study["attributions"]:
        found["figure_8"] = Item("figure_8", scatter, tasks, FIGURE_8, "Figures", "Figure 8")
        files, caption = STATISTICAL_FIGURES["comparisons"], STATISTICS["comparisons"]
        found["comparisons_iou"] = Item(
            "comparisons", files, tasks, caption, "Analyses", "Comparisons of IoU", {"score": "iou_gradient"}
        )
    for measure in OVERLAPS:
        title = f"Figure 8, {MEASURES[measure]} of all attributions"
        found[f"figure_8_{measure}"] = Item(
            "figure_8_versions", scatter[:2], tasks, FIGURE_8, "Figures", title, {"measure": measure}
        )
    for name, files in STATISTICAL_FIGURES.items():
        found[name] = Item(name, files, tasks, STATISTICS[name], "Analyses", _title(name))
    for task in tasks:
        found[f"hyperparameters_{task}"] = Item(
            "hyperparameters", ("trials.csv", "searches.csv"), (task,), HYPERPARAMETERS, "Analyses", "Hyperparameters"
        )
    return found


def _shown(paper: Mapping[str, Sequence[str]], tasks: Sequence[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Those items of the paper of which the study has a task, with these tasks."""
    for name, of_paper in paper.items():
        shown = tuple(task for task in of_paper if task in tasks)
        if shown:
            yield name, shown


def _others(
    name: str, paper: Mapping[str, Sequence[str]], tasks: Sequence[str]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    """An item of this name for the tasks that no item of the paper shows, if there are any."""
    in_paper = {task for of_paper in paper.values() for task in of_paper}
    others = tuple(task for task in tasks if task not in in_paper)
    return [(name, others)] if others else []


def _in_validation(study: Settings, tasks: Sequence[str], words: Mapping[str, str]) -> str:
    """A sentence from what to say of tasks whose validation set has a relation; it names them where they differ."""
    of_relation: dict[str, list[str]] = {}
    for task in tasks:
        of_relation.setdefault(_relation_in_validation(study["tasks"][task]), []).append(task)
    if len(of_relation) == 1:
        said = [words[relation] for relation in of_relation]
    else:
        said = [f"in {_listed(own)} {words[relation]}" for relation, own in of_relation.items()]
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _relation_in_validation(task: Settings) -> str:
    """Of nuisance and label, against that of training: shifted, in_distribution or balanced, which is none."""
    return "balanced" if task["ratio"] == 0.5 else task["selection"]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _title(name: str) -> str:
    return name.replace("figure_a", "figure A.").replace("_", " ").capitalize().replace("a.", "A.")


STATISTICAL_FIGURES = {
    "comparisons": ("runs.csv", "tables/comparisons.csv"),
    "relation": ("tables/relation.csv",),
    "agreement": ("tables/agreement.csv",),
}
LOCALISATION_SUFFIX = "_localisation"
STATISTICS_OF = {
    "comparisons": ("runs.csv", "overlaps.csv"),
    "hyperparameters": ("trials.csv", "searches.csv"),
    "auc_intervals": ("runs.csv", "auc_intervals.csv"),
}
"""What statistics are made of, if not of the runs alone."""

PAPER_TABLE = (
    "Test AUC and overlap of saliency and ROI mask, mean and standard deviation over seeds, in the form of the paper, "
    "with the printed numbers beside. Look whether the methods in bold (better than Classification and than chance) "
    "are those of the paper, and at the chance level before reading anything into an IoU."
)
TASK_TABLE = (
    "The same classifiers on the shifted test set, on one with the relation of training, on a balanced one, and within "
    "each nuisance group, where the nuisance cannot help. A method that has learnt the shortcut does well in "
    "distribution, badly under the shift, and well within each group."
)
LOCALISATION = (
    "Seven measures of how well each attribution agrees with the ROI mask, with their chance levels. Look for "
    "attributions that do not beat the controls (random, centre prior, edges), which know nothing of the model."
)
STATISTICS = {
    "comparisons": (
        "Each method against Classification, seed by seed, with Holm's correction: on this pool of images, whose "
        "re-splits the seeds are (95 % bootstrap interval, exact Wilcoxon test), and on new data (corrected resampled "
        "t test, which allows for the test images that seeds share). What holds in one scope alone, or by an "
        "interval without a small corrected p, is no finding about the method, and a share of collapsed runs means "
        "that the mean describes no run."
    ),
    "relation": (
        "Correlation of test AUC with localisation over all runs, within methods and between their means, per "
        "attribution; whether it is more than these methods happen to show is asked by permutation of the methods, and "
        "one hypothesis for each task is primary. A pooled relation that vanishes within methods says which method a "
        "run is of, not whether a map tells a good run."
    ),
    "mixed_model": (
        "Test AUC by the IoU within and between methods, with a random intercept for each method, beside the "
        "correlations. Look first at what the fit warns of, and take the intervals for too narrow: the methods are "
        "few, and all share the seeds."
    ),
    "relation_between_tasks": (
        "Whether the relation of AUC and localisation within methods differs between tasks, by bootstrap of the seeds "
        "that they share, corrected by Holm. Look for changes of sign: they say that the relation belongs to the "
        "shift, not to saliency."
    ),
    "agreement": (
        "Rank correlation over runs of how well two attributions localise. Low numbers mean that the choice of the "
        "attribution decides which run looks right."
    ),
    "hyperparameters": (
        "The best hyperparameters of every search, their ranges, and how validation AUC went with each. An optimum on "
        "a bound (flagged) says that the range was too narrow or the penalty was switched off."
    ),
    "auc_intervals": (
        "Test AUC of every run with its 95 % interval by bootstrap of the patients, and of every method by bootstrap "
        "of seeds and patients. Compare the width within a run with the spread between seeds."
    ),
}
RESERVED = frozenset({*PAPER_TABLES, *STATISTICS, "splits", "planned_splits"})
"""Tables that no task may be called like."""

HYPERPARAMETERS = (
    "Validation AUC of every trial against each hyperparameter. A best trial at the end of a range is flagged: a wider "
    "range may do better."
)
AUC_INTERVALS = STATISTICS["auc_intervals"]
FIGURE_1 = (
    "Mean images of the two nuisance groups and the mean difference of the classes without and with the relation of "
    "training. What appears only with the relation is what a classifier can take for the finding."
)
FIGURE_2 = (
    "The classifier and where each method's loss acts on it. Masks are used in training only, and every method is "
    "evaluated on whole images."
)
FIGURE_3 = (
    "Examples of both classes in training and validation, the nuisance marked where it has a place, with the share of "
    "the class that has it. "
)
EXAMPLES = {
    "shifted": "the nuisance changes sides from training to validation",
    "in_distribution": "the nuisance goes with the classes in validation as in training",
    "balanced": "the nuisance tells nothing of the class in validation",
}
MASKS = (
    "ROI masks, and what training is shown of them under each option. Look whether they cover what an expert would "
    "point at."
)
LEARNING_CURVES = "Validation AUC over the epochs, mean and standard deviation over seeds. "
CURVES_SAY = {
    "shifted": (
        "the validation set has the shifted relation, so a curve below one half is a method that uses the nuisance"
    ),
    "in_distribution": (
        "the validation set has the relation of training, so the nuisance alone scores as high as there, and a "
        "high curve may be of a method that uses nothing else"
    ),
    "balanced": (
        "nuisance and finding are unrelated in the validation set, so the nuisance alone scores one half, and a curve "
        "above it is a method that uses something else"
    ),
}
"""Relation of nuisance and label in the validation set -> what the curves say."""

MEAN_SALIENCY = (
    "The mean image with its mean mask in red, then the mean map of each method over some positive test images, every "
    "run weighing the same, the lower half left dark. Look whether the maps lie on the mask or on the nuisance; "
    "thresholding at the median colours half of any image."
)
FIGURE_8 = (
    "Test AUC against agreement of saliency and ROI mask, one point per run; dotted lines are chance. If saliency told "
    "which classifiers generalise, the points of every panel and of every method would rise to the right."
)
FIGURE_A1 = (
    "The validation AUC of every trial of the search, at the epoch that a run would select (the highest of all epochs "
    "where `tuning.objective` says so). Look how much luck there is in the best of a few, and whether optima lie on a "
    "bound."
)
