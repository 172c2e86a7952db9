"""A small study with signals as the pages of the reader study read it, and readers who answer its questions."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from red_herring.report.collect import answer_file
from red_herring.report.reader_answers import COLUMNS
from safetensors.numpy import save_file

TASKS = {"with_tag_zq": "tag", "with_stripe_zq": "stripe", "with_blur_zq": "blur"}
METHODS = ["classification", "actdiff_zq"]
SEEDS = [71117, 72227, 73337]
ATTRIBUTIONS = ["gradient", "integrated_gradients", "zero"]
FORMS = ["influence", "cosine", "random"]
LAYERS = ["layer2", "layer3"]
CONCEPTS = {"tag": ["tag", "stripe"], "stripe": ["stripe", "blur"], "blur": ["blur", "tag"]}
SHAPE = (12, 10)
IMAGES = ["zq_</script><b>1.png", "zq_NA", "zq_007", "zq_é|4", "zq_5"]
UNDEFINED = ("with_tag_zq", "classification", 71117)
"""The run of which no concept has a score."""

SETTINGS: dict[str, Any] = {
    "tasks": {
        task: {"finding": "one <cross>", "control": "two crosses", "signal": signal, "aligned": "one <cross>"}
        for task, signal in TASKS.items()
    },
    "controls": ["zero"],
    "seed": SEEDS[0],
}


def make(folder: Path, families=("signal_detection", "concepts", "influence"), examples=5) -> dict[str, pd.DataFrame]:
    """Write the answers of all runs to the folder; the tables that the pages are made of."""
    random, rows = np.random.default_rng(0), {family: [] for family in families}
    for task, method, seed in product(TASKS, METHODS, SEEDS):
        run, keys = (task, method, seed), {"task": task, "method": method, "seed": seed}
        rows["signal_detection"] += [keys | {"attribution": name, "images": 60} for name in ATTRIBUTIONS]
        _write_maps(random, folder, run, examples)
        if "influence" in rows:
            rows["influence"] += [keys | {"form": form, "share": 0.5} for form in FORMS]
            _save(folder, "influence", run, {
                f"example_clean/{form}/{model}": _levels(random, examples, 5)
                for form, model in product(FORMS, ("own", "normal"))
            }, {"form": FORMS})  # fmt: skip
        if "concepts" in rows:
            rows["concepts"] += [keys | row for row in _concepts(random, run)]
    tables = {family: pd.DataFrame(own) for family, own in rows.items()}
    for family, table in tables.items():
        table.to_csv(folder / f"{family}.csv", index=False)
    return tables


def _concepts(random: np.random.Generator, run: tuple[str, str, int]) -> list[dict[str, Any]]:
    names = [*CONCEPTS[TASKS[run[0]]], "random_patches"]
    numbers = ["score", "score_sd", "normal_score", "normal_score_sd"]
    return [
        {"concept": concept, "layer": layer}
        | {
            name: np.nan if run == UNDEFINED else random.random() / (4 if name.endswith("sd") else 1)
            for name in numbers
        }
        for concept, layer in product(names, LAYERS)
    ]


def _levels(random: np.random.Generator, *size: int) -> np.ndarray:
    return random.integers(0, 256, (*size, *SHAPE), dtype=np.uint8)


def _write_maps(random: np.random.Generator, folder: Path, run: tuple[str, str, int], examples: int) -> None:
    arrays = {"example_clean": _levels(random, examples), "example_planted": _levels(random, examples)}
    for kind, model in product(("clean", "planted"), ("own", "normal")):
        arrays[f"example_probability/{kind}/{model}"] = random.random(examples).astype(np.float32)
        for name in ATTRIBUTIONS:
            arrays[f"example/{kind}/{model}/{name}"] = _levels(random, examples)
    _save(folder, "signal_detection", run, arrays, {"attribution": ATTRIBUTIONS})


def _save(
    folder: Path, analysis: str, run: tuple[str, str, int], arrays: dict[str, np.ndarray], by: dict[str, list[str]]
) -> None:
    """Arrays and images, of which the last are IMAGES in reverse."""
    file = answer_file(folder, analysis, run, ".safetensors")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(arrays | {"explained_rows": np.arange(len(IMAGES) + 2)[::-1].copy()}, file)
    names = pd.DataFrame({"source": "zq_source", "image": ["zq_a", "zq_b", *IMAGES[::-1]], "label": 0})
    images = pd.concat([names.assign(**{column: name}) for column, values in by.items() for name in values])
    images.to_csv(answer_file(folder, analysis, run, "_images.csv"), index=False)


def data_of(page: str) -> dict[str, Any]:
    """The data of a page."""
    start = page.index('id="data">') + len('id="data">')
    return json.loads(page[start : page.index("</script>", start)])


def answered(key: pd.DataFrame, page: str, reader: int, recommend, reasons=lambda row: "", why="") -> list[list[str]]:
    """The rows of a file that a reader saved: recommend and reasons of each row of the key, as text."""
    own = key[key["page"] == page].reset_index(drop=True)
    rows = []
    for position, row in own.iterrows():
        fields = [row["digest"], str(reader), str(position + 1), row["question"], recommend(row), reasons(row), why]
        rows.append(checked(fields))
    return rows


def checked(fields: list[str]) -> list[str]:
    """With the check that belongs to them."""
    return [*fields, f"{crc32(chr(10).join(fields).encode()):08x}"]


def save(path: Path, rows: list[list[str]], header=tuple(COLUMNS)) -> Path:
    """As the page does: every field in quotes."""
    lines = [",".join(header), *(",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
