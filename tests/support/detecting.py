"""A small detection study as its stages run it: crosses to be found, a split, settings, command lines."""

import json
import shutil

SIZE = 28
DETECTION = {
    "width": 1, "steps": 5, "images": 2, "lr": 1e-2, "channels": 2, "pretraining_steps": 4, "generator_every": 2,
    "inner_rate": 1e-2,
}  # fmt: skip
ARMS = {
    "real": {"further": "real", "lambda_s": 0.0, "lambda_r": 0.0},
    "copy_paste": {"further": "copy_paste", "lambda_s": 0.0, "lambda_r": 0.0},
    "gan": {"further": "generated", "lambda_s": 0.0, "lambda_r": 0.0},
    "detector_loss": {"further": "generated", "lambda_s": 0.2, "lambda_r": 0.0},
    "unrolled": {"further": "generated", "lambda_s": 0.2, "lambda_r": 1.0},
    "unrolled_alone": {"further": "generated", "lambda_s": 0.0, "lambda_r": 1.0},
}
GENERATED = [name for name, arm in ARMS.items() if arm["further"] == "generated"]
PRETRAINING = {"task": "t", "n_real": 4, "mask": {"kind": "source"}, "detection": DETECTION, "device": "cpu"}
SOURCE = {
    "source": "found", "kind": "crosses_to_find", "origin": None,
    "settings": {"images_per_cell": 16, "seed": 3, "box": "side"},
}  # fmt: skip
SPLIT = {
    "task": "t", "finding": ["cross"], "control": ["No Finding"], "ratio": 0.75, "sizes": None, "patients": "disjoint",
    "selection": "shifted", "exchanged": False,
    "groups": [{"source": "found", "group": side, "people": "found", "people_given": True} for side in ("left", "right")],
}  # fmt: skip
DATA = ("--split", "split.csv", "--images", "data/found/images.npy")
PREPARED = {"images": "images.npy", "masks": "masks.npy", "decoded": "decoded.csv", "quarantine": "quarantine.csv"}
DETECTOR = {
    "weights": "weights.safetensors", "history": "history.csv", "predictions": "predictions.csv",
    "truths": "truths.csv", "measures": "measures.csv", "usage": "usage.csv", "shown": "shown.safetensors",
    "record": "run.json",
}  # fmt: skip


def flags(folder, outputs):
    return [word for name, file in outputs.items() for word in (f"--{name}", f"{folder}/{file}")]


def make_study(stage):
    """Prepare the images, draw a split of 32 training and 16 validation and test images, 12 of 16 as the ratio says."""
    yield stage("index_source", "--settings", json.dumps(SOURCE), "--index", "data/found/index.csv")
    given = json.dumps(SOURCE | {"size": SIZE, "max_unreadable": 0})
    index = ("--index", "data/found/index.csv")
    yield stage(
        "prepare_images", "--settings", given, *index, *flags("data/found", PREPARED | {"about": "source.json"})
    )
    counted = ("--split", "split.csv", "--counts", "counts.csv")
    yield stage("draw_splits", "--settings", json.dumps(SPLIT), *index, "--seed", 5, *counted)


def pretrain(stage, folder="generator", before="", **changes):
    """The stage pretrain_generator."""
    outputs = flags(folder, {"generator": "generator.safetensors", "history": "history.csv", "usage": "usage.csv"})
    given = json.dumps(PRETRAINING | changes)
    return stage(
        "pretrain_generator", "--settings", given, *DATA, "--seed", 5, *outputs, "--log", f"{folder}.log", before=before
    )


SEARCH = {
    "space": {"lr": ["log-uniform", 1e-3, 1e-2], "lambda_s": ["log-uniform", 0.1, 1.0]}, "initial_points": 2,
    "iterations": 1, "seed": 5,
}  # fmt: skip


def of_arm(arm, **changes):
    """The settings of train_detector and generate_images, with those of SEARCH also of tune_detector."""
    return json.dumps(PRETRAINING | {"arm": arm, "arm_is": ARMS[arm]} | changes)


def tune(stage, arm, folder="tuned", before="", generator="generator/generator.safetensors", **changes):
    """The stage tune_detector."""
    given = ("--generator", generator) if arm in GENERATED else ()
    return stage(
        "tune_detector", "--settings", of_arm(arm, **(SEARCH | changes)), *DATA, *given,
        *flags(folder, {"trials": "trials.csv", "best": "best.json"}), "--log", f"{folder}.log", before=before,
    )  # fmt: skip


def train(
    stage, arm, folder=None, before="", generator="generator/generator.safetensors", hyperparameters=None, **changes
):
    """The stage train_detector."""
    folder = folder or arm
    given = ("--generator", generator) if arm in GENERATED else ()
    given += ("--hyperparameters", hyperparameters) if hyperparameters else ()
    return stage(
        "train_detector", "--settings", of_arm(arm, **changes), *DATA, *given, "--seed", 5, *flags(folder, DETECTOR),
        "--log", f"{folder}.log", before=before,
    )  # fmt: skip


def generate(stage, arm, folder="generated", **changes):
    """The stage generate_images, of the run in the folder of its arm."""
    outputs = {"generated": "images.npy", "masks": "masks.npy", "index": "index.csv", "about": "source.json"}
    return stage(
        "generate_images", "--settings", of_arm(arm, **changes), *DATA, "--weights", f"{arm}/weights.safetensors",
        "--seed", 5, *flags(folder, outputs), "--log", f"{folder}.log",
    )  # fmt: skip


def copied(folder, to):
    """What was made in one folder in another, where stages run."""
    return shutil.copytree(folder, to, dirs_exist_ok=True)
