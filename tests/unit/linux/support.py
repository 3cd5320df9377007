"""Small helpers that the tests of `vnic.linux` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vnic.linux.kernel import Kernel

KernelMaker = Callable[..., Kernel]
T = TypeVar("T")


def must(found: T | None) -> T:
    """What an allocation gave, when it has to have given something."""
    assert found is not None
    return found
