"""The digest of the code behind a stage."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from red_herring import provenance

PACKAGE = Path(provenance.__file__).parent


@pytest.fixture
def copy(tmp_path):
    """A copy of the package: edit(file, old, new) changes it, digest(*modules) asks it in a new process."""
    shutil.copytree(PACKAGE, tmp_path / "red_herring")

    class Copy:
        def edit(self, file: str, old: str, new: str) -> None:
            path = tmp_path / "red_herring" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1))

        def digest(self, *modules: str) -> str:
            code = f"from red_herring.provenance import code_digest; print(code_digest(*{modules!r}))"
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
            )
            return done.stdout.strip()

    return Copy()


TRAIN_ACTDIFF = ("red_herring.stages.train", "red_herring.methods.actdiff")


def test_comments_docstrings_and_layout_do_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("methods/actdiff.py", '"""penalty = mean', '"""The penalty = mean')
    copy.edit("data/sources/base.py", '"""Whether `read`', '"""If `read`')  # a string below an attribute
    copy.edit("training/fit.py", "    torch.manual_seed", "    # why\n\n    torch.manual_seed")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_a_change_of_what_runs_counts_however_deep_it_is_imported(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("data/masks.py", "> 0", "> 0.5")
    assert copy.digest(*TRAIN_ACTDIFF) != before


def test_how_the_configuration_is_checked_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("study.py", "lacks the key", "has no key")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_how_stages_are_started_stopped_and_kept_apart_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("locks.py", "POLL = 1.0", "POLL = 2.0")
    copy.edit("interrupt.py", "128 + number", "1 + number")
    copy.edit("stages/command.py", "run again to go on", "start again")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_settings_and_code_say_by_what_a_run_was_made():
    settings = {"task": "spc", "method": "rrr", "epochs": 100}
    made = provenance.made_by("train", settings)
    assert made == provenance.made_by("train", dict(reversed(settings.items()))), "the order of keys does not count"
    others = [settings | {"epochs": 99}, settings | {"method": "actdiff"}]
    assert len({made, provenance.made_by("tune", settings), *(provenance.made_by("train", one) for one in others)}) == 4


def test_another_method_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.render_table")
    copy.edit("methods/rrr.py", ".square().sum()", ".abs().sum()")
    assert (copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.render_table")) == before


def test_every_import_of_the_package_is_followed():
    closure = {"red_herring.stages.train"}
    waiting = list(closure)
    while waiting:
        new = set(provenance._imports(waiting.pop())) - closure
        closure |= new
        waiting += new
    assert {"red_herring.model", "red_herring.methods.base", "red_herring.data.masks", "red_herring.files"} <= closure
    assert "red_herring.results.tables" not in closure


def test_the_environment_names_versions_and_commit():
    found = provenance.environment()
    assert found["versions"]["torch"].startswith("2.14.1")
    assert found["python"].startswith("3.11")
    assert {"commit", "uncommitted_changes", "processor"} <= set(found)
