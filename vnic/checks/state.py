"""What the rules know together: mapped memory, descriptors that the NIC owns, register values.

The state follows the events of one run; it holds what is live now and nothing of the past, so that it does
not grow with the number of frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from vnic.checks.verdict import Ledger
from vnic.linux.profile import KernelProfile
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.memory import HostMemory

Part = Literal["82540EM", "82545EM", "82546EB"]

DESCRIPTOR: Final = 16
"""Bytes of a legacy descriptor (8254x SDM 3.2.3, 3.3.3)."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the rules must know of a run besides its events.

    Attributes:
        part: the controller that is modelled; the 64 KiB rule binds the 82545 and 82546 only.
        link: whether the cable is in when the run starts.
        fcs_written: the NIC writes the FCS that it counts in a descriptor's length. QEMU's do not.
        guards: surround every frame with guard bytes (vnic.checks.guards), which changes memory.
    """

    part: Part = "82540EM"
    link: bool = True
    fcs_written: bool = True
    guards: bool = False


class Mapping:
    """A range of memory that the driver has mapped for the NIC.

    ``limit`` is the first address the NIC must not touch: the end of the mapping, or of what may hold data in
    the object behind it if that comes first. ``index`` is the descriptor that the NIC owns it through, or -1.
    ``written`` counts bytes since it was given, ``unsynced`` those that the CPU may not look at yet, ``debt``
    those that came after their descriptor had been written back; ``overrun`` says that a write past the limit
    was told of.
    """

    __slots__ = (
        "address", "buffer", "debt", "direction", "end", "index", "length", "limit", "overrun", "unsynced",
        "written",
    )  # fmt: skip

    def __init__(self, address: int, length: int, direction: str) -> None:
        self.address = address
        self.length = length
        self.end = address + length
        self.limit = self.end
        self.direction = direction
        self.index = -1
        self.written = 0
        self.unsynced = 0
        self.debt = 0
        self.overrun = False
        self.buffer: RxBufferEvent | None = None

    def attach(self, buffer: RxBufferEvent) -> None:
        """Learn which object the mapping lies in."""
        self.buffer = buffer
        room = (buffer.shinfo or buffer.head + buffer.allocated) - buffer.address
        self.limit = min(self.end, self.address + room)


class Ring:
    """A descriptor ring as the registers describe it.

    ``slots[i]`` is the buffer address of descriptor i while the NIC owns it, else None. ``given`` is the
    first descriptor that was not given yet, ``tail`` what the tail register holds, ``blamed`` the descriptors
    that were wrong when they were given.
    """

    __slots__ = (
        "base",
        "blamed",
        "count",
        "enabled",
        "given",
        "high",
        "low",
        "name",
        "size",
        "slots",
        "tail",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.enabled = False
        self.reset()

    def reset(self) -> None:
        """What CTRL.RST does to it."""
        self.enabled = False
        self.blamed: set[int] = set()
        self.low = self.high = self.base = self.size = self.count = self.given = self.tail = 0
        self.slots: list[int | None] = []

    def owned(self) -> Iterator[int]:
        """Buffer addresses of the descriptors that the NIC owns."""
        return (address for address in self.slots if address is not None)


class State:
    """Everything that more than one rule looks at."""

    def __init__(self, profile: KernelProfile, memory: HostMemory, options: CheckOptions) -> None:
        self.profile: Final = profile
        self.memory: Final = memory
        self.options: Final = options
        self.ledger: Final = Ledger()
        self.mappings: Final[dict[int, Mapping]] = {}
        self.coherent: Final[dict[int, int]] = {}
        self.latest = Mapping(0, 0, "")
        self.unattached: Final[dict[int, RxBufferEvent]] = {}
        self.registers: Final[dict[int, int]] = {}
        self.rx: Final = Ring("rx")
        self.tx: Final = Ring("tx")
        self.link = options.link
        self.frames_written_back = 0

    def add_mapping(self, address: int, length: int, direction: str) -> None:
        """Enter a mapping; a buffer announced before it was mapped is attached now."""
        mapping = self.mappings[address] = self.latest = Mapping(address, length, direction)
        buffer = self.unattached.pop(address, None)
        if buffer is not None:
            mapping.attach(buffer)

    def attach(self, buffer: RxBufferEvent) -> int:
        """Enter the object behind a mapping; returns where the device finds the buffer.

        Behind an IOMMU or in a bounce buffer that is not the CPU's address: then it is what was mapped last.
        """
        mapping = self.mappings.get(buffer.address)
        if mapping is None:
            mapping = self.latest
            if mapping.buffer is not None or mapping.length != buffer.nominal:
                self.unattached[buffer.address] = buffer
                return buffer.address
        mapping.attach(buffer)
        return mapping.address

    def mapping_at(self, address: int) -> Mapping | None:
        """The mapping that ``address`` lies in. Linear in the mappings that do not start there."""
        found = self.mappings.get(address)
        if found is None:
            for mapping in self.mappings.values():
                if mapping.address < address < mapping.end:
                    return mapping
        return found

    def sent_from(self, address: int, last: Mapping) -> Mapping:
        """The mapping that a read at ``address`` belongs to: the one that starts there, else ``last``.

        A read in mid-buffer may start where an earlier buffer did, which the driver has long taken back: a
        ``last`` that the NIC owns and that ``address`` lies in comes before a mapping that it cannot read.
        """
        mapping = self.mappings.get(address, last)
        readable = mapping.index >= 0 and mapping.direction != "from_device"
        if not readable and last.index >= 0 and last.address <= address < last.end:
            return last
        return mapping

    def object_at(self, address: int) -> RxBufferEvent | None:
        """The rx buffer whose memory, headroom and skb_shared_info included, holds ``address``."""
        for mapping in self.mappings.values():
            buffer = mapping.buffer
            if buffer is not None and buffer.head <= address < buffer.head + buffer.allocated:
                return buffer
        return None
