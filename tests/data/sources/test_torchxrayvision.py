"""The sources on torchxrayvision's data sets: exact counts on the metadata that the package ships, and real images."""

import numpy as np
import pytest
from red_herring.data.sources import open_source
from red_herring.data.sources.base import check_index
from red_herring.data.sources.rsna import box_mask
from red_herring.files import StudyError


def cells(index, finding, control="No Finding"):
    """(group, label) -> images."""
    findings = index["findings"].str.split("|")
    positive, negative = findings.map(lambda names: finding in names), findings.map(lambda names: control in names)
    assert not (positive & negative).any()
    labels = np.select([positive, negative], [1, 0], -1)
    return index.groupby(["group", labels]).size().to_dict()


def test_nih_counts():
    index = open_source("nih", {"imgpath": None, "views": ["PA", "AP"]}).index()
    check_index(index, "nih")
    assert len(index) == 112_120
    found = cells(index, "Cardiomegaly")
    assert found["PA", 1] + found["AP", 1] == 2776


def test_rsna_counts():
    index = open_source("rsna", {"imgpath": None, "views": ["PA", "AP"]}).index()
    assert len(index) == 26_684
    assert cells(index, "Pneumonia") == {("PA", 1): 1348, ("PA", 0): 13163, ("AP", 1): 4664, ("AP", 0): 7509}


def test_padchest_counts():
    index = open_source("padchest", {"imgpath": None, "views": ["PA"]}).index()
    check_index(index, "padchest")
    found = cells(index, "Cardiomegaly")
    assert found["PA", 1] == 8416  # images; one per patient, as the data set has it by default, would be fewer
    assert found["PA", 0] > 20_000


def test_real_nih_images(real_images):
    folder = real_images / "nih_chestxray14"
    settings = {
        "imgpath": str(folder / "images"),
        "csvpath": str(folder / "Data_Entry_2017_v2020.csv"),
        "views": ["PA", "AP"],
    }
    source = open_source("nih", settings)
    source.check()
    index = source.index()
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
    expected = np.zeros((8, 8), np.uint8)
    expected[0:2, 0:4] = 1
    expected[4:6, 4:6] = 1
    np.testing.assert_array_equal(mask, expected)
    assert box_mask((), (8, 8)).sum() == 0
