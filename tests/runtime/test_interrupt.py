"""Signals: at once where nothing is half done, after the block where something is."""

import os
import signal

import pytest
from red_herring.runtime import interrupt

pytestmark = pytest.mark.usefixtures("listening")


@pytest.mark.parametrize(
    ("number", "name", "status"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "SIGINT", 130)]
)
def test_a_signal_stops_at_once(number, name, status):
    with pytest.raises(interrupt.Interrupted, match=name) as stop:
        os.kill(os.getpid(), number)
    assert stop.value.status == status
    assert not isinstance(stop.value, Exception), "no handler of failures takes it for one"


def test_what_must_be_whole_is_ended_first():
    done = []
    with pytest.raises(interrupt.Interrupted), interrupt.whole():
        with interrupt.whole():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    with interrupt.whole():
        pass  # the signal has been dealt with


def test_a_second_signal_does_not_end_the_saving_that_the_first_began():
    saved = []
    with pytest.raises(interrupt.Interrupted):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except interrupt.Interrupted:
            os.kill(os.getpid(), signal.SIGTERM)
            saved.append(True)
            raise
    assert saved


def test_a_failure_in_the_block_is_not_hidden():
    with pytest.raises(ValueError, match="failed"), interrupt.whole():
        raise ValueError("failed")
