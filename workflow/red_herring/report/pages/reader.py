"""The pages of the reader study: would readers recommend a model, by what an explanation shows them of it?

One page for readers who are not told that there may be a signal (blinded), one for those who are told which it may be
(unblinded).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex

from red_herring.report.pages import _explained
from red_herring.report.pages._questions import Question, questions
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError

TITLE = "Reader study"
CATEGORY = "Reader study"
CAPTION = "Pages for readers, who say of models by images, answers and explanations whether they would recommend them."
FILES = ["signal_detection.csv"]
OPTIONAL = ["concepts.csv", "influence.csv"]

TEMPLATE = Path(__file__).with_name("reader.html")

VIRIDIS = colormaps["viridis"]

BLINDED, UNBLINDED = PAGES = ("blinded", "unblinded")
"""Neither word is on a page."""

KEY = ["page", "digest", "question", "family", "explainer", "task", "method", "seed", "model", "images"]
"""Columns of the key. page: one of PAGES; images: JSON."""

CONTROLS = ("random",)
"""Explanations of training points that do not know the model."""

SCALE = ["Definitely not", "Probably not", "Unsure", "Probably", "Definitely"]
"""The answers 1 to 5 to the question whether one would recommend the model."""

REASONS = {
    "answers_right": "Its answers look right",
    "answers_wrong": "Its answers look wrong",
    "goes_by_the_right": "It seems to go by what it should go by",
    "goes_by_the_wrong": "It seems to go by something that it should not go by",
    "unclear": "I cannot tell what it goes by",
}

INTRODUCTION = [
    "Each question is about one model that was trained to tell two kinds of images apart. You see images that are new "
    "to it, what it says of each and how sure it is, and in most questions something that is to explain why. Would you "
    "recommend this model for use?",
    "Models and images may look alike; judge each question by itself. You may leave a question out, go back, change an "
    "answer, and stop at any time.",
    "Your answers stay in this browser until you save them as a file, on the last page, and hand that over. They are "
    "kept under the number that you were given; write nothing in them about yourself or any other person.",
]
TOLD = (
    "Of some models the training images of one class carried something that has nothing to do with the question, and "
    "such a model may go by it. Each question says what to look for, and shows an image that has it. The images that "
    "you judge the model by do not have it."
)

HELP = {
    "none": "",
    "attribution": "The colours say how much each pixel matters to the answer, from dark (nothing) to yellow (most).",
    "concepts": "How often the answer moves towards “{class}” when an image becomes more like what is named: at 50 % "
    "as often towards as away from it.",
    "training_points": "Below each image are the training images that speak most for the right answer.",
}

IN_IMAGES = {
    "tag": "a white square near a corner",
    "stripe": "a lighter band near the left and the right border",
    "blur": "a blurred background",
    "half_blur": "a blurred left half of the background",
    "random_patches": "a square of noise",
}
"""Signal or other concept -> what one sees of it, without saying that it is anything to look for."""


def pages(
    settings: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], results: Path
) -> tuple[dict[str, str], pd.DataFrame, int]:
    """The text of each of PAGES, the key, and of how many pairs of twins there could be questions. The same every time.

    settings: tasks (those to ask about: name -> finding, control, signal, aligned, the class that carries it),
    controls, seed. tables: those of FILES and OPTIONAL, by name. results: the folder of the study.
    StudyError where there is no model to ask about.
    """
    if not settings["tasks"]:
        raise StudyError(
            "reader: no task of the study has a signal in training; give one a `signal` of a share above 0"
        )
    tables = {name: table[table["task"].isin(list(settings["tasks"]))] for name, table in tables.items()}
    asked, possible = questions(tables, {*settings["controls"], *CONTROLS}, settings["seed"])
    shown = [_explained.explained(question, tables.get("concepts"), results) for question in asked]
    images = [_explained.names_of(question, results) for question in asked]
    names = [f"q{number:02d}" for number in range(1, len(asked) + 1)]
    texts, keys = {}, []
    for page in PAGES:
        told = page == UNBLINDED
        parts = [
            {"id": name} | _question(question, settings["tasks"][question.task], of, results, told)
            for name, question, of in zip(names, asked, shown, strict=True)
        ]
        digest, texts[page] = _page(parts, told)
        keys += [
            [page, digest, name, *vars(question).values(), of]
            for name, question, of in zip(names, asked, images, strict=True)
        ]
    return texts, pd.DataFrame(keys, columns=KEY), possible


def read_key(path: Path) -> pd.DataFrame:
    """The key that `pages` made, from its CSV."""
    return read_table(path, [name for name in KEY if name != "seed"])


def _page(parts: Sequence[Mapping[str, Any]], told: bool) -> tuple[str, str]:
    """The digest of all that readers are shown and asked, and the page."""
    data = {
        "introduction": [*INTRODUCTION, *([TOLD] if told else [])],
        "scale": SCALE,
        "reasons": [{"code": code, "text": text} for code, text in REASONS.items()],
        "colours": [to_hex(colour) for colour in VIRIDIS(np.arange(VIRIDIS.N))],
        "questions": parts,
    }
    digest = hashlib.sha256(_json(data).encode()).hexdigest()[:16]
    text = _json({"digest": digest, **data}).replace("<", "\\u003c")  # neither "</script" nor "<!--"
    return digest, re.sub("{{ data }}", lambda _: text, TEMPLATE.read_text(encoding="utf-8"))


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _question(
    question: Question, task: Mapping[str, str], shown: Mapping[str, Any], results: Path, told: bool
) -> dict[str, Any]:
    """What the page shows of a question. Who is not told of the signal has no score of it either."""
    concepts = {IN_IMAGES[name]: bar for name, bar in shown["bars"].items() if told or name != task["signal"]}
    return {
        "about": f"This model says of an image whether it is “{task['control']}” or “{task['finding']}”.",
        "kind": shown["family"],
        "help": HELP[shown["family"]].replace("{class}", task["aligned"]),
        "images": shown["images"],
        "shown": shown["shown"],
        "png": shown["png"],
        "answers": [_answer(value, task) for value in shown["probabilities"]],
        "bars": [{"text": text, "score": bar[0], "sd": bar[1]} for text, bar in sorted(concepts.items())],
        "aside": _aside(question, task, results) if told else None,
    }


def _aside(question: Question, task: Mapping[str, str], results: Path) -> dict[str, Any]:
    about = (
        f"Training images of “{task['aligned']}” may have had {IN_IMAGES[task['signal']]}. Does this model go by it?"
    )
    return {"text": about, **_explained.example(question, results)}


def _answer(probability: float, task: Mapping[str, str]) -> str:
    """What a model says, as it decides: of equal probabilities the first class."""
    said, share = ("finding", probability) if probability > 0.5 else ("control", 1 - probability)
    percent = "over 99" if share > 0.99 else f"{100 * share:.0f}"
    return f"{task[said]}, {percent} %"
