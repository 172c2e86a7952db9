"""Of which runs an analysis is asked, which other runs it is given, and what is refused before anything runs."""

import copy
import shutil

import pytest
import yaml
from conftest import ROOT
from red_herring.report import items
from red_herring.report.scores import left_out_note
from red_herring.runtime.files import StudyError
from red_herring.runtime.typed_json import dumped, loaded
from red_herring.study import catalogue, configuration, pairs, schema
from red_herring.study import settings as study
from red_herring.study.stage_settings import Analysing, AnalysingBeside
from snakemake.utils import update_config

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CARD = 'TITLE = "{name}"\nCITATION = ""\nCOLUMNS = {{"x": "a number"}}\n{more}\n'
CARDS = {
    "plain": "",
    "paired": 'NEEDS = ["base_run"]\nOF_TASKS = {"labels": "permuted"}',
    "agreeing": 'NEEDS = ["saliency", "other_seed"]',
    "both": 'NEEDS = ["base_run", "other_seed"]',
}
STUDY = """
    study:
      tasks: [vpc, permuted, spc]
      methods: [classification, masked, rrr]
      seeds: [5, 3, 9]
      analyses: [localisation, plain, paired, agreeing, both]
    tasks:
      vpc: {methods: [classification, rrr]}
      permuted: {of: vpc, labels: permuted, methods: [classification, masked], tuned_on: spc, mask: {budget: 0.5}}
"""


@pytest.fixture(autouse=True, scope="module")
def analyses(tmp_path_factory):
    """The analyses of the checkout, and some more that are files with nothing but a card."""
    folder = shutil.copytree(catalogue.ANALYSES, tmp_path_factory.mktemp("cards") / "analyses")
    for name, more in CARDS.items():
        (folder / f"{name}.py").write_text(CARD.format(name=name, more=more), encoding="utf-8")
    caches = (catalogue.analysis_card, schema._full_schema)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(catalogue, "ANALYSES", folder)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


def typed(text: str, more: str = "{}") -> dict:
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(text))
    update_config(config, yaml.safe_load(more))
    return configuration.typed(config)


def error(text: str, more: str = "{}") -> str:
    with pytest.raises(StudyError) as caught:
        typed(text, more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_analysis_that_says_nothing_of_it_is_asked_of_every_run():
    config = typed(STUDY)
    for analysis in ("localisation", "plain", "agreeing"):
        assert pairs.analysed(config, analysis) == pairs.pairs(config)
        assert study.collect_analysis_settings(config, analysis).tasks == study.collect_settings(config).tasks
        assert "asked" not in study.described_analyses(config)[analysis]


def test_one_that_needs_the_base_run_is_asked_where_the_study_has_it_and_the_rest_is_told():
    config = typed(STUDY)
    assert pairs.analysed(config, "paired") == pairs.analysed(config, "both") == [("permuted", "classification")]
    why = "it is compared with its run on vpc, which the study does not have"
    assert pairs.without_base(config, "paired", "permuted") == {"masked": why}
    assert pairs.without_base(config, "paired", "spc") == {}
    assert pairs.notices(config) == [
        f"{name} is not asked of masked on permuted: {why}." for name in ("paired", "both")
    ]


@pytest.mark.parametrize(
    ("own", "notice"),
    [
        ("of: permuted, mask: {budget: 0.1}", "its run on permuted, which has labels permuted, not as_they_are."),
        ("of: spc, labels: permuted, ratio: 0.7", "its run on spc, which has another ratio."),
        ("of: side, labels: permuted", "its run on side, which has labels nuisance, not as_they_are."),
        ("of: spc, labels: permuted", ""),
    ],
)  # fmt: skip
def test_permuted_labels_are_compared_with_those_that_are_as_they_are_of_the_same_images_alone(own, notice):
    more = f"""
        study: {{tasks: [vpc, permuted, spc, side, again]}}
        tasks: {{side: {{of: spc, labels: nuisance}}, again: {{{own}, tuned_on: spc}}}}
    """
    config = typed(STUDY, more)
    assert ("again" in {task for task, _ in pairs.analysed(config, "paired")}) == (not notice)
    why = f"paired is not asked of classification on again: it is compared with {notice}"
    assert (why in pairs.notices(config)) == bool(notice)


def test_one_of_tasks_of_a_kind_is_asked_of_no_other():
    more = "tasks: {ratio: {of: vpc, ratio: 0.7, tuned_on: spc}}\nstudy: {tasks: [vpc, permuted, spc, ratio]}"
    config = typed(STUDY, more)
    assert ("ratio", "rrr") in pairs.analysed(config, "both")
    assert {task for task, _ in pairs.analysed(config, "paired")} == {"permuted"}


def test_the_base_of_a_task_that_is_not_of_the_study_has_no_run():
    config = typed(
        STUDY, "study: {tasks: [permuted, spc], analyses: [localisation], methods: [classification, masked]}"
    )
    assert pairs.analysed(config, "paired") == []


def test_a_task_names_its_analyses_which_what_is_derived_from_it_inherits():
    more = """
        study: {tasks: [vpc, permuted, spc, child]}
        tasks:
          vpc: {analyses: [plain]}
          permuted: {analyses: [paired, both]}
          child: {of: vpc, ratio: 0.7, tuned_on: spc}
    """
    config = typed(STUDY, more)
    asked = {name: [task for task, _ in pairs.analysed(config, name)] for name in ("plain", "agreeing", "paired")}
    assert asked == {
        "plain": ["vpc", "vpc", "spc", "spc", "spc", "child", "child"],
        "agreeing": ["spc", "spc", "spc"],
        "paired": ["permuted"],
    }
    assert pairs.analysed(config, "localisation") == pairs.pairs(config)


@pytest.mark.parametrize(
    ("seed", "following"), [(5, 3), (3, 9), (9, 5)], ids=["first", "middle", "last"]
)  # fmt: skip
def test_the_other_run_is_that_of_the_next_seed_and_of_the_last_that_of_the_first(seed, following):
    config = typed(STUDY)
    assert pairs.companions(config, "plain", "permuted", seed) == {}
    assert pairs.companions(config, "paired", "permuted", seed) == {"base": ("vpc", seed)}
    assert pairs.companions(config, "agreeing", "vpc", seed) == {"other": ("vpc", following)}
    assert pairs.companions(config, "both", "permuted", seed) == {
        "base": ("vpc", seed), "other": ("permuted", following), "base_other": ("vpc", following),
    }  # fmt: skip


def test_a_new_seed_changes_the_other_run_of_one_seed_only():
    before, after = typed(STUDY), typed(STUDY, "study: {seeds: [5, 3, 9, 7]}")
    changed = [
        seed
        for seed in (5, 3, 9)
        if pairs.companions(before, "both", "permuted", seed) != pairs.companions(after, "both", "permuted", seed)
    ]
    assert changed == [9]


def test_a_run_without_companion_is_a_sentence():
    config = typed(STUDY)
    with pytest.raises(StudyError, match=r"^paired: compares runs with those on the task .*; spc is of none$"):
        pairs.companions(config, "paired", "spc", 5)
    with pytest.raises(
        StudyError, match=r"^paired: is asked only of runs on tasks with labels permuted, .*; mild is none"
    ):
        pairs.companions(typed(STUDY, "tasks: {mild: {of: spc, ratio: 0.7, tuned_on: spc}}"), "paired", "mild", 5)
    with pytest.raises(
        StudyError, match=r"^agreeing: compares runs of two seeds of the study; 4 is none of study.seeds$"
    ):
        pairs.companions(config, "agreeing", "spc", 4)


def test_only_an_analysis_that_is_given_other_runs_reads_what_they_are():
    config = typed(STUDY)
    plain, both = (study.analysis_settings(config, name, "permuted", 9) for name in ("plain", "both"))
    assert type(plain) is Analysing
    assert plain == Analysing("permuted", {"kind": "source"}, None, {}, 16, "auto", "float32")
    assert both == AnalysingBeside(
        **vars(plain), base={"task": "vpc", "mask": {"kind": "source"}, "signal": None}, other_seed=5
    )
    assert study.analysis_settings(config, "paired", "permuted", 9).other_seed is None
    assert study.analysis_settings(config, "agreeing", "vpc", 9).base is None
    for settings in (plain, both):
        assert loaded(Analysing | AnalysingBeside, dumped(settings)) == settings


def test_all_that_collects_answers_knows_of_which_runs():
    config = typed(STUDY)
    assert study.collect_analysis_settings(config, "paired").tasks == {"permuted": ["classification"]}
    everywhere = {"vpc": ["classification", "rrr"], "permuted": ["classification", "masked"], "spc": PAPER_METHODS}
    asked = dict.fromkeys(("localisation", "plain", "agreeing"), everywhere)
    asked |= {name: {"permuted": ["classification"]} for name in ("paired", "both")}
    assert study.incomplete_settings(config).analyses == asked
    assert study.release_settings(config, [], {}).analyses == asked
    assert study.cost_settings(config, {}, 1, 0).analyses == asked


PAPER_METHODS = ["classification", "masked", "rrr"]


def test_a_table_has_the_tasks_and_methods_that_are_asked_and_says_who_is_not():
    config = typed(STUDY)
    shown, asked = study.results_settings(config), study.described_analyses(config)
    tables = items.tables(shown, ["plain.csv", "paired.csv"], asked)
    assert tables["plain"].tasks == ("vpc", "permuted", "spc")
    settings = tables["paired"].settings(shown, "")
    assert {task: about["methods"] for task, about in settings["tasks"].items()} == {"permuted": ["classification"]}
    assert "asked" not in settings
    assert left_out_note(settings) == (
        "Masked is left out of permuted: it is compared with its run on vpc, which the study does not have."
    )
    assert settings["tasks"]["permuted"]["ratio"] == shown["tasks"]["permuted"]["ratio"]


def test_a_table_of_two_analyses_has_what_both_are_asked_of(monkeypatch, tmp_path):
    shutil.copytree(items.ROOM, tmp_path / "report")
    card = 'TITLE = "T"\nCATEGORY = "C"\nCAPTION = "C"\nFILES = ["one.csv", "two.csv"]\n'
    (tmp_path / "report" / "tables" / "mine.py").write_text(card)
    monkeypatch.setattr(items, "ROOM", tmp_path / "report")
    items.card.cache_clear()
    shown = study.results_settings(typed(STUDY))

    def asked(**methods):
        of = {task: {"methods": names, "left_out": {}} for task, names in methods.items()}
        return {"title": "", "by": {}, "columns": {}, "asked": of}

    of_two = asked(vpc=["rrr"], spc=["rrr", "masked"])
    of_both = {"one": asked(vpc=["classification"], permuted=["masked"], spc=["masked"]), "two": of_two}
    mine = items.tables(shown, ["one.csv", "two.csv"], of_both)["mine"].settings(shown, "")
    assert {task: about["methods"] for task, about in mine["tasks"].items()} == {"spc": ["masked"]}
    items.card.cache_clear()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            "study: {seeds: [1]}",
            "config: study.analyses.3: is 'agreeing', which compares runs of two seeds, but study.seeds has one; give "
            "it two or leave this out",
        ),
        (
            "saliency: {attributions: [edges, random]}",
            "config: study.analyses.3: is 'agreeing', which compares maps of two networks, but saliency.attributions "
            "has controls alone, which are the same for every network; give it another one, such as gradient, or leave "
            "this out",
        ),
        (
            "study: {tasks: [vpc, spc]}",
            "config: study.analyses.2: is 'paired', which is asked of no run of the study, as only of those on tasks "
            "with labels permuted, `of` another one with labels as_they_are and the same images on which the study runs "
            "the same method, that name it among their `analyses` if they name any; give the study one or leave this out",
        ),
        (
            "tasks: {vpc: {analyses: [both]}, permuted: {analyses: [both]}, spc: {analyses: []}}",
            "config: study.analyses.1: is 'plain', which is asked of no run of the study, as only of those on tasks "
            "that name it among their `analyses` if they name any; give the study one or leave this out",
        ),
        (
            "tasks: {spc: {analyses: [reliance]}}",
            "config: tasks.spc.analyses.0: is 'reliance', which is not in study.analyses; allowed are localisation, "
            "plain, paired, agreeing, both",
        ),
        (
            "tasks: {spc: {analyses: [plain, paired]}}",
            "config: tasks.spc.analyses.1: is 'paired', which is asked only of runs on tasks with labels permuted, `of` "
            "another one with labels as_they_are and the same images on which the study runs the same method, that name "
            "it among their `analyses` if they name any, so not of these; leave it out",
        ),
        (
            "tasks: {spc: {analyses: [plane]}}",
            "config: tasks.spc.analyses.0: is \"plane\"; allowed are",
        ),
        (
            "tasks: {again: {of: spc, analyses: [plain]}}",
            "config: tasks.again: differs from spc in nothing but its analyses; say what differs",
        ),
        (
            "tasks: {again: {of: spc, analyses: [plain], methods: [masked]}}",
            "config: tasks.again: differs from spc in nothing but its methods and analyses; say what differs",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_one_sentence(more, sentence):
    assert error(STUDY, more).startswith(sentence)


def test_what_is_asked_of_a_task_says_nothing_of_what_it_is():
    config = typed("study: {tasks: [spc, other]}\ntasks: {other: {of: spc, ratio: 0.7, analyses: [], tuned_on: spc}}")
    assert study.results_settings(config)["series"] == {"ratio": [["other", "spc"]]}
    for select in (study.split_settings, study.plan_settings):
        assert "analyses" not in dumped(select(config, "other"))
    assert pairs.analysed(config, "localisation") == pairs.pairs(config)
