"""Small images as a source of a user's own, prepared by the stages themselves."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

INDEX = {"source": "mine", "kind": "folder", "origin": None}
COLUMNS = {"file": "file", "label": "label", "group": "view", "patient": "patient"}
SPLIT = {
    "task": "t", "finding": ["ill"], "control": ["well"], "ratio": 0.75, "sizes": None, "patients": "disjoint", "selection": "shifted", "exchanged": False,
    "groups": [{"source": "mine", "group": group, "people": "mine", "people_given": True} for group in ("AP", "PA")],
}  # fmt: skip


def draw_images(folder):
    """96 images of two views and two findings; the ill ones have a bright centre."""
    random, rows = np.random.default_rng(0), []
    (folder / "images").mkdir()
    for number in range(96):
        pixels = random.integers(0, 100, (20, 16), dtype=np.uint8)
        ill, view = number % 2, "PA" if number % 4 < 2 else "AP"
        pixels[8:12, 6:10] += np.uint8(140 * ill)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        rows.append({"file": f"{number}.png", "label": "ill" if ill else "well", "view": view, "patient": number // 2})
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)
    return folder


def settings(**more):
    own = {"imgpath": "images", "csvpath": "table.csv", "columns": COLUMNS}
    return INDEX | {"settings": own, "size": 12, "max_unreadable": 0.05} | more


def listing(**more):
    return {key: value for key, value in settings(**more).items() if key not in ("size", "max_unreadable")}


def index(stage, **changes):
    return stage("index_source", "--settings", json.dumps(listing(**changes)), "--index", "data/mine/index.csv")


def prepare(stage, **changes):
    return stage(
        "prepare_images", "--settings", json.dumps(settings(**changes)), "--index", "data/mine/index.csv",
        "--images", "data/mine/images.npy", "--masks", "data/mine/masks.npy", "--decoded", "data/mine/decoded.csv", "--quarantine", "data/mine/quarantine.csv",
        "--about", "data/mine/source.json", "--threads", 2, "--log", "logs/prepare.log",
    )  # fmt: skip


def draw(stage, seed=1, **changes):
    return stage(
        "draw_splits", "--settings", json.dumps(SPLIT | changes), "--index", "data/mine/index.csv", "--seed", seed,
        "--split", f"splits/{seed}.csv", "--counts", f"splits/{seed}_counts.csv",
    )  # fmt: skip


KILL_AFTER_A_CHECKPOINT = """
import os, signal
from red_herring.training import checkpoint
save, saved = checkpoint.save, []
def save_and_die(*arguments):
    save(*arguments)
    saved.append(1)
    if len(saved) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save = save_and_die
"""


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_one_sentence(done: subprocess.CompletedProcess, *words: str) -> None:
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in ["error: ", *words]:
        assert word in lines[0]
