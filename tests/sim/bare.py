"""A receive ring without a driver: buffers wherever a test wants them. Runs inside the simulator.

The driver model decides for itself where a buffer lies; these tests must decide it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from vnic.memory import HostMemory
from vnic.nic.events import Master
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, Reg
from vnic.targets.base import Target
from vnic.targets.icarus_target import IcarusTarget

RING = 0x10_0000
BUFFERS = 0x20_0000
GUARD = 0xA5
FCS = 4


def frame_bytes(length: int, seed: int) -> bytes:
    """A broadcast frame of `length` bytes without FCS, its bytes all different from their neighbours."""
    body = bytes((seed + 7 * index + (index >> 8)) & 0xFF for index in range(length - 14))
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + body


class BareRing:
    """Receive descriptors at RING, driven by hand."""

    def __init__(self, target: Target, memory: HostMemory) -> None:
        self.target = target
        self.memory = memory
        self.slots = 0

    async def start(self, addresses: Sequence[int], control: int) -> None:
        """Stop reception, post a descriptor for each address, start with RCTL = `control`."""
        target = self.target
        await target.write32(Reg.RCTL, 0)
        self.slots = (len(addresses) + 1 + 7) // 8 * 8
        ring = b"".join(struct.pack("<QQ", address, 0) for address in addresses)
        self.memory.write(RING, ring.ljust(16 * self.slots, b"\0"))
        await target.write32(Reg.CTRL, CTRL.SLU)
        await target.write32(Reg.RDBAL, RING)
        await target.write32(Reg.RDBAH, 0)
        await target.write32(Reg.RDLEN, 16 * self.slots)
        await target.write32(Reg.RDH, 0)
        await target.write32(Reg.RDT, len(addresses))
        await target.write32(Reg.RCTL, control)

    def descriptor(self, index: int) -> tuple[int, int, int, int]:
        """(buffer address, length, status, errors) of a descriptor as it is in memory."""
        raw = self.memory.read(RING + 16 * index, 16)
        address, length, _, status, errors, _ = struct.unpack("<QHHBBH", raw)
        return address, length, status, errors


def ideal_write_beats(addresses: Sequence[int], lengths: Sequence[int], beat_bytes: int) -> int:
    """Beats on the write channel if nothing were lost: each frame's data from wherever it starts, and the
    descriptors packed as they lie in memory. `lengths` in bytes with FCS, one descriptor a frame."""
    data = sum(
        (address % beat_bytes + length + beat_bytes - 1) // beat_bytes
        for address, length in zip(addresses, lengths, strict=True)
    )
    return data + (16 * len(addresses) + beat_bytes - 1) // beat_bytes


async def steady_state(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[dict[str, Any]]:
    """Cycles from the first to the last beat on the write channel for `frames` frames of `length` bytes (with
    FCS), once for each of `offsets` (buffer address mod 64). Every byte is checked."""
    ring = BareRing(target, memory)
    count, length, stride = spec["frames"], spec["length"], spec["stride"]
    beat_bytes = int(spec["beat_bytes"])
    frames = [WireFrame(frame_bytes(length - FCS, index)) for index in range(count)]
    rows = []
    for done, offset in enumerate(spec["offsets"]):
        addresses = [BUFFERS + index * stride + offset for index in range(count)]
        await ring.start(addresses, RCTL.EN | RCTL.BAM | RCTL.BSIZE_2048)
        await target.write32(Reg.RXCSUM, spec.get("rxcsum", 0))
        await target.settle()
        target.reset_traffic()
        await target.wire.offer(frames)
        await target.settle()
        traffic = target.traffic()
        for index, (frame, address) in enumerate(zip(frames, addresses, strict=True)):
            assert memory.read(address, length - FCS) == frame.data, (offset, index)
            assert ring.descriptor(index) == (address, length, 0x7, 0), (
                offset,
                index,
                ring.descriptor(index),
            )
        rows.append(
            {
                "offset": offset,
                "cycles": (traffic.last_write_ns - traffic.first_write_ns) // target.clock_ns + 1,
                "ideal": ideal_write_beats(addresses, [length] * count, beat_bytes),
                "data_beats": traffic.write_beats[Master.RX_DATA],
                "writeback_beats": traffic.write_beats[Master.RX_WRITEBACK],
            }
        )
        progress(done + 1, len(spec["offsets"]))
    return rows
