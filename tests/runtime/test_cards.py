"""Which card a job gets, and that no two get one, whoever is killed. All cards are made up."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

import pytest
from conftest import ROOT
from red_herring.runtime import cards, command, locks
from red_herring.runtime.files import StudyError

ENVIRONMENT = (cards.VISIBLE, cards.HELD, cards.PER_CARD, "SLURM_JOB_ID", *cards.OF_SLURM)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine without cards and a place for the locks; a function that sets environment variables."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cards, "_installed", lambda: 0)
    monkeypatch.setattr(cards, "FOLDER", tmp_path / "locks")
    monkeypatch.setattr(locks, "POLL", 0.02)

    def say(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return say


def mine():
    """What a process sees: its card and the cards that CUDA sees."""
    return [cards.os.environ.get(name) for name in (cards.HELD, cards.VISIBLE)]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0", ["0"]),
        ("2, 0", ["2", "0"]),
        ("0,-1,1", ["0"]),
        ("1,1", ["1"]),
        ("GPU-a1b2,MIG-c3", ["GPU-a1b2", "MIG-c3"]),
    ],
)
def test_cards_are_those_that_cuda_would_see(machine, monkeypatch, listed, expected):
    monkeypatch.setattr(cards, "_installed", lambda: 8)
    machine(CUDA_VISIBLE_DEVICES=listed)
    assert cards.visible() == expected
    assert (cards.granted() is not None) == bool(expected)


def test_without_the_variable_they_are_the_drivers(monkeypatch):
    assert (cards.visible(), cards.granted()) == ([], None)
    monkeypatch.setattr(cards, "_installed", lambda: 2)
    assert (cards.visible(), cards.granted()) == (["0", "1"], "NVIDIA's driver lists 2 GPUs")


def test_cards_are_counted_as_nvidia_smi_lists_them(monkeypatch, tmp_path):
    monkeypatch.undo()
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        '#!/bin/sh\n[ "$1" = -L ] && printf \'GPU 0: NVIDIA A100 (UUID: GPU-1)\\n  MIG 1g.5gb Device 0: (UUID: MIG-1)\\n'
        "GPU 1: NVIDIA A100 (UUID: GPU-2)\\n'"
    )
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert cards._installed() == 2
    smi.write_text(
        '#!/bin/sh\necho "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."\nexit 9\n'
    )
    assert cards._installed() == 0
    monkeypatch.setattr(cards.importlib.metadata, "version", lambda name: "2.14.1+cpu")
    smi.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA A100 (UUID: GPU-1)'")
    assert cards._installed() == 0, "PyTorch was installed for the CPU"


def test_a_card_is_held_for_the_block_and_is_all_that_cuda_sees(machine, tmp_path):
    machine(CUDA_VISIBLE_DEVICES="5,3")
    with cards.given("auto"):
        assert mine() == ["5", "5"]
        assert cards.granted() == "GPU 5 was given to this job"
        inherited = subprocess.run(["sh", "-c", "echo $RED_HERRING_GPU $CUDA_VISIBLE_DEVICES"], capture_output=True)
        assert inherited.stdout == b"5 5\n", "the processes of tuning.parallel share it"
        assert [file.name for file in (tmp_path / "locks").iterdir()] == [".5@1of1.lock"]
    assert mine() == [None, "5,3"]
    assert list((tmp_path / "locks").iterdir()) == []


def test_the_next_gets_the_next_card_and_the_one_after_waits(machine, tmp_path, caplog):
    machine(CUDA_VISIBLE_DEVICES="5,3")
    other = [locks.one_of([tmp_path / "locks" / f"{card}@1of1"], "") for card in "53"]
    with other[0]:
        with cards.given("cuda"):
            assert mine() == ["3", "3"]
        with other[1]:
            threading.Timer(0.2, other[1].__exit__, [None, None, None]).start()
            with cards.given("auto"):
                assert mine() == ["3", "3"]
    assert "no GPU is free of 5, 3; waiting until one is" in caplog.text


def test_nothing_is_held_for_the_cpu_or_without_cards(machine, tmp_path):
    with cards.given("auto"):
        assert mine() == [None, None]
    machine(CUDA_VISIBLE_DEVICES="5,3")
    with cards.given("cpu"):
        assert mine() == [None, "5,3"]
    assert not (tmp_path / "locks").exists()


def test_a_numbered_device_is_that_card_and_no_other(machine):
    machine(CUDA_VISIBLE_DEVICES="5,3")
    with cards.given("cuda:1"):
        assert mine() == ["3", "3"]
    with (
        pytest.raises(StudyError, match=r"training\.device: is cuda:2, counted from 0 among 5, 3"),
        cards.given("cuda:2"),
    ):
        pass


def test_jobs_share_a_card_after_every_card_has_one(machine, tmp_path):
    machine(CUDA_VISIBLE_DEVICES="0,1", RED_HERRING_GPU_JOBS_PER_CARD="2")
    taken = []
    folder = tmp_path / "locks"
    with cards.given("auto"):
        taken.append([file.name for file in folder.iterdir()])
        machine(CUDA_VISIBLE_DEVICES="0,1")
        with cards.given("auto"):
            machine(CUDA_VISIBLE_DEVICES="0,1")
            with cards.given("auto"):
                taken.append(sorted(file.name for file in folder.iterdir()))
    assert taken == [[".0@1of2.lock"], [".0@1of2.lock", ".0@2of2.lock", ".1@1of2.lock"]]


def test_who_wants_a_card_alone_does_not_share_it(machine, tmp_path):
    machine(CUDA_VISIBLE_DEVICES="0,1")
    with locks.sole(tmp_path / "locks" / "0@1of2"), cards.given("auto"):
        assert mine() == ["1", "1"]
    machine(RED_HERRING_GPU_JOBS_PER_CARD="2")
    with locks.sole(tmp_path / "locks" / "0@1of1"), cards.given("auto"):
        assert mine() == ["1", "1"]


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", ""])
def test_jobs_per_card_are_a_whole_number(machine, text):
    machine(CUDA_VISIBLE_DEVICES="0", RED_HERRING_GPU_JOBS_PER_CARD=text)
    with pytest.raises(StudyError, match=r"^gpu_jobs_per_card: is .*; expected a whole number of jobs, 1 or more$"):
        cards.jobs_at_once("auto")


def test_as_many_jobs_at_once_as_the_cards_take(machine):
    assert cards.jobs_at_once("auto") == 0, "nothing known, nothing limited"
    machine(CUDA_VISIBLE_DEVICES="0,1,2", RED_HERRING_GPU_JOBS_PER_CARD="2")
    assert [cards.jobs_at_once(device) for device in ("auto", "cuda", "cuda:2", "cpu")] == [6, 6, 2, 0]


def test_what_slurm_gives_is_taken_as_it_is(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "_installed", lambda: 8)
    machine(SLURM_JOB_ID="7")
    assert (cards.visible(), cards.granted()) == ([], None), "the node's cards are not the job's"
    machine(SLURM_STEP_GPUS="4")
    assert cards.granted() == "Slurm gave this job a GPU (SLURM_STEP_GPUS is 4)"
    machine(CUDA_VISIBLE_DEVICES="0")
    with cards.given("auto"):
        assert mine() == [None, "0"]
    assert not (tmp_path / "locks").exists()


def test_several_cards_of_one_slurm_job_are_shared_out_within_it(machine, tmp_path):
    machine(SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="0,1")
    with locks.sole(tmp_path / "locks" / "0@1of1"), cards.given("auto"):
        assert mine() == ["0", "0"], "the same number outside is another card"
        assert (tmp_path / "locks" / "slurm-7" / ".0@1of1.lock").exists()


def test_locks_are_not_left_where_somebody_else_could_move_them(machine, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    machine(CUDA_VISIBLE_DEVICES="0")
    with pytest.raises(StudyError, match="belongs to somebody else"), cards.given("auto"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("per_card", ["1 1 1 1 1", "2 2 2 2 2 2 2 2", "1 2 1 2 2 2 2"])
def test_no_card_is_held_twice_and_none_lost_when_holders_are_killed(tmp_path, per_card):
    done = subprocess.run(
        [sys.executable, ROOT / "tests/support/killed_holders.py", "--folder", tmp_path, "--kills", "70", "--seed", "1", "--per-card", *per_card.split()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"killed": 70, "doubles": [], "lost": 0}


def test_a_stage_without_snakemake_takes_a_card_too(stage, tmp_path, machine):
    """With cards that are none it then ends with PyTorch's reason, and computes nothing on the CPU instead."""
    machine(CUDA_VISIBLE_DEVICES=f"GPU-{tmp_path.name}")
    (tmp_path / "model").touch()
    settings = {"task": "t", "mask": {}, "signal": None, "analysis": {}, "batch_size": 1, "device": "auto"}
    settings = json.dumps(settings | {"precision": "float32"})
    outputs = [f"--{name}={tmp_path / name}" for name in ("table", "per-image", "arrays")]
    done = stage(
        "analyse",
        "--analysis=reliance",
        "--settings",
        settings,
        "--split=a",
        "--images=b",
        "--model=c",
        "--method=m",
        "--seed=1",
        *outputs,
    )
    assert done.returncode == 1
    assert f"training.device: is auto and GPU GPU-{tmp_path.name} was given to this job, but PyTorch" in done.stderr
    assert done.stderr.count("error:") == 1
    done = stage(
        "analyse",
        "--analysis=reliance",
        "--settings",
        settings.replace("auto", "cpu"),
        "--split=a",
        "--images=b",
        "--model=c",
        "--method=m",
        "--seed=1",
        *outputs,
    )
    assert "GPU" not in done.stderr


def test_a_card_that_is_too_small_is_told_in_one_sentence(capfd, monkeypatch, tmp_path):
    """PyTorch's own error, which needs no GPU to be raised."""
    torch = pytest.importorskip("torch")

    def stage(out: Annotated[Path, command.Output()]) -> None:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB.\nSee the docs."
        )

    monkeypatch.setattr(sys, "argv", ["stage", "--out", str(tmp_path / "out")])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.raises(SystemExit):
        command.run(stage)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert set(said) == {
        "error: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB; set a smaller training.batch_size, let "
        "fewer jobs share the card, or take a larger one"
    }
