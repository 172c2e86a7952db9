"""Detectors of pneumonia in real chest X-rays in the smallest form: from NIH's images and boxes to what is measured."""

import json

import numpy as np
import pandas as pd
import pytest
from red_herring.statistics.boxes import COLUMNS
from support.detecting import ARMS, DETECTOR, PREPARED, flags

SEED = ("--seed", 3)
DETECTION = {
    "width": 2, "steps": 4, "images": 2, "lr": 1e-3, "channels": 2, "pretraining_steps": 2, "generator_every": 2,
    "inner_rate": 1e-3,
}  # fmt: skip
DETECTING = {"task": "t", "n_real": 8, "mask": {"kind": "source"}, "detection": DETECTION, "device": "cpu"}
SPLIT = {
    "task": "t", "finding": ["Pneumonia (box)"], "control": ["No Finding"], "ratio": 0.5, "sizes": None,
    "patients": "disjoint", "selection": "shifted", "exchanged": False,
    "groups": [{"source": "nih", "group": view, "people": "nih", "people_given": True} for view in ("AP", "PA")],
}  # fmt: skip
GENERATOR = {"generator": "generator.safetensors", "history": "history.csv", "usage": "usage.csv"}


def source_of(nih):
    own = {"imgpath": str(nih / "images"), "csvpath": str(nih / "Data_Entry_2017_v2020.csv"), "views": ["PA", "AP"]}
    return {"source": "nih", "kind": "nih", "origin": None, "settings": own | {"boxes": "Pneumonia"}}


@pytest.fixture
def made(stage, tmp_path):
    """A function that runs a stage with these settings, which has to end well; the folder where it does."""

    def run(name, settings, *words):
        done = stage(name, "--settings", json.dumps(settings), *words)
        assert done.returncode == 0, done.stderr
        return tmp_path

    return run


@pytest.mark.slow
def test_from_boxes_of_pneumonia_to_measures(made, real_images):
    source, index = source_of(real_images / "nih_chestxray14"), ("--index", "data/nih/index.csv")
    made("index_source", source, *index)
    outputs = flags("data/nih", PREPARED | {"about": "source.json"})
    made("prepare_images", source | {"size": 64, "max_unreadable": 0.01}, *index, *outputs)
    folder = made("draw_splits", SPLIT, *index, *SEED, "--split", "split.csv", "--counts", "counts.csv")
    split = pd.read_csv(folder / "split.csv")
    boxed = np.load(folder / "data/nih/masks.npy")[split["row"]].any(axis=(1, 2))
    negative, tested = split["label"] == 0, split["split"] == "test"
    assert (boxed == ~negative).all(), "whose finding is that they have a box"
    assert 20 < len(split.loc[boxed, "image"].unique()) <= 33

    data = ("--split", "split.csv", "--images", "data/nih/images.npy", *SEED)
    made("pretrain_generator", DETECTING, *data, *flags("generator", GENERATOR))
    for arm, generator in (("real", ()), ("unrolled", ("--generator", "generator/generator.safetensors"))):
        settings = DETECTING | {"arm": arm, "arm_is": ARMS[arm]}
        made("train_detector", settings, *data, *generator, *flags(arm, DETECTOR))
        measures = pd.read_csv(folder / arm / "measures.csv")
        assert measures.columns.tolist() == COLUMNS
        assert measures["value"].between(0, 1).all()
        in_test = [(tested & (boxed | negative)).sum(), *[(tested & boxed).sum()] * (len(measures) - 1)]
        assert measures["images"].tolist() == in_test, "no positive without a box"
        history = pd.read_csv(folder / arm / "history.csv")
        assert ("train_generator_unrolled" in history) == (arm == "unrolled")
