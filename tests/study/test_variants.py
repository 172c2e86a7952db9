"""Variants of methods stand beside the method that they are of."""

import copy

import pytest
import yaml
from conftest import ROOT
from red_herring.runtime.files import StudyError
from red_herring.runtime.provenance import method_code_digest
from red_herring.study import configuration, variants
from red_herring.study import settings as study
from red_herring.study.defaults import over
from red_herring.study.space import fixed_hyperparameters, search_space
from snakemake.utils import update_config

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def typed(text: str) -> dict:
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(text))
    return configuration.typed(config)


STUDY = """
study: {methods: [gradmask, released, narrow, masked, zero]}
methods:
  gradmask: {search: {lambda: [0.1, 1]}}
  released: {of: gradmask, options: {norm: l1}}
  narrow: {of: released, search: {lr: [1.0e-4, 1.0e-3]}}
  zero: {of: masked, options: {background: zero}, title: Masked as released}
"""


def test_a_variant_takes_all_else_of_the_method_that_it_is_of():
    config = typed(STUDY)
    assert {name: variants.file_of(config, name) for name in config["study"]["methods"]} == {
        "gradmask": "gradmask", "released": "gradmask", "narrow": "gradmask", "masked": "masked", "zero": "masked",
    }  # fmt: skip
    assert config["methods"]["narrow"] == {
        "of": "released", "options": {"norm": "l1"}, "search": {"lambda": [0.1, 1.0], "lr": [1e-4, 1e-3]},
    }  # fmt: skip
    assert search_space(config, "spc", "narrow") == {
        "lr": ["log-uniform", 1e-4, 1e-3],
        "lambda": ["log-uniform", 0.1, 1.0],
    }
    assert search_space(config, "spc", "released") == search_space(config, "spc", "gradmask")


def test_its_file_is_trained_and_its_name_recorded():
    config = typed(STUDY)
    for select, stage in ((study.train_settings, "train"), (study.tune_settings, "tune")):
        settings, base = (select(config, "spc", method) for method in ("released", "gradmask"))
        assert (settings.method, settings.file, settings.options) == ("released", "gradmask", {"norm": "l1"})
        assert (base.method, base.file, base.options) == ("gradmask", "gradmask", {})
        assert settings.guidance == base.guidance is not None
        assert method_code_digest(stage, settings.file) == method_code_digest(stage, "gradmask")
    made = study.collect_settings(config).made_by
    assert made["train"]["spc/released"] != made["train"]["spc/gradmask"]


def test_published_hyperparameters_are_those_of_its_file():
    config = typed("{methods: {m: {of: rrr, title: Mine, search: {lr: [0.1, 1]}}}, tuning: {mode: published}}")
    assert fixed_hyperparameters(config, "vpc", "m") == fixed_hyperparameters(config, "vpc", "rrr")


def test_a_title_says_what_differs():
    config = typed(STUDY)
    assert [variants.title_of(config, name) for name in config["study"]["methods"]] == [
        "GradMask", "GradMask (norm l1)", "GradMask (norm l1, lr 0.0001 to 0.001)", "Masked", "Masked as released",
    ]  # fmt: skip
    config["methods"]["released"]["title"] = "GradMask*"
    assert variants.title_of(config, "narrow") == "GradMask* (lr 0.0001 to 0.001)"
    assert variants.card_of(config, "narrow").citation == variants.card_of(config, "gradmask").citation


def test_a_title_says_nothing_that_the_mode_does_not_read():
    text = """
    study: {tasks: [spc], methods: [rrr, gradmask, both]}
    methods:
      gradmask: {hyperparameters: {lr: 0.1, lambda: 1}}
      rrr: {hyperparameters: {lr: 0.1, lambda: 1}}
      both: {of: gradmask, options: {norm: l1}, search: {lr: [1.0e-4, 1.0e-3]}, hyperparameters: {lr: 0.001}}
    tuning: {mode: MODE}
    """
    titles = {
        mode: variants.title_of(typed(text.replace("MODE", mode)), "both") for mode in ("search", "published", "given")
    }
    assert titles == {
        "search": "GradMask (norm l1, lr 0.0001 to 0.001)",
        "published": "GradMask (norm l1)",
        "given": "GradMask (norm l1, lr 0.001)",
    }


@pytest.mark.parametrize(
    ("mode", "own", "only"),
    [
        ("search", "hyperparameters: {lr: 0.001}", "hyperparameters"),
        ("search", "title: Mine, options: {}, hyperparameters: {lr: 0.001}", "hyperparameters"),
        ("given", "search: {lr: [1.0e-4, 1.0e-3]}", "search"),
        ("published", "search: {lr: [1.0e-4, 1.0e-3]}", "search"),
        ("published", "search: {lr: [1.0e-4, 1.0e-3]}, hyperparameters: {lr: 0.001}", "search and hyperparameters"),
    ],
)
def test_a_variant_of_a_study_differs_in_what_the_mode_reads(mode, own, only):
    given = "hyperparameters: {lr: 0.1, lambda: 1}"
    text = f"{{methods: {{rrr: {{{given}}}, m: {{of: rrr, {own}}}}}, tuning: {{mode: {mode}}}, study: {{tasks: [spc], methods: METHODS}}}}"
    with pytest.raises(StudyError) as caught:
        typed(text.replace("METHODS", "[rrr, m]"))
    assert str(caught.value) == (
        f"config: methods.m: differs from rrr only in {only}, not read where tuning.mode is {mode!r}; say what else "
        "differs or change the mode"
    )
    assert variants.title_of(typed(text.replace("METHODS", "[rrr]")), "rrr") == "RRR", "it may wait for another mode"


def test_a_variant_changes_nothing_of_the_others():
    alone = typed("methods: {gradmask: {search: {lambda: [0.1, 1]}}}")
    config = typed(STUDY)
    for method in ("gradmask", "masked"):
        for select in (study.train_settings, study.tune_settings):
            assert select(config, "spc", method) == select(alone, "spc", method)


def test_derived_twice_is_derived_once_and_a_release_holds_what_was_written():
    config = typed(STUDY)
    assert variants.derive_methods(config["methods"]) == config["methods"]
    released = study.release_settings(config, [], {}).config
    assert released["methods"] == {
        "gradmask": {"search": {"lambda": [0.1, 1.0]}}, "released": {"of": "gradmask", "options": {"norm": "l1"}},
        "narrow": {"of": "released", "search": {"lr": [1e-4, 1e-3]}},
        "zero": {"of": "masked", "options": {"background": "zero"}, "title": "Masked as released"},
    }  # fmt: skip
    assert configuration.typed(over(released, PAPER))["methods"] == config["methods"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("methods: {m: {of: rr}}", "methods.m.of: is 'rr'; allowed are actdiff, adversarial"),
        ("methods: {m: {of: m}}", "methods.m.of: is 'm', which leads in a circle (m, m); name one outside of it"),
        ("methods: {m: {of: n}, n: {of: m}}", "methods.n.of: is 'm', which leads in a circle (m, n, m)"),
        ("methods: {m: {of: [rrr]}}", "methods.m.of: is ['rrr']; allowed are actdiff"),
        ("methods: {rrr: {of: gradmask}}", "methods.rrr.of: rrr is a method by itself; call the variant otherwise"),
        ("methods: {m m: {of: rrr}}", "methods: has the name 'm m'; allowed are letters, digits and _"),
        ("methods: {1: {of: rrr}}", "methods: has the name 1; allowed are letters"),
        ("methods: {m: {of: gradmask}}", "methods.m: differs from gradmask in nothing; say what differs"),
        ("methods: {m: {of: gradmask, title: Mine}}", "methods.m: differs from gradmask in nothing"),
        ("methods: {m: {of: gradmask, options: {norm: l2}}}", "methods.m.options.norm: is 'l2', as in gradmask; leave it out"),
        ("methods: {m: {of: rrr, search: {lr: [1.0e-5, 0.01]}}}", "methods.m.search.lr: is [1e-05, 0.01], as in rrr"),
        (
            "methods: {m: {of: gradmask, options: {norm: l1}}, n: {of: m, options: {norm: l1}}}",
            "methods.n.options.norm: is 'l1', as in m",
        ),
        ("methods: {m: {of: gradmask, options: {norm: l3}}}", 'methods.m.options.norm: is "l3"; allowed are l2, l1'),
        ("methods: {m: {of: gradmask, options: {norms: l1}}}", "methods.m.options: has the unknown key 'norms'"),
        ("methods: {m: {options: {norm: l1}}}", "methods: has the unknown key 'm'; allowed are actdiff"),
        ("methods: {rrr: {title: Mine}}", "methods.rrr: has the unknown key 'title'; allowed are options"),
        ("study: {methods: [m]}", 'study.methods.0: is "m"; allowed are actdiff'),
        (
            "{methods: {m: {of: gradmask, options: {norm: l1}, title: RRR}}, study: {methods: [rrr, m]}}",
            "methods: rrr and m are both called 'RRR' in tables; give one a `title`",
        ),
        (
            "{methods: {m: {of: gradmask, options: {norm: l1}}, n: {of: gradmask, options: {norm: l1}}}, "
            "study: {methods: [m, n]}}",
            "methods: m and n are both called 'GradMask (norm l1)' in tables",
        ),
        (
            "{methods: {RRR: {of: gradmask, options: {norm: l1}}}, study: {methods: [rrr, RRR]}}",
            "study.methods: has 'RRR' and 'rrr', one folder to some disks",
        ),
    ],
    ids=lambda value: value[:60],
)  # fmt: skip
def test_one_sentence(text, sentence):
    with pytest.raises(StudyError) as caught:
        typed(text)
    assert str(caught.value).startswith(f"config: {sentence}")


def test_what_a_method_is_told_counts_the_sampling_of_its_batches_and_a_step_on_validation_images():
    config = typed("""
study: {methods: [classification, resampling, even, coral, shuffled, dfr, reweighting]}
methods:
  resampling: {of: classification, title: Resampling, options: {sampling: groups}}
  even: {of: actdiff, options: {sampling: groups}}
  shuffled: {of: coral, options: {sampling: shuffled}}
""")
    assert {name: about["uses"] for name, about in study.results_settings(config)["methods"].items()} == {
        "classification": [],
        "resampling": ["groups"],
        "even": ["masks", "groups"],
        "coral": ["groups"],
        "shuffled": ["groups"],
        "dfr": ["groups of validation images"],
        "reweighting": ["groups"],
    }


def test_a_step_on_validation_images_comes_on_top_of_sampling_by_groups():
    config = typed("""
study: {methods: [classification, dfr, even]}
methods: {even: {of: dfr, options: {sampling: groups}}}
""")
    assert study.results_settings(config)["methods"]["even"]["uses"] == ["groups", "groups of validation images"]
