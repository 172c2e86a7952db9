"""Which methods run on which tasks, which searches they take, and what is left out."""

import copy
import shutil

import pytest
import yaml
from conftest import ROOT
from red_herring.report import scores
from red_herring.runtime.files import StudyError
from red_herring.study import catalogue, configuration, pairs, schema
from red_herring.study import settings as study
from snakemake.utils import update_config

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

NEEDY = """TITLE = "Needs {split}"
APPROACH = "Group robustness"
CITATION = ""
USES = ["groups"]
HYPERPARAMETERS = {{}}
NEEDS_CELLS = "{split}"
"""


@pytest.fixture(autouse=True)
def methods(tmp_path, monkeypatch):
    """The methods of the checkout, and two more that need all cells of training and of validation."""
    folder = shutil.copytree(catalogue.METHODS, tmp_path / "methods")
    for split in ("train", "valid"):
        (folder / f"needs_{split}.py").write_text(NEEDY.format(split=split), encoding="utf-8")
    monkeypatch.setattr(catalogue, "METHODS", folder)
    caches = (catalogue.method_card, schema._full_schema)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def typed(text: str) -> dict:
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(text))
    return configuration.typed(config)


def error(text: str) -> str:
    with pytest.raises(StudyError) as caught:
        typed(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_method_runs_on_every_task_unless_it_is_said_otherwise():
    config = typed("{}")
    tasks, methods = PAPER["study"]["tasks"], PAPER["study"]["methods"]
    assert pairs.pairs(config) == pairs.searches(config) == [(task, method) for task in tasks for method in methods]
    assert pairs.notices(config) == []


def test_a_task_names_its_methods_which_what_is_derived_from_it_inherits():
    config = typed("""
        study: {tasks: [vpc, few, fewer], methods: [classification, masked, actdiff]}
        tasks:
          few: {of: vpc, each: {mask.budget: [0.1, 0.5]}, methods: [actdiff, masked], tuned_on: vpc}
          fewer: {of: few_mask.budget=0.1, ratio: 0.7, methods: [masked]}
    """)
    assert pairs.pairs(config) == [
        *(("vpc", method) for method in ("classification", "masked", "actdiff")),
        *((f"few_mask.budget={share}", method) for share in (0.1, 0.5) for method in ("masked", "actdiff")),
        ("fewer", "masked"),
    ]
    assert pairs.searches(config) == [("vpc", method) for method in ("classification", "masked", "actdiff")]


def test_a_search_is_made_where_a_task_is_tuned_also_for_methods_that_do_not_run_there():
    config = typed("""
        study: {tasks: [vpc, few], methods: [classification, masked, actdiff]}
        tasks:
          vpc: {methods: [classification]}
          few: {of: vpc, ratio: 0.7, methods: [masked, actdiff], tuned_on: vpc}
    """)
    assert pairs.searches(config) == [("vpc", method) for method in ("classification", "masked", "actdiff")]
    settings = study.collect_settings(config)
    assert settings.tasks == {"vpc": ["classification"], "few": ["masked", "actdiff"]}
    assert list(settings.made_by["train"]) == ["vpc/classification", "few/masked", "few/actdiff"]
    assert (
        list(settings.made_by["tune"]) == list(settings.spaces) == [f"vpc/{name}" for _, name in pairs.searches(config)]
    )
    shown = study.results_settings(config)
    assert list(scores.methods_of(shown, "vpc")) == ["classification"]
    assert shown["searches"]["vpc"]["methods"] == ["classification", "masked", "actdiff"]


@pytest.mark.parametrize(
    ("task", "train", "valid"),
    [
        ("ratio: 1.0", [0, 0], [0, 0]),
        ("ratio: 1.0, selection: balanced", [0, 0], []),
        ("ratio: 1.0, selection: in_distribution", [0, 0], [0, 0]),
        ("ratio: 0.99", [], []),
        ("ratio: 0.98, sizes: {train: 40, valid: 100, test: 100}", [0, 0], [1, 1]),
        ("ratio: 0.98, sizes: {train: 100, valid: 200, test: 200}", [1, 1], []),
        ("ratio: 0.98, sizes: {train: 200, valid: 200, test: 200}", [], []),
        ("ratio: 0.98, sizes: {train: 500, valid: 16, test: 16}", [], [0, 0]),
        ("ratio: 0.98, sizes: {train: 500, valid: 16, test: 16}, selection: balanced", [], []),
    ],
)
def test_cells_in_which_ratio_selection_and_sizes_leave_too_few_images(task, train, valid):
    """Fewer than two, of which each half of validation must have some."""
    config = typed(f"study: {{tasks: [mine]}}\ntasks: {{mine: {{of: vpc, {task}}}}}")
    assert [pairs.small_cells(config, "mine", split) for split in ("train", "valid")] == [train, valid]


def test_a_cell_of_one_image_is_not_called_empty():
    sizes = "{train: 500, valid: 128, test: 240}"
    config = typed(
        "study: {tasks: [vpc, mine], methods: [classification, needs_valid]}\n"
        f"tasks: {{mine: {{of: vpc, ratio: 0.98, sizes: {sizes}}}}}"
    )
    (said,) = pairs.notices(config)
    assert said.endswith("in validation, and ratio 0.98, selection shifted leaves 2 with one image or none.")


TWO = """
    study: {tasks: [vpc, whole], methods: [classification, needs_train, needs_valid]}
    tasks: {whole: {of: vpc, ratio: 1.0}}
"""


def test_a_method_without_its_cells_is_left_out_and_said_to_be():
    config = typed(TWO)
    assert pairs.pairs(config)[-1] == ("whole", "classification")
    assert len(pairs.pairs(config)) == len(pairs.searches(config)) == 4
    needs = "it needs images in all four cells of nuisance and label in"
    assert pairs.notices(config) == [
        f"needs_train is left out of whole: {needs} training, and ratio 1 leaves 2 empty.",
        f"needs_valid is left out of whole: {needs} validation, and ratio 1, selection shifted leaves 2 empty.",
    ]
    shown = study.results_settings(config)
    assert scores.left_out_note(shown) == (
        f"Needs train is left out of whole: {needs} training, and ratio 1 leaves 2 empty. "
        f"Needs valid is left out of whole: {needs} validation, and ratio 1, selection shifted leaves 2 empty."
    )
    assert list(shown["searches"]["whole"]["left_out"]) == ["needs_train", "needs_valid"]


def test_permuted_labels_leave_no_cell_of_training_empty_and_those_of_validation_as_they_are():
    config = typed("""
        study: {tasks: [vpc, whole], methods: [classification, needs_train, needs_valid]}
        tasks: {whole: {of: vpc, ratio: 1.0, labels: permuted, stop: {steps: 9}, tuned_on: vpc}}
    """)
    assert [pairs.small_cells(config, "whole", split) for split in ("train", "valid")] == [[], [0, 0]]
    assert pairs.methods_on(config, "whole") == ["classification", "needs_train"]
    (said,) = pairs.notices(config)
    assert said.startswith("needs_valid is left out of whole: ")


def test_what_a_task_does_not_ask_for_is_not_left_out():
    config = typed(TWO.replace("ratio: 1.0", "ratio: 1.0, methods: [classification, needs_valid]"))
    assert [notice.split()[0] for notice in pairs.notices(config)] == ["needs_valid"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: {vpc: {methods: []}}", "tasks.vpc.methods: is []; allowed is a list at least as long as 1"),
        ("tasks: {vpc: {methods: [rrr, rrr]}}", 'tasks.vpc.methods: is ["rrr", "rrr"]; allowed is a list without'),
        ("tasks: {vpc: {methods: [rr]}}", 'tasks.vpc.methods.0: is "rr"; allowed are actdiff, '),
        ("tasks: {mine: {of: vpc, methods: rrr, ratio: 0.7}}", 'tasks.mine.methods: is "rrr"; allowed is a list'),
        (
            "{study: {tasks: [vpc], methods: [classification]}, tasks: {vpc: {methods: [classification, rrr]}}}",
            "tasks.vpc.methods.1: is 'rrr', which is not in study.methods; allowed are classification",
        ),
        (
            "tasks: {a: {of: vpc, ratio: 0.7, methods: [rrr]}, b: {of: a, ratio: 0.8, methods: [rrr]}}",
            "tasks.b.methods: is ['rrr'], as in a; leave it out",
        ),
        ("tasks: {a: {of: vpc, methods: [rrr]}}", "tasks.a: differs from vpc in nothing but its methods;"),
        ("tasks: {a: {of: vpc, each: {methods: [[rrr]]}}}", "tasks.a.each: has the unknown key 'methods'"),
        (
            "{study: {tasks: [vpc]}, tasks: {vpc: {methods: [classification]}}}",
            "study.methods.1: is 'masked', which runs on no task of the study: no task has it among its `methods`",
        ),
        (
            "{study: {tasks: [vpc], methods: [classification, needs_train]}, tasks: {vpc: {ratio: 1.0}}}",
            "study.methods.1: is 'needs_train', which runs on no task of the study: on vpc it needs images in all four",
        ),
        (
            "{study: {tasks: [vpc, spc], methods: [classification, needs_train]}, "
            "tasks: {vpc: {ratio: 1.0, methods: [needs_train]}}}",
            "tasks.vpc: none of its methods can run on it: of needs_train, it needs images in all four cells",
        ),
        (
            "{study: {tasks: [a], methods: [classification, needs_valid]}, "
            "tasks: {vpc: {ratio: 1.0}, a: {of: vpc, ratio: 0.9, tuned_on: vpc}}}",
            "tasks.a.tuned_on: is 'vpc', where needs_valid cannot be tuned: it needs images in all four cells",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text, said):
    assert f"config: {said}" in error(text)


def test_hyperparameters_that_are_given_need_no_cells():
    config = typed("""
        study: {tasks: [a], methods: [classification, needs_valid]}
        tasks: {vpc: {ratio: 1.0}, a: {of: vpc, ratio: 0.9, tuned_on: vpc}}
        tuning: {mode: given}
        methods: {classification: {hyperparameters: {lr: 1.0e-3}}, needs_valid: {hyperparameters: {lr: 1.0e-3}}}
    """)
    assert pairs.searches(config) == [("vpc", "classification"), ("vpc", "needs_valid")]
    assert study.results_settings(config)["searches"]["vpc"]["left_out"] == {}


def test_a_method_may_not_need_other_cells(tmp_path):
    (catalogue.METHODS / "mine.py").write_text(NEEDY.format(split="test"), encoding="utf-8")
    with pytest.raises(
        StudyError, match=r"^methods/mine\.py: NEEDS_CELLS is 'test', expected one of \('train', 'valid'\)"
    ):
        catalogue.method_card("mine")


def test_the_cost_of_a_study_that_trains_in_stages_stops_or_is_given():
    config = typed("""
        study: {tasks: [vpc, b], methods: [classification, jtt], seeds: [1, 2]}
        tasks: {b: {of: vpc, ratio: 0.7, tuned_on: vpc, stop: {steps: 90}}}
        methods: {jtt: {search: {first_epochs: [2, 7]}}}
        tuning: {patience: null}
    """)
    jobs = {"tune": [2, 0]}
    settings = study.cost_settings(config, jobs, 4, 0)
    assert settings.extra_epochs == {"jtt": 7}
    assert settings.tasks["b"] == {"sizes": None, "size": 224, "steps": 90, "searched": "vpc"}
    assert (settings.trials, settings.seeds, settings.may_stop) == (25, 2, False)
    assert settings.searches == [["vpc", "classification"], ["vpc", "jtt"]]
    patient = typed("training: {patience: 5}")
    assert study.cost_settings(patient, jobs, 4, 0).may_stop
    never = typed("{training: {patience: 500}, tuning: {patience: null}}")
    assert not study.cost_settings(never, jobs, 4, 0).may_stop
    given = typed("{study: {tasks: [vpc]}, tuning: {mode: published}}")
    assert study.cost_settings(given, jobs, 4, 0).trials == 0
