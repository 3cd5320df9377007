"""A bench for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.nic.bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made
