"""Derived tasks: whole after typing, in families, with hyperparameters of their own or of another task."""

import copy
import json

import pytest
import yaml
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from red_herring.data.signals import of_kind
from red_herring.report import items
from red_herring.runtime.files import StudyError
from red_herring.study import configuration, tasks
from red_herring.study import settings as study
from red_herring.study.defaults import difference, leaves, over
from red_herring.study.lineage import as_written
from snakemake.target_jobs import parse_target_jobs_cli_args
from snakemake.utils import update_config
from snakemake_interface_executor_plugins.utils import TargetSpec, encode_target_jobs_cli_args

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


ANALYSES = PAPER["study"]["analyses"]


def laid(text: str) -> dict:
    """The paper's configuration with this over it, as Snakemake lays it."""
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(text))
    return config


def typed(text: str) -> dict:
    return configuration.typed(laid(text))


def error(text: str) -> str:
    with pytest.raises(StudyError) as caught:
        typed(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


WORDS = st.sampled_from(["a", "b", "c"])
MAPS = st.recursive(
    st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(WORDS, inner, min_size=1, max_size=3),
    max_leaves=8,
)
CONFIGS = st.dictionaries(WORDS, MAPS, max_size=3)


def maps_in(value, found=None) -> list[dict]:
    found = [] if found is None else found
    if isinstance(value, dict):
        found.append(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        maps_in(inner, found)
    return found


@given(CONFIGS, CONFIGS)
def test_laying_over_is_what_snakemake_does_and_shares_nothing(above, below):
    expected, before = copy.deepcopy(below), copy.deepcopy((above, below))
    update_config(expected, copy.deepcopy(above))
    merged = over(above, below)
    assert merged == expected
    assert over(above, merged) == merged
    ids = [id(one) for value in (merged, above, below) for one in maps_in(value)]
    assert len(set(ids)) == len(ids)
    assert (above, below) == before


@given(CONFIGS, CONFIGS)
def test_a_difference_laid_over_gives_the_whole_again(above, below):
    whole = over(above, below)
    assert over(difference(whole, below), below) == whole
    assert difference(below, below) == {}


@st.composite
def families(draw):
    """A configuration of tasks each of which may be derived from one before it, a member of a family too."""
    written = {"t0": {"ratio": 0.9, "mask": {"kind": "ellipse", "budget": 1.0}, "sizes": {"train": 4}}}
    known = ["t0"]
    for number in range(1, draw(st.integers(2, 5))):
        name = f"t{number}"
        task = {"of": draw(st.sampled_from(known))}
        each = draw(st.dictionaries(st.sampled_from(["ratio", "mask.budget"]), st.just([0.25, 1.0]), max_size=2))
        if each:
            task["each"] = each
        own = {"mask": {"control": "random"}} | (
            {} if "ratio" in each else {"ratio": draw(st.sampled_from([0.5, 0.7]))}
        )
        task |= draw(st.sampled_from([own, {"labels": "permuted"}]))
        if draw(st.booleans()):
            task["tuned_on"] = draw(st.sampled_from(known))
        written[name] = task
        known = [*tasks.derive_tasks({"tasks": written, "study": {"tasks": list(written)}})["tasks"]]
    return {"tasks": written, "study": {"tasks": list(written)}}


@given(families())
def test_derived_once_is_derived_for_good_and_can_be_written_again(config):
    before = copy.deepcopy(config)
    once = tasks.derive_tasks(config)
    assert config == before
    assert tasks.derive_tasks(once) == once
    short = as_written(once["tasks"])
    assert tasks.derive_tasks(once | {"tasks": short}) == once
    assert not any("each" in task for task in once["tasks"].values())
    assert once["study"]["tasks"] == list(once["tasks"]), "a family stands where it was named"
    ids = [id(one) for one in [*maps_in(once["tasks"]), *maps_in(config["tasks"])]]
    assert len(set(ids)) == len(ids)
    for task in once["tasks"].values():
        assert {"ratio", "mask", "sizes"} <= task.keys()
        assert "tuned_on" not in once["tasks"].get(task.get("tuned_on"), {}), "of the task that is searched in the end"


FAMILY = """
study: {tasks: [spc, spc_dose, spc_permuted]}
tasks:
  spc_dose: {of: spc, each: {mask.budget: [0.5, 1.0e-1], ratio: [0.7, 1]}, tuned_on: spc}
  spc_permuted: {of: spc, labels: permuted, stop: {train_accuracy: 0.95}, tuned_on: spc}
"""


def test_a_family_has_a_task_for_every_combination_in_place():
    config = typed(FAMILY)
    assert config["study"]["tasks"] == [
        "spc", "spc_dose_ratio=0.7_mask.budget=0.5", "spc_dose_ratio=0.7_mask.budget=0.1",
        "spc_dose_ratio=1_mask.budget=0.5", "spc_dose_ratio=1_mask.budget=0.1", "spc_permuted",
    ]  # fmt: skip
    member = config["tasks"]["spc_dose_ratio=0.7_mask.budget=0.1"]
    spc = config["tasks"]["spc"]
    assert member == over({"of": "spc", "tuned_on": "spc", "ratio": 0.7, "mask": {"budget": 0.1}}, spc)
    assert "spc_dose" not in config["tasks"]


@pytest.mark.parametrize("family", ["spc", "spc_budget"])
def test_a_family_may_be_called_by_the_last_word_of_its_key(family):
    config = typed(
        f"{{tasks: {{{family}_budget: {{of: spc, each: {{mask.budget: [0.5]}}}}}}, study: {{tasks: [{family}_budget]}}}}"
    )
    assert config["study"]["tasks"] == [f"{family}_mask.budget=0.5"]


OTHER_KINDS = """
study: {tasks: [spc_heart, spc_again, vpc_heart, vpc_both_mask.kind=source]}
tasks:
  spc_heart: {of: spc, mask: {kind: anatomy, structures: [Heart], budget: 0.5}}
  spc_again: {of: spc_heart, mask: {kind: ellipse, semi_axis: 0.3}}
  vpc_heart: {of: vpc, mask: {kind: anatomy, structures: [Heart]}}
  vpc_both: {of: vpc_heart, each: {mask.kind: [source]}}
"""


def test_a_mask_of_another_kind_takes_nothing_that_only_the_former_has():
    config = typed(OTHER_KINDS)
    masks = {name: config["tasks"][name]["mask"] for name in ("spc_heart", "spc_again", "vpc_both_mask.kind=source")}
    assert masks == {
        "spc_heart": {"kind": "anatomy", "structures": ["Heart"], "budget": 0.5},
        "spc_again": {"kind": "ellipse", "semi_axis": 0.3, "budget": 0.5},
        "vpc_both_mask.kind=source": {"kind": "source"},
    }
    written = as_written(config["tasks"])
    assert written["spc_heart"]["mask"] == masks["spc_heart"]
    assert tasks.derive_tasks(config | {"tasks": written})["tasks"] == config["tasks"]


@pytest.mark.parametrize(
    "mask",
    ["{kind: anatomy, structures: [Heart], semi_axis: 0.3}", "{structures: [Heart]}", "{kind: source, semi_axis: 0.3}"],
)
def test_what_a_task_says_itself_of_another_kind_is_refused(mask):
    with pytest.raises(StudyError, match="and only with it"):
        typed(f"study: {{tasks: [x]}}\ntasks: {{x: {{of: spc, mask: {mask}}}}}")


def test_a_family_that_is_called_by_its_key_does_not_say_it_twice():
    config = typed(
        "study: {tasks: [spc_ratio]}\ntasks: {spc_ratio: {of: spc, each: {ratio: [0.5, 0.9, 1]}, tuned_on: spc}}"
    )
    assert config["study"]["tasks"] == ["spc_ratio=0.5", "spc_ratio=0.9", "spc_ratio=1"]
    assert [config["tasks"][task]["ratio"] for task in config["study"]["tasks"]] == [0.5, 0.9, 1.0]


def test_one_of_a_family_may_be_named_alone_and_derived_from():
    text = FAMILY.replace("tasks: [spc, spc_dose, spc_permuted]", "tasks: ['spc_dose_ratio=1_mask.budget=0.5', again]")
    config = typed(text + "  again: {of: 'spc_dose_ratio=1_mask.budget=0.5', labels: permuted}\n")
    assert config["study"]["tasks"] == ["spc_dose_ratio=1_mask.budget=0.5", "again"]
    again = config["tasks"]["again"]
    assert (again["ratio"], again["mask"]["budget"], again["labels"], again["tuned_on"]) == (
        1.0,
        0.5,
        "permuted",
        "spc",
    )


def test_the_jobs_of_a_cluster_are_told_the_names_of_a_family():
    for task in typed(FAMILY)["study"]["tasks"]:
        target = TargetSpec("train", {"task": task, "method": "rrr", "seed": "1"})
        assert parse_target_jobs_cli_args(encode_target_jobs_cli_args([target])) == [target]


def test_how_it_is_written_makes_no_other_name():
    text = FAMILY.replace(
        "{mask.budget: [0.5, 1.0e-1], ratio: [0.7, 1]}", "{ratio: [7e-1, 1.0], mask.budget: [.5, 0.10]}"
    )
    assert json.dumps(typed(text)) == json.dumps(typed(FAMILY))


def test_a_task_takes_the_hyperparameters_that_it_is_tuned_on():
    config = typed(FAMILY)
    assert tasks.searched_tasks(config) == ["spc"]
    assert {tasks.hyperparameters_of(config, task) for task in config["study"]["tasks"]} == {"spc"}
    settings = vars(study.collect_settings(config))
    assert set(settings["searched"].values()) == {"spc"}
    assert {search.partition("/")[0] for search in settings["made_by"]["tune"]} == {"spc"}
    assert len(settings["made_by"]["train"]) == len(config["study"]["tasks"]) * len(config["study"]["methods"])


def test_a_task_may_be_searched_though_its_base_is_tuned_on_another():
    config = typed(
        "study: {tasks: [a, b, c]}\n"
        "tasks: {a: {of: spc, ratio: 0.8, tuned_on: spc}, b: {of: a, tuned_on: null}, c: {of: a, tuned_on: b}}"
    )
    assert [tasks.hyperparameters_of(config, task) for task in "abc"] == ["spc", "b", "b"]
    assert tasks.derive_tasks(config) == config
    released = study.release_settings(config, [], {}).config
    assert released["tasks"]["b"] == {"of": "a", "tuned_on": None}
    assert configuration.typed(over(released, PAPER))["tasks"] == config["tasks"]


def test_the_search_of_a_task_that_is_not_run_is_planned_with_its_sources():
    config = typed("study: {tasks: [a]}\ntasks: {a: {of: vpc, tuned_on: spc, labels: permuted}}")
    assert tasks.used_tasks(config) == ["a", "spc"]
    assert tasks.searched_tasks(config) == ["spc"]


def test_tables_of_searches_are_of_the_tasks_that_are_searched():
    config = typed("study: {tasks: [a, vpc]}\ntasks: {a: {of: vpc, tuned_on: spc, labels: permuted}}")
    shown = study.results_settings(config)
    made = ["runs.csv", "trials.csv", "searches.csv", "localisation.csv"]
    asked = study.described_analyses(config)
    tables, figures = items.tables(shown, made, asked), items.figures(shown, made, asked)
    assert figures["figure_a1"].tasks == tables["hyperparameters"].tasks == ("spc", "vpc")
    assert {name for name in figures if name.startswith("hyperparameters_")} == {
        "hyperparameters_spc",
        "hyperparameters_vpc",
    }
    assert tables["a"].tasks == ("a",)
    assert tables["hyperparameters"].settings(shown, "")["tasks"].keys() == {"spc", "vpc"}
    alone = study.results_settings(typed("study: {tasks: [vpc]}"))
    assert tables["vpc"].settings(shown, "") == items.tables(alone, made, asked)["vpc"].settings(alone, "")


def test_published_hyperparameters_are_those_of_the_task_that_one_is_tuned_on():
    config = typed(FAMILY + "tuning: {mode: published}")
    assert study.collect_settings(config).made_by["tune"].keys() == {
        f"spc/{method}" for method in PAPER["study"]["methods"]
    }


def test_labels_and_stop_reach_training_and_its_search_only_where_they_are_said():
    config = typed(FAMILY)
    for select in (study.train_settings, study.tune_settings):
        permuted, plain = (select(config, task, "rrr") for task in ("spc_permuted", "spc"))
        assert (permuted.labels, permuted.stop) == ("permuted", {"train_accuracy": 0.95})
        assert (plain.labels, plain.stop) == ("as_they_are", {})
    drawn = [vars(study.split_settings(config, task)) | {"task": ""} for task in ("spc_permuted", "spc")]
    assert drawn[0] == drawn[1], "labels are permuted in training, not in the split"


def test_a_derived_task_changes_nothing_of_the_others():
    def handed(config):
        names = PAPER["study"]["tasks"]
        selects = (study.split_settings, study.plan_settings)
        runs = [select(config, name, "rrr") for select in (study.train_settings, study.tune_settings) for name in names]
        asked = [study.analysis_settings(config, analysis, name, 451) for analysis in ANALYSES for name in names]
        return [*(select(config, name) for select in selects for name in names), *runs, *asked]

    alone = configuration.typed(copy.deepcopy(PAPER))
    assert handed(typed("study: {tasks: [spc, spc_dose]}" + FAMILY.partition("]}")[2])) == handed(alone)


def test_a_released_configuration_makes_the_same_study():
    config = typed(FAMILY)
    released = study.release_settings(config, [], {}).config
    again = configuration.typed(over(released, PAPER))
    assert again["study"] == config["study"]
    assert {name: again["tasks"][name] for name in config["study"]["tasks"]} == {
        name: config["tasks"][name] for name in config["study"]["tasks"]
    }
    assert leaves(released["tasks"]["spc_permuted"]) == {
        "of": "spc", "labels": "permuted", "stop.train_accuracy": 0.95, "tuned_on": "spc",
    }  # fmt: skip


@pytest.mark.parametrize(
    "family",
    [
        "{of: synthetic, each: {ratio: [0.5, 1.0]}, tuned_on: synthetic}",
        "{of: synthetic, each: {ratio: [0.5, 1.0]}}",
        "{of: synthetic, each: {selection: [shifted, balanced], mask.budget: [0.5, 1]}, tuned_on: synthetic}",
    ],
)
def test_a_released_family_may_have_a_member_like_its_base(family):
    config = typed(f"study: {{tasks: [f]}}\ntasks: {{f: {family}}}")
    again = configuration.typed(over(study.release_settings(config, [], {}).config, PAPER))
    assert again["study"] == config["study"]
    assert {name: again["tasks"][name] for name in config["study"]["tasks"]} == {
        name: config["tasks"][name] for name in config["study"]["tasks"]
    }


def test_a_release_holds_all_that_its_tasks_name():
    config = typed(
        "study: {tasks: [b]}\ntasks: {mine: {of: vpc, ratio: 0.7}, a: {of: spc, labels: permuted, tuned_on: mine}, "
        "b: {of: a, ratio: 0.8, tuned_on: spc}}"
    )
    released = study.release_settings(config, [], {}).config
    assert released["tasks"].keys() == {"b", "spc", "a", "mine", "vpc"}
    assert configuration.typed(over(released, PAPER))["tasks"] == config["tasks"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tasks: {a: {of: spx}}", "tasks.a.of: is 'spx'; allowed are no_spc, no_vpc, spc, synthetic, vpc"),
        ("tasks: {a: {of: a}}", "tasks.a.of: is 'a', which leads in a circle (a, a); name one outside of it"),
        ("tasks: {a: {of: b}, b: {of: a}}", "tasks.b.of: is 'a', which leads in a circle (a, b, a)"),
        ("tasks: {a: {of: 5}}", "tasks.a.of: is 5, which is no text"),
        ("tasks: {a: {of: [spc]}}", 'tasks.a.of: is ["spc"]; allowed is text'),
        ("tasks: {a: {of: spc}}", "tasks.a: differs from spc in nothing; say what differs"),
        ("tasks: {a: {of: spc, tuned_on: spc}}", "tasks.a: differs from spc in nothing"),
        ("tasks: {a: {of: spc, tuned_on: null}}", "tasks.a: differs from spc in nothing"),
        (
            "tasks: {a: {of: spc, ratio: 0.8, tuned_on: spc}, b: {of: a, tuned_on: spc}}",
            "tasks.b: differs from a in nothing",
        ),
        ("tasks: {a: {of: null, ratio: 0.8}}", "tasks.a.of: is null, where text is expected"),
        ("tasks: {a: {of: spc, ratio: 0.9}}", "tasks.a.ratio: is 0.9, as in spc; leave it out"),
        ("tasks: {a: {of: spc, ratio: 0.7, control: No Finding}}", "tasks.a.control: is 'No Finding', as in spc"),
        ("tasks: {a: {of: spc, ratio: 0.7, selection: shifted}}", "tasks.a.selection: is 'shifted', as in spc"),
        ("tasks: {a: {of: spc, labels: as_they_are}}", "tasks.a.labels: is 'as_they_are', as in spc"),
        ("tasks: {a: {of: spc, mask: {semi_axis: 0.3, budget: 1}}}", "tasks.a.mask.budget: is 1.0, as in spc"),
        ("tasks: {a: {of: spc, ratio: 0.7}, b: {of: a, ratio: 0.7}}", "tasks.b.ratio: is 0.7, as in a"),
        ("tasks: {a: {of: spc, each: {ratios: [1]}}}", "tasks.a.each: has the unknown key 'ratios'; allowed are finding"),
        ("tasks: {a: {of: spc, each: {mask: [1]}}}", "tasks.a.each: has the unknown key 'mask'; allowed are finding"),
        ("tasks: {a: {of: spc, each: {of: [vpc]}}}", "tasks.a.each: has the unknown key 'of'; allowed are finding"),
        ("tasks: {a: {of: spc, each: {}}}", "tasks.a.each: is {}; allowed is names with values, at least 1"),
        ("tasks: {a: {of: spc, each: {ratio: []}}}", "tasks.a.each.ratio: is []; allowed is a list at least as long as 1"),
        ("tasks: {a: {of: spc, each: {ratio: 0.7}}}", "tasks.a.each.ratio: is 0.7; allowed is a list"),
        ("tasks: {a: {of: spc, each: {ratio: [1, 1.0]}}}", "tasks.a.each.ratio: is [1.0, 1.0]; allowed is a list without"),
        ("tasks: {a: {of: spc, each: {ratio: [0.7, 1.7]}}}", "tasks.a.each.ratio.1: is 1.7; allowed is at most 1"),
        ("tasks: {a: {of: spc, each: {labels: [mixed]}}}", 'tasks.a.each.labels.0: is "mixed"; allowed are as_they_are'),
        ("tasks: {a: {of: spc, each: {ratio: [0.9]}}}", "tasks.a.each.ratio: is [0.9], as in spc; leave it out"),
        ("tasks: {a: {of: spc, ratio: 1, each: {ratio: [0.7]}}}", "tasks.a.ratio: is given beside each.ratio; leave one"),
        ("tasks: {a: {of: spc, each: {finding: [No Lung]}}}", "tasks.a.each.finding: has 'No Lung', and something is called"),
        ("tasks: {spc: {each: {selection: [balanced]}}}", "tasks.spc.each: goes with of, and only with it"),
        (
            "tasks: {a: {of: spc, each: {ratio: [0.6, 0.7]}}, b: {of: a, labels: permuted}}",
            "tasks.b.of: is 'a', a family of tasks; allowed is one of them, such as a_ratio=0.6",
        ),
        (
            "tasks: {a: {of: spc, each: {ratio: [0.6, 0.7]}}, b: {of: spc, ratio: 1, tuned_on: a}}",
            "tasks.b.tuned_on: is 'a', a family of tasks",
        ),
        (
            "tasks: {a: {of: spc, each: {ratio: [0.6, 0.7]}}, a_ratio=0.6: {of: spc, ratio: 0.5}}",
            "tasks.a_ratio=0.6: is given twice, once in a family; rename one of them",
        ),
        (
            "tasks: {a: {of: spc, each: {ratio: [0.6]}}, a_ratio: {of: spc, each: {ratio: [0.6]}}}",
            "tasks.a_ratio=0.6: is given twice, once in a family",
        ),
        (
            "{tasks: {a: {of: spc, each: {ratio: [0.6]}}}, study: {tasks: [a_ratio=0.6, a]}}",
            "study.tasks.1: has a_ratio=0.6 a second time; name it once",
        ),
        (
            "{tasks: {a: {of: spc, each: {ratio: [0.6]}}}, study: {tasks: [a_ratio=0.5]}}",
            "study.tasks.0: is 'a_ratio=0.5'; allowed are a, a_ratio=0.6, no_spc, no_vpc, spc",
        ),
        ("tasks: {a: {of: spc, ratio: 1, tuned_on: spx}}", "tasks.a.tuned_on: is 'spx'; allowed are no_spc"),
        ("tasks: {a: {of: spc, ratio: 1, tuned_on: a}}", "tasks.a.tuned_on: is 'a', which leads in a circle (a, a)"),
        (
            "tasks: {a: {of: spc, ratio: 1, tuned_on: b}, b: {of: spc, ratio: 0.7, tuned_on: a}}",
            "tasks.b.tuned_on: is 'a', which leads in a circle (a, b, a)",
        ),
        (
            "{tasks: {a: {of: synthetic, mask: {blur_sigma: 1}, tuned_on: synthetic}}, study: {tasks: [a]}}",
            "tasks.a.mask.blur_sigma: is 1.0, but [0.0, 2.0] in synthetic, on which it is tuned",
        ),
        (
            "{tasks: {a: {of: spc, mask: {blur_sigma: [0, 1]}, tuned_on: spc}}, study: {tasks: [a]}}",
            "tasks.a.mask.blur_sigma: is [0.0, 1.0], but 0.0 in spc, on which it is tuned",
        ),
        ("tasks: {a: {of: spc, stop: {}}}", "tasks.a.stop: is {}; allowed is names with values, at least 1"),
        ("tasks: {a: {of: spc, stop: {step: 1}}}", "tasks.a.stop: has the unknown key 'step'; allowed are patience"),
        ("tasks: {a: {of: spc, stop: {train_accuracy: 95}}}", "tasks.a.stop.train_accuracy: is 95.0; allowed is at most 1"),
        ("tasks: {a: {of: spc, labels: permuted, stop: {patience: 3}}}", "tasks.a.stop.patience: goes by the validation loss"),
        (
            "{tasks: {a: {of: spc, labels: permuted}}, study: {tasks: [a]}}",
            "tasks.a.labels: is permuted, where the validation AUC that a search goes by says nothing; give tuned_on",
        ),
        (
            "{tasks: {a: {of: spc, labels: permuted}, b: {of: spc, ratio: 0.7, tuned_on: a}}, study: {tasks: [b]}}",
            "tasks.a.labels: is permuted, where the validation AUC",
        ),
        ("tasks: {a: {of: spc, sizes: {train: 100}}}", "tasks.a.sizes: lacks the key 'valid'"),
        ("tasks: {a: {of: vpc, mask: {kind: ellipse}}}", "tasks.a.mask.semi_axis: goes with kind ellipse, and only with it"),
        ("tasks: {a b: {of: spc, ratio: 1}}", "tasks: has the unknown key 'a b'; allowed are names like"),
        ("{tasks: {SPC: {of: spc, ratio: 1}}, study: {tasks: [spc, SPC]}}", "study.tasks: has 'SPC' and 'spc', one folder"),
    ],
    ids=lambda value: value[:60],
)  # fmt: skip
def test_one_sentence(text, sentence):
    assert error(text).startswith(f"config: {sentence}")


def test_permuted_labels_need_no_other_task_where_nothing_is_searched():
    text = "{tasks: {a: {of: spc, labels: permuted}}, study: {tasks: [a], methods: [rrr]}, tuning: {mode: given}, "
    typed(text + "methods: {rrr: {hyperparameters: {lr: 0.1, lambda: 1}}}}")


def test_a_dilation_that_no_method_searches_does_not_count():
    typed(
        "{tasks: {a: {of: synthetic, mask: {blur_sigma: 1}, tuned_on: synthetic}}, "
        "study: {tasks: [a], methods: [classification]}}"
    )


def test_where_the_nuisance_is_the_label_names_change_places_and_masks_stay():
    config = typed("""
        study: {tasks: [synthetic, side]}
        tasks: {side: {of: synthetic, labels: nuisance, tuned_on: synthetic}}
    """)
    words = {"finding": "left", "control": "right", "groups": ["two crosses", "one cross"]}
    assert study.task_in_words(config, "side") == words
    assert study.tabulate_settings(config).tasks["side"] == words
    shown = study.results_settings(config)["tasks"]
    assert {key: shown["side"][key] for key in words} == words
    assert (shown["side"]["nuisance"], shown["side"]["labels"]) == ("finding", "nuisance")
    assert shown["synthetic"]["nuisance"] == "side of the box"
    assert "labels" not in shown["synthetic"]
    own, base = (vars(study.split_settings(config, task)) for task in ("side", "synthetic"))
    assert (own["exchanged"], base["exchanged"]) == (True, False)
    assert {key for key in own if own[key] != base[key]} == {"task", "exchanged"}
    assert study.plan_settings(config, "side").exchanged
    training, of_base = (vars(study.train_settings(config, task, "rrr")) for task in ("side", "synthetic"))
    assert {key for key in training if training[key] != of_base[key]} == {"task", "labels"}


def test_the_nuisance_may_be_searched_for_unlike_permuted_labels():
    assert tasks.searched_tasks(typed("study: {tasks: [side]}\ntasks: {side: {of: vpc, labels: nuisance}}")) == ["side"]


SIGNALS = """
study: {tasks: [tag, stripe, clean, tag_share]}
tasks:
  tag: {of: spc, signal: {kind: tag, area: 0.02}, tuned_on: spc}
  stripe: {of: tag, signal: {kind: stripe, of: negatives}}
  tag_share: {of: tag, each: {signal.share: [0, 0.5]}}
  clean: {of: tag, signal: {kind: none}}
"""


def test_a_signal_is_a_condition_of_a_task_whole_where_it_is_read():
    config = typed(SIGNALS)
    found = {task: tasks.signal_settings(config, task) for task in config["study"]["tasks"]}
    assert found == {
        "tag": {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.02},
        "stripe": {"kind": "stripe", "share": 1.0, "of": "negatives"},
        "clean": None,
        "tag_signal.share=0": {"kind": "tag", "share": 0.0, "of": "positives", "area": 0.02},
        "tag_signal.share=0.5": {"kind": "tag", "share": 0.5, "of": "positives", "area": 0.02},
    }
    for task, signal in found.items():
        assert study.train_settings(config, task, "classification").signal == signal
        assert study.analysis_settings(config, "reliance", task, 1234).signal == signal


def test_readers_are_asked_of_tasks_with_a_signal_and_told_which_class_carries_it():
    config = typed(SIGNALS)
    control = config["tasks"]["spc"]["control"]
    words = {"finding": "Cardiomegaly", "control": control}
    of_tag = words | {"signal": "tag", "aligned": "Cardiomegaly"}
    assert study.reader_settings(config).tasks == {
        "tag": of_tag, "stripe": words | {"signal": "stripe", "aligned": control}, "tag_signal.share=0.5": of_tag,
    }  # fmt: skip
    assert study.reader_settings(config).seed == config["study"]["seeds"][0]


def test_no_reader_is_asked_of_a_control():
    config = typed(SIGNALS + "saliency: {attributions: [gradient, edges, random]}")
    assert study.reader_settings(config).controls == ["edges", "random"]


def test_permuted_labels_have_no_signal():
    said = error("study: {tasks: [b]}\ntasks: {b: {of: spc, labels: permuted, signal: {kind: tag}, tuned_on: spc}}")
    assert said.startswith("config: tasks.b.signal: goes along with a class, which permuted labels are not")


def test_a_tag_is_as_large_where_another_signal_is_trained_as_where_a_task_does_not_say():
    assert of_kind({"kind": "blur"}, "tag")["area"] == tasks.DEFAULTS["signal.area"]
    assert of_kind({"kind": "tag", "area": 0.2}, "tag")["area"] == 0.2


def test_only_a_tag_has_an_area():
    with pytest.raises(StudyError, match=r"tasks.b.signal.area: goes with kind tag, and only with it"):
        typed("study: {tasks: [b]}\ntasks: {b: {of: spc, signal: {kind: blur, area: 0.1}}}")
    with pytest.raises(StudyError, match=r"tasks.b.signal: lacks the key 'kind'"):
        typed("study: {tasks: [b]}\ntasks: {b: {of: spc, signal: {share: 0.1}}}")
