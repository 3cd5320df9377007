"""Small helpers that the tests of `vnic.linux` share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from vnic.linux.kernel import Kernel

# A folder with unpacked linux-image packages (boot/, lib/modules/), for the tests on real kernels.
KERNELS = Path(os.environ.get("VNIC_KERNELS", "/"))
VMLINUZ = sorted(
    KERNELS.glob("**/boot/vmlinuz-*") if "VNIC_KERNELS" in os.environ else KERNELS.glob("boot/vmlinuz-*")
)

KernelMaker = Callable[..., Kernel]
T = TypeVar("T")


def must(found: T | None) -> T:
    """What an allocation gave, when it has to have given something."""
    assert found is not None
    return found
