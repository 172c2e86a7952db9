"""A finished study as one archive: what goes in, what stays out, and that it is what it says."""

from __future__ import annotations

import io
import json
import os
import zipfile
from hashlib import sha256
from urllib.parse import unquote

import pandas as pd
import pytest
from red_herring.report import release
from red_herring.runtime.files import StudyError
from red_herring.study import configuration, detection
from red_herring.study import settings as study
from red_herring.study.catalogue import source_card, source_kinds
from rocrate.rocrate import ROCrate

PUBLIC = {"kind": "nih", "terms": "free", "shareable": True}
CLOSED = {"kind": "padchest", "terms": "closed", "shareable": False}
OWN = {"kind": "folder", "terms": "", "shareable": False}

SETTINGS = {
    "tasks": {"t": ["m"]}, "seeds": [1, 2], "analyses": {"localisation": {"t": ["m"]}}, "searched": {"t": "t"}, "spaces": {},
    "made_by": {"tune": {"t/m": "abc"}, "train": {"t/m": "abc"}}, "sources": {"s": PUBLIC}, "tables": ["t"],
    "figures": {"figure_3": True, "figure_8": False}, "config": {"study": {"seeds": [1, 2]}},
}  # fmt: skip
RUNS = [("t", "m", 1), ("t", "m", 2)]
RECORD = {
    "best_epoch": 1, "valid_auc": 0.5, "test_auc": 0.5, "test_in_distribution_auc": 0.5, "test_balanced_auc": 0.5,
    "within_0_auc": 0.5, "within_1_auc": None, "floor_auc": 0.5, "made_by": "abc", "python": "3.11", "platform": "Linux",
    "images": dict.fromkeys(("test", "test_in_distribution", "test_balanced"), 4), "processor": "one", "device": "cpu",
    "precision": "float32", "versions": {"torch": "2", "captum": None}, "commit": "c0ffee", "uncommitted_changes": False,
    "hyperparameters": {"lr": 0.1}, "measures": {},
}  # fmt: skip
SPLIT = pd.DataFrame(
    [("s", "b.png", 7, "s/Ann", 1, 0, "train"), ("s", "a.png", 3, "s/Bob", 0, 1, "test"), ("s", "c.png", 9, "s/Bob", 0, 1, "test")],
    columns=["source", "image", "row", "patient", "label", "nuisance", "split"],
)  # fmt: skip


def settings(**sources):
    return SETTINGS | {"sources": sources or {"s": PUBLIC}}


@pytest.fixture
def results(tmp_path):
    """The files of a finished study, with those of pixels that must stay out."""
    folder = tmp_path / "results"
    scores = pd.DataFrame({"attribution": ["gradient"], "images": 3, "undefined": 0} | {
        f"{prefix}{measure}": [0.5]
        for measure in ("iou", "iop", "iot", "pointing", "mass", "auc", "ap") for prefix in ("", "chance_", "corrected_")
    })  # fmt: skip

    def write(name, content="x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    for task, method, seed in RUNS:
        run = f"{task}/{method}/seed={seed}"
        write(f"runs/{run}/run.json", json.dumps({"task": task, "method": method, "seed": seed} | RECORD))
        write(f"runs/{run}/history.csv", "epoch,valid_auc\n1,0.5\n")
        write(f"localisation/{run}.csv", scores.to_csv(index=False))
        write(f"splits/{task}/seed={seed}.csv", SPLIT.to_csv(index=False))
        write(f"splits/{task}/seed={seed}_counts.csv")
        for pixels in (
            f"localisation/{run}.safetensors",
            f"localisation/{run}_images.csv",
            f"runs/{run}/model.safetensors",
        ):
            write(pixels)
    write("tuning/t/m/best.json", json.dumps({"hyperparameters": {"lr": 0.1}, "on_bound": [], "made_by": "abc"}))
    write("tuning/t/m/trials.csv", "trial,lr\n0,0.1\n")
    answers = release.answers_of(folder, SETTINGS["analyses"], RUNS)
    for name, table in (release.study_tables(folder, RUNS, SETTINGS["searched"], SETTINGS["spaces"]) | answers).items():
        write(f"{name}.csv", table.to_csv(index=False))
    for name in ("data/s/images.npy", "data/s/masks.npy", "auc_intervals.csv", "overview.rst", "explorer.html"):
        write(name)
    for name in release.chosen(SETTINGS, RUNS):
        if not (folder / name).exists():
            write(name)
    write("report.html")
    return folder


def packed(results, tmp_path, study):
    archive = tmp_path / "release.zip"
    release.write_archive(archive, release.release(results, study))
    return archive


def names(archive):
    return set(zipfile.ZipFile(archive).namelist())


def test_runs_read_the_search_of_the_task_that_theirs_is_tuned_on(results, tmp_path):
    study = settings() | {"searched": {"t": "base"}}
    study["made_by"] = study["made_by"] | {"tune": {"base/m": "abc"}}
    (results / "tuning/t").rename(results / "tuning/base")
    for name, table in release.study_tables(results, RUNS, study["searched"], {}).items():
        table.to_csv(results / f"{name}.csv", index=False)
    archive = packed(results, tmp_path, study)
    described = json.loads(zipfile.ZipFile(archive).read("ro-crate-metadata.json"))
    read = [one["object"] for one in described["@graph"] if one["@type"] == "CreateAction"]
    assert read
    assert all({"@id": "tuning/base/m/best.json"} in files for files in read)


def test_every_file_is_described_and_has_its_checksum(results, tmp_path):
    archive = packed(results, tmp_path, settings())
    content = {name: zipfile.ZipFile(archive).read(name) for name in names(archive)}
    lines = dict(reversed(line.split("  ")) for line in content["checksums.sha256"].decode().splitlines())
    assert lines == {name: sha256(data).hexdigest() for name, data in content.items() if name != "checksums.sha256"}
    crate = ROCrate(archive)
    described = {unquote(entity.id): entity for entity in crate.data_entities}
    assert set(described) == set(content) - {"ro-crate-metadata.json"}
    for name, entity in described.items():
        assert entity["contentSize"] == str(len(content[name]))
        assert entity.get("sha256") == lines.get(name)
    assert crate.root_dataset["license"].id == "LICENCES.md"
    assert b"free" in content["LICENCES.md"]
    assert crate.get("#source-s")["conditionsOfAccess"] == "free"
    assert crate.get("#torch")["softwareVersion"] == "2"
    action = crate.get("#runs/t/m/seed=2")
    assert {unquote(entity.id) for entity in action["object"]} == {"splits/t/seed=2.csv", "tuning/t/m/best.json"}
    assert {unquote(entity.id) for entity in action["result"]} == {
        f"runs/t/m/seed=2/{name}" for name in ("run.json", "history.csv")
    }


def test_it_has_the_study_and_no_pixels(results, tmp_path):
    archive = packed(results, tmp_path, settings())
    assert not [name for name in names(archive) if name.endswith((".npy", ".safetensors"))]
    assert {"README.md", "config.json", "versions.json", "runs.csv", "tables/t.tex", "figures/figure_8.pdf"} <= names(
        archive
    )
    assert {"explorer.html", "report.html", "figures/figure_3.png"} <= names(archive), "all may be shown"
    (made_with,) = json.loads(zipfile.ZipFile(archive).read("versions.json"))
    assert (made_with["runs"], made_with["commit"]) == (2, "c0ffee")


def test_the_same_files_make_the_same_bytes(results, tmp_path):
    first = packed(results, tmp_path, settings()).read_bytes()
    for file in results.rglob("*.png"):
        os.utime(file)
    assert packed(results, tmp_path, settings()).read_bytes() == first


@pytest.mark.parametrize("source", [CLOSED, OWN], ids=["closed", "own"])
def test_pictures_of_patients_stay_out_unless_all_terms_allow_them(results, tmp_path, source):
    (results / "data/a").mkdir()
    for form in ("md", "pdf", "png"):
        (results / f"data/a/data_sheet.{form}").touch()
    archive = packed(results, tmp_path, settings(a=PUBLIC, s=source))
    assert not {"explorer.html", "report.html", "figures/figure_3.png", "figures/figure_3.pdf"} & names(archive)
    assert {"figures/figure_8.png", "tables/t.html"} <= names(archive)
    text = zipfile.ZipFile(archive).read("README.md").decode()
    assert (
        "explorer.html, report.html and the figures figure_3: they show images or means of them, and the terms of s"
        in text
    )


def test_public_identifiers_stay_and_rows_go(results, tmp_path):
    archive = packed(results, tmp_path, settings(s=CLOSED))
    split = pd.read_csv(io.BytesIO(zipfile.ZipFile(archive).read("splits/t/seed=1.csv")))
    pd.testing.assert_frame_equal(split, SPLIT.drop(columns="row"))


def test_identifiers_of_ones_own_images_are_numbers(results, tmp_path):
    archive = packed(results, tmp_path, settings(s=OWN))
    for seed in (1, 2):
        text = zipfile.ZipFile(archive).read(f"splits/t/seed={seed}.csv").decode()
        split = pd.read_csv(io.StringIO(text))
        assert split["image"].tolist() == [7, 3, 9]
        assert split["patient"].tolist() == ["patient 2", "patient 1", "patient 1"]
    everything = b"".join(zipfile.ZipFile(archive).read(name) for name in names(archive))
    for name in (b"Ann", b"Bob", b"a.png"):
        assert name not in everything


def test_generated_images_are_called_after_no_other_image():
    made = SPLIT.iloc[:1].assign(source="generated", image="inserted-b.png", row=0)
    table = pd.concat([SPLIT, made]).to_csv(index=False).encode()
    for own, patients in (([], ["s/Ann", "s/Ann"]), (["s"], ["patient 2", "patient 2"])):
        (found,) = release.split_lists({"splits/t/seed=1.csv": table}, own).values()
        split = pd.read_csv(io.BytesIO(found), dtype=str)
        assert split["image"].tolist()[-1] == "0"
        assert split["patient"].iloc[[0, -1]].tolist() == patients, "that of the background"


def test_the_tables_of_detectors_go_in_where_there_are_any():
    assert not set(detection.TABLES) & set(release.chosen(SETTINGS, RUNS))
    assert set(detection.TABLES) <= set(release.chosen(SETTINGS | {"config": {"detection": {"tasks": ["t"]}}}, RUNS))


def test_an_older_report_stays_out(results, tmp_path):
    os.utime(results / "report.html", (0, 0))
    archive = packed(results, tmp_path, settings())
    assert "report.html" not in names(archive)
    assert "report.html: not there, or older than the results" in zipfile.ZipFile(archive).read("README.md").decode()


@pytest.mark.parametrize(
    "lost",
    ["runs/t/m/seed=2/run.json", "splits/t/seed=1.csv", "tuning/t/m/best.json", "figures/figure_8.pdf", "runs.csv"],
)
def test_an_unfinished_study_is_refused(results, lost):
    (results / lost).unlink()
    with pytest.raises(StudyError) as error:
        release.release(results, settings())
    assert f"is not finished: 1 of its 33 files are not there, such as {lost}; run `snakemake all` first" in str(
        error.value
    )
    assert "\n" not in str(error.value)


def test_tables_of_other_runs_are_refused(results):
    record = results / "runs/t/m/seed=2/run.json"
    record.write_text(record.read_text().replace('"test_auc": 0.5', '"test_auc": 0.75'))
    with pytest.raises(StudyError, match=r"runs\.csv: is not of the runs that are there; run `snakemake all`"):
        release.release(results, settings())


def test_runs_of_other_code_are_refused(results):
    with pytest.raises(StudyError, match="was made by other settings or code"):
        release.release(results, settings() | {"made_by": {"tune": {"t/m": "abc"}, "train": {"t/m": "abd"}}})


def test_what_may_be_shown_is_said_by_the_cards():
    shareable = {kind for kind in source_kinds() if source_card(kind).shareable}
    assert shareable == {"crosses", "crosses_to_find", "nih"}


def test_the_configuration_is_packed_without_places():
    clinic = {
        "kind": "folder", "size": 16, "max_unreadable": 0, "imgpath": "/home/me/x", "csvpath": "t.csv", "maskpath": "$X/y",
        "columns": {"file": "a", "label": "b", "group": "c", "patient": "d"},
    }  # fmt: skip
    task = configuration.laid({})["tasks"]["vpc"]
    groups = [group | {"source": "clinic"} for group in task["nuisance"]["groups"]]
    task = task | {"nuisance": task["nuisance"] | {"groups": groups}}
    config = configuration.laid({"study": {"tasks": ["vpc"]}, "tasks": {"vpc": task}, "sources": {"clinic": clinic}})
    found = vars(study.release_settings(config, [], {}))
    assert found["config"]["sources"] == {
        "clinic": {"kind": "folder", "size": 16, "max_unreadable": 0, "columns": clinic["columns"]}
    }
    assert list(found["config"]["tasks"]) == ["vpc"]
    assert found["sources"] == {"clinic": {"kind": "folder", "terms": "", "shareable": False}}
