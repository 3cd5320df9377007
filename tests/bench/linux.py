"""The kernel model on its own: `pairs KERNEL COUNT` allocates and frees skbs, `import IMAGE` reads a kernel.

Prints "processor-seconds megabytes": how far memory grew after the first tenth of the pairs, or the most that
the import held.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench.behavioural import memory_mb
from vnic.linux.kernel import Kernel
from vnic.linux.kernel_import import import_kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory

BUFFER = 1522


def pairs(name: str, count: int) -> None:
    """`count` times netdev_alloc_skb and kfree_skb."""
    with HostMemory(4 << 20) as memory:
        kernel = Kernel(load_profile(name), memory)
        warm = 0.0
        began = time.process_time()
        for index in range(count):
            if index == count // 10:
                warm = memory_mb("RssAnon")
            skb = kernel.netdev_alloc_skb(BUFFER)
            assert skb is not None
            kernel.kfree_skb(skb)
        seconds = time.process_time() - began
        grown = memory_mb("RssAnon") - warm
    print(seconds, grown)


def imported(image: Path) -> None:
    """One import, from start to the profile written."""
    with tempfile.TemporaryDirectory() as folder:
        import_kernel(image, Path(folder) / "kernel.toml")
    print(time.process_time(), memory_mb("VmHWM"))


if __name__ == "__main__":
    if sys.argv[1] == "pairs":
        pairs(sys.argv[2], int(sys.argv[3]))
    else:
        imported(Path(sys.argv[2]))
