"""What a search costs besides its trials: 25 proposals of the Gaussian process, of which 5 are random."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pytest
from benchmarks.measuring import side_by_side
from red_herring.study.catalogue import BLUR, method_card
from red_herring.training.search import TrialLog, search

COUNTS = (5, 20)


def proposals(space: dict[str, list], parallel: int) -> None:
    """A search whose trials take no time."""

    def objective(proposed: dict[int, dict[str, float]]) -> list[dict]:
        return [{"status": "ok", "valid_auc": 1 / (1 + given["lr"])} for given in proposed.values()]

    with tempfile.TemporaryDirectory() as folder:
        search(space, objective, *COUNTS, parallel, 0, TrialLog(Path(folder) / "trials.jsonl", ""))


@pytest.mark.parametrize("method", ["classification", "actdiff", "adversarial"])
def test_proposals(benchmark, method):
    space = method_card(method).hyperparameters | {BLUR: ["uniform", 0.0, 2.0]}
    pieces = {"one by one": partial(proposals, space, 1), "in batches of 4": partial(proposals, space, 4)}
    row = side_by_side(
        benchmark, "The 25 proposals of a search", {"method": method, "hyperparameters": len(space)}, pieces, rounds=2
    )
    row["more"]["s a trial, one by one"] = min(row["seconds"]["one by one"]) / sum(COUNTS)
