"""Jobs on GPUs in a real run: as many at once as was said or as there are cards, each on a card of its own.

The cards are made up, so every stage notes which it was given, and goes on on the CPU.
"""

from __future__ import annotations

import json
import os
import shutil
from itertools import accumulate

import pytest
from support.workflow_checkout import Checkout

STUDY = {
    "study": {"tasks": ["synthetic"], "methods": ["classification", "masked"], "seeds": [1, 2]},
    "sources": {"crosses": {"images_per_cell": 40}},
    "tasks": {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 24}}},
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0},
    "tuning": {"mode": "published"},
}

# Added to the stage, before it is run.
NOTED = """
import dataclasses, functools, json, os, time

@functools.wraps(train)
def noted(train=train, **given):
    started = time.time()
    time.sleep(1)
    card = os.environ["CUDA_VISIBLE_DEVICES"]
    given["settings"] = dataclasses.replace(given["settings"], device="cpu")
    train(**given)
    note = {"card": card, "start": started, "end": time.time()}
    given["record"].with_name("note.json").write_text(json.dumps(note))

train = noted
"""


@pytest.fixture(scope="module")
def noting(tmp_path_factory):
    """A function that trains all runs of the study and returns the note of each."""
    checkout = Checkout(tmp_path_factory.mktemp("noting"))
    checkout.study("tiny", STUDY)
    stage = "workflow/red_herring/stages/train.py"
    checkout.edit(stage, 'if __name__ == "__main__":', NOTED + '\nif __name__ == "__main__":')
    runs = checkout.folder / "results" / "runs"

    def train(cards: int, *arguments: str) -> list[dict]:
        shutil.rmtree(runs, ignore_errors=True)
        # No other test, nor a study on this machine, has cards of these names.
        names = ",".join(f"GPU-{os.getpid()}-{number}" for number in range(cards))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUDA_VISIBLE_DEVICES", names)
            checkout.snakemake("-c8", "training", *arguments, "--configfile=tiny.yaml")
        notes = [json.loads(file.read_text()) for file in runs.rglob("note.json")]
        assert len(notes) == 4
        return notes

    return train


def most_at_once(notes: list[dict]) -> int:
    changes = sorted([(note["start"], 1) for note in notes] + [(note["end"], -1) for note in notes])
    return max(accumulate(change for _, change in changes))


def by_card(notes: list[dict]) -> list[list[dict]]:
    return [[note for note in notes if note["card"] == card] for card in {note["card"] for note in notes}]


@pytest.mark.slow
def test_no_more_jobs_than_resources_say_each_on_its_own_card(noting):
    notes = noting(4, "--resources", "gpu=2")
    assert most_at_once(notes) == 2
    assert all(most_at_once(alike) == 1 for alike in by_card(notes))


@pytest.mark.slow
def test_without_a_word_there_are_as_many_jobs_as_cards(noting):
    notes = noting(3)
    assert most_at_once(notes) == 3
    assert [most_at_once(alike) for alike in by_card(notes)] == [1, 1, 1]


@pytest.mark.slow
def test_several_jobs_a_card_if_told_so(noting):
    notes = noting(1, "--resources", "gpu_jobs_per_card=2")
    assert most_at_once(notes) == 2
    assert len(by_card(notes)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"localisation": "1", "reliance": "1", "train": "1", "tune": "0"}),
        (
            {"tuning": {}, "training": {"device": "cuda"}},
            {"localisation": "1", "reliance": "1", "train": "1", "tune": "1"},
        ),
        (
            {"tuning": {}, "training": {"device": "cpu"}},
            {"localisation": "0", "reliance": "0", "train": "0", "tune": "0"},
        ),
    ],
)
def test_jobs_that_compute_on_a_gpu_ask_for_one(checkout, change, expected):
    checkout.study("tiny", STUDY | change)
    said = checkout.snakemake("-n", "all", "--configfile=tiny.yaml").stdout
    asked = {}
    for job in said.split("\nrule ")[1:]:
        resources = job.partition("    resources:")[2].partition("\n")[0]
        asked[job.partition(":")[0]] = resources.rpartition("gpu=")[2] if "gpu=" in resources else None
    assert {rule: gpu for rule, gpu in asked.items() if gpu} == expected
