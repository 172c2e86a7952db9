"""What users write, however they write it, becomes one configuration, or one sentence that names the key."""

import copy
import json
import random
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.runtime.files import StudyError
from red_herring.runtime.typed_json import dumped
from red_herring.study import configuration
from red_herring.study import settings as study
from red_herring.study.space import search_space
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

PAPER = load_configfile(ROOT / "config.yaml")
OWN = """
study: {tasks: [mine], methods: [masked], seeds: [1]}
sources:
  clinic:
    kind: folder
    size: 16
    imgpath: images
    csvpath: table.csv
    columns: {file: path, label: diagnosis, group: scanner, patient: id}
    max_unreadable: 0
tasks:
  mine:
    finding: sick
    control: well
    nuisance: {name: scanner, groups: [{name: a, source: clinic, group: a}, {name: b, source: clinic, group: b}]}
    ratio: 0.75
    mask: {kind: ellipse, semi_axis: 0.4}
    mean_map_images: 4
"""


def typed(tmp_path: Path, *texts: str, overrides: dict | None = None) -> dict:
    """As Snakemake reads files and overrides, and the workflow types them."""
    files = []
    config = copy.deepcopy(PAPER)
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(text)
        update_config(config, load_configfile(files[-1]))
    update_config(config, overrides or {})
    return configuration.typed(config, files)


def changed(old: str, new: str) -> str:
    assert old in OWN
    return OWN.replace(old, new)


def all_settings(config: dict) -> str:
    """All that rules hand to stages, and the digests of searches and runs, as the text that Snakemake compares."""
    tasks, methods, sources = config["study"]["tasks"], config["study"]["methods"], config["sources"]
    of_sources = (study.index_settings, study.prepare_settings, study.network_settings, study.sheet_settings)
    of_tasks = (study.plan_settings, study.split_settings)
    of_runs = (study.tune_settings, study.train_settings)
    return dumped(
        [
            *(select(config, source) for select in of_sources for source in sources),
            *(select(config, task) for select in of_tasks for task in tasks),
            *(select(config, task, method) for select in of_runs for task in tasks for method in methods),
            *(
                study.analysis_settings(config, name, task, 451)
                for name in config["study"]["analyses"]
                for task in tasks
            ),
            study.collect_settings(config),
            study.results_settings(config),
        ]
    )


def shuffled(value, order: random.Random):
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    order.shuffle(names)
    return {name: shuffled(value[name], order) for name in names}


def respelled(value, order: random.Random):
    """The same numbers as other types or texts, where they are no names."""
    if isinstance(value, dict):
        return {name: respelled(item, order) for name, item in value.items()}
    if isinstance(value, list):
        return [respelled(item, order) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    spellings = [value, float(value), str(value), f"{float(value):e}"]
    return order.choice([one for one in spellings if float(one) == value])


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_and_spelling_change_no_setting(order):
    config = copy.deepcopy(PAPER)
    config["methods"] = {"adversarial": {"search": {"discriminator_steps": [2, 8], "lr": [1e-4, 1]}}}
    once = configuration.typed(config)
    again = configuration.typed(respelled(shuffled(config, order), order))
    assert json.dumps(again) == json.dumps(once)
    assert all_settings(again) == all_settings(once)


def test_typed_twice_is_typed_once(tmp_path):
    once = typed(tmp_path, OWN)
    before = copy.deepcopy(once)
    assert json.dumps(configuration.typed(once)) == json.dumps(before) == json.dumps(once)


def test_the_order_of_lists_and_of_a_search_stays(tmp_path):
    own = {
        "study": {
            "tasks": ["vpc", "spc"],
            "methods": ["rrr", "adversarial"],
            "seeds": [3, 1],
            "analyses": ["reliance", "localisation"],
        }
    }
    config = typed(tmp_path, yaml.safe_dump(own))
    assert config["study"] == own["study"]
    space = ["lr", "lambda", "discriminator_steps", "discriminator_lr"]
    assert list(search_space(config, "spc", "adversarial")) == space


@pytest.mark.parametrize(
    ("old", "new", "path", "value"),
    [
        ("size: 16", "size: 16.0", ("sources", "clinic", "size"), 16),
        ("size: 16", "size: 1.6e1", ("sources", "clinic", "size"), 16),
        ("seeds: [1]", "seeds: [1.0, 2e0]", ("study", "seeds"), [1, 2]),
        ("ratio: 0.75", "ratio: 1", ("tasks", "mine", "ratio"), 1.0),
        ("ratio: 0.75", "ratio: 75e-2", ("tasks", "mine", "ratio"), 0.75),
        ("max_unreadable: 0", "max_unreadable: -0.0", ("sources", "clinic", "max_unreadable"), 0.0),
        ("finding: sick", "finding: 2019", ("tasks", "mine", "finding"), "2019"),
        ("finding: sick", "finding: 010", ("tasks", "mine", "finding"), "010"),
        ("finding: sick", "finding: 1.10", ("tasks", "mine", "finding"), "1.10"),
        ("finding: sick", "finding: 1_000", ("tasks", "mine", "finding"), "1_000"),
        ("finding: sick", "finding: 12:30", ("tasks", "mine", "finding"), "12:30"),
        ("finding: sick", "finding: 2019-01-01", ("tasks", "mine", "finding"), "2019-01-01"),
        ("finding: sick", "finding: Yes", ("tasks", "mine", "finding"), "Yes"),
        ("finding: sick", "finding: [NO, off, y]", ("tasks", "mine", "finding"), ["NO", "off", "y"]),
        ("finding: sick", "finding: '2019'", ("tasks", "mine", "finding"), "2019"),
        ("finding: sick", "finding: 'null'", ("tasks", "mine", "finding"), "null"),
        ("finding: sick", "finding: NaN", ("tasks", "mine", "finding"), "NaN"),
        ("finding: sick", "finding: .nan", ("tasks", "mine", "finding"), ".nan"),
        ("file: path", "file: 0x10", ("sources", "clinic", "columns", "file"), "0x10"),
        ("imgpath: images", "imgpath: 2019", ("sources", "clinic", "imgpath"), "2019"),
        ("imgpath: images", "imgpath: ~", ("sources", "clinic", "imgpath"), None),
        ("imgpath: images", "imgpath: 'null'", ("sources", "clinic", "imgpath"), "null"),
        ("imgpath: images", "imgpath: ./a//b/../c/", ("sources", "clinic", "imgpath"), "a/b/../c"),
        ("imgpath: images", "imgpath: ~/x y/", ("sources", "clinic", "imgpath"), "/home/me/x y"),
        (
            "imgpath: images",
            "imgpath: $RED_HERRING_IMAGES/x/",
            ("sources", "clinic", "imgpath"),
            "$RED_HERRING_IMAGES/x",
        ),
    ],
)
def test_the_right_value(tmp_path, monkeypatch, old, new, path, value):
    monkeypatch.setenv("HOME", "/home/me")
    found = typed(tmp_path, changed(old, new))
    for key in path:
        found = found[key]
    assert found == value
    assert json.dumps(found) == json.dumps(value)  # 1 and 1.0 and true are equal in Python


@pytest.mark.parametrize("names", [("YES", "NO"), ("True", "False"), ("1", "0"), ("01", "02"), ("on", "~")])
def test_labels_are_as_written(tmp_path, names):
    findings = f"    findings: {{{names[0]}: sick, {names[1]}: well}}\n    max_unreadable: 0\n"
    config = typed(tmp_path, changed("    max_unreadable: 0\n", findings))
    assert config["sources"]["clinic"]["findings"] == dict(zip(names, ("sick", "well"), strict=True))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("size: 16", "size: 020", ["sources.clinic.size: is 020, which is 16 to YAML", "line 6"]),
        ("size: 16", "size: 0x10", ["sources.clinic.size: is 0x10"]),
        ("size: 16", "size: 1_6", ["sources.clinic.size: is 1_6"]),
        ("size: 16", "size: 1:16", ["sources.clinic.size: is 1:16"]),
        ("size: 16", "size: 16.5", ["sources.clinic.size: is 16.5", "integer (pixels a side)"]),
        ("size: 16", "size: yes", ["sources.clinic.size: is true", "integer"]),
        ("size: 16", "size:", ["sources.clinic.size: is null", "integer"]),
        ("size: 16", "size: 2001-01-01", ["sources.clinic.size: is 2001-01-01", "write it in quotes"]),
        ("ratio: 0.75", "ratio: .inf", ["tasks.mine.ratio: is .inf; allowed are finite numbers"]),
        ("ratio: 0.75", "ratio: -.INF", ["tasks.mine.ratio: is -.INF"]),
        ("ratio: 0.75", "ratio: .nan", ["tasks.mine.ratio: is .nan"]),
        ("ratio: 0.75", f"ratio: 1{400 * '0'}", ["tasks.mine.ratio: is 1000", "finite"]),
        ("ratio: 0.75", "ratio: 1e999", ["tasks.mine.ratio: is 1e999; allowed are finite numbers"]),
        ("seeds: [1]", "seeds: [4294967296]", ["study.seeds.0: is 4294967296; allowed is at most 4294967295"]),
        ("seeds: [1]", "seeds: [-1]", ["study.seeds.0: is -1; allowed is at least 0"]),
        ("seeds: [1]", "seeds: [1, 1.0]", ["study.seeds", "without repetition"]),
        ("seeds: [1]", "seeds: [one]", ["study.seeds.0", '"one"', "integer"]),
        ("finding: sick", "finding: null", ["tasks.mine.finding: is null", "quotes"]),
        ("finding: sick", "finding:", ["tasks.mine.finding: is null", "quotes"]),
        ("  mine:", "  NO:", ["tasks: has the key NO", "line 12", "write it in quotes wherever it is named"]),
        ("  clinic:", "  2019:", ["sources: has the key 2019", "write it in quotes"]),
        ("  clinic:", "  1.10:", ["sources: has the key 1.10", "write it in quotes"]),
        ("imgpath: images", "imgpath: $HOME/x", ["sources.clinic.imgpath: is '$HOME/x'", "begin it with ~"]),
        ("imgpath: images", "imgpath: ~nobody_here/x", ["sources.clinic.imgpath: is '~nobody_here/x'", "no such user"]),
        ("imgpath: images", "imgpath: ''", ["sources.clinic.imgpath: is ''"]),
        ("csvpath: table.csv", "csvpath: 'a{b}.csv'", ["sources.clinic.csvpath", "{}"]),
        ("csvpath: table.csv", "csvpath: {a}", ["sources.clinic.csvpath", "text"]),
        ("kind: ellipse", "kind: !!binary aGk=", ["tasks.mine.mask.kind: is a bytes"]),
        ("kind: ellipse", "kind: on", ["tasks.mine.mask.kind", '"on"', "source, ellipse"]),
        (
            "\nstudy:",
            "\nmethods: {rrr: {options: {}, options: {}}}\nstudy:",
            ["methods.rrr.options: is given twice", "lines 2 and 2"],
        ),
        (
            "max_unreadable: 0",
            "findings: {yes: sick, on: well}\n    max_unreadable: 0",
            ["sources.clinic.findings.yes: is one key to YAML with on", "line 10"],
        ),
        (
            "max_unreadable: 0",
            "findings: {no: well, 'no': sick}\n    max_unreadable: 0",
            ["sources.clinic.findings: has 'no' twice"],
        ),
    ],
)
def test_one_sentence(tmp_path, old, new, words):
    with pytest.raises(StudyError) as caught:
        typed(tmp_path, changed(old, new))
    sentence = str(caught.value)
    assert sentence.startswith("config: ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_section_given_twice_names_file_and_lines(tmp_path):
    with pytest.raises(StudyError, match=rf"config: study: is given twice, in {tmp_path}/1.yaml, lines 1 and 2"):
        typed(tmp_path, OWN, "study: {seeds: [1]}\nstudy: {seeds: [2]}\n")


def test_one_name_in_two_files_written_in_two_ways(tmp_path):
    one, other = ({"clinic": {"findings": {True: finding}}} for finding in ("sick", "well"))
    texts = [
        yaml.safe_dump({"sources": value}).replace("true:", word) for value, word in ((one, "yes:"), (other, "on:"))
    ]
    with pytest.raises(StudyError, match=r"sources.clinic.findings.yes: is one key to YAML with on"):
        typed(tmp_path, OWN, *texts)


def test_the_later_file_says_how_it_is_written(tmp_path):
    later = "tasks: {mine: {finding: on, control: off}}"
    config = typed(tmp_path, changed("finding: sick", "finding: yes"), later)
    assert (config["tasks"]["mine"]["finding"], config["tasks"]["mine"]["control"]) == ("on", "off")


def test_where_it_is_not_known_what_was_written_quotes_are_asked_for(tmp_path):
    """A module's configuration comes as values, without a file."""
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load(changed("finding: sick", "finding: no")))
    with pytest.raises(StudyError, match=r"config: tasks.mine.finding: is false, which is no text; write it in quotes"):
        configuration.typed(config)
    config["tasks"]["mine"]["finding"] = "no"
    config["sources"]["clinic"]["findings"] = {1: "no"}
    with pytest.raises(StudyError, match=r"config: sources.clinic.findings: has the key 1, which is no text"):
        configuration.typed(config, [ROOT / "config.yaml"])


def test_overrides_come_as_text(tmp_path):
    """`--config 'training={epochs: 3}'`: Snakemake reads what is in the braces as text."""
    overrides = {
        "study": {"seeds": ["7", "8"]},
        "training": {"epochs": "3", "burn_in": "0", "compile": "true", "patience": "null"},
        "sources": {"clinic": {"imgpath": "~"}},
        "tasks": {"mine": {"finding": "NO", "ratio": "1e0"}},
    }
    config = typed(tmp_path, changed("finding: sick", "finding: on"), overrides=overrides)
    training = config["training"]
    assert config["study"]["seeds"] == [7, 8]
    assert (training["epochs"], training["burn_in"], training["compile"], training["patience"]) == (3, 0, True, None)
    assert config["sources"]["clinic"]["imgpath"] is None
    assert (config["tasks"]["mine"]["finding"], config["tasks"]["mine"]["ratio"]) == ("NO", 1.0)


def test_free_arguments_are_typed_as_far_as_can_be(tmp_path):
    """YAML 1.1 takes 1e-3 for text, where every user means a number."""
    text = """
sources:
  any:
    kind: torchxrayvision
    size: 16
    dataset: CheX_Dataset
    imgpath: images
    views: [PA]
    max_unreadable: 0
    arguments: {b: 1e-3, a: {no: '1e-3', x: [1, true, null, text]}, metapath: ~/m.csv}
"""
    arguments = typed(tmp_path, text)["sources"]["any"]["arguments"]
    nested = {"no": "1e-3", "x": [1, True, None, "text"]}
    assert json.dumps(arguments) == json.dumps({"a": nested, "b": 0.001, "metapath": str(Path("~/m.csv").expanduser())})
    for wrong, words in {
        "b: 1e-3": "arguments.b: is 2001-01-01",
        "a: {": "arguments.views: is a setting of the source",
        "x: [1": r"arguments.a.x.0: is \.inf",
    }.items():
        change = {"b: 1e-3": "b: 2001-01-01", "a: {": "views: [AP], a: {", "x: [1": "x: [.inf"}[wrong]
        with pytest.raises(StudyError, match=words):
            typed(tmp_path, text.replace(wrong, change))


def test_json_with_tabs_and_a_byte_order_mark(tmp_path):
    content = json.dumps(yaml.safe_load(OWN), indent="\t")
    assert typed(tmp_path, content) == typed(tmp_path, OWN) == typed(tmp_path, "\ufeff" + OWN)
    with pytest.raises(StudyError, match="study: is given twice"):
        typed(tmp_path, content.replace('"sources"', '"study": {},\n\t"sources"', 1))


def test_what_is_merged_in_may_be_replaced(tmp_path):
    text = "training: &a {epochs: 30, burn_in: 2}\ntuning: {<<: *a, epochs: 20}\n"
    config = typed(tmp_path, text)
    assert (config["tuning"]["epochs"], config["tuning"]["burn_in"], config["training"]["epochs"]) == (20, 2, 30)
