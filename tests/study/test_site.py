"""Slurm's site file: the right value, or one sentence with the file and the key."""

import pytest
import yaml
from conftest import ROOT
from red_herring.runtime.files import StudyError
from red_herring.study.site import site

PROFILE = (ROOT / "slurm" / "config.yaml").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkout with the profile only, where Snakemake runs."""
    monkeypatch.delenv("RED_HERRING_SITE", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "config.yaml").write_text(PROFILE)
    return tmp_path


def read(folder, text: str | None = None, block: tuple[str, str] = ("", "")) -> dict:
    """The site with a site file of this text, and with a text of the profile's block replaced."""
    profile = PROFILE.replace(*block, 1)
    assert block[0] in PROFILE
    (folder / "slurm" / "config.yaml").write_text(profile)
    if text is not None:
        (folder / "slurm" / "site.yaml").write_text(text)
    return site(yaml.full_load(profile)["__variables__"]["site"])


def test_without_a_site_file_it_is_the_block(folder):
    assert read(folder) == yaml.safe_load(PROFILE)["__variables__"]["site"]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("account: 007", "account", "007"),
        ("account: 1234", "account", "1234"),
        ("account: 1e5", "account", "1e5"),
        ("account: 'null'", "account", "null"),
        ("account:", "account", None),
        ("account: ~", "account", None),
        ("cpu_partition: no", "cpu_partition", "no"),
        ("gpu_partition: ON", "gpu_partition", "ON"),
        ("gpu_partition: long,short", "gpu_partition", "long,short"),
        ("qos: 12:30", "qos", "12:30"),
        ("gpu_model: 3090", "gpu_model", "3090"),
        ("gpu_constraint: a100&nvlink", "gpu_constraint", "a100&nvlink"),
        ("longest: 2880.0", "longest", 2880),
        ("longest: 2.88e3", "longest", 2880),
        ("retries: 0", "retries", 0),
        ("", "gpu_partition", "gpu"),
        ("# nothing", "gpu_partition", "gpu"),
    ],
)
def test_the_right_value_in_the_site_file(folder, text, key, value):
    found = read(folder, text)[key]
    assert found == value
    assert type(found) is type(value)


def test_the_block_itself_is_typed_as_well(folder):
    assert read(folder, block=("account: null ", "account: 007 "))["account"] == "007"
    assert read(folder, "longest: 5", ("cpu_partition: null", "cpu_partition: off"))["cpu_partition"] == "off"


def test_it_is_laid_over_value_by_value(folder):
    before = read(folder)
    after = read(folder, "rules: {train: {minutes: 600}}\njobs: 3\n")
    assert after["rules"]["train"] == before["rules"]["train"] | {"minutes": 600}
    assert after["rules"]["tune"] == before["rules"]["tune"]
    assert after | {"jobs": before["jobs"], "rules": before["rules"]} == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("longest: 48h", ["longest", '"48h"', "integer (whole minutes)"]),
        ("longest: 48:00:00", ["longest", "48:00:00", "172800"]),
        ("longest: 2-00:00:00", ["longest", "2-00:00:00", "whole minutes"]),
        ("longest: 010", ["longest", "010", "8"]),
        ("longest: -1", ["longest", "-1", "at least 1"]),
        ("longest: 90.5", ["longest", "90.5", "whole minutes"]),
        ("longest: .inf", ["longest", ".inf", "finite"]),
        ("longest:", ["longest", "null", "whole minutes"]),
        ("rules: {train: {mb: 8G}}", ["rules.train.mb", '"8G"', "whole MB"]),
        ("rules: {train: {mb: 8GB}}", ["rules.train.mb", '"8GB"', "whole MB"]),
        ("rules: {train: {minutes: 4:00}}", ["rules.train.minutes", "4:00", "240"]),
        ("rules: {train: {cpus: 0}}", ["rules.train.cpus", "at least 1"]),
        ("rules: {train: {gpus: -1}}", ["rules.train.gpus", "at least 0"]),
        ("rules: {train: 5}", ["rules.train", "5", "names with values"]),
        ("rules: {trian: {minutes: 5}}", ["rules", "'trian'", "train"]),
        ("rules: {train: {hours: 5}}", ["rules.train", "'hours'", "minutes, mb, cpus, gpus"]),
        ("rules:", ["rules", "null"]),
        ("gpu_partion: fast", ["'gpu_partion'", "gpu_partition"]),
        ("account: ''", ["account", '""']),
        ("account: my group", ["account", '"my group"']),
        ("account: [a]", ["account", '["a"]']),
        ("no: a", ["unknown key 'no'"]),
        ("jobs: 5\njobs: 6", ["jobs", "twice", "lines 1 and 2"]),
        ("rules: {tune: {mb: 1}, tune: {mb: 2}}", ["rules.tune", "twice"]),
        ("- a", ["names with values"]),
        ("a: [", ["no YAML"]),
        ("jobs:\t5\n\tretries: 3", ["no YAML"]),
    ],
)
def test_one_sentence(folder, text, words):
    with pytest.raises(StudyError) as caught:
        read(folder, text)
    sentence = str(caught.value)
    assert sentence.startswith("slurm/site.yaml: ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("longest: 2880", "longest: 48h", 'slurm/config.yaml: longest: is "48h"'),
        ("    longest: 2880", "#", "slurm/config.yaml: the configuration: lacks the key 'longest'"),
        ("{minutes: 30, mb: 4000, cpus: 1}", "{minutes: 30, cpus: 1}", "rules.index_source: lacks the key 'mb'"),
    ],
)
def test_one_sentence_for_the_block(folder, old, new, words):
    with pytest.raises(StudyError, match=words):
        read(folder, block=(old, new))


def test_a_site_file_elsewhere_must_be_there_and_be_read(folder, monkeypatch):
    monkeypatch.setenv("RED_HERRING_SITE", "there.yaml")
    with pytest.raises(StudyError, match=r"there.yaml: No such file or directory; RED_HERRING_SITE names it"):
        read(folder)
    (folder / "there.yaml").write_bytes(b"account: caf\xe9\n")
    with pytest.raises(StudyError, match=r"there.yaml: is no YAML in UTF-8"):
        read(folder)
    (folder / "there.yaml").write_text("account: 007\n")
    assert read(folder)["account"] == "007"
