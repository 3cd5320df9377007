"""Host memory: one physical address space that a driver, a NIC and a simulator see as the same bytes.

The bytes live in an anonymous file (memfd), so another process maps them by file descriptor and nothing is
left behind when the last one closes it. Addresses are physical; a region of them may be missing, as the hole
below 4 GiB is on a PC. Pages that nobody touched cost nothing.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from vnic.errors import BadAddress, UsageError

__all__ = ["BadAddress", "HostMemory", "Region"]

MIB = 1 << 20


class Region(NamedTuple):
    """`size` bytes of memory at physical address `base`, kept at `offset` of the backing file."""

    base: int
    size: int
    offset: int


class HostMemory:
    """`size` bytes of memory from physical address `base`, stepping over `holes`.

    Args:
        size: bytes of memory there are; a multiple of the page size of this machine.
        base: physical address of the first byte.
        holes: `(address, length)` ranges without memory; what they displace is found above them.

    Raises:
        UsageError: size, base or a hole is not positive and page aligned, or holes overlap.
    """

    __slots__ = ("_base", "_fd", "_map", "_size", "_view", "regions", "size")

    def __init__(self, size: int = 64 * MIB, *, base: int = 0, holes: Iterable[tuple[int, int]] = ()) -> None:
        regions = _regions(size, base, holes)
        fd = os.memfd_create("vnic-host-memory", os.MFD_CLOEXEC)
        try:
            os.ftruncate(fd, size)
        except OSError as error:
            os.close(fd)
            raise UsageError(f"host memory of {size} bytes: {error.strerror}; ask for less") from error
        self._open(fd, regions)

    def _open(self, fd: int, regions: Sequence[Region]) -> None:
        self.regions: tuple[Region, ...] = tuple(regions)
        self.size = sum(region.size for region in regions)
        self._fd = -1
        try:
            self._map = mmap.mmap(fd, max(region.offset + region.size for region in regions))
        except (OSError, ValueError) as error:
            os.close(fd)
            raise UsageError(f"host memory of {self.size} bytes cannot be mapped: {error}") from error
        self._fd = fd
        self._view = memoryview(self._map)
        # The first region answers nearly every access, so read and write try it before they search.
        first = self.regions[0]
        self._base, self._size = (first.base, first.size) if first.offset == 0 else (first.base, 0)

    @classmethod
    def attach(cls, fd: int, regions: Sequence[Region]) -> Self:
        """The memory behind an existing `fd` (which stays the caller's), laid out as `regions` says.

        Raises:
            UsageError: no region, or the file is shorter than the regions say.
        """
        if not regions:
            raise UsageError(
                "host memory to attach has no region; pass the regions of the memory that owns it"
            )
        memory = cls.__new__(cls)
        memory._open(os.dup(fd), regions)
        return memory

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from physical `address`. Raises BadAddress."""
        start = address - self._base
        end = start + length
        if start < 0 or end > self._size or length < 0:
            start = self._offset(address, length)
            end = start + length
        return self._map[start:end]

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Stores `data` (bytes-like, items of one byte) at physical `address`. Raises BadAddress."""
        length = len(data)
        start = address - self._base
        end = start + length
        if start < 0 or end > self._size:
            start = self._offset(address, length)
            end = start + length
        self._map[start:end] = data

    def view(self, address: int, length: int) -> memoryview:
        """A writable window on `length` bytes; writes through it are writes to memory. Raises BadAddress."""
        start = self._offset(address, length)
        return self._view[start : start + length]

    def fill(self, address: int, length: int, byte: int) -> None:
        """Sets `length` bytes from `address` to `byte` (0..255). Raises BadAddress."""
        start = self._offset(address, length)
        self._map[start : start + length] = bytes((byte,)) * length

    def contains(self, address: int, length: int) -> bool:
        """Whether `length` bytes (0 or more) from `address` lie within one region."""
        return any(
            region.base <= address and address + length <= region.base + region.size and length >= 0
            for region in self.regions
        )

    def fileno(self) -> int:
        """The file descriptor to hand to another process, together with `regions`."""
        return self._fd

    def close(self) -> None:
        """Gives the memory back. Views handed out before stay readable; nothing else does."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        self._base, self._size, self.regions = 0, 0, ()
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            # A caller still holds a view: the mapping goes with the last of them.
            self._map = mmap.mmap(-1, mmap.PAGESIZE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)

    def _offset(self, address: int, length: int) -> int:
        """Where the byte at `address` is in the mapping, `length` bytes of it being in one region."""
        if length >= 0:
            for region in self.regions:
                if region.base <= address and address + length <= region.base + region.size:
                    return address - region.base + region.offset
        raise BadAddress(address, length)


def _regions(size: int, base: int, holes: Iterable[tuple[int, int]]) -> list[Region]:
    """Lays `size` bytes out from `base` upwards around the holes, in address order."""
    page = mmap.PAGESIZE
    if size <= 0 or size % page or base < 0 or base % page:
        raise UsageError(f"host memory of {size} bytes at {base:#x}: use multiples of {page}, size > 0")
    regions: list[Region] = []
    left, here = size, base
    for start, length in sorted(holes):
        if length <= 0 or length % page or start % page:
            raise UsageError(f"memory hole {start:#x}+{length:#x}: use multiples of {page}, length > 0")
        if start < here:
            if start + length <= base:
                continue  # below all memory: nothing to step over
            raise UsageError(
                f"memory hole {start:#x}+{length:#x} overlaps another hole or starts below memory"
            )
        if start - here >= left:
            break
        if start > here:
            regions.append(Region(here, start - here, size - left))
            left -= start - here
        here = start + length
    regions.append(Region(here, left, size - left))
    return regions
