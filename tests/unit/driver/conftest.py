"""Machines that are switched off after the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from tests.unit.driver.machine import Machine


class MakeMachine(Protocol):
    def __call__(self, kernel: str = ..., **options: Any) -> Machine: ...


@pytest.fixture
def machine() -> Iterator[MakeMachine]:
    made: list[Machine] = []

    def make(kernel: str = "6.1/x86_64", **options: Any) -> Machine:
        made.append(Machine(kernel, **options))
        return made[-1]

    yield make
    for one in made:
        one.memory.close()
