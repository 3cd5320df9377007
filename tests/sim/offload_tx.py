"""A few packets with every transmit offload, as Linux's e1000 would send them. Runs on any target."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from vnic.memory import HostMemory
from vnic.nic.registers import CTRL, TCTL, Reg
from vnic.targets.base import Target
from vnic.targets.icarus_target import IcarusTarget

RING, DATA, SLOTS = 0x1_0000, 0x10_0000, 64
MAC_HEADER = bytes.fromhex("021122334455525400123456 0800")
IP = bytes.fromhex("4500 0000 fffe 4000 40 06 0000 0a00020f 0a000202")
TCP = bytes.fromhex("c000 0050 ffffff00 00000001 5099 2000 1c2d 0000")
"""Flags CWR, ACK, PSH, FIN: 0x99; its checksum field holds a pseudo header's sum without length."""
HEADER = MAC_HEADER + IP + TCP
# Offsets of context: IPCSS, IPCSO, IPCSE, TUCSS, TUCSO, TUCSE
OFFSETS = (14, 24, 33, 34, 50, 0)
MSS, PAYLOAD = 101, 250
PACKETS = 3
TAG = 0xA123

EOP_IFCS_RS, TSE, DEXT, VLE, IC = 0x0B, 0x04, 0x20, 0x40, 0x04


def context(command: int, payload: int = 0, header: int = 0, mss: int = 0) -> bytes:
    return struct.pack("<BBHBBHIBBH", *OFFSETS, payload | (command | DEXT) << 24, 0, header, mss)


def data(address: int, length: int, command: int, options: int = 3) -> bytes:
    return struct.pack("<QIBBH", address, length | 1 << 20 | (command | DEXT) << 24, 0, options, TAG)


async def packets(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Entry: `frames` in hex, and the counters of segmentation.

    Frames 0 to 2 are segments; 3 and 4 have checksums, by context and by legacy descriptor, and a tag; 5 is
    as it was.
    """
    write = target.write32
    await write(Reg.CTRL, CTRL.SLU | CTRL.FD | CTRL.VME)
    await write(Reg.VET, 0x8100)
    await write(Reg.TDBAL, RING)
    await write(Reg.TDLEN, 16 * SLOTS)
    await write(Reg.TCTL, TCTL.EN | TCTL.PSP)
    payload = bytes(7 * index & 0xFF for index in range(1000))
    packet = HEADER + payload
    memory.write(DATA + 3, packet)
    size = len(HEADER) + PAYLOAD
    short = len(HEADER) + 37
    descriptors = (
        context(TSE | 3, PAYLOAD, len(HEADER), MSS),
        data(DATA + 3, 40, TSE | 2),
        data(DATA + 43, size - 40, TSE | EOP_IFCS_RS),
        context(3),
        data(DATA + 3, short, VLE | EOP_IFCS_RS),
        struct.pack("<QHBBBBH", DATA + 3, short, 51, VLE | IC | EOP_IFCS_RS, 0, 35, TAG),
        struct.pack("<QHBBBBH", DATA + 3, short, 50, EOP_IFCS_RS, 0, 34, TAG),
        # One byte less than the context announces
        data(DATA + 3, size - 1, TSE | EOP_IFCS_RS),
    )
    memory.write(RING, b"".join(descriptors))
    await write(Reg.TDT, len(descriptors))
    await target.settle()
    frames = [frame.hex() for frame in await target.wire.collect()]
    # The two whole segments of the last packet are the same as of the first one, identification included
    return {
        "frames": frames,
        "segmented": [await target.read32(Reg.TSCTC), await target.read32(Reg.TSCTFC)],
    }


async def steady_segments(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, int]:
    """Entry: cycles for segmentations of `segments` segments of `mss` bytes, back to back; `ideal` counts the
    words that leave."""
    mss, segments, beat_bytes = spec["mss"], spec["segments"], spec["beat_bytes"]
    write = target.write32
    await write(Reg.CTRL, CTRL.SLU | CTRL.FD)
    await write(Reg.TDBAL, RING)
    await write(Reg.TDLEN, 16 * SLOTS)
    await write(Reg.TCTL, TCTL.EN | TCTL.PSP)
    size = len(HEADER) + mss * segments
    memory.write(DATA, HEADER)
    descriptors = (
        context(TSE | 3, mss * segments, len(HEADER), mss),
        data(DATA, len(HEADER), TSE),
        # Where a page fragment may start
        data(DATA + 4096 + 2, size - len(HEADER), TSE | EOP_IFCS_RS),
    )
    memory.write(RING, b"".join(descriptors) * PACKETS)
    before = target.cycles
    await write(Reg.TDT, len(descriptors) * PACKETS)
    await target.settle()
    frames = await target.wire.collect()
    return {
        "frames": len(frames),
        "cycles": target.cycles - before,
        "ideal": sum((len(frame) + beat_bytes - 1) // beat_bytes for frame in frames),
    }
