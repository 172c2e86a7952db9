"""A study whose names look like something else, on a machine that is not set up as the authors' are."""

import csv
import json
import re

import numpy as np
import pytest
import red_herring
from PIL import Image
from red_herring.report.reading import read_table
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

TASKS = ["NA", "2019", "true"]
GROUPS = ["nan", "右 <b>$x$ & 50%_|"]
FINDING, CONTROL = "null", "1e5"
STATISTICS = ("comparisons", "relation", "agreement", "hyperparameters", "splits")
PATIENTS = ["7", "007", "true", "2019", "1e5", "100000"]
IMAGES = ["1e5", "nan", "NA", "null", "true", "007", "7", "None", "é", "右"]
STUDY = {
    "study": {"tasks": TASKS, "methods": ["classification"], "seeds": [1]},
    "sources": {
        "null": {
            "kind": "folder", "size": 16, "imgpath": "images", "csvpath": "table.csv", "max_unreadable": 0,
            "columns": {"file": "file", "label": "label", "group": "group", "patient": "patient"},
        }
    },
    "tasks": {
        task: {
            "finding": FINDING,
            "control": CONTROL,
            "nuisance": {"name": "NULL", "groups": [{"name": group, "source": "null", "group": group} for group in GROUPS]},
            "ratio": 0.75,
            "mask": {"kind": "ellipse", "semi_axis": 0.4},
            "mean_map_images": 4,
        }
        for task in TASKS
    },
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0, "device": "cpu"},
    "tuning": {"mode": "given"},
    "methods": {"classification": {"hyperparameters": {"lr": 1e-3}}},
    "saliency": {"attributions": ["gradient", "edges"], "example_images": 2},
}  # fmt: skip


def make_images(folder):
    """96 images in four cells; the patients 007 and 7 are two people."""
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    names = [*IMAGES, *(f"{number}.0" for number in range(96 - len(IMAGES)))]
    with open(folder / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "patient"])
        for number, name in enumerate(names):
            pixels = random.integers(0, 255, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / name, "PNG")
            label, group = (FINDING, CONTROL)[number % 2], GROUPS[number // 2 % 2]
            patient = PATIENTS[number] if number < len(PATIENTS) else f"p{number}"
            writer.writerow([name, label, group, patient])


@pytest.fixture(scope="module")
def study(tmp_path_factory, latin_1):
    """The results of the study, made under a Latin-1 locale with a matplotlibrc and a backend that nothing can use."""
    checkout = Checkout(tmp_path_factory.mktemp("names"))
    make_images(checkout.folder)
    checkout.study("names", STUDY)
    (checkout.folder / "matplotlibrc").write_text("text.usetex: True\nfont.family: No Such Font\nfigure.dpi: 7\n")
    mine = latin_1 | {"MPLBACKEND": "module://no_such_backend"}
    command = ("-c2", "all", "--configfile=names.yaml")
    checkout.snakemake(*command, "--report", "report.html", "--report-after-run", anew=True, **mine)
    return checkout


def test_every_table_of_the_study_has_its_names_as_they_are(study):
    tables = red_herring.read_tables(study.folder / "results")
    assert tables["runs"]["task"].tolist() == TASKS
    for name in ("localisation", "histories", "searches", "auc_intervals", *(f"tables/{name}" for name in STATISTICS)):
        assert tables[name]["task"].unique().tolist() == TASKS, name
    for task in TASKS:
        text = (study.folder / f"results/tables/{task}.md").read_text(encoding="utf-8")
        assert re.search(r"\| Baseline \| Classification \| 1 \| [01]\.\d\d \| – \| [01]\.\d\d \|", text)
        assert r"| within nan | within 右 \<b>$x$ & 50%_\| |" in text


def test_every_column_of_words_is_declared(study):
    """Else the reader refuses it."""
    for file in (study.folder / "results").rglob("*.csv"):
        read_table(file)


def test_no_image_and_no_patient_is_taken_for_another(study):
    index = read_table(study.folder / "results/data/null/index.csv")
    assert index["image"].tolist()[: len(IMAGES)] == IMAGES
    assert index["patient"].tolist()[: len(PATIENTS)] == PATIENTS
    assert index["patient"].nunique() == index["image"].nunique() == 96
    counts = read_table(study.folder / "results/tables/splits.csv")
    assert (counts["patients"] == counts["images"]).all()


def test_the_page_and_the_report_hold_the_names(study):
    page = (study.folder / "results/explorer.html").read_text(encoding="utf-8")
    data = json.loads(page.split('id="data">', 1)[1].split("</script>", 1)[0])
    assert [task["name"] for task in data["tasks"]] == TASKS
    assert data["tasks"][0]["about"] == f"null against 1e5; nuisance: NULL (nan, {GROUPS[1]}), ratio 0.75."
    assert [(run["task"], len(run["examples"]["images"])) for run in data["runs"]] == [(task, 2) for task in TASKS]
    report = (study.folder / "report.html").read_text(encoding="utf-8")
    assert all(f'"{task}"' in report for task in TASKS)


def test_the_figures_say_in_their_logs_what_no_font_has_once(study):
    logs = [log.read_text(encoding="utf-8") for log in (study.folder / "results/logs").rglob("*.log")]
    assert not [log for log in logs if "Glyph" in log]
    assert max(log.count("no font of this machine has 右 (U+53F3)") for log in logs) <= 1
