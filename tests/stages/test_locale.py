"""Stages and the workflow under a locale that is not UTF-8, or none at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

NONE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(params=["latin_1", "C"])
def locale(request):
    return NONE if request.param == "C" else request.getfixturevalue(request.param)


def plain(*command, variables):
    """Run Python as a user does, without the variables of the tests."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")} | variables
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=False, cwd=ROOT)


def test_the_digests_of_the_code_do_not_depend_on_it(locale):
    code = "from red_herring.runtime.provenance import code_digest as d; print(d('red_herring.stages.render_table'), end='')"
    expected = plain("-c", code, variables={"PYTHONUTF8": "1"})
    assert expected.returncode == 0
    assert plain("-c", code, variables=locale).stdout == expected.stdout


def test_a_table_is_written_in_utf_8_and_shown_as_far_as_the_terminal_can(locale, tmp_path, stage):
    (tmp_path / "counts.csv").write_text(
        "task,seed,split,label,nuisance,images,patients,largest_share,straddling_patients,shared_patient_names\n"
        + "".join(f"t,1,train,{label},{group},2,2,0.5,0,0\n" for label in (0, 1) for group in (0, 1))
    )
    (tmp_path / "overlaps.csv").write_text("task,seed,other,split,other_split,share\n")
    settings = json.dumps(
        {
            "tasks": {"t": {"finding": "ill", "control": "well", "groups": ["右", "é"]}},
            "tuning_seed": None,
            "searched": [],
        }
    )
    done = stage(
        "tabulate_splits", "--settings", settings, "--counts", "counts.csv", "--overlaps", "overlaps.csv", "--csv", "é.csv", "--markdown", "t.md", variables=locale
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "右 2, é 2" in (tmp_path / "t.md").read_text(encoding="utf-8")


def test_a_sentence_with_any_character_reaches_the_terminal_and_the_log(locale, tmp_path, stage):
    (tmp_path / "counts.csv").write_text("task,images\nt,右\n", encoding="utf-8")
    settings = json.dumps({"tasks": {}, "tuning_seed": None, "searched": []})
    done = stage(
        "tabulate_splits", "--settings", settings, "--counts", "counts.csv", "--overlaps", "overlaps.csv", "--csv", "t.csv", "--markdown", "t.md", "--log", "t.log",
        variables=locale,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: counts.csv: row 2 has '")
    assert "row 2 has '右' in column 'images'" in (tmp_path / "t.log").read_text(encoding="utf-8")


def test_a_path_that_the_locale_writes_otherwise_is_refused_with_what_to_do(latin_1):
    code = "from red_herring.runtime.files import check_encoding; check_encoding({'sources.s.imgpath': '\\xe9', 'seeds': 1})"
    done = plain("-c", code, variables=latin_1)
    assert (
        b"StudyError: config: sources.s.imgpath: is '\xe9', and the locale takes file names for iso8859-1; set"
        in done.stderr
    )
    for variables in (NONE | {"PYTHONUTF8": "1"}, latin_1 | {"PYTHONUTF8": "1"}):
        assert plain("-c", code, variables=variables).returncode == 0


def test_two_folders_with_blanks_in_their_names_are_compared(latin_1, tmp_path):
    for name in ("be fore", "af'ter $HOME"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "runs.csv").write_text("task,method,seed,test_auc\nNA,rrr,1,0.5\nNA,rrr,2,0.75\n")
        (tmp_path / name / "localisation.csv").write_text("task,method,seed,attribution,iou\n")
    after = str(tmp_path / "af'ter $HOME").replace("$", "$$")
    environment = os.environ | latin_1 | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["make", "-o", ".venv/.installed", "compare", f"BEFORE={tmp_path / 'be fore'}", f"AFTER={after}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"| NA | Test AUC | RRR | 0.625 " in done.stdout
    assert "0.625 ± 0.177" in (tmp_path / "af'ter $HOME" / "compared.md").read_text(encoding="utf-8")
