"""Segment the anatomy in the prepared images of a source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import numpy as np

from red_herring.data.folders import fetched_folder
from red_herring.data.segment import segment, shares_inside
from red_herring.data.splits import WORDS
from red_herring.networks.pspnet import SIDE, load_segmenter
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError, read_json, sha256, telling, write_json, write_text
from red_herring.runtime.frames import read_frame
from red_herring.runtime.hardware import pick
from red_herring.runtime.provenance import code_digest, environment, versions
from red_herring.study.anatomy import STRUCTURES
from red_herring.study.stage_settings import Segmenting

COARSE = 224
"""Pixels a side below which a source says that its anatomy is coarse."""


def segment_images(
    settings: Segmenting,
    images: Annotated[Path, Input("uint8 NPY of prepare_images")],
    decoded: Annotated[Path, Input("CSV of prepare_images")],
    about: Annotated[Path, Input("JSON of prepare_images")],
    anatomy: Annotated[Path, Output("uint16 NPY, a bit per structure")],
    shares: Annotated[Path, Output("CSV, one row per image")],
    record: Annotated[Path, Output("JSON")],
    resume: Path,
    weights: Annotated[Path | None, Input("of the network, in PyTorch's format or safetensors")] = None,
    fetched: Annotated[Path | None, Input("JSON of fetch_weights, if they were fetched")] = None,
    threads: Annotated[int, "of the CPU"] = 1,
) -> None:
    hardware = pick(settings.device, settings.precision, threads)
    file, source, listed = weights or _fetched_file(fetched), read_json(about), read_frame(decoded, WORDS)
    network, checksum = load_segmenter(file), sha256(file)
    made_of = {
        "sha256_images": source["sha256"],
        "sha256_weights": checksum,
        "code": code_digest("red_herring.stages.segment_images"),
        "device": str(hardware.device),
        "precision": hardware.precision,
        "versions": versions(),
    }
    if source["size"] < COARSE:
        telling.warning(
            "source %s: its anatomy is segmented in images of %d pixels a side, and the network knows those of %d; "
            "look at the masks",
            settings.source, source["size"], SIDE,
        )  # fmt: skip
    fingerprint = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    usable = (listed["reason"] == "").to_numpy()
    segmented = segment(np.load(images, mmap_mode="r"), usable, network, hardware, resume, fingerprint)
    found = shares_inside(np.load(segmented, mmap_mode="r"), listed["image"])
    empty = (found.loc[usable, list(STRUCTURES)] == 0).sum()
    write_text(shares, found.to_csv(index=False))
    write_json(
        record,
        {
            "source": settings.source,
            "structures": list(STRUCTURES),
            "images": int(usable.sum()),
            "nothing_inside": {structure: int(count) for structure, count in empty.items()},
            "sha256": sha256(segmented),
            **made_of,
            **environment(),
        },
    )
    os.replace(segmented, anatomy)
    shutil.rmtree(resume)


def _fetched_file(fetched: Path | None) -> Path:
    if fetched is None:
        raise StudyError("anatomy.weights: is null, and none were fetched; give the file of the weights")
    (file,) = fetched_folder(fetched).iterdir()
    return file


if __name__ == "__main__":
    command.run(segment_images)
