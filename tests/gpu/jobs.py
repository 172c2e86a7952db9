"""Two jobs on one card, at once or in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from gpu.small import BATCH, Sizes
from gpu.speeds import images_a_second, ours
from gpu.table import Table
from red_herring.runtime import cards
from red_herring.runtime.hardware import pick


def job(device: str, width: int, seconds: float) -> None:
    """What another process runs: take a card, train, say when and how fast."""
    with cards.given(device):
        hardware = pick(device, "float32")
        step = ours("classification", hardware, 28, width)
        step()
        start = time.time()
        speed = images_a_second(step, BATCH, hardware.device, seconds)
        print(speed, start, time.time())


def jobs(count: int, per_card: int, device: torch.device, sizes: Sizes) -> list[list[float]]:
    """Of each job its images a second, start and end."""
    environment = os.environ | {cards.PER_CARD: str(per_card)}
    if visible := cards.visible():
        environment[cards.VISIBLE] = visible[0]
    script = Path(__file__).with_name("check.py")
    command = [sys.executable, str(script), "--job", device.type, str(sizes.job_width), str(sizes.job_seconds)]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    found = [process.communicate()[0].split() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("a job failed; its reason is above")
    return [[float(word) for word in words] for words in found]


def apart(one: list[float], other: list[float]) -> bool:
    return one[2] <= other[1] or other[2] <= one[1]


def check_two_jobs(table: Table, sizes: Sizes, device: torch.device) -> None:
    check, of = "two jobs", f"classification, width {sizes.job_width}"
    with table.reporting(check, of, "float32", 28):
        ((alone, _, _),) = jobs(1, 1, device, sizes)
        both = jobs(2, 2, device, sizes)
        together = sum(speed for speed, _, _ in both)
        shared = "on one card" if device.type == "cuda" else "beside each other"
        found = f"{together:,.0f} images/s {shared}, {together / alone:.2f} times one alone"
        table.measured(check, of, "float32", 28, found)
        if device.type == "cpu":
            table.skipped("two jobs, one a card", of, "no GPU to take turns on")
            return
        turns = apart(*jobs(2, 1, device, sizes))
        found = "one after the other" if turns else "at once"
        table.add(
            "two jobs, one a card", of, "float32", "28", found, "one after the other", "ok" if turns else "FAILED"
        )
