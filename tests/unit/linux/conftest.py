"""A kernel of any profile over a small memory, for the tests of `vnic.linux`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.linux.support import KernelMaker
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory


@pytest.fixture
def kernel_of() -> Iterator[KernelMaker]:
    """Starts kernels by profile name; their memories are closed after the test."""
    memories: list[HostMemory] = []

    def make(name: str, *, size: int = 4 << 20, **options: object) -> Kernel:
        memories.append(HostMemory(size))
        return Kernel(load_profile(name), memories[-1], **options)  # type: ignore[arg-type]  # any Kernel option

    yield make
    for memory in memories:
        memory.close()
