"""The timer that ends poll(): readable when it is due, and never when it was taken back."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vnic.guests.timer import Timer


@pytest.fixture
def timer() -> Iterator[Timer]:
    made = Timer()
    yield made
    made.close()


def due(timer: Timer, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(timer.fileno(), select.POLLIN)
    return bool(poll.poll(milliseconds))


@pytest.mark.parametrize("seconds", [1e-10, 1e-6, 0.01])
def test_it_is_due_and_not_before(timer: Timer, seconds: float) -> None:
    assert not due(timer, 0)
    start = time.monotonic()
    timer.set(seconds)
    assert due(timer, 5000)
    assert time.monotonic() - start >= seconds


@pytest.mark.parametrize("nothing", [None, 0, 0.0])
def test_what_was_set_is_taken_back(timer: Timer, nothing: float | None) -> None:
    timer.set(0.001)
    timer.set(nothing)
    assert not due(timer, 5)
    timer.set(1e-6)
    assert due(timer, 5000)
    timer.set(nothing)
    assert not due(timer, 0)
    timer.set(1e-6)
    timer.set(60)
    assert not due(timer, 0)


def test_the_file_is_given_back() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    Timer().close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
