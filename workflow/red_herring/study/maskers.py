"""Maskers: which runs have some, by which settings they are fitted, and what is searched."""

from __future__ import annotations

from itertools import product
from typing import Any, cast

from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import MASKER, analysis_card, attribution_card
from red_herring.study.defaults import Config
from red_herring.study.schema import ARM
from red_herring.study.space import LAWS, lawful
from red_herring.study.stage_settings import Arm, FittingMaskers, Mask, SearchingMasker
from red_herring.study.tasks import effective, mask_settings, signal_settings, word
from red_herring.study.variants import card_of

LAW = {"steps": "integer"}
"""The law of what is searched, where it is not log-uniform."""

TAKEN = (
    *("fixed", "joint", "ones", "zeros", "centre_box", "centre_gaussian", "true_box", "input"),
    *("grad_cam", "guided_backprop", "gradient"),
)
"""What a mask is called in the table of `learned_masks` that is there whatever the arms are."""


def needs_masker(config: Config, analysis: str) -> bool:
    """Whether an analysis reads the maskers of runs: it says so, or makes maps by an attribution that does."""
    card = analysis_card(analysis)
    asked = config["saliency"]["attributions"] if "saliency" in card.needs else []
    return MASKER in card.needs or any(attribution_card(name).needs_masker for name in (*asked, *card.maps_by))


def has_maskers(config: Config) -> bool:
    """Whether the study fits any."""
    return any(needs_masker(config, analysis) for analysis in config["study"]["analyses"])


def is_searched(config: Config, method: str) -> bool:
    """Whether hyperparameters of the maskers of its runs are searched."""
    return bool(config["masker"]["search"]) and not card_of(config, method).trains_masker


def fitting_settings(config: Config, task: str, method: str) -> FittingMaskers:
    """What fitting the maskers of a run reads."""
    return FittingMaskers(
        task=task,
        method=method,
        labels=effective(config["tasks"][task])["labels"],
        signal=signal_settings(config, task),
        mask=cast(Mask, mask_settings(config, task)),
        masker=cast(Arm, {key: config["masker"][key] for key in ARM}),
        arms={} if card_of(config, method).trains_masker else arms(config),
        **{key: config["training"][key] for key in ("device", "precision")},
    )


def searching_settings(config: Config, task: str, method: str) -> SearchingMasker:
    """What searching reads: the run of the first seed of the study."""
    masker = config["masker"]
    space = {name: [LAW.get(name, "log-uniform"), *bounds] for name, bounds in masker["search"].items()}
    fitting = vars(fitting_settings(config, task, method)) | {"arms": {}}
    counts = {key: masker[key] for key in ("initial_points", "iterations")}
    return SearchingMasker(**fitting, **counts, space=space, seed=config["study"]["seeds"][0])


def arms(config: Config) -> dict[str, dict[str, Any]]:
    """Name -> what differs in an arm from the section; of a family (`each`) a member for each combination of values,
    called `few_examples=5_draw=2`.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, arm in config["masker"]["arms"].items():
        own = {key: value for key, value in arm.items() if key != "each"}
        for values in product(*arm.get("each", {}).values()):
            chosen = dict(zip(arm.get("each", {}), values, strict=True))
            words = [f"{key}={word(f'masker.arms.{name}', key, value)}" for key, value in chosen.items()]
            found["_".join([name, *words])] = own | chosen
    return found


def check_maskers(config: Config) -> None:
    """StudyError for an arm that is called like a mask that is always there, says nothing, or says a thing twice; for a
    draw of all examples; and for a search that cannot be.
    """
    section = config["masker"]
    for name, arm in section["arms"].items():
        _check_arm(f"config: masker.arms.{name}", name, arm, section)
    _check_draw("config: masker.draw", section)
    for name, own in arms(config).items():
        _check_draw(f"config: masker.arms.{name}", section | own)
    _check_search(section)


def _check_arm(where: str, name: str, arm: Config, section: Config) -> None:
    if name in TAKEN:
        raise StudyError(f"{where}: a mask that is always there is called so; call it otherwise")
    for key in arm.keys() & arm.get("each", {}).keys():
        raise StudyError(f"{where}.{key}: is given beside each.{key}; leave one")
    if "each" not in arm and all(section[key] == value for key, value in arm.items()):
        raise StudyError(f"{where}: differs from the section in nothing; say what differs")


def _check_draw(where: str, whole: Config) -> None:
    if whole["examples"] is None and whole["draw"] != 1:
        raise StudyError(f"{where}: has a draw of all examples, which are the same in each; give examples")


def _check_search(section: Config) -> None:
    if section["search"] and section["objectives"] == "out":
        raise StudyError(
            "config: masker.search: goes by what is kept inside the mask, which objectives `out` does not ask; leave "
            "it out or take other objectives"
        )
    for name, (low, high) in section["search"].items():
        law = LAW.get(name, "log-uniform")
        if not low < high or not (lawful(law, low) and lawful(law, high)):
            raise StudyError(
                f"config: masker.search.{name}: is [{low}, {high}]; allowed is a range of {LAWS[law]}, low < high"
            )
