"""What only showed in training, or after it, is said before anything runs."""

import copy

import numpy as np
import pytest
import yaml
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.data import masks, sources
from red_herring.runtime.files import StudyError
from red_herring.study import catalogue, configuration
from red_herring.study.check import _check_ellipse
from snakemake.utils import update_config

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())
FOLDER = {
    "kind": "folder", "size": 64, "imgpath": "images", "csvpath": "table.csv", "max_unreadable": 0,
    "columns": {"file": "f", "label": "l", "group": "g", "patient": "p"},
}  # fmt: skip
MASKED = {"mask": "m"}
LUNGS = {"mask": {"kind": "anatomy", "structures": ["Left Lung", "Right Lung"]}}


def study(*changes: dict) -> dict:
    config = copy.deepcopy(PAPER)
    for change in changes:
        update_config(config, change)
    return config


def groups(*of: dict) -> dict:
    return {"nuisance": {"groups": [{"name": f"group {number}", **group} for number, group in enumerate(of)]}}


def task(name: str, change: dict) -> dict:
    return {"tasks": {name: change}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            [{"sources": {"padchest": {"size": 64}}}],
            "tasks.spc.nuisance.groups: take sources of different size, nih 224 and padchest 64",
        ),
        (
            [task("spc", groups({"source": "nih"}, {"source": "crosses"})), {"sources": {"crosses": {"size": 224}}}],
            "tasks.spc.nuisance.groups: take sources of different pixel range, nih -1024 to 1024 and crosses 0 to 1",
        ),
        (
            [{"tasks": {"spc": {"mask": {"semi_axis": 0.001}}}}],
            "tasks.spc.mask.semi_axis: is 0.001, which holds no pixel of images of 224 x 224",
        ),
        (
            [{"tasks": {"spc": {"mask": {"semi_axis": 0.71}}}}],
            "tasks.spc.mask.semi_axis: is 0.71, which holds all pixels",
        ),
        (
            [{"tasks": {"spc": {"mask": {"blur_sigma": 20}}}}],
            "tasks.spc.mask.blur_sigma: is 20.0, which lets the ellipse hold all pixels",
        ),
        (
            [{"tasks": {"spc": {"mask": {"blur_sigma": [17, 20]}}}}],
            "tasks.spc.mask.blur_sigma: is [17.0, 20.0], which lets",
        ),
        (
            [{"study": {"methods": ["classification"]}}, {"tasks": {"spc": {"mask": {"blur_sigma": [2, 1]}}}}],
            "tasks.spc.mask.blur_sigma: is [2.0, 1.0]; allowed is a range",
        ),
        (
            [
                task("vpc", groups({"source": "padchest", "group": "AP"}, {"source": "rsna"})),
                {"sources": {"padchest": {"views": ["PA", "AP"]}}},
            ],
            "tasks.vpc.mask.kind: is source, but source padchest has no masks; take an ellipse",
        ),
        (
            [task("vpc", groups({"source": "nih"}, {"source": "rsna"}))],
            "tasks.vpc.mask.kind: is source, but source nih has no masks; set sources.nih.boxes, or take an ellipse",
        ),
        (
            [
                {"sources": {"mine": FOLDER | {"size": 224}}},
                task("vpc", groups({"source": "mine"}, {"source": "rsna"})),
            ],
            "source mine has no masks; set sources.mine.columns.mask",
        ),
        (
            [task("synthetic", {"mask": {"kind": "anatomy", "structures": ["Heart"]}})],
            "tasks.synthetic.mask.kind: is anatomy, but the images of source crosses, kind crosses, are no X-rays; take",
        ),
        (
            [{"sources": {"rsna": {"views": ["PA"]}}}],
            "tasks.vpc.nuisance.groups.0.group: is 'AP'; allowed are the views of source rsna, PA",
        ),
        ([{"tuning": {"parallel": 21}}], "tuning.parallel: is 21; allowed is at most 20"),
        (
            [{"training": {"device": "cpu", "precision": "tf32"}}],
            "training.precision: is tf32, which only GPUs have, but training.device is cpu",
        ),
        (
            [{"study": {"tasks": ["spc", "SPC"]}}, {"tasks": {"SPC": PAPER["tasks"]["spc"]}}],
            "study.tasks: has 'SPC' and 'spc', one folder to some disks",
        ),
        (
            [
                {"sources": {"NIH": PAPER["sources"]["nih"]}},
                task("spc", groups({"source": "nih", "group": "PA"}, {"source": "NIH", "group": "AP"})),
            ],
            "sources: has 'NIH' and 'nih', one folder to some disks",
        ),
        (
            [{"methods": {"classification": {"hyperparameters": {"mask_blur_sigma": 1}}}}],
            "methods.classification.hyperparameters: has the unknown key 'mask_blur_sigma'",
        ),
        (
            [{"methods": {"adversarial": {"hyperparameters": {"discriminator_steps": 2.5}}}}],
            "methods.adversarial.hyperparameters.discriminator_steps: is 2.5; allowed is integer",
        ),
        (
            [{"methods": {"adversarial": {"search": {"discriminator_steps": [2, 4.5]}}}}],
            "methods.adversarial.search.discriminator_steps.1: is 4.5; allowed is integer",
        ),
        (
            [{"sources": {"crosses": {"seed": 2**32}}}],
            "sources.crosses.seed: is 4294967296; allowed is at most 4294967295",
        ),
        ([{"tuning": {"seed": 2**32}}], "tuning.seed: is 4294967296; allowed is at most 4294967295"),
        ([{"pathvars": {"results": "run{1}"}}], "pathvars.results: is 'run{1}'; allowed is a path without {} and <>"),
        (
            [{"pathvars": {"results": "<logs>/a"}}],
            "pathvars.results: is '<logs>/a'; allowed is a path without {} and <>",
        ),
        ([{"pathvars": {"results": "/"}}], "pathvars.results: is '/'; allowed is a folder of its own"),
        ([{"pathvars": {"results": "."}}], "pathvars.results: is '.'; allowed is a folder of its own"),
        (
            [{"pathvars": {"results": str(ROOT / "workflow" / "x")}}],
            "allowed is a folder outside of the workflow's code",
        ),
        (
            [{"pathvars": {"results": "results/published/"}}],
            "pathvars.results: is 'results/published'; which is the folder of the authors'",
        ),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else "",
)
def test_one_sentence(changes, sentence):
    with pytest.raises(StudyError) as caught:
        configuration.typed(study(*changes))
    assert str(caught.value).startswith("config: ")
    assert "\n" not in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        [{"study": {"tasks": ["vpc"]}}, {"sources": {"padchest": {"size": 64}}}],  # spc, which has it, is not run
        [{"sources": {"nih": {"boxes": "Mass"}}}, task("vpc", groups({"source": "nih"}, {"source": "rsna"}))],
        [
            {"sources": {"mine": FOLDER | {"size": 224, "columns": FOLDER["columns"] | MASKED}}},
            task("vpc", groups({"source": "mine"}, {"source": "rsna"})),
        ],
        [
            {"sources": {"rsna": {"group_column": "sex"}}},
            task("vpc", groups({"source": "rsna", "group": "M"}, {"source": "rsna", "group": "F"})),
        ],
        [
            {"sources": {"mine": FOLDER | {"size": 224}}},
            task("vpc", groups({"source": "mine"}, {"source": "rsna"}) | LUNGS),
        ],
        [{"tuning": {"parallel": 20}}],
        [{"tuning": {"mode": "published", "parallel": 99}}],
        [{"tasks": {"spc": {"mask": {"blur_sigma": [0, 20]}}}}],
        [{"study": {"seeds": [0, 2**32 - 1]}}],
        [{"pathvars": {"results": "results/published_too"}}],
        [{"pathvars": {"results": "../it's a folder, \u00e4"}}],
    ],
)
def test_what_can_work_is_let_through(changes):
    configuration.typed(study(*changes))


@settings(max_examples=200, deadline=None)
@given(st.integers(8, 40), st.floats(0.001, 1), st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.5]))
def test_an_ellipse_is_refused_when_it_has_no_pixel_or_all(size, semi_axis, blur_sigma):
    mask = masks.ellipse(size, semi_axis)
    dilated = masks.dilate(mask[None], blur_sigma)
    works = mask.any() and not np.all(dilated)
    try:
        _check_ellipse("t", {"semi_axis": semi_axis, "blur_sigma": blur_sigma}, size)
    except StudyError:
        assert not works
    else:
        assert works


@pytest.mark.parametrize("kind", catalogue.source_kinds())
def test_a_card_says_what_its_source_is(kind):
    card = catalogue.source_card(kind)
    entries = {
        "seed": 0,
        "images_per_cell": 4,
        "imgpath": "",
        "csvpath": "",
        "views": ["PA"],
        "dataset": "CheX_Dataset",
    }
    entries["columns"] = FOLDER["columns"]
    given = {key: entries[key] for key in card.settings if key in entries and key in {*card.required, "csvpath"}}
    source = sources.open_source(kind, given)
    assert source.pixel_range == (card.pixel_range or sources.base.Source.pixel_range)
    assert source.has_masks == (card.masks is True)
    if isinstance(card.masks, str):
        value = {"boxes": "Mass", "columns.mask": "m", "masks": "pathology_masks"}[card.masks]
        *parents, key = card.masks.split(".")
        for parent in parents:
            given[parent] = {**given[parent], key: value}
        source = sources.open_source(kind, given if parents else {**given, key: value})
        assert source.has_masks
