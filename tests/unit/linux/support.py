"""Small helpers that the tests of `vnic.linux` share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from vnic.linux.kernel import Kernel
from vnic.linux.skbuff import SkBuff

# A folder with unpacked linux-image packages (boot/, lib/modules/), for the tests on real kernels.
KERNELS = Path(os.environ.get("VNIC_KERNELS", "/"))
VMLINUZ = sorted(
    KERNELS.glob("**/boot/vmlinuz-*") if "VNIC_KERNELS" in os.environ else KERNELS.glob("boot/vmlinuz-*")
)

KernelMaker = Callable[..., Kernel]
T = TypeVar("T")

FRAME = bytes(range(256)) * 6


def must(found: T | None) -> T:
    """What an allocation gave, when it has to have given something."""
    assert found is not None
    return found


def paged(kernel: Kernel, head: bytes, *pages: bytes) -> SkBuff:
    """An skb with linear data and one fragment for each of `pages`, each 100 bytes into its page."""
    skb = must(kernel.netdev_alloc_skb(256))
    skb.put_data(head)
    for data in pages:
        page = kernel.page_at(must(kernel.alloc_page()))
        kernel.memory.write(page.address + 100, data)
        skb.add_rx_frag(page, 100, len(data), 4096)
    return skb
