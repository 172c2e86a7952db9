"""Every data set class of torchxrayvision, on small tables and images in its own layout: what is listed, and read."""

import io
import json
import tarfile
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.sources import open_source
from red_herring.data.sources._classes import CLASSES, LEFT_OUT
from red_herring.data.sources.base import check_index
from red_herring.data.sources.torchxrayvision import SETTINGS
from red_herring.runtime.files import StudyError

SIDE = 32
CHEXPERT = [
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
]  # fmt: skip
LABELLED = [
    ({"No Finding": 1}, "No Finding"),  # all else is blank, which is not 0
    ({"No Finding": 1, "Support Devices": 1}, "Support Devices|No Finding"),
    ({"Cardiomegaly": 1, "Edema": -1}, "Cardiomegaly"),
    ({"Pneumonia": -1}, ""),  # uncertain is neither
    ({"Fracture": 0}, ""),  # nor is what was not mentioned a finding, or ruled out
    ({"Pleural Effusion": 1, "Support Devices": 0}, "Effusion"),
]
"""Labels of CheXpert's labeller -> findings."""


def save(path, level=100, side=SIDE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), level, np.uint8)).save(path)


def dicom(path):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = SecondaryCaptureImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = generate_uid()
    image.Rows = image.Columns = SIDE
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = np.full((SIDE, SIDE), 100, np.uint8).tobytes()
    image.save_as(path, enforce_file_format=True)


def table(folder, rows, name="table.csv"):
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    return str(folder / name)


def chexpert(folder, name="labels.csv", part="train"):
    rows = []
    for number, (labels, _) in enumerate(LABELLED):
        path = f"{part}/patient{number + 1:05d}/study1/view1_frontal.jpg"
        save(folder / path)
        about = {
            "Path": f"CheXpert-v1.0-small/{path}",
            "Sex": "Male",
            "Age": 60,
            "Frontal/Lateral": "Frontal",
            "AP/PA": "AP",
        }
        rows.append(about | dict.fromkeys(CHEXPERT) | labels)
    images = [row["Path"] for row in rows]
    index = {image: (findings, "AP") for image, (_, findings) in zip(images, LABELLED, strict=True)}
    return {"csvpath": table(folder, rows, name), "views": ["AP"]}, index


def brax(folder):
    rows = []
    for number, (labels, _) in enumerate(LABELLED):
        save(folder / f"id_{number}/image.png")
        about = {
            "PngPath": f"images/id_{number}/image.png", "PatientID": f"id_{number}", "ViewPosition": "PA", "Rows": SIDE,
            "Columns": SIDE, "PatientAge": "85 or more", "PatientSex": "F",
        }  # fmt: skip
        rows.append(about | dict.fromkeys(CHEXPERT) | labels)
    index = {row["PngPath"]: (findings, "PA") for row, (_, findings) in zip(rows, LABELLED, strict=True)}
    return {"csvpath": table(folder, rows), "views": ["PA"]}, index


def mimic(folder):
    labels, images, index = [], [], {}
    for number, (row, findings) in enumerate(LABELLED):
        subject, study = 10000 + number, 50000 + number
        save(folder / f"p10/p{subject}/s{study}/d{number}.jpg")
        labels.append({"subject_id": subject, "study_id": study} | dict.fromkeys(CHEXPERT) | row)
        images.append(
            {"subject_id": subject, "study_id": study, "dicom_id": f"d{number}", "ViewPosition": "PA", "StudyDate": 1}
        )
        index[f"d{number}"] = (
            findings.replace("Support Devices|No", "No"),
            "PA",
        )  # it takes devices for no finding too
    meta = table(folder, images, "meta.csv")
    return {"csvpath": table(folder, labels), "views": ["PA"], "arguments": {"metacsvpath": meta}}, index


def chexlocalize(folder):
    """As experts have it: the blinded test set, without `No Finding` and views, all labels 0 or 1."""
    rows, index = [], {}
    for number, labels in enumerate([{}, {"Support Devices": 1}, {"Edema": 1}]):
        path = f"test/patient{number}/study1/view1_frontal.jpg"
        save(folder / path)
        rows.append({"Path": path} | dict.fromkeys(CHEXPERT[1:], 0) | labels)
        index[path] = (["No Finding", "Support Devices|No Finding", "Edema"][number], "Unknown")
    return {"csvpath": table(folder, rows), "views": ["Unknown"]}, index


def nih(folder):
    findings = ["No Finding", "Mass|Hernia", "Cardiomegaly"]
    rows = []
    for number, names in enumerate(findings):
        save(folder / f"{number}.png")
        rows.append({
            "Image Index": f"{number}.png", "Finding Labels": names, "Patient ID": number, "View Position": "PA",
            "Patient Age": 1, "Patient Sex": "M",
        })  # fmt: skip
    index = {"0.png": ("No Finding", "PA"), "1.png": ("Hernia|Mass", "PA"), "2.png": ("Cardiomegaly", "PA")}
    return {"csvpath": table(folder, rows), "views": ["PA"], "masks": "pathology_masks"}, index


def nih_google(folder):
    kinds = ["Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass"]
    rows = []
    for number, names in enumerate([[], ["Airspace opacity", "Nodule or mass"]]):
        save(folder / f"{number}.png")
        about = {"Image Index": f"{number}.png", "Patient ID": number, "View Position": "AP"}
        rows.append(about | {kind: "YES" if kind in names else "NO" for kind in kinds})
    index = {"0.png": ("None of the Four Findings", "AP"), "1.png": ("Lung Opacity|Nodule/Mass", "AP")}
    return {"csvpath": table(folder, rows), "views": ["AP"]}, index


def padchest(folder):
    labels = ["['normal']", "['cardiomegaly', 'pacemaker']", "['unchanged']"]
    rows = []
    for number, names in enumerate(labels):
        Image.fromarray(np.full((SIDE, SIDE), 100 * 257, np.uint16)).save(folder / f"{number}.png")
        rows.append({
            "ImageID": f"{number}.png", "PatientID": f"p{number}", "Projection": "PA", "Labels": names, "PatientBirth": 1950,
            "StudyDate_DICOM": 20140101, "PatientSex_DICOM": "F",
        })  # fmt: skip
    index = {"0.png": ("No Finding", "PA"), "1.png": ("Cardiomegaly|Support Devices", "PA"), "2.png": ("", "PA")}
    return {"csvpath": table(folder, rows), "views": ["PA"]}, index


def rsna(folder):
    rows = [{"patientId": f"p{n}", "x": x, "y": x, "width": w, "height": w, "Target": t} for n, x, w, t in [
        (0, None, None, 0), (1, 256, 512, 1), (1, 0, 128, 1),
    ]]  # fmt: skip
    for number in (0, 1):
        save(folder / f"p{number}.jpg")
    heads = table(folder, [{"PatientID": f"p{n}", "ViewPosition": "PA"} for n in (0, 1)], "heads.csv")
    index = {"p0": ("No Pneumonia", "PA"), "p1": ("Lung Opacity|Pneumonia", "PA")}
    more = {"masks": "pathology_masks", "arguments": {"dicomcsvpath": heads}}
    return {"csvpath": table(folder, rows), "views": ["PA"]} | more, index


def openi(folder):
    """Three reports; `no indexing` and what is not among its findings is not normal."""
    reports = [
        ("CXR1", "normal", ""),
        ("CXR2", "Cardiomegaly/mild", "Cardiomegaly"),
        ("CXR3", "Scoliosis", "Scoliosis"),
    ]
    with tarfile.open(folder / "reports.tgz", "w:gz") as archive:
        for uid, major, automatic in reports:
            terms = (
                f"<MeSH><major>{major}</major>"
                + (f"<automatic>{automatic}</automatic>" if automatic else "")
                + "</MeSH>"
            )
            text = f'<eCitation><uId id="{uid}"/>{terms}<parentImage id="{uid}_1"/></eCitation>'.encode()
            member = tarfile.TarInfo(f"{uid}.xml")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
            save(folder / f"{uid}_1.png")
    images = [f"{uid}_1" for uid, _, _ in reports]
    heads = table(folder, [{"imageid": image, "View Position": "PA"} for image in images], "heads.csv")
    views = table(folder, [{"imageid": image, "tsne-view": "PA"} for image in images], "views.csv")
    arguments = {"xmlpath": str(folder / "reports.tgz"), "dicomcsv_path": heads, "tsnepacsv_path": views}
    found = ["No Finding", "Cardiomegaly", ""]
    return {"views": ["PA"], "arguments": arguments}, {i: (f, "PA") for i, f in zip(images, found, strict=True)}


def covid(folder):
    rows = [{"patientid": n, "filename": f"{n}.png", "finding": finding, "view": "PA", "offset": 1} for n, finding in enumerate(
        ["No Finding", "Pneumonia/Viral/COVID-19", "todo"]
    )]  # fmt: skip
    for row in rows:
        save(folder / row["filename"])
    index = {"0.png": ("No Finding", "PA"), "1.png": ("COVID-19|Pneumonia|Viral", "PA")}
    return {"csvpath": table(folder, rows), "views": ["PA"], "masks": "semantic_masks"}, index


def nlmtb(folder):
    for name in ("MCUCXR_0001_0.png", "MCUCXR_0104_1.png"):
        save(folder / "CXR_png" / name)
    return {"views": ["PA"]}, {"MCUCXR_0001_0.png": ("No Finding", "PA"), "MCUCXR_0104_1.png": ("Tuberculosis", "PA")}


def tbx11k(folder):
    files = ["health/h1.png", "sick/s1.png", "tb/tb1.png"]
    for file in files:
        save(folder / "imgs" / file)
    kinds = ["ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis"]
    content = {
        "images": [{"id": number, "file_name": file} for number, file in enumerate(files)],
        "annotations": [{"image_id": 2, "category_id": 1, "bbox": [1, 1, 2, 2]}],
        "categories": [{"id": n + 1, "name": name, "supercategory": "Tuberculosis"} for n, name in enumerate(kinds)],
    }
    (folder / "annotations/json").mkdir(parents=True)
    (folder / "annotations/json/TBX11K_train.json").write_text(json.dumps(content))
    found = ["No Finding", "", "ActiveTuberculosis|Tuberculosis"]  # who is sick otherwise is not healthy
    return {}, {file: (findings, "all") for file, findings in zip(files, found, strict=True)}


def siim(folder):
    """Two outlines of one image: columns 0 to 255 and 512 to 767 of 1024."""
    rows = [{"ImageId": "a", " EncodedPixels": "-1"}]
    rows += [{"ImageId": "b", " EncodedPixels": f"{1024 * start} {1024 * 256}"} for start in (0, 512)]
    dicom(folder / "deep/a.dcm")
    dicom(folder / "deep/er/b.dcm")
    index = {"a": ("No Pneumothorax", "all"), "b": ("Pneumothorax", "all")}
    return {"csvpath": table(folder, rows), "masks": "pathology_masks"}, index


def vindr(folder):
    rows = [{"image_id": "a", "class_name": "No finding"}] * 3
    box = {"x_min": 8, "y_min": 8, "x_max": 24, "y_max": 24}
    rows = [
        *rows,
        {"image_id": "b", "class_name": "Pleural effusion"} | box,
        {"image_id": "b", "class_name": "No finding"},
    ]
    rows += [{"image_id": "c", "class_name": "Rib fracture"} | box]  # not among its findings, and not healthy
    for image in "abc":
        dicom(folder / f"{image}.dicom")
    index = {"a": ("No Finding", "all"), "b": ("Effusion", "all"), "c": ("", "all")}
    return {"csvpath": table(folder, rows), "masks": "pathology_masks"}, index


def object_cxr(folder):
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        for name in ("a.jpg", "b.jpg"):
            save(folder / name)
            archive.write(folder / name, f"train/{name}")
    rows = [{"image_name": "a.jpg", "annotation": None}, {"image_name": "b.jpg", "annotation": "0 1 2 3 4"}]
    index = {"a.jpg": ("No Foreign Object", "all"), "b.jpg": ("Foreign Object", "all")}
    return {"csvpath": table(folder, rows), "imgpath": str(folder / "train.zip")}, index


LAYOUTS = {
    "BRAX_Dataset": brax, "COVID19_Dataset": covid, "CheX_Dataset": chexpert, "CheXlocalize_Dataset": chexlocalize,
    "MIMIC_Dataset": mimic, "NIH_Dataset": nih, "NIH_Google_Dataset": nih_google, "NLMTB_Dataset": nlmtb,
    "ObjectCXR_Dataset": object_cxr, "Openi_Dataset": openi, "PC_Dataset": padchest, "RSNA_Pneumonia_Dataset": rsna,
    "SIIM_Pneumothorax_Dataset": siim, "TBX11K_Dataset": tbx11k, "VinDr_Dataset": vindr,
}  # fmt: skip
MASKED = {"RSNA_Pneumonia_Dataset": "p1", "SIIM_Pneumothorax_Dataset": "b", "VinDr_Dataset": "b"}
"""Class -> the image that has a mask."""


def opened(name, settings):
    return open_source("torchxrayvision", {"dataset": name} | settings)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_listed_and_read(name, tmp_path):
    settings, expected = LAYOUTS[name](tmp_path)
    source = opened(name, {"imgpath": str(tmp_path)} | settings)
    index = source.index()
    check_index(index, "mine")
    listed = {row.image: (row.findings, row.group) for row in index.itertuples()}
    assert {image: ("|".join(sorted(names.split("|"))), group) for image, (names, group) in listed.items()} == {
        image: ("|".join(sorted(names.split("|"))), group) for image, (names, group) in expected.items()
    }
    assert index["patient"].nunique() == len(index)
    source.check(index["image"], 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the class itself does
        read = {image: source.read(image) for image in index["image"]}
    for picture, _ in read.values():
        assert picture.shape == (SIDE, SIDE)
        np.testing.assert_allclose(picture.grey(), 100, atol=1)
    masked = {image for image, (_, mask) in read.items() if mask is not None}
    assert masked == ({MASKED[name]} if name in MASKED else set())
    if name == "SIIM_Pneumothorax_Dataset":
        assert read["b"][1].mean() == pytest.approx(0.5), "both outlines, not the last alone"


def test_these_are_all_classes_and_who_is_not_among_them_says_why():
    import torchxrayvision

    there = {name for name in vars(torchxrayvision.datasets) if name.endswith("_Dataset")}
    assert there == {*CLASSES, *LEFT_OUT}
    assert set(LAYOUTS) == set(CLASSES) == set(SETTINGS["dataset"]["enum"])
    with pytest.raises(
        StudyError, match=r"StonyBrookCOVID_Dataset: its labels are scores, not findings; .* kind folder"
    ):
        opened("StonyBrookCOVID_Dataset", {"imgpath": None})


@pytest.mark.slow
def test_the_healthy_of_chexpert_are_those_with_no_finding():
    """All 16,974 frontal ones, of which torchxrayvision takes 4 for lateral views, as they have neither AP nor PA."""
    index = opened("CheX_Dataset", {"imgpath": None, "views": ["PA", "AP"]}).index()
    healthy = index["findings"].str.split("|").map(lambda names: "No Finding" in names)
    assert len(index) == 191_010
    assert healthy.sum() == 16_970
    assert index.loc[healthy, "findings"].value_counts().to_dict() == {
        "No Finding": 9550,
        "Support Devices|No Finding": 7420,
    }


@pytest.mark.parametrize(("name", "part"), [("a.csv", "train"), ("valid.csv", "train"), ("train.csv", "valid")])
def test_a_chexpert_table_may_be_called_anything(tmp_path, name, part):
    settings, expected = chexpert(tmp_path, name, part)
    index = opened("CheX_Dataset", {"imgpath": None} | settings).index()
    assert index["image"].tolist() == list(expected)
    assert index["patient"].tolist() == [f"{number + 1:05d}" for number in range(len(LABELLED))]


def test_a_chexpert_table_of_neither_part_is_refused(tmp_path):
    settings, _ = chexpert(tmp_path, part="test")
    with pytest.raises(
        StudyError, match=r"labels.csv: has images, such as .*/test/.*, that are not all in train/ or all"
    ):
        opened("CheX_Dataset", {"imgpath": None} | settings).index()


def test_an_image_keeps_its_own_labels(tmp_path):
    """One image of each patient would have the first label that is not blank of all of them."""
    settings, _ = chexpert(tmp_path)
    with pytest.raises(StudyError, match=r"`unique_patients: true` fills what an image's labels leave blank"):
        opened("CheX_Dataset", {"imgpath": None, "arguments": {"unique_patients": True}} | settings).index()


def test_the_folder_of_images_is_named_where_it_is_listed():
    with pytest.raises(StudyError, match="imgpath: is null, but TBX11K_Dataset lists its images from there"):
        opened("TBX11K_Dataset", {"imgpath": None}).index()
