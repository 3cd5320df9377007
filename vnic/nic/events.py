"""What a NIC did, as facts: one record per DMA burst, per register access, per received frame.

Every target (behavioural model, Verilog in Icarus, QEMU) emits these; the checks judge them. They are
``NamedTuple`` and not frozen dataclasses because a run of a million frames makes several million of
them, and a tuple is built in a third of the time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Master(IntEnum):
    """The DMA engine behind a bus access; the value is the AXI id (``awid`` for 0-2, ``arid`` for 4-6)."""

    RX_DATA = 0
    RX_WRITEBACK = 1
    TX_WRITEBACK = 2
    RX_DESC = 4
    TX_DESC = 5
    TX_DATA = 6


class DmaEvent(NamedTuple):
    """One bus burst, or what the behavioural NIC does in its place.

    ``address`` is the first byte with a strobe (write) or the first byte wanted (read) and ``length`` the
    span in bytes up to the last one, both in physical memory. ``strobes`` counts enabled byte lanes: fewer
    than ``length`` means the burst has a hole. ``beats`` and ``beat_bytes`` are 0 where there is no bus.
    ``ok`` is False for an access outside memory: the write was discarded, the read returned all ones.
    """

    time_ns: int
    master: Master
    write: bool
    address: int
    length: int
    strobes: int
    burst_address: int
    beats: int
    beat_bytes: int
    ok: bool


class DescriptorWord(NamedTuple):
    """A legacy receive descriptor as the driver found it: ``index`` in the ring, then the fields of
    8254x SDM section 3.2.3 (``address`` is the buffer's, ``length`` in bytes)."""

    # The ring index hides tuple.index(), which nobody calls on a descriptor.
    index: int  # type: ignore[assignment]
    address: int
    length: int
    checksum: int
    status: int
    errors: int
    special: int


class FrameEvent(NamedTuple):
    """A received frame as the driver reassembled it from the buffers.

    ``data`` starts at the destination address and includes the 4-byte FCS unless RCTL.SECRC strips it;
    ``descriptors`` are those it occupied, in ring order.
    """

    time_ns: int
    data: bytes
    descriptors: tuple[DescriptorWord, ...]


class RegisterEvent(NamedTuple):
    """One 32-bit register access by the driver; ``offset`` in bytes from BAR0."""

    time_ns: int
    write: bool
    offset: int
    value: int
