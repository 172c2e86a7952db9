"""What each stage reads of the study: fields and their types, nothing else.

`red_herring.study.settings` selects them, a rule hands them over as JSON (`params.settings`), and
`red_herring.runtime.command` makes them again from the signature of the stage. Their values are watched by the rule,
so this file counts in no digest of code (`red_herring.runtime.provenance.PLUMBING`); it must compute nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict


@dataclass(frozen=True)
class Fetching:
    """For `fetch_source` and `fetch_weights`. origin: `torrent`, an info hash, or `archive` or `file`, a URL, and
    perhaps its `sha256`.
    """

    source: str
    origin: dict[str, str]


@dataclass(frozen=True)
class Network:
    """What fetching reads besides, which makes no difference to what is fetched."""

    terms: str
    downloads: str
    trackers: list[str]
    stall_timeout: float


@dataclass(frozen=True)
class Listing:
    """For `index_source`. settings: the keys of a source of this kind; origin: where its table comes from, if it is
    fetched, as in Fetching.
    """

    source: str
    kind: str
    settings: dict[str, Any]
    origin: dict[str, str] | None


@dataclass(frozen=True)
class Preparing(Listing):
    """For `prepare_images`. size: pixels a side; max_unreadable: a share of the images."""

    size: int
    max_unreadable: float


@dataclass(frozen=True)
class Segmenting:
    """For `segment_images`."""

    source: str
    device: str
    precision: str


class Group(TypedDict):
    """A nuisance group of a task. people: whose patients its source has, and whether that is known."""

    source: str
    group: str | None
    people: str
    people_given: bool


class Sizes(TypedDict):
    """Images per split, both classes together."""

    train: int
    valid: int
    test: int


@dataclass(frozen=True)
class Drawing:
    """For `draw_splits`. finding, control: names of which an image has any. exchanged: whether label and nuisance then
    change places.
    """

    task: str
    finding: list[str]
    control: list[str]
    ratio: float
    sizes: Sizes | None
    patients: Literal["disjoint", "as_published"]
    selection: Literal["shifted", "in_distribution", "balanced"]
    groups: list[Group]
    exchanged: bool


@dataclass(frozen=True)
class Planning(Drawing):
    """For `plan_splits`. drawn_seeds: seeds, and that of the search."""

    seeds: list[int]
    drawn_seeds: list[int]


@dataclass(frozen=True)
class Comparing:
    """For `compare_splits`."""

    tasks: list[str]
    seeds: list[int]
    drawn_seeds: list[int]


class TaskInWords(TypedDict):
    """What the table of the splits says of a task."""

    finding: str
    control: str
    groups: list[str]


@dataclass(frozen=True)
class Tabulating:
    """For `tabulate_splits`. tuning_seed: that of the search, if there is one; searched: the tasks that have one."""

    tasks: dict[str, TaskInWords]
    tuning_seed: int | None
    searched: list[str]


class Mask(TypedDict):
    """Which pixels are inside: those of the source's own masks, of an ellipse, or of segmented structures.

    semi_axis: of an ellipse, in image sides. structures: of the anatomy, of which a pixel is in any.
    """

    kind: Literal["source", "ellipse", "anatomy"]
    semi_axis: NotRequired[float]
    structures: NotRequired[list[str]]


class Signal(TypedDict):
    """What is planted into a share of one class in training, see `red_herring.data.signals`. area: of a tag."""

    kind: Literal["tag", "stripe", "blur", "half_blur"]
    share: float
    of: Literal["positives", "negatives"]
    area: NotRequired[float]


class Guidance(TypedDict):
    """What training does to the masks, see `red_herring.data.masks.guide`."""

    negatives: Literal["empty", "matched", "skip"]
    control: Literal["none", "random", "other", "inverted"]
    budget: float
    blur_sigma: float


class Stop(TypedDict):
    """When training ends before its last epoch: after epochs without a better validation loss, at an accuracy on the
    training images, after a number of batches.
    """

    patience: NotRequired[int]
    train_accuracy: NotRequired[float]
    steps: NotRequired[int]


class Arm(TypedDict):
    """How a masker is fitted to a classifier, see `red_herring.training.masker`.

    form: which stages of the classifier it reads, all four or the last two. examples: images per class that it is
    fitted to, None for all; draw: which draw of them, from 1. steps: of the optimiser.
    """

    form: Literal["all", "two"]
    objectives: Literal["both", "in", "out"]
    infill: Literal["mean", "shuffled", "blurred"]
    examples: int | None
    draw: int
    steps: int
    batch_size: int
    lr: float
    lambda_in: float
    lambda_out: float
    lambda_tv: float


@dataclass(frozen=True)
class Training:
    """For `train`. method: its name in the study; file: that of methods/ which it is a variant of; guidance: None for a
    method without masks.
    """

    task: str
    method: str
    file: str
    options: dict[str, Any]
    labels: Literal["as_they_are", "permuted", "nuisance"]
    signal: Signal | None
    stop: Stop
    mask: Mask
    guidance: Guidance | None
    width: int
    batch_size: int
    device: str
    precision: str
    compile: Literal[False, True, "graphs"]
    epochs: int
    burn_in: int
    patience: int | None


@dataclass(frozen=True)
class Searching(Training):
    """For `tune` with a search. space: hyperparameter -> [law, low, high]."""

    mode: Literal["search"]
    seed: int
    initial_points: int
    iterations: int
    parallel: int
    objective: Literal["selected", "highest"]
    space: dict[str, list[Any]]


@dataclass(frozen=True)
class Given:
    """For `tune` without a search: the hyperparameters to pass on."""

    task: str
    method: str
    file: str
    mode: Literal["published", "given"]
    hyperparameters: dict[str, float]


@dataclass(frozen=True)
class FittingMaskers:
    """For `fit_masker`. masker: of the arm `fixed`; arms: name -> what differs in others, by the keys of Arm."""

    task: str
    method: str
    labels: Literal["as_they_are", "permuted", "nuisance"]
    signal: Signal | None
    mask: Mask
    masker: Arm
    arms: dict[str, dict[str, Any]]
    device: str
    precision: str


@dataclass(frozen=True)
class SearchingMasker(FittingMaskers):
    """For `tune_masker`. space: hyperparameter -> [law, low, high]; seed: of the search."""

    space: dict[str, list[Any]]
    initial_points: int
    iterations: int
    seed: int


class Detection(TypedDict):
    """What all arms of a detection study have in common, see `red_herring.generation.experiment.run_arm`."""

    width: int
    steps: int
    images: int
    lr: float
    channels: int
    pretraining_steps: int
    generator_every: int
    inner_rate: float


class DetectionArm(TypedDict):
    """Where the further images of a detector's steps come from, and the weights of the detector's and of the unrolled
    loss where a generator makes them.
    """

    further: Literal["real", "copy_paste", "generated"]
    lambda_s: float
    lambda_r: float


@dataclass(frozen=True)
class Pretraining:
    """For `pretrain_generator`, which knows of no detector. n_real: images with boxes that are used."""

    task: str
    n_real: int
    mask: Mask
    detection: Detection
    device: str


@dataclass(frozen=True)
class Detecting(Pretraining):
    """For `train_detector`, and for `generate_images` by the generator of its run. arm: its name in the study."""

    arm: str
    arm_is: DetectionArm


@dataclass(frozen=True)
class SearchingDetector(Detecting):
    """For `tune_detector`, and for `train_detector` with what it found. space: hyperparameter -> [law, low, high];
    seed: of the search.
    """

    space: dict[str, list[Any]]
    initial_points: int
    iterations: int
    seed: int


class DetectionCells(TypedDict):
    """Of a task of a detection study: arm -> the numbers of real images with which its detectors are trained."""

    task: str
    arms: dict[str, list[int]]


@dataclass(frozen=True)
class CollectingDetection:
    """For `collect_detection`. further: arm -> where its further images come from, as in DetectionArm. made_with:
    task/arm/n={n_real} -> the settings with which its detectors are trained.
    """

    cells: list[DetectionCells]
    further: dict[str, str]
    seeds: list[int]
    made_with: dict[str, dict[str, Any]]


class Generating(TypedDict):
    """The detectors whose runs generate images for a task. further: as in DetectionArm. searched: whether they have
    hyperparameters of a search.
    """

    task: str
    arm: str
    n_real: int
    further: str
    searched: bool


@dataclass(frozen=True)
class Analysing:
    """For `analyse`. analysis: its own keys, and `saliency` where it needs that."""

    task: str
    mask: dict[str, Any]
    signal: Signal | None
    analysis: dict[str, Any]
    batch_size: int
    device: str
    precision: str


class OfTask(TypedDict):
    """What an analysis reads of the task of a run."""

    task: str
    mask: dict[str, Any]
    signal: Signal | None


@dataclass(frozen=True)
class AnalysingBeside(Analysing):
    """For `analyse` where it needs other runs: one on another task, one of another seed, or both."""

    base: OfTask | None
    other_seed: int | None


@dataclass(frozen=True)
class Collecting:
    """For `collect_analysis`: which runs there are to be. tasks: name -> the methods whose runs on it are asked."""

    tasks: dict[str, list[str]]
    seeds: list[int]


@dataclass(frozen=True)
class CollectingRuns(Collecting):
    """For `collect_runs`. searched: task -> that whose search its runs take. spaces: task/method -> hyperparameter ->
    [law, low, high] of what was searched. made_by: `tune` and `train` -> task/method -> the digest of settings and code
    by which its search and runs are made.
    """

    drawn_seeds: list[int]
    searched: dict[str, str]
    spaces: dict[str, dict[str, list[Any]]]
    made_by: dict[str, dict[str, str]]


@dataclass(frozen=True)
class CollectingIncomplete(CollectingRuns):
    """For `collect_incomplete`. analyses: name -> task -> the methods whose runs on it are asked. generated: task ->
    the detectors that generate images for it, of those that have such.
    """

    analyses: dict[str, dict[str, list[str]]]
    generated: dict[str, Generating]


@dataclass(frozen=True)
class Releasing(CollectingIncomplete):
    """For `release`. sources: name -> kind, terms, shareable. figures: name -> whether it shows images. config: the
    configuration without what is one machine's.
    """

    sources: dict[str, dict[str, Any]]
    tables: list[str]
    figures: dict[str, bool]
    config: dict[str, Any]


@dataclass(frozen=True)
class Describing:
    """For `render_data_sheet`. terms: the licence of the source in a line."""

    source: str
    kind: str
    terms: str


@dataclass(frozen=True)
class Showing:
    """For what renders tables, figures and pages. tasks: name -> what is said of it. methods: name -> title, approach,
    citation, uses. attributions: name -> title, control; all in display order. more: how maps were made, whose runs
    they are, and what one table, figure or page reads besides.
    """

    tasks: dict[str, dict[str, Any]]
    methods: dict[str, dict[str, Any]]
    seeds: list[int]
    attributions: dict[str, dict[str, Any]]
    more: dict[str, Any]


class AskedTask(TypedDict):
    """A task with a signal, of whose models readers are asked. signal: its kind; aligned: the class that carries it."""

    finding: str
    control: str
    signal: str
    aligned: str


@dataclass(frozen=True)
class AskingReaders:
    """For `reader`. controls: attributions that know no model; seed: of the order of the questions."""

    tasks: dict[str, AskedTask]
    controls: list[str]
    seed: int


class CostedTask(TypedDict):
    """What the cost of a task's jobs depends on. size: pixels a side; steps: after how many batches training stops, if
    it is said; searched: the task whose search it takes.
    """

    sizes: Sizes | None
    size: int
    steps: int | None
    searched: str


@dataclass(frozen=True)
class Costing:
    """For `cost`. jobs: rule -> how many it has in a whole study, and of how many the output is there. tasks: those of
    the study, and of searches. runs: task -> the methods that run on it. searches: task and method. methods: name ->
    file. extra_epochs: the most that a method trains on top of those of the study, of those that do. left_out: a
    sentence for each pair that is. analyses: name -> task -> the methods whose runs on it are asked. trials: of a
    search, 0 where there is none. may_stop: whether training may end before its last epoch. cards: jobs on GPUs at
    once, 0 where there is no GPU.
    """

    jobs: dict[str, list[int]]
    tasks: dict[str, CostedTask]
    runs: dict[str, list[str]]
    searches: list[list[str]]
    methods: dict[str, str]
    extra_epochs: dict[str, int]
    left_out: list[str]
    analyses: dict[str, dict[str, list[str]]]
    seeds: int
    trials: int
    trial_epochs: int
    epochs: int
    parallel: int
    batch_size: int
    width: int
    device: str
    may_stop: bool
    cores: int
    cards: int


@dataclass(frozen=True)
class ReportingMissing(CollectingIncomplete):
    """For `report_missing`. detection: which detectors there are to be. shown: what its tables read."""

    detection: CollectingDetection
    shown: Showing
