"""A descriptor ring in coherent memory and its two indices: 8254x SDM 3.2.6 and 3.4.

`next_to_use` is where the driver puts the next descriptor, `next_to_clean` the oldest that the NIC has not
been seen to finish. One descriptor always stays unused, so that equal indices mean an empty ring and never a
full one.
"""

from __future__ import annotations

import struct
from typing import Final, Generic, TypeVar

from vnic.errors import VnicError
from vnic.linux.kernel import Kernel

DESC_SIZE: Final = 16
RX_DESC: Final = struct.Struct("<QHHBBH")  # buffer, length, checksum, status, errors, special: 3.2.3
TX_DESC: Final = struct.Struct("<QHBBBBH")  # buffer, length, cso, cmd, status, css, special: 3.3.3
STATUS_BYTE: Final = 12  # of both kinds
STA_DD: Final = 0x01
STA_EOP: Final = 0x02  # receive only

Slot = TypeVar("Slot")


class RingMemoryError(VnicError):
    """The kernel has no memory for a descriptor ring."""


class Ring(Generic[Slot]):
    """`count` descriptors of 16 bytes, and beside each what the driver must remember of its buffer.

    Attributes:
        base: physical address of descriptor 0.
        slots: the driver's note for each descriptor.
        tail: what was last written to RDT or TDT.

    Raises:
        RingMemoryError: no coherent memory.
    """

    __slots__ = ("_kernel", "_view", "base", "count", "next_to_clean", "next_to_use", "size", "slots", "tail")

    def __init__(self, kernel: Kernel, count: int, slots: list[Slot], what: str) -> None:
        self.count = count
        self.size = count * DESC_SIZE
        base = kernel.dma_alloc_coherent(self.size)
        if base is None:
            raise RingMemoryError(
                f"no memory for the {self.size} bytes of the {what} ring; give the kernel more"
            )
        self.base = base
        self.slots = slots
        self.next_to_use = self.next_to_clean = self.tail = 0
        self._kernel = kernel
        self._view = kernel.memory.view(base, self.size)

    def restart(self) -> None:
        """Clears all descriptors, and so every DD bit, for a controller whose head and tail are set to 0."""
        self._view[:] = bytes(self.size)
        self.next_to_use = self.next_to_clean = self.tail = 0

    def rewind(self) -> None:
        """Makes the ring empty: nothing of it is in use any more."""
        self.next_to_use = self.next_to_clean = self.tail = 0

    def free(self) -> None:
        """Gives the memory back to the kernel."""
        self._view.release()
        self._kernel.dma_free_coherent(self.base, self.size)

    def unused(self) -> int:
        """Descriptors the driver may fill (E1000_DESC_UNUSED)."""
        return (self.next_to_clean - self.next_to_use - 1) % self.count

    def pending(self) -> int:
        """Descriptors in use, from the oldest unfinished one on."""
        return (self.next_to_use - self.next_to_clean) % self.count

    def given(self) -> int:
        """Descriptors from the oldest unfinished one up to the tail: those the NIC may use."""
        return (self.tail - self.next_to_clean) % self.count

    def put_rx(self, index: int, address: int) -> None:
        """Makes descriptor `index` an empty receive descriptor for the buffer at DMA `address`."""
        RX_DESC.pack_into(self._view, index * DESC_SIZE, address, 0, 0, 0, 0, 0)

    def put_tx(self, index: int, address: int, length: int, command: int) -> None:
        """Makes descriptor `index` a legacy transmit descriptor of `length` bytes at DMA `address`."""
        TX_DESC.pack_into(self._view, index * DESC_SIZE, address, length, 0, command, 0, 0, 0)

    def status(self, index: int) -> int:
        """The status byte of descriptor `index`, 0 as long as it has not been written back."""
        status = self._view[index * DESC_SIZE + STATUS_BYTE]
        return status if status & STA_DD else 0

    def finished_rx(self, limit: int) -> list[tuple[int, int, int, int, int, int]]:
        """The fields of up to `limit` finished descriptors from `next_to_clean` on, not beyond the end of the
        ring.

        The statuses are read first and the rest after them: a NIC in another process writes while we read,
        and a length read before its DD bit may be the old one (dma_rmb in e1000_clean_rx_irq).
        """
        start = self.next_to_clean * DESC_SIZE
        end = min(start + limit * DESC_SIZE, self.size)
        ready = 0
        for status in bytes(self._view[start + STATUS_BYTE : end : DESC_SIZE]):
            if not status & STA_DD:
                break
            ready += 1
        return list(RX_DESC.iter_unpack(bytes(self._view[start : start + ready * DESC_SIZE])))
