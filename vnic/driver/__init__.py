"""The driver model: what Linux's e1000 does with an 82540EM and with the kernel's memory, version by version.

Read `e1000.py` first: its methods are the table of contents. `hw.py` brings the controller up, `ring.py`
holds the descriptor rings, `buffers.py` the size rules of each era, `rx.py` and `tx.py` move the frames.

The names below are loaded when they are first used: `vnic buffer` needs the size rules only, and at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vnic.driver.e1000 import E1000
    from vnic.driver.options import DriverOptions, DriverStats, Hooks, NicTimeout, ProbeError
    from vnic.driver.ring import RingMemoryError

__all__ = ["E1000", "DriverOptions", "DriverStats", "Hooks", "NicTimeout", "ProbeError", "RingMemoryError"]

_HOMES = {"E1000": "e1000", "RingMemoryError": "ring"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'options')}"), name)
