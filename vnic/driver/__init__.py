"""The driver model: what Linux's e1000 does with an 82540EM and with the kernel's memory, version by version.

Read `e1000.py` first: its methods are the table of contents. `hw.py` brings the controller up, `ring.py`
holds the descriptor rings, `buffers.py` the size rules of each era, `rx.py` and `tx.py` move the frames.
"""

from vnic.driver.e1000 import E1000
from vnic.driver.options import DriverOptions, DriverStats, Hooks, NicTimeout, ProbeError
from vnic.driver.ring import RingMemoryError

__all__ = ["E1000", "DriverOptions", "DriverStats", "Hooks", "NicTimeout", "ProbeError", "RingMemoryError"]
