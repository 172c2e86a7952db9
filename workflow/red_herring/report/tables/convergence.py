"""Whether what an attribution passes down depends on what it was given above."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import ABSENT, Section, Table, joined, number
from red_herring.report.scores import attributions_shown, methods_of
from red_herring.report.tables._rows import Settings, Study, missing_note, of_task

TITLE = "Convergence of relevance"
CATEGORY = "Sanity checks"
CAPTION = (
    "Whether an attribution can depend on the upper blocks of the network: random relevances are put in the place of "
    "what comes from above, and the table shows how alike what is left of two of them is further down. At 1 it is the "
    "same whatever came from above; at chance nothing of it is lost. Look at the image first."
)
FILES = ["convergence.csv"]
ITEMS = {"{task}_convergence": {"tasks": "each"}}
RELEASED = False

KEYS = ["layer", "attribution", "method"]
FRAME = ["task", *KEYS, "start", "n", "images", "undefined", "value", "sd", "chance"]
DIGITS = 3

NOTE = (
    "Absolute cosine of what two random relevances leave, median over places, pairs and images of a run, mean over n "
    "seeds; below the name of the block at whose output they are random. Chance: of independent Gaussian vectors of "
    "that length. Guided Grad-CAM is compared in the image only, and from the last block. Intervals over images are in "
    "convergence.csv."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Every attribution and layer, for every method of the one task, from every start.

    frame: task, layer, attribution, method, start, n (runs with a value), images (mean), undefined (sum), value and its
    sd over seeds, chance.
    """
    (task,) = settings["tasks"]
    own = of_task(study["convergence"], task)
    attributions = attributions_shown(settings, own["attribution"])
    shown = own[own["method"].isin(methods_of(settings, task))]
    rows = [
        {"task": task, **dict(zip([*KEYS, "start"], keys, strict=True)), **_over_seeds(runs)}
        for keys, runs in shown.groupby([*KEYS, "start"], sort=False)
    ]
    frame = pd.DataFrame(rows, columns=FRAME)
    sections = [_section(task, layer, of, attributions, settings) for layer, of in frame.groupby("layer", sort=False)]
    return Table(frame, sections, joined(NOTE, missing_note(own, settings)))


def _over_seeds(runs: pd.DataFrame) -> dict[str, float]:
    return {
        "n": runs["value"].count(),
        "images": runs["images"].mean(),
        "undefined": runs["undefined"].sum(),
        "value": runs["value"].mean(),
        "sd": runs["value"].std(),
        "chance": runs["chance"].mean(),
    }


def _section(task: str, layer: str, frame: pd.DataFrame, attributions: Settings, settings: Settings) -> Section:
    """A row for each attribution and method, a column for each start."""
    starts = list(dict.fromkeys(frame["start"]))
    found = {keys: rows.set_index("start") for keys, rows in frame.groupby(["attribution", "method"], sort=False)}
    rows = [
        [
            attributions[attribution]["title"],
            settings["methods"][method]["title"],
            f"{cells['n'].max()}",
            *(number(cells.loc[start, "value"], DIGITS) if start in cells.index else ABSENT for start in starts),
            number(cells["chance"].iloc[0], DIGITS),
        ]
        for attribution in attributions
        for method in methods_of(settings, task)
        for cells in [found.get((attribution, method))]
        if cells is not None
    ]
    where = "in the image" if layer == "image" else f"at {layer}"
    return Section(f"{task}: compared {where}", ["", "Method", "n", *starts, "Chance"], rows, names=2)
