"""The data sheet of a source: counted by hand, in words, as a figure and as a stage."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.report import style
from red_herring.report.pages import data_sheet as sheet

SETTINGS = {"source": "mine", "kind": "folder", "terms": "ours"}
INDEX = pd.DataFrame(
    [
        ("a.png", "1", "PA", "Edema|Mass"),
        ("b.png", "1", "PA", "Mass"),
        ("c.png", "1", "AP", "Mass"),
        ("d.png", "2", "PA", "No Finding"),
        ("e.png", "3", "PA", ""),
        ("f.png", "3", "AP", "Mass"),
    ],
    columns=["image", "patient", "group", "findings"],
)
DECODED = pd.DataFrame(
    [
        ("a.png", 20, 30, "PNG, 8-bit", 255, 255, 10.0, 5, 20, 0.9, 30, 8, 0.25, ""),
        ("b.png", 20, 30, "PNG, 16-bit", 4000, 4095, 20.0, 7, 40, 0.7, 50, 12, 0.0, ""),
        ("c.png", 40, 40, "PNG, 8-bit", 200, 255, 100.0, 50, 150, 0.0, 200, 90, None, ""),
        ("d.png", 0, 0, "", *[None] * 9, "cannot be decoded: broken at 1"),
        ("e.png", 0, 0, "", *[None] * 9, "cannot be decoded: broken at 2"),
        ("f.png", 50, 30, "PNG, 8-bit", 255, 255, 1.0, 0, 2, 1.0, 3, 4, 1.0, "the same picture as a: b.png, of another patient"),
    ],
    columns=[
        "image", "height", "width", "format", "highest", "white", "mean", "low", "high", "dark", "top", "levels", "inside",
        "reason",
    ],
)  # fmt: skip
HISTOGRAM = np.bincount([0, 0, 100, 255], minlength=256).tolist()
ABOUT = {"size": 12, "pixel_range": [-1024.0, 1024.0], "images": 6, "unreadable": 3, "histogram": HISTOGRAM}


def many_groups(groups):
    """Group number n has n + 1 images."""
    rows = [
        (f"{group}-{image}", f"{image}", f"g{group}", "ill") for group in range(groups) for image in range(group + 1)
    ]
    return pd.DataFrame(rows, columns=INDEX.columns)


def test_findings_by_group_count_images_and_patients():
    findings = sheet.findings_of(sheet.with_group_order(INDEX))
    assert findings.index.tolist() == ["Mass", "Edema", "No Finding", "none recorded"]
    assert findings.columns.tolist() == [("images", "PA"), ("images", "AP"), ("patients", "PA"), ("patients", "AP")]
    assert findings.to_numpy().tolist() == [[2, 2, 1, 2], [1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 0]]


def test_a_finding_that_an_image_has_twice_counts_once():
    findings = sheet.findings_of(INDEX.assign(findings="Mass|Mass"))
    assert findings.loc["Mass", "images"].sum() == 6


def test_groups_are_in_order_and_the_rare_ones_taken_together():
    merged = sheet.groups_of(sheet.with_group_order(many_groups(8)))
    assert list(merged["images"].items()) == [
        ("g7", 8),
        ("g6", 7),
        ("g5", 6),
        ("g4", 5),
        ("g3", 4),
        ("3 other groups", 6),
    ]
    whole = sheet.groups_of(sheet.with_group_order(many_groups(len(style.GROUP_COLOURS))))
    assert whole.index.tolist() == ["g5", "g4", "g3", "g2", "g1", "g0"]


def test_sizes_are_of_what_could_be_decoded():
    assert sheet.sizes_of(DECODED).to_dict() == {(20, 30): 2, (40, 40): 1, (50, 30): 1}


def test_the_intensity_is_that_of_the_pixels():
    found, pixels = sheet.intensity_of(HISTOGRAM), np.array([0, 0, 100, 255], np.float64)
    assert found == pytest.approx({"mean": pixels.mean(), "sd": pixels.std(), "black": 0.5, "white": 0.25})
    assert np.isnan(sheet.intensity_of([0] * 256)["mean"])


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("the file is empty", "the file is empty"),
        ("cannot be decoded: image file is truncated (3 bytes: left)", "cannot be decoded"),
        ("the same picture as a: b.png, of another patient", "the same picture as another image, of another patient"),
        (
            "its mask has 3 x 45 pixels, which do not fit its 6 x 7",
            "its mask has … pixels, which do not fit its …",
        ),
        (
            "is a DICOM image of shape (3, 4, 3), RGB; expected one grey image",
            "is a DICOM image of shape …, RGB; expected one grey image",
        ),
        (
            "its mask has areas of the levels 0, 127, 255, expected 0 and 255",
            "its mask has areas of the levels …, expected 0 and 255",
        ),
        (
            "its mask has the colours #000000, #00ff00 and 2 others, expected 0 and 255",
            "its mask has the colours … and 2 others, expected 0 and 255",
        ),
        (
            "is DICOM with values from -5 to 100 and no window that says which are black and white; export it with one",
            "is DICOM with values from … and no window that says which are black and white; export it with one",
        ),
        ("32-bit floating point pixels have no known range", "32-bit floating point pixels have no known range"),
    ],
)
def test_reasons_of_a_kind_are_the_same(reason, kind):
    assert sheet.kind_of_reason(reason) == kind


def test_quarantine_counts_kinds_and_names_three_of_each():
    decoded = pd.concat([DECODED] * 2, ignore_index=True)
    kinds = sheet.quarantine_of(decoded)
    assert kinds["images"].to_dict() == {
        "cannot be decoded": 4,
        "the same picture as another image, of another patient": 2,
    }
    assert kinds["examples"].tolist() == [["d.png", "e.png", "d.png"], ["f.png", "f.png"]]


def test_the_sheet_in_words():
    text = sheet.to_markdown(SETTINGS, INDEX, DECODED, ABOUT)
    for line in [
        "# Data sheet: mine",
        "Terms: ours",
        "6 images of 3 patients; 3 of the images are set aside. Images per patient: median 2, at most 3. Kind `folder`; "
        "stored as 12 x 12 levels, of which 0 and 255 become -1024 and 1024 in training.",
        "| PA | 4 | 3 |",
        "| AP | 2 | 2 |",
        "| all | 6 | 3 |",
        "| Finding | PA | AP | All |",
        "| Mass | 2 (1) | 2 (2) | 4 (2) |",
        "| none recorded | 1 (1) | 0 | 1 (1) |",
        "| height | 20 | 30 | 50 |",
        "| width | 30 | 30 | 40 |",
        "Different sizes: 3. Not square: 3 of 4 images.",
        "| 20 x 30 | 2 | 50.0% |",
        "Stored levels, 0 to 255, of all pixels: mean 88.8, standard deviation 104.3; 50.0% are 0 and 25.0% are 255.",
        "| PA | 2 | 15.0 | 6.0 | 30.0 | 80.0% | 40.0 | 10.0 |",
        "| AP | 1 | 100.0 | 50.0 | 150.0 | 0.0% | 200.0 | 90.0 |",
        "| Kind | PA | AP | Highest | White |",
        "| PNG, 16-bit | 1 | 0 | 4,000 | 4,095 |",
        "| PNG, 8-bit | 1 | 1 | 255 | 255 |",
        "| PA | 2 | 2 | 1 | 0 | 12.5% |",
        "| AP | 1 | 0 | 0 | 0 | – |",
        "| cannot be decoded | `d.png`, `e.png` | 2 |",
    ]:
        assert line in text.splitlines(), line


def test_the_sheet_of_a_source_with_nothing_set_aside_or_without_a_pixel():
    text = sheet.to_markdown(SETTINGS | {"terms": ""}, INDEX.head(3), DECODED.head(3), ABOUT)
    assert "Terms: none on record." in text
    assert text.endswith("## Set aside\n\nnone\n")
    text = sheet.to_markdown(
        SETTINGS, INDEX, DECODED.assign(reason="broken", height=0), ABOUT | {"histogram": [0] * 256}
    )
    assert "No image could be decoded." in text
    assert "No pixel is stored." in text


def test_what_was_segmented_is_counted_by_structure_and_group():
    """PA: a and b are usable, AP: c. Images that were set aside have nothing inside and do not count."""
    shares = pd.DataFrame({"image": INDEX["image"], "Heart": [0.1, 0.3, 0, 0, 0, 0], "Aorta": [0, 0.02, 0.5, 0, 0, 0]})
    text = sheet.to_markdown(SETTINGS, INDEX, DECODED, ABOUT, shares)
    section = text[text.index("## Anatomy") : text.index("## Set aside")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    assert cells[0] == ["Structure", "Nothing inside, PA", "Nothing inside, AP", "Median share, PA", "Median share, AP"]
    assert cells[2:] == [["Heart", "0 of 2", "1 of 1", "20.0%", "–"], ["Aorta", "1 of 2", "0 of 1", "2.0%", "50.0%"]]
    assert "Anatomy" not in sheet.to_markdown(SETTINGS, INDEX, DECODED, ABOUT)


def test_what_tells_groups_apart_is_said_in_bold():
    index = INDEX.iloc[[0] * 24].assign(image=range(24), group=["PA"] * 12 + ["AP"] * 12)
    decoded = DECODED.iloc[[0] * 12 + [2] * 12].assign(image=range(24))
    text = sheet.to_markdown(SETTINGS, index, decoded, ABOUT)
    assert (
        "**Intensity alone tells group PA from AP: the mean level of an image has an AUC of 1.00 (mean 10.0 against "
        "100.0).**" in text.splitlines()
    )


def test_a_bar_in_a_name_does_not_break_the_table():
    text = sheet.to_markdown(SETTINGS, INDEX.assign(group="A|B"), DECODED, ABOUT)
    assert "| A\\|B | 6 | 3 |" in text


def test_the_figure_has_a_bar_per_finding_and_group():
    findings, sizes, _, intensity = sheet.draw(SETTINGS, INDEX, DECODED, ABOUT).axes
    assert [label.get_text() for label in findings.get_yticklabels()] == [
        "Mass",
        "Edema",
        "No Finding",
        "none recorded",
    ]
    assert [[bar.get_width() for bar in bars] for bars in findings.containers] == [[2, 1, 1, 1], [2, 0, 0, 0]]
    assert [bar.get_x() for bar in findings.containers[1]] == [2, 1, 1, 1], "one after the other"
    assert [text.get_text() for text in findings.texts] == ["4", "1", "1", "1"]
    assert sizes.get_title() == "different sizes: 3; 50.0% are 20 x 30"
    assert sizes.collections[0].get_array().sum() == 4
    assert intensity.get_title() == "mean 89, standard deviation 104"
    assert intensity.get_yscale() == "linear"


def test_rarer_findings_are_counted_and_a_dwarfing_level_is_drawn_on_a_logarithmic_scale():
    index = INDEX.iloc[[0] * 30].assign(image=range(30), findings=[f"f{number}" for number in range(30)])
    histogram = np.ones(256, int)
    histogram[0] = 1000
    findings, _, _, intensity = sheet.draw(SETTINGS, index, DECODED, ABOUT | {"histogram": histogram.tolist()}).axes
    assert len(findings.texts) == sheet.BARS
    assert "5 rarer findings" in findings.get_xlabel()
    assert intensity.get_yscale() == "log"


def test_the_figure_of_a_source_without_any_decoded_image():
    figure = sheet.draw(SETTINGS, INDEX, DECODED.assign(height=0, width=0), ABOUT | {"histogram": [0] * 256})
    assert len(figure.axes) == 3


@pytest.mark.slow
def test_the_stage_writes_all_three(stage, tmp_path):
    INDEX.to_csv(tmp_path / "index.csv", index=False)
    DECODED.to_csv(tmp_path / "decoded.csv", index=False)
    (tmp_path / "source.json").write_text(json.dumps(ABOUT))
    arguments = (
        "--settings", json.dumps(SETTINGS), "--index", "index.csv", "--decoded", "decoded.csv", "--about", "source.json",
        "--markdown", "out/mine.md", "--pdf", "out/mine.pdf", "--png", "out/mine.png", "--log", "out/mine.log",
    )  # fmt: skip
    done = stage("render_data_sheet", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/mine.md").read_text() == sheet.to_markdown(SETTINGS, INDEX, DECODED, ABOUT)
    assert (tmp_path / "out/mine.pdf").read_bytes().startswith(b"%PDF")
    assert Image.open(tmp_path / "out/mine.png").width == pytest.approx(style.PAGE * 200, abs=2)

    (tmp_path / "source.json").unlink()
    done = stage("render_data_sheet", *arguments)
    assert done.returncode == 1
    assert "source.json: there is no such file" in done.stderr
