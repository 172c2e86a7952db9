"""Studies run in a folder of the user's, by the path of the checkout and as a module, with a space in every name."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from support.workflow_checkout import Checkout

SMALL = {
    "study": {"tasks": ["synthetic"], "methods": ["classification"], "seeds": [1]},
    "sources": {"crosses": {"images_per_cell": 40}},
    "tasks": {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 24}}},
    "model": {"width": 1},
    "training": {"epochs": 2, "burn_in": 0},
    "saliency": {"attributions": ["edges"], "example_images": 2},
    "tuning": {"seed": 1, "initial_points": 1, "iterations": 1, "epochs": 1, "burn_in": 0},
}

MODULE = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare the workflow as a module
module red_herring:
    snakefile:
        "{checkout}/workflow/Snakefile"
    config:
        config


# use all rules
use rule * from red_herring{renamed}


onstart:
    red_herring.onstart()


onerror:
    red_herring.onerror()
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    folder = tmp_path_factory.mktemp("of the project") / "a checkout"
    folder.mkdir()
    return Checkout(folder)


@pytest.fixture
def users(tmp_path):
    """An empty folder of a user's."""
    folder = tmp_path / "my study"
    folder.mkdir()
    return folder


def deployed(checkout, folder, study, renamed=""):
    """What snakedeploy writes, with the path of the checkout, and the two handlers."""
    for name, text in (
        ("config/config.yaml", yaml.safe_dump(study)),
        ("workflow/Snakefile", MODULE.format(checkout=checkout.folder, renamed=renamed)),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)


def here(folder):
    return {path.name for path in folder.iterdir()}


OF_EACH_KIND = [
    f"out put/{name}"
    for name in ("tables/synthetic.md", "figures/figure_8_iou.pdf", "explorer.html", "overview.rst", "tables/splits.md")
]
"""What is made of a study. All of it: test_as_a_module."""


@pytest.mark.slow
def test_by_its_path_in_an_empty_folder(checkout, users):
    """Either Snakefile; all that is made is in the user's folder, and nothing in the checkout."""
    before = here(checkout.folder)
    (users / "my.yaml").write_text(yaml.safe_dump(SMALL | {"pathvars": {"results": "out put"}}))
    snakefile = str(checkout.folder / "Snakefile")
    checkout.snakemake("-s", snakefile, "-c2", *OF_EACH_KIND, "--configfile=my.yaml", where=users)
    assert here(users) == {"my.yaml", "out put", ".snakemake"}
    assert here(checkout.folder) == before
    assert len(pd.read_csv(users / "out put/runs.csv")) == 1
    for form in (("-s", snakefile), ("-s", str(checkout.folder / "workflow/Snakefile"))):
        assert checkout.planned(*form, *OF_EACH_KIND, "--configfile=my.yaml", where=users) == []
    report = ("--report", "report.html")
    checkout.snakemake("-s", snakefile, *OF_EACH_KIND, "--configfile=my.yaml", *report, where=users)
    assert "one point per run" in (users / "report.html").read_text()

    # A file of that name is read wherever Snakemake runs.
    (users / "my.yaml").rename(users / "config.yaml")
    assert checkout.planned("-s", snakefile, *OF_EACH_KIND, where=users) == []

    # Published numbers are found by the stages; a change of theirs is still noticed.
    checkout.edit("workflow/red_herring/reference/published_tables.csv", "0.01", "0.02")
    again = checkout.planned("-s", snakefile, *OF_EACH_KIND, where=users)
    assert ("render_table", "study=out put, table=synthetic") in again


@pytest.mark.slow
def test_as_a_module(checkout, users):
    deployed(checkout, users, SMALL | {"training": {"epochs": 2, "burn_in": 0, "device": "cpu"}})
    # A run that fails is told of by the module's own handler.
    loss = "workflow/red_herring/methods/classification.py"
    original = (checkout.folder / loss).read_text()
    (checkout.folder / loss).write_text(original + '\nraise RuntimeError("unlucky")\n')
    done = checkout.snakemake("-c2", where=users, check=False)
    assert done.returncode == 1
    assert "Missing runs, 1 of 1:" in done.stdout
    (checkout.folder / loss).write_text(original)
    checkout.snakemake("-c2", where=users)
    assert len(pd.read_csv(users / "results/runs.csv")) == 1
    settings = json.loads((users / "results/runs/synthetic/classification/seed=1/run.json").read_text())["settings"]
    assert (settings["batch_size"], settings["epochs"]) == (16, 2), "defaults are those of the checkout"
    assert checkout.planned(where=users) == []
    checkout.snakemake("--report", "report.html", where=users)
    assert "Does saliency tell" in (users / "report.html").read_text()
    # Under other names the rules are the same.
    (users / "workflow/Snakefile").write_text(MODULE.format(checkout=checkout.folder, renamed=" as herring_*"))
    assert checkout.planned(where=users) == []


@pytest.mark.slow
@pytest.mark.parametrize("change", ['prefix: "x"', 'replace_prefix: {"results": "x"}', 'pathvars: results="x"'])
def test_a_module_that_moves_paths_is_refused(checkout, users, change):
    deployed(checkout, users, SMALL)
    snakefile = users / "workflow/Snakefile"
    snakefile.write_text(snakefile.read_text().replace("    config:\n", f"    {change}\n    config:\n"))
    done = checkout.snakemake("-n", where=users, check=False)
    assert done.returncode == 1
    assert "module: pathvars, prefix and replace_prefix are not read; set pathvars.results" in done.stdout + done.stderr


def test_the_configuration_that_is_deployed_plans_the_synthetic_task(checkout, users):
    deployed(checkout, users, yaml.safe_load((checkout.folder / "config/config.yaml").read_text()))
    planned = checkout.planned(where=users)
    assert {wildcards.split(",")[0] for rule, wildcards in planned if rule == "train"} == {"task=synthetic"}


COLUMNS = {"file": "file", "label": "label", "group": "group", "patient": "patient"}
CLINIC = {
    "kind": "folder", "size": 16, "imgpath": "$RED_HERRING_IMAGES/clinic", "max_unreadable": 0,
    "csvpath": "$RED_HERRING_IMAGES/clinic/table.csv", "columns": COLUMNS,
}  # fmt: skip
SCANNER = {
    "finding": "sick",
    "control": "well",
    "nuisance": {"name": "scanner", "groups": [{"name": name, "source": "clinic", "group": name} for name in "ab"]},
    "ratio": 0.75,
    "mask": {"kind": "ellipse", "semi_axis": 0.4},
    "mean_map_images": 4,
}


@pytest.fixture
def images(tmp_path):
    """A folder of images that holds one of a clinic, 24 images of each kind."""
    folder = tmp_path / "the images"
    (folder / "clinic").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for number in range(96):
        Image.fromarray(random.integers(0, 255, (16, 16), dtype=np.uint8)).save(folder / f"clinic/{number}.png")
        rows.append(
            {"file": f"{number}.png", "label": "sick" if number % 2 else "well", "group": "ab"[number // 2 % 2]}
        )
    pd.DataFrame(rows).assign(patient=range(96)).to_csv(folder / "clinic/table.csv", index=False)
    return folder


@pytest.mark.slow
def test_the_folder_of_the_images_may_move_and_go(checkout, users, images, tmp_path):
    study = SMALL | {
        "study": SMALL["study"] | {"tasks": ["scanner"]},
        "sources": {"clinic": CLINIC},
        "tasks": {"scanner": SCANNER},
    }
    (users / "my.yaml").write_text(yaml.safe_dump(study))
    splits = ("-s", str(checkout.folder / "Snakefile"), "results/splits/scanner/seed=1.csv", "--configfile=my.yaml")

    done = checkout.snakemake("-n", *splits, where=users, check=False, RED_HERRING_IMAGES="")
    assert "config: sources.clinic.imgpath: $RED_HERRING_IMAGES/clinic: RED_HERRING_IMAGES is not set" in done.stdout
    done = checkout.snakemake("-n", *splits, where=users, check=False, RED_HERRING_IMAGES="nowhere")
    assert f"nowhere/clinic (relative to {users}): there is no such folder; fix RED_HERRING_IMAGES" in done.stdout

    checkout.snakemake("-c2", *splits, where=users, RED_HERRING_IMAGES=str(images))
    moved = shutil.move(images, tmp_path / "moved")
    assert checkout.planned(*splits, where=users, RED_HERRING_IMAGES=str(moved)) == []
    assert checkout.planned(*splits, where=users, RED_HERRING_IMAGES="") == [], "results are at home, images are not"
    table = moved / "clinic/table.csv"
    table.write_text(table.read_text().replace(",sick,", ",ill,"))
    assert ("index_source", "source=clinic") in checkout.planned(*splits, where=users, RED_HERRING_IMAGES=str(moved))


@pytest.mark.parametrize("study", ["xray_small", "masks_small"])
def test_studies_of_real_images_ask_for_their_folder(checkout, study):
    done = checkout.snakemake("-n", f"--configfile=workflow/studies/{study}.yaml", check=False, RED_HERRING_IMAGES="")
    assert done.returncode == 1
    assert "RED_HERRING_IMAGES is not set; set it to the folder that holds" in done.stdout
