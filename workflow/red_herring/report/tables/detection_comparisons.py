"""Every two arms with the same real images, on the same test images, seed by seed."""

from __future__ import annotations

import pandas as pd

from red_herring.report.detection_runs import in_words
from red_herring.report.markup import UNDEFINED, Section, Table, joined, number
from red_herring.report.tables._detectors import MECHANISM, arms_note, missing_detectors
from red_herring.report.tables._rows import Settings, Study, of_task
from red_herring.report.tables._scopes import SCOPES, UNKNOWN_OVERLAP, in_both_scopes

TITLE = "Comparisons of arms"
CATEGORY = "Detection with few boxes"
CAPTION = (
    "Every two arms on the same test images, seed by seed, in average precision and in the share of images whose one "
    "box reaches an IoU of 0.5: on this pool of images, on new data, and with these detectors for other patients. Look "
    "whether any arm is above copy-paste, the arm to beat, with an interval that leaves out 0 and a small corrected p; "
    "with three seeds few differences can, and no difference is a result. A mechanism that was derived again, no "
    "reproduction of its paper's tables."
)
FILES = ["detection.csv", "detection_comparisons.csv"]
RELEASED = False

MEASURES = {"ap": "average precision at IoU 0.5", "iou": "T(IoU) at 0.5"}

HEADINGS = ["", "Difference of", "n", *SCOPES, "[95 %, other patients]", "[95 %, seeds and patients]"]

NOTE = (
    "n: seeds that both have. Difference: the first arm less the second, mean over seeds. On this pool: of these "
    "images, whose re-splits the seeds are; interval and p by Student's t, which few seeds allow, as it takes "
    "differences for normal. On new data: of other images of the kind; corrected resampled t test (Nadeau and Bengio "
    "2003), which takes the share of test images that two seeds have in common for the correlation of their "
    "differences. Holm: adjusted over all pairs and numbers of real images of the section, in each scope. Other "
    "patients: given these trained detectors, by bootstrap of test patients, the same ones for both arms and all "
    "seeds; it says nothing of other trainings. Seeds and patients: for other trainings and other patients, the root "
    "of the sum of squares of the half widths over either; it covers more often than 95 % where seeds test on "
    "different patients. An interval around 0 does not say that arms are equal: it says by how much they may differ."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every two arms; frame: detection_comparisons.csv as it is, of these tasks."""
    frame = study["detection_comparisons"]
    frame = frame[frame["task"].isin(settings["tasks"])].reset_index(drop=True)
    sections = [
        _section(f"{task}: {title}", of_task(frame, task).query("measure == @measure"))
        for task in settings["tasks"]
        for measure, title in MEASURES.items()
    ]
    note = joined(MECHANISM, NOTE, arms_note(settings), missing_detectors(study["detection"], settings))
    return Table(frame, sections, note)


def _section(title: str, rows: pd.DataFrame) -> Section:
    lines = [
        [
            f"{row['n_real']:.0f} real images",
            f"{in_words(row['first'])} less {in_words(row['second'])}",
            f"{row['paired']:.0f}",
            *in_both_scopes(row),
            *(_ends(row[f"low_{over}"], row[f"high_{over}"]) for over in ("patients", "both")),
        ]
        for _, row in rows.iterrows()
    ]
    return Section(title, HEADINGS, lines, _note(rows), names=2)


def _ends(low: float, high: float) -> str:
    return UNDEFINED if pd.isna(low) else f"[{number(low, 3)}, {number(high, 3)}]"


def _note(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "No two arms have runs with the same real images and seed."
    which = "test images" if rows["measure"].iloc[0] == "ap" else "test images with a true box"
    tested = f"{rows['images'].max():.0f} {which} of {rows['patients'].max():.0f} patients in all."
    if rows["overlap"].isna().all():
        return joined(tested, UNKNOWN_OVERLAP if (rows["paired"] > 1).any() else "")
    shares = dict.fromkeys(f"{100 * share:.0f}" for share in (rows["overlap"].min(), rows["overlap"].max()))
    return joined(tested, f"Two seeds have {' to '.join(shares)} % of them in common.")
