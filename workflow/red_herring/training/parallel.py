"""Trials beside each other, each in a process that holds the data of the split."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError

Job = tuple[dict[str, float], Path]
"""A trial: its hyperparameters and the folder of its state, by whose name the log tells it from the others."""

Evaluate = Callable[[list[Job]], list[dict[str, Any]]]
"""Results of trials as Run.trial gives them, in the order of the trials."""

Workers = dict[Connection, BaseProcess]


@contextmanager
def processes(count: int, run: tuple[Any, ...]) -> Iterator[Evaluate]:
    """What evaluates at most `count` trials beside each other.

    run: the arguments of Run, which every process makes for itself, once. At the end of the block, however it comes,
    the processes save what they are at and end. What goes wrong in one of them is raised here: its own errors,
    Interrupted when it was told to stop, StudyError when it was killed.
    """
    workers: Workers = {}
    try:
        with interrupt.whole():  # a process that is half started would never be ended
            for _ in range(count):
                _start(workers, run)
        yield partial(_evaluate, workers)
    finally:
        for process in workers.values():
            process.terminate()
        for process in workers.values():
            process.join()


def _start(workers: Workers, run: tuple[Any, ...]) -> None:
    context = multiprocessing.get_context("spawn")  # PyTorch's threads and CUDA do not survive a fork
    connection, other_end = context.Pipe()
    process = context.Process(target=_work, args=(other_end, os.getpid(), logging.getLogger().level, run))
    process.start()
    other_end.close()  # so that the end of the process ends the connection
    workers[connection] = process


def _evaluate(workers: Workers, jobs: list[Job]) -> list[dict[str, Any]]:
    busy = list(workers)[: len(jobs)]
    for connection, job in zip(busy, jobs, strict=True):
        with suppress(OSError):  # of a process that has ended, which is noticed below
            connection.send(job)
    results: dict[Connection, dict[str, Any]] = {}
    while len(results) < len(busy):
        ready = wait([one for one in busy if one not in results])
        for connection in cast("list[Connection]", ready):
            results[connection] = _receive(connection, workers[connection])
    return [results[connection] for connection in busy]


def _receive(connection: Connection, process: BaseProcess) -> dict[str, Any]:
    answer: dict[str, Any] | Exception
    try:
        answer = connection.recv()
    except (EOFError, OSError):
        process.join()
        for number in (signal.SIGTERM, signal.SIGINT):
            if process.exitcode in (128 + number, -number):
                interrupt.stop(number)
        raise StudyError(
            "a process that evaluates trials ended without a result, perhaps for want of memory; give the job more or "
            "set a smaller tuning.parallel"
        ) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _work(connection: Connection, parent: int, level: int, run: tuple[Any, ...]) -> None:
    """Evaluate one trial after the other in this process, until it is told to stop."""
    try:
        interrupt.listen()
        interrupt.end_with(parent)
        from red_herring.training.run import Run  # takes seconds, in which the process may be told to stop

        data = Run(*run)
        while True:
            hyperparameters, resume = connection.recv()
            logging.basicConfig(level=level, format=f"{resume.name}  %(message)s", stream=sys.stderr, force=True)
            result = data.trial(hyperparameters, resume)
            with interrupt.whole():
                connection.send(result)
    except interrupt.Interrupted as stop:
        sys.exit(stop.status)
    except Exception as error:
        interrupt.deafen()  # there is nothing left to save, and to be stopped while it ends could keep it from ending
        error.add_note(traceback.format_exc())  # where it was raised is known only here
        connection.send(error)
