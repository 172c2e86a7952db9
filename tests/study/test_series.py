"""Series of tasks: alike but for one key, whatever they were derived from."""

import copy

import pytest
import yaml
from conftest import ROOT
from red_herring.report import items
from red_herring.study import configuration
from red_herring.study import settings as study
from red_herring.study.series import series_of
from snakemake.utils import update_config

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

DERIVED = """
study: {tasks: [%s]}
tasks:
  ratios: {of: synthetic, each: {ratio: [0.9, 0.5]}, tuned_on: synthetic}
  skipped: {of: synthetic, ratio: 0.9, mask: {negatives: skip}, tuned_on: synthetic}
  budgets: {of: synthetic, each: {mask.budget: [0.25, 0.02]}, tuned_on: synthetic}
  controls: {of: synthetic, each: {mask.control: [random, other]}, tuned_on: synthetic}
  permuted: {of: synthetic, ratio: 0.9, labels: permuted, tuned_on: synthetic}
"""


def typed(*tasks):
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(DERIVED % ", ".join(tasks)))
    return configuration.typed(config)


def series(*tasks):
    return study.results_settings(typed(*tasks))["series"]


RATIOS = ["ratios_ratio=0.5", "ratios_ratio=0.9", "synthetic"]
BUDGETS = ["budgets_mask.budget=0.02", "budgets_mask.budget=0.25", "synthetic"]
CONTROLS = ["synthetic", "controls_mask.control=random", "controls_mask.control=other"]


def test_a_series_has_the_task_that_its_others_derive_from_and_is_ordered_by_value():
    assert series("synthetic", "ratios") == {"ratio": [RATIOS]}
    assert series("ratios", "synthetic") == {"ratio": [RATIOS]}
    assert series("budgets", "synthetic") == {"mask.budget": [BUDGETS]}
    assert series("controls", "synthetic") == {"mask.control": [CONTROLS]}, "the masks as they are come first"


def test_a_study_may_have_series_by_each_key():
    found = series("synthetic", "ratios", "budgets", "controls")
    assert found == {"ratio": [RATIOS], "mask.budget": [BUDGETS], "mask.control": [CONTROLS]}


@pytest.mark.parametrize("others", [(), ("spc", "vpc"), ("permuted",), ("skipped",)])
def test_tasks_that_differ_in_more_than_one_key_are_no_series(others):
    assert series("synthetic", *others) == {}


def test_the_papers_tasks_with_and_without_a_relation_are_series():
    assert series("spc", "no_spc", "synthetic") == {"ratio": [["no_spc", "spc"]]}


def test_two_kinds_of_images_are_two_series():
    config = typed("synthetic", "controls")
    other = copy.deepcopy(config["tasks"])
    for task in other.values():
        for group in task["nuisance"]["groups"]:
            group["source"] = "others"
    config["tasks"] |= {f"other_{name}": task for name, task in other.items()}
    config["study"]["tasks"] = [*CONTROLS, *(f"other_{name}" for name in CONTROLS)]
    assert series_of(config) == {"mask.control": [CONTROLS, [f"other_{name}" for name in CONTROLS]]}


def test_which_methods_run_on_a_task_and_its_search_make_no_difference():
    config = typed("synthetic", "ratios")
    config["tasks"]["ratios_ratio=0.5"] |= {"methods": ["masked"], "tuned_on": None}
    assert series_of(config) == {"ratio": [RATIOS]}


SEARCHED = """
tasks:
  own: {of: budgets_mask.budget=0.25, tuned_on: null}
  own_small: {of: budgets_mask.budget=0.02, tuned_on: null}
"""


def searched(*tasks):
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(DERIVED % ", ".join(tasks)))
    update_config(config, yaml.safe_load(SEARCHED))
    return series_of(configuration.typed(config))


def test_tasks_of_one_value_are_parted_by_the_search_whose_hyperparameters_they_have():
    assert searched("synthetic", "budgets", "own") == {"mask.budget": [BUDGETS, ["own", "synthetic"]]}
    assert searched("own", "budgets", "own_small") == {"mask.budget": [BUDGETS[:2], ["own_small", "own"]]}
    assert searched("budgets", "own") == {"mask.budget": [BUDGETS[:2]]}


def test_a_series_never_has_two_tasks_of_one_value():
    config = typed("synthetic", "budgets")
    config["tasks"]["again"] = config["tasks"][BUDGETS[0]] | {"methods": ["masked"]}
    config["study"]["tasks"].append("again")
    assert series_of(config) == {"mask.budget": [BUDGETS]}


def test_an_item_of_a_series_shows_its_tasks_alone(tmp_path, monkeypatch):
    (tmp_path / items.TABLES).mkdir()
    card = 'TITLE = "Along"\nCATEGORY = "Tables"\nCAPTION = "What."\nFILES = ["runs.csv"]\nOPTIONAL = ["extra.csv"]\n'
    (tmp_path / items.TABLES / "along.py").write_text(card + 'ITEMS = {"along": {"series": "ratio"}}\n')
    monkeypatch.setattr(items, "ROOM", tmp_path)
    shown = study.results_settings(typed("spc", "synthetic", "ratios"))
    (along,) = items.tables(shown, ["runs.csv"], {}).values()
    assert along.tasks == tuple(RATIOS)
    assert along.files == ("runs.csv",)
    assert along.settings(shown, "")["series"] == [RATIOS]
    assert list(along.settings(shown, "")["tasks"]) == RATIOS
    twice = shown | {"series": {"ratio": [RATIOS, ["spc", "synthetic"]]}}
    assert items.tables(twice, ["runs.csv"], {})["along"].tasks == (*RATIOS, "spc"), (
        "a task of two series is there once"
    )
    (more,) = items.tables(shown, ["runs.csv", "extra.csv"], {}).values()
    assert more.files == ("runs.csv", "extra.csv")
    assert items.tables(study.results_settings(typed("spc", "synthetic")), ["runs.csv"], {}) == {}
    assert items.tables(study.published_settings(), ["runs.csv"], {}) == {}
