"""The sources on torchxrayvision's data sets: exact counts on the metadata that the package ships, and real images."""

import importlib.util
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from PIL import Image
from red_herring.data.picture import UnreadableImage
from red_herring.data.sources import nih as nih_source
from red_herring.data.sources import open_source
from red_herring.data.sources._torchxrayvision import FRAME, box_mask
from red_herring.data.sources.base import check_index
from red_herring.data.splits import SPLITS, count_cells, draw
from red_herring.runtime.files import StudyError


def cells(index, finding, control="No Finding"):
    """(group, label) -> images."""
    findings = index["findings"].str.split("|")
    positive, negative = findings.map(lambda names: finding in names), findings.map(lambda names: control in names)
    assert not (positive & negative).any()
    labels = np.select([positive, negative], [1, 0], -1)
    return index.groupby(["group", labels]).size().to_dict()


@pytest.mark.slow
def test_nih_counts():
    index = open_source("nih", {"imgpath": None, "views": ["PA", "AP"]}).index()
    check_index(index, "nih")
    assert len(index) == 112_120
    found = cells(index, "Cardiomegaly")
    assert found["PA", 1] + found["AP", 1] == 2776


# Finding: boxes, which are as many images; patients; median root of the area in pixels; median share of the frame.
NIH_BOXES = {
    "Nodule": (79, 77, 69, 0.0046),
    "Mass": (85, 81, 124, 0.015),
    "Atelectasis": (180, 167, 140, 0.019),
    "Pneumonia": (120, 116, 245, 0.057),
    "Pneumothorax": (98, 82, 194, 0.036),
    "Cardiomegaly": (146, 128, 423, 0.171),
    "Effusion": (153, 142, 242, 0.056),
    "Infiltration": (123, 115, 244, 0.057),
}


@pytest.mark.slow
def test_nih_boxes(monkeypatch):
    """A small data set: each finding has one box in an image, and an image boxes of several findings."""
    dataset = open_source("nih", {"imgpath": None, "views": ["PA", "AP"]})._dataset()
    monkeypatch.setattr(nih_source.Source, "_dataset", lambda _: dataset)  # which takes seconds to open
    of_image = Counter()
    for finding, (number, patients, side, share) in NIH_BOXES.items():
        found = open_source("nih", {"imgpath": None, "views": ["PA", "AP"], "boxes": finding})._boxes
        assert [len(boxes) for boxes in found.values()] == [1] * number
        assert len(patients_of(found)) == patients
        areas = [width * height for ((_, _, width, height),) in found.values()]
        assert np.median(np.sqrt(areas)) == pytest.approx(side, abs=0.5)
        assert np.median(areas) / FRAME**2 == pytest.approx(share, rel=0.03)
        of_image.update(list(found))
    assert (of_image.total(), len(of_image), len(patients_of(of_image))) == (984, 880, 726)
    assert Counter(of_image.values()) == {1: 787, 2: 83, 3: 9, 4: 1}


def patients_of(images):
    """By the names of NIH's images."""
    return {image.split("_")[0] for image in images}


def test_rsna_counts():
    index = open_source("rsna", {"imgpath": None, "views": ["PA", "AP"]}).index()
    assert len(index) == 26_684
    expected = {("PA", 1): 1348, ("PA", 0): 13163, ("AP", 1): 4664, ("AP", 0): 7509}
    assert cells(index, "Pneumonia", "No Pneumonia") == expected
    assert not index["findings"].str.contains("No Finding").any(), "half of the negatives have other findings"


@pytest.mark.slow
def test_padchest_counts():
    index = open_source("padchest", {"imgpath": None, "views": ["PA"]}).index()
    check_index(index, "padchest")
    found = cells(index, "Cardiomegaly")
    assert found["PA", 1] == 8416  # images; one per patient, as the data set has it by default, would be fewer
    assert found["PA", 0] == 34_065
    text = (ROOT / "docs/differences.md").read_text()
    assert f"`Projection`: {found['PA', 1]:,}" in text
    assert f"no other label: {found['PA', 0]:,}" in text


def test_padchests_controls_as_released():
    """The substring `normal` in the labels of PA images by the DICOM header, without cardiomegaly: docs/differences.md."""
    package = Path(importlib.util.find_spec("torchxrayvision").origin).parent
    table = pd.read_csv(
        package / "data" / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz",
        usecols=["ViewPosition_DICOM", "Labels"], dtype=str, keep_default_na=False,
    )  # fmt: skip
    labels = table["Labels"][table["ViewPosition_DICOM"].str.contains("POSTEROANTERIOR")]
    sick = labels.str.contains("cardiomegaly")
    controls = labels[labels.str.contains("normal") & ~sick]
    more = controls[controls.str.strip() != "['normal']"]
    counts = [sick.sum(), len(controls), len(more), more.str.contains("abnormal").sum()]
    assert counts == [4728, 22_070, 90, 24]
    text = (ROOT / "docs/differences.md").read_text()
    assert f"{counts[0]:,} with cardiomegaly" in text
    assert "{1:,}, of which {2} have other labels too, {3} of them `abnormal foreign body`".format(*counts) in text


def test_real_nih_images(nih):
    source = open_source("nih", nih)
    index = source.index()
    source.check(index["image"], 0)
    assert cells(index, "Pneumonia") == {("AP", 0): 268, ("AP", 1): 175, ("PA", 0): 125, ("PA", 1): 217}
    pixels, mask = source.read(index["image"][0])
    assert pixels.shape == (256, 256)
    assert mask is None


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), ("a,b\n1,2\n", "has no column")])
def test_a_wrong_table_is_named(tmp_path, content, words):
    path = tmp_path / "entry.csv"
    if content:
        path.write_text(content)
    with pytest.raises(StudyError, match=words) as caught:
        open_source("nih", {"imgpath": None, "csvpath": str(path), "views": ["PA"]}).index()
    assert "entry.csv" in str(caught.value)


def test_boxes_are_scaled_to_the_image_and_united():
    boxes = np.array([[0, 0, 512, 256], [512, 512, 256, 256]])
    mask = box_mask(boxes, (8, 8))
    expected = np.zeros((8, 8), bool)
    expected[0:2, 0:4] = True
    expected[4:6, 4:6] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.fixture
def nih(real_images):
    """Settings of the real NIH images."""
    folder = real_images / "nih_chestxray14"
    table = str(folder / "Data_Entry_2017_v2020.csv")
    return {"imgpath": str(folder / "images"), "csvpath": table, "views": ["PA", "AP"]}


def test_boxes_of_a_finding_are_masks_where_there_are_some(nih):
    source = open_source("nih", nih | {"boxes": "Pneumonia"})
    index, without = source.index(), open_source("nih", nih).index()
    images = index["image"]
    source.check(images, 0)
    masks = {image: mask for image in images if (mask := source.read(image)[1]) is not None}
    assert len(masks) == 33
    boxed = index["findings"].str.endswith("|Pneumonia (box)")
    assert set(images[boxed]) == set(masks)
    assert index.assign(findings=index["findings"].str.removesuffix("|Pneumonia (box)")).equals(without)
    assert all(0 < mask.mean() < 0.6 for mask in masks.values())


def test_any_data_set_of_torchxrayvision_by_its_name(nih):
    """Its NIH_Dataset by name gives what our NIH source gives, pixel by pixel; its masks round boxes another way."""
    named = open_source(
        "torchxrayvision",
        nih | {
            "dataset": "NIH_Dataset", "image_column": "Image Index", "masks": "pathology_masks",
            "arguments": {"unique_patients": False},
        },
    )  # fmt: skip
    ours = open_source("nih", nih | {"boxes": "Pneumonia"})
    index = named.index()
    pd.testing.assert_frame_equal(index, open_source("nih", nih).index())
    for source in (named, ours):
        source.check(index["image"], 0)
    compared = 0
    for image in index["image"]:
        pixels, mask = ours.read(image)
        if mask is not None:
            theirs, their_mask = named.read(image)
            np.testing.assert_allclose(theirs.grey(), pixels.grey(), atol=1e-4)
            # Theirs unite the boxes of all findings. A box is a few dozen of 256 pixels wide, and they cut off what we
            # round: at most a row and a column of it.
            assert (mask & their_mask).sum() / mask.sum() > 0.85
            compared += 1
    assert compared == 33


def test_the_documented_example_of_a_named_data_set(real_images):
    settings = {"dataset": "NIH_Google_Dataset", "imgpath": None, "views": ["PA", "AP"]}
    settings |= {"image_column": "Image Index", "patient_column": "Patient ID", "arguments": {"unique_patients": False}}
    index = open_source("torchxrayvision", settings).index()
    check_index(index, "nih_google")
    assert len(index) == 4376
    assert cells(index, "Lung Opacity", "None of the Four Findings")["AP", 0] > 500
    here = open_source("torchxrayvision", settings | {"imgpath": str(real_images / "nih_chestxray14" / "images")})
    there = [image for image in index["image"] if (real_images / "nih_chestxray14" / "images" / image).is_file()]
    here.check(index["image"], len(index))
    assert here.read(there[0])[0].shape == (256, 256)
    with pytest.raises(UnreadableImage, match="cannot be read by NIH_Google_Dataset"):
        here.read(next(image for image in index["image"] if image not in there))


@pytest.mark.slow
def test_lung_masks_of_the_covid_collection_fit_their_images(real_images):
    """The masks that torchxrayvision ships, scaled to these smaller copies, are the masks scaled beforehand."""
    folder = real_images / "covid_chestxray"
    settings = {"imgpath": str(folder / "images"), "csvpath": str(folder / "metadata.csv")}
    source = open_source("covid", settings | {"views": ["PA", "AP", "AP Supine"], "group_column": "sex"})
    index = source.index()
    check_index(index, "covid")
    assert index["group"].isin(["F", "M", "unknown"]).all()
    source.check(index["image"], 0)
    found = 0
    for image in index["image"]:
        pixels, mask = source.read(image)
        if mask is None:
            continue
        assert mask.shape == pixels.shape
        with Image.open(folder / "lung_masks" / f"{Path(image).stem}.png") as scaled:
            np.testing.assert_array_equal(mask, np.asarray(scaled) > 127)
        found += 1
    assert found == 145


def test_the_covid_collection_needs_its_table():
    with pytest.raises(StudyError, match=r"csvpath: is null, expected the collection's metadata\.csv"):
        open_source("covid", {"imgpath": None, "views": ["PA"]}).index()


@pytest.mark.slow
def test_rsna_dicom_and_its_inverted_twin_are_the_same_picture(real_images, tmp_path):
    """The same image as MONOCHROME2 and with a header that says MONOCHROME1: one is the negative of the other."""
    for file, name in {"1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819": "a", "Fake_MONOHR1": "b"}.items():
        shutil.copy(real_images / "raw_samples" / "rsna_dicom" / f"{file}.dcm", tmp_path / f"{name}.dcm")
    source = open_source("rsna", {"imgpath": str(tmp_path), "views": ["PA", "AP"], "extension": ".dcm"})
    assert source.index()["image"].str.endswith(".dcm").all()
    (plain, _), (inverted, _) = source.read("a.dcm"), source.read("b.dcm")
    plain, inverted = plain.grey(), inverted.grey()
    assert plain.shape == (1024, 1024)
    np.testing.assert_allclose(plain, 255 - inverted)
    assert 0 <= plain.min() < plain.max() <= 255
    (tmp_path / "c.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[:5000])
    with pytest.raises(UnreadableImage):
        source.read("c.dcm")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "CheXpert"}, ["CheXpert: is no data set", "CheX_Dataset"]),
        ({"dataset": "NIH_Dataset", "views": ["LATERAL"]}, ["no image has the view 'LATERAL'", "only AP, PA"]),
        ({"dataset": "NIH_Dataset", "group_column": "scanner"}, ["no column 'scanner'"]),
        ({"dataset": "NIH_Dataset", "arguments": {"folds": 3}}, ["no argument 'folds', only imgpath, csvpath"]),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(nih, settings, words):
    with pytest.raises(StudyError) as caught:
        open_source("torchxrayvision", nih | settings).index()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.slow
def test_the_splits_of_the_paper_from_the_metadata_alone():
    """Sizes at any ratio. RSNA's are the paper's; NIH's table of 2020 has 2776 positives where the authors had 2772."""
    indexes = {
        "nih": open_source("nih", {"imgpath": None, "views": ["PA", "AP"]}).index(),
        "padchest": open_source("padchest", {"imgpath": None, "views": ["PA"]}).index(),
        "rsna": open_source("rsna", {"imgpath": None, "views": ["PA", "AP"]}).index(),
    }
    tasks = yaml.safe_load((ROOT / "config.yaml").read_text())["tasks"]
    groups = {"spc": [("nih", None), ("padchest", None)], "vpc": [("rsna", "AP"), ("rsna", "PA")]}
    expected = {"spc": [5552, 2776, 2776], "vpc": [2696, 1348, 1348]}
    for task, parts in groups.items():
        tables = []
        for nuisance, (source, group) in enumerate(parts):
            index = indexes[source]
            index = index[index["group"] == group] if group else index
            findings = index["findings"].str.split("|")
            label = findings.map(
                lambda names, task=tasks[task]: 1 if task["finding"] in names else 0 if task["control"] in names else -1
            )
            table = index.assign(label=label, nuisance=nuisance, source=source, row=index.index)
            tables.append(table[label >= 0].assign(patient=source + "/" + index["patient"]))
        candidates = pd.concat(tables, ignore_index=True)
        for ratio, disjoint in ((0.5, True), (0.9, True), (0.9, False)):
            split = draw(candidates, ratio, 1234, disjoint=disjoint)
            assert split["split"].value_counts()[list(SPLITS)].tolist() == expected[task]
            straddling = count_cells(split)["straddling_patients"].iloc[0]
            assert (straddling == 0) == (disjoint or task == "vpc")
        if task == "spc":
            assert_the_decisive_cell_has_the_usual_patients(candidates)


def assert_the_decisive_cell_has_the_usual_patients(candidates):
    """The 278 NIH positives that train against the shortcut are of about as many patients as any 278 of them, which is
    157 with 1.77 images each, and so it is in every cell of every split.
    """
    usual = candidates.groupby(["label", "nuisance"])["patient"].agg(["size", "nunique"])
    for seed in yaml.safe_load((ROOT / "config.yaml").read_text())["study"]["seeds"]:
        counts = count_cells(draw(candidates, 0.9, seed)).set_index(["split", "label", "nuisance"])
        assert counts["images"]["train", 1, 0] == 278
        assert counts["patients"]["train", 1, 0] >= 130
        for (split, *cell), row in counts.iterrows():
            factor = row["images"] / row["patients"] / (usual["size"] / usual["nunique"])[tuple(cell)]
            assert 1 / 1.5 < factor < 1.5, (seed, split, cell)
