"""One run, or one trial of a search: the data of its split, the training, and the files that it leaves."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch

from red_herring.data.dataset import Dataset, check_masks, load, with_carriers
from red_herring.data.splits import TESTS, read_split
from red_herring.runtime.files import read_json, sha256, write_bytes, write_json, write_text
from red_herring.runtime.hardware import pick
from red_herring.runtime.provenance import environment, made_by, method_code_digest, versions
from red_herring.study.catalogue import BLUR
from red_herring.study.stage_settings import Guidance, Searching, Training
from red_herring.training import checkpoint
from red_herring.training.evaluate import measure_tests, predict, prediction_table, score_tests
from red_herring.training.fit import NUISANCE, PERMUTED, Fitted, fit, recipe_of
from red_herring.training.loop import Diverged

log = logging.getLogger(__name__)


class Run:
    """The data of one split in memory, on which a method is trained once (`final`) or many times (`trial`).

    images: images.npy of each source.
    """

    def __init__(self, settings: Training, split: Path, images: Sequence[Path], seed: int, threads: int):
        self.hardware = pick(settings.device, settings.precision, threads)
        self.settings, self.seed, self.threads = settings, seed, threads
        self.split, self.folders = split, [path.parent for path in images]
        self.recipe = recipe_of(settings)
        self.train, self.valid = self._load("train", "valid")
        self._shown: tuple[Guidance | None, Dataset] | None = None
        if settings.guidance:
            check_masks(self.train, self.finding)

    @property
    def finding(self) -> torch.Tensor:
        """Which training images have what the masks are of, int64 [n], also where the label is the nuisance."""
        return self.train.groups if self.settings.labels == NUISANCE else self.train.labels

    def _load(self, *names: str) -> list[Dataset]:
        """These splits, those of training and validation with the signal of the task."""
        found = load(read_split(self.split), self.folders, self.settings.mask, names)
        return [with_carriers(data, self.settings.signal, self.seed) for data in found]

    def fingerprint(self, stage: str, **more: Any) -> str:
        """A digest of all that the result depends on: settings, seed, threads, data, code, and `more`."""
        read = {
            "settings": asdict(self.settings),
            "seed": self.seed,
            "threads": self.threads,
            "device": str(self.hardware.device),
            "precision": self.hardware.precision,
            "versions": versions(),
            "split": sha256(self.split),
            "sources": [read_json(folder / "source.json") for folder in self.folders],
            **self._anatomy(),
            "code": method_code_digest(stage, self.settings.file),
            **more,
        }
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()

    def _anatomy(self) -> dict[str, Any]:
        """The checksums of the segmented anatomy, if it makes the masks; source.json has those of the source's own."""
        if self.settings.mask["kind"] != "anatomy":
            return {}
        return {"anatomy": [read_json(folder / "anatomy.json")["sha256"] for folder in self.folders]}

    def trial(self, hyperparameters: dict[str, float], resume: Path) -> dict[str, Any]:
        """Train and say how well: status, valid_auc, the epoch that has it (best_epoch), epochs.

        It is the epoch that a run of these hyperparameters would select, or with the objective `highest` that of the
        highest validation AUC, burn-in included. A method with a step after training is scored after it, at the epoch
        that a run would select.
        """
        try:
            fitted = self._fit(hyperparameters, resume, self.fingerprint("tune", hyperparameters=hyperparameters))
        except Diverged as error:
            log.warning("%s", error)
            return {"status": "failed", "valid_auc": None, "best_epoch": None, "epochs": None}
        assert isinstance(self.settings, Searching)
        best_epoch, valid_auc = fitted.best_epoch, fitted.valid_auc
        if self.settings.objective == "highest" and not fitted.method.refits:
            best = max(fitted.history[fitted.method.extra_epochs :], key=lambda epoch: epoch["valid_auc"])
            best_epoch, valid_auc = int(best["epoch"]), best["valid_auc"]
        return {"status": "ok", "valid_auc": valid_auc, "best_epoch": best_epoch, "epochs": len(fitted.history)}

    def final(
        self, hyperparameters_file: Path, resume: Path, model: Path, history: Path, predictions: Path, record: Path
    ) -> None:
        """Train with the hyperparameters in a file of the stage tune, and write the four outputs of a run."""
        start = time.monotonic()
        hyperparameters = read_json(hyperparameters_file)["hyperparameters"]
        fingerprint = self.fingerprint("train", hyperparameters=hyperparameters)
        outputs = (model, history, predictions, record)
        if checkpoint.restore_finished(resume, fingerprint, outputs):
            log.info("trained before: the outputs of that are restored")
            return
        fitted = self._fit(hyperparameters, resume, fingerprint)
        batch_size = self.settings.batch_size
        evaluated = {"valid": self.valid} | dict(zip(TESTS, self._load(*TESTS), strict=True))
        logits = {name: predict(fitted.model, data, batch_size, self.hardware) for name, data in evaluated.items()}
        tables = {name: prediction_table(logits[name], data) for name, data in evaluated.items()}
        held_out = tables["valid"] if fitted.held_out is None else prediction_table(fitted.held_out, self.valid)
        write_bytes(
            model, safetensors.torch.save({k: v.cpu().contiguous() for k, v in fitted.model.state_dict().items()})
        )
        write_text(history, pd.DataFrame(fitted.history).to_csv(index=False))
        write_text(predictions, pd.concat(tables.values()).to_csv(index=False))
        write_json(
            record,
            {
                "task": self.settings.task,
                "method": self.settings.method,
                "seed": self.seed,
                "best_epoch": fitted.best_epoch,
                "stopped": _end_of(fitted),
                "notes": fitted.method.notes,
                "valid_auc": fitted.valid_auc,
                **score_tests({name: tables[name] for name in TESTS}),
                "measures": measure_tests({name: tables[name] for name in TESTS}, held_out),
                "hyperparameters": hyperparameters,
                "settings": asdict(self.settings),
                "made_by": made_by("train", self.settings),
                "images": {"train": len(self.train)} | {name: len(data) for name, data in evaluated.items()},
                "device": str(self.hardware.device),
                "precision": self.hardware.precision,
                "threads": self.threads,
                "seconds": round(time.monotonic() - start, 1),
                **environment(),
            },
        )
        checkpoint.keep_finished(resume, fingerprint, outputs)

    def _guided(self, hyperparameters: dict[str, float]) -> Dataset:
        """The training images with the masks and the labels that the method is shown.

        Masks go by the finding as it is, so that permuting labels changes nothing else, and the same images are shown
        with the same masks where their label is the nuisance.
        """
        guidance = self.settings.guidance
        if guidance is not None:
            guidance = guidance | {"blur_sigma": hyperparameters.get(BLUR, guidance["blur_sigma"])}
        # In a search it differs by the blur only, if that is searched.
        if self._shown is None or self._shown[0] != guidance:
            data = self.train if guidance is None else self.train.guided(guidance, self.seed, self.finding)
            self._shown = guidance, data.permuted(self.seed) if self.settings.labels == PERMUTED else data
        return self._shown[1]

    def _fit(self, hyperparameters: dict[str, float], resume: Path, fingerprint: str) -> Fitted:
        return fit(
            self.settings.file,
            hyperparameters,
            self.settings.options,
            self._guided(hyperparameters),
            self.valid,
            self.recipe,
            self.seed,
            self.hardware,
            resume,
            fingerprint,
        )


def _end_of(fitted: Fitted) -> dict[str, Any]:
    """How training ended: by what, after how many epochs and steps, at which training accuracy if that was a rule."""
    last = fitted.history[-1]
    accuracy = {name: last[name] for name in ("train_accuracy",) if name in last}
    return {"by": fitted.stopped_by, "epochs": len(fitted.history), "steps": fitted.steps, **accuracy}
