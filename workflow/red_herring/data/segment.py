"""Segment the prepared images of a source, a part at a time, so that what is done is kept."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from red_herring.data.arrays import allocate
from red_herring.data.masks import BITS
from red_herring.networks.pspnet import Segmenter, structures_inside
from red_herring.runtime.files import StudyError, read_json, write_json
from red_herring.runtime.hardware import Hardware

log = logging.getLogger(__name__)

BATCH = 8
"""Images that pass the network at once."""

PART = 256
"""Images after which what is done is on disk, to go on from."""


def segment(
    images: np.ndarray, usable: np.ndarray, network: Segmenter, hardware: Hardware, resume: Path, fingerprint: str
) -> Path:
    """An NPY file below `resume` with the structures of each pixel as BITS, uint16 of the shape of the images.

    images: uint8 [n, size, size]; usable: bool [n], the others have nothing inside. What a process that was killed has
    done is kept if the fingerprint, of all that the result depends on, is the same.
    """
    resume.mkdir(parents=True, exist_ok=True)
    file, state = resume / "anatomy.npy", resume / "segmented.json"
    done = _done(state, file, fingerprint)
    if done == 0:
        allocate(file, images.shape, np.uint16)
    stored = np.load(file, mmap_mode="r+" if len(images) else None)
    network = network.to(hardware.device)
    for start in range(done, len(images), PART):
        end = min(start + PART, len(images))
        rows = start + np.flatnonzero(usable[start:end])
        for at in range(0, len(rows), BATCH):
            batch = rows[at : at + BATCH]
            stored[batch] = _bits(images[batch], network, hardware)
        stored.flush()
        write_json(state, {"fingerprint": fingerprint, "done": end})
        log.info("%d of %d images are segmented", end, len(images))
    return file


def shares_inside(anatomy: np.ndarray, images: pd.Series) -> pd.DataFrame:
    """image, and for each structure the share of its pixels that are inside."""
    shares = {name: [float((picture & bit > 0).mean()) for picture in anatomy] for name, bit in BITS.items()}
    return pd.DataFrame({"image": images.to_numpy()} | shares)


def _done(state: Path, file: Path, fingerprint: str) -> int:
    """How many images are segmented."""
    try:
        kept = read_json(state) if file.exists() else {}
    except StudyError:  # there is none
        kept = {}
    if kept.get("fingerprint") != fingerprint:
        return 0
    log.info("going on with %d images that were segmented before", kept["done"])
    return int(kept["done"])


@torch.no_grad()
def _bits(levels: np.ndarray, network: Segmenter, hardware: Hardware) -> np.ndarray:
    """uint16 of the shape of the levels, uint8 [n, size, size]."""
    images = torch.from_numpy(levels).to(hardware.device).unsqueeze(1).float() / 255
    with hardware.mixed():
        logits = network(images)
    inside = structures_inside(logits, levels.shape[-1]).cpu().numpy()
    found = np.zeros(levels.shape, np.uint16)
    for number, bit in enumerate(BITS.values()):
        found |= inside[:, number] * bit
    return found
