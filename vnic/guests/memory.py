"""A guest's memory as its NIC sees it: the regions that QEMU announces, mapped one by one."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vnic.errors import BadAddress, VnicError
from vnic.guests.proxy import RamRegion


class _Mapped(NamedTuple):
    base: int
    end: int
    map: mmap.mmap


class GuestMemory:
    """Guest-physical memory, for a NIC to master; a `PhysicalMemory` of `vnic.nic.bus`.

    There is none before the first `replace`, and none while `enabled` is False: a PCI device whose guest has
    not set COMMAND.MASTER gets no answer on the bus (PCI 3.0, 6.2.2). An access lies in one region.
    `on_change` is called when what can be reached has changed.
    """

    def __init__(self) -> None:
        self._maps: list[_Mapped] = []
        self._base = self._end = 0
        self._map = mmap.mmap(-1, mmap.PAGESIZE)
        self._enabled = True
        self.on_change: Callable[[], None] = _nobody

    def replace(self, regions: Sequence[RamRegion]) -> None:
        """The memory is now `regions` and no other; old mappings are closed, each `fd` stays the caller's.

        Raises VnicError when a region cannot be mapped.
        """
        maps = []
        try:
            for base, size, offset, fd in regions:
                maps.append(_Mapped(base, base + size, mmap.mmap(fd, size, offset=offset)))
        except (OSError, ValueError) as error:
            for each in maps:
                each.map.close()
            raise VnicError(f"guest memory at {base:#x}, {size} bytes, cannot be mapped: {error}") from error
        self._drop()
        # Nearly every access is in the largest one.
        self._maps = sorted(maps, key=lambda each: each.base - each.end)
        self._choose()

    @property
    def enabled(self) -> bool:
        """Whether the guest lets the device master the bus."""
        return self._enabled

    @enabled.setter
    def enabled(self, on: bool) -> None:
        self._enabled = on
        self._choose()

    def _choose(self) -> None:
        if self._maps and self._enabled:
            self._base, self._end, self._map = self._maps[0]
        else:
            self._base = self._end = 0
        self.on_change()

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address`. Raises BadAddress."""
        base = self._base
        if base <= address and address + length <= self._end:
            return self._map[address - base : address - base + length]
        base, _, region = self._find(address, length)
        return region[address - base : address - base + length]

    def write(self, address: int, data: bytes) -> None:
        """Store `data` at `address`. Raises BadAddress."""
        base, length = self._base, len(data)
        if base <= address and address + length <= self._end:
            self._map[address - base : address - base + length] = data
            return
        base, _, region = self._find(address, length)
        region[address - base : address - base + length] = data

    def contains(self, address: int, length: int) -> bool:
        """Whether `length` bytes from `address` can be reached now."""
        return self._enabled and any(
            base <= address and address + length <= end for base, end, _ in self._maps
        )

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Base and end of each region, in address order."""
        return sorted((base, end) for base, end, _ in self._maps)

    @property
    def windows(self) -> list[tuple[int, int]]:
        """Base and size of each region that can be reached now."""
        return [(base, end - base) for base, end in self.ranges] if self._enabled else []

    def _find(self, address: int, length: int) -> _Mapped:
        if self._enabled:
            for mapped in self._maps:
                if mapped.base <= address and address + length <= mapped.end:
                    return mapped
        raise BadAddress(address, length)

    def _drop(self) -> None:
        for each in self._maps:
            each.map.close()
        self._maps = []
        self._base = self._end = 0

    def close(self) -> None:
        """Give the mappings back."""
        self._drop()
        self._map = mmap.mmap(-1, mmap.PAGESIZE)


def _nobody() -> None:
    """The default listener."""
