"""Spurious score: how often a signal alone turns a prediction, the proof that a classifier relies on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.data.signals import aligned, of_kind
from red_herring.runtime.files import StudyError
from red_herring.statistics.common import wilson
from red_herring.study.names import SIGNALS
from red_herring.training.evaluate import area_under_roc, predict

TITLE = "Spurious score"
CITATION = "Adebayo et al. 2022, re-implemented from the published definitions"
OF_TASKS = {"signal.kind": ["tag", "stripe", "blur", "half_blur"]}
NEEDS = ["base_run"]
BY = {
    "signal": "what is planted, the signal of the task or another one",
    "aligned": "towards which class: positives or negatives",
}
COLUMNS = {
    "trained": "1: the signal and the class are those of the task, 0: they are others",
    "images": "of the shifted test set that are predicted to be of the other class when clean",
    "score": "the share of these that the signal turns",
    "score_low": "its 95 % interval, Wilson's",
    "score_high": "the same",
    "normal_images": "as images, of the run without a signal in training",
    "normal_score": "as score, of that run",
    "normal_score_low": "its 95 % interval, Wilson's",
    "normal_score_high": "the same",
    "auc": "of the clean test images",
    "normal_auc": "the same of the run without a signal in training",
    "auc_planted": "with the signal on all test images that are not of the aligned class",
    "normal_auc_planted": "the same of the run without a signal in training",
}


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """A row for each signal that can be planted and each class; per_image: the logit differences y1 - y0 of this run
    and of the normal one, clean and with each signal.
    """
    assert run.base is not None
    assert run.signal is not None
    data = run.unseen_by(run.base)
    clean = {"own": _margins(run, data), "normal": _margins(run.base, data)}
    images = data.table[["source", "image", "label"]].assign(**clean)
    rows = []
    for signal, planted in _planted(run, data):
        turned = {"own": _margins(run, planted), "normal": _margins(run.base, planted)}
        images = images.assign(**{f"{name}_{signal['kind']}": values for name, values in turned.items()})
        for of in ("positives", "negatives"):
            rows.append(_row(signal | {"of": of}, run.signal, clean, turned, data.labels.numpy()))
    return Analysed(pd.DataFrame(rows), images)


def _planted(run: Run, data: Dataset) -> Iterator[tuple[dict[str, Any], Dataset]]:
    """Each signal with all images that carry it. One that the images have no masks for is left out, unless it is that
    of the task.
    """
    assert run.signal is not None
    for kind in SIGNALS:
        signal = of_kind(run.signal, kind)
        try:
            yield signal, run.planted(data, signal)[0]
        except StudyError:
            if kind == run.signal["kind"]:
                raise


def _margins(run: Run, data: Dataset) -> np.ndarray:
    logits = predict(run.model, data, run.batch_size, run.hardware).double().numpy()
    return np.asarray(logits[:, 1] - logits[:, 0])


def _row(
    signal: Mapping[str, Any], trained: Mapping[str, Any], clean: Mapping[str, np.ndarray],
    turned: Mapping[str, np.ndarray], labels: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """clean, turned: of each network the logit differences of the same images without and with the signal."""
    towards = aligned(signal)
    same = all(signal[key] == trained[key] for key in ("kind", "of"))
    row: dict[str, Any] = {"signal": signal["kind"], "aligned": signal["of"], "trained": int(same)}
    for name, prefix in (("own", ""), ("normal", "normal_")):
        before, after = clean[name] > 0, turned[name] > 0
        asked = before != towards
        count, turns = int(asked.sum()), int((after[asked] == towards).sum())
        low, high = wilson(turns, count)
        row |= {
            f"{prefix}images": count,
            f"{prefix}score": turns / count if count else np.nan,
            f"{prefix}score_low": low,
            f"{prefix}score_high": high,
            f"{prefix}auc": area_under_roc(clean[name], labels),
            f"{prefix}auc_planted": area_under_roc(np.where(labels == towards, clean[name], turned[name]), labels),
        }
    return row
