"""Frames that show each receive offload, one after the other. Runs on any target."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tests.sim.lockstep_offload_rx import internet_checksum
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, RXCSUM, VFTA_STRIDE, Reg
from vnic.targets.base import Target

RING, DATA, SLOTS, BUFFER = 0x1_0000, 0x4_0000, 128, 256
ADDRESSES = b"\xff" * 6 + bytes.fromhex("021122334455")
LISTED, UNLISTED = 0x123, 0x124
CFI = 0x1000
START = 14
"""RXCSUM.PCSS: behind an Ethernet header."""


def ipv4(protocol: int, body: bytes, place: int, options: bytes = b"", fragment: int = 0) -> bytes:
    """A packet with both checksums right, that of `body` at `place`."""
    words = 5 + len(options) // 4
    head = struct.pack(
        ">BBHHHBBH", 0x40 | words, 0, 4 * words + len(body), 7, fragment, 64, protocol, 0
    ) + bytes.fromhex("0a00020f0a000202")
    head += options
    pseudo = head[12:20] + struct.pack(">HH", protocol, len(body))
    body = body[:place] + internet_checksum(pseudo + body).to_bytes(2, "big") + body[place + 2 :]
    return head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:] + body


def pattern(size: int) -> bytes:
    return bytes(7 * index + 1 & 0xFF for index in range(size))


def untagged(packet: bytes) -> bytes:
    return ADDRESSES + b"\x08\x00" + packet


def tagged(control: int, packet: bytes) -> bytes:
    return ADDRESSES + struct.pack(">HHH", 0x8100, control, 0x0800) + packet


def flipped(packet: bytes, offset: int) -> bytes:
    """One bit is another."""
    return packet[:offset] + bytes([packet[offset] ^ 1]) + packet[offset + 1 :]


TCP_HEADER = bytes.fromhex("c000005000000001000000025018200000000000")
TCP = ipv4(6, TCP_HEADER + pattern(333), 16)
SHORT = ipv4(6, TCP_HEADER[:-1] + b"\1" + b"\x55", 16)
UDP = ipv4(17, bytes.fromhex("c000003500550000") + pattern(77), 6)

FRAMES: dict[str, bytes] = {
    "tcp": untagged(TCP),
    "tcp in several descriptors": untagged(ipv4(6, TCP_HEADER + pattern(1000), 16)),
    "tcp with options of ip": untagged(ipv4(6, TCP_HEADER + pattern(64), 16, pattern(40))),
    "tcp with padding": untagged(SHORT) + b"\xa5" * 9,
    "tcp that is wrong": untagged(flipped(TCP, 200)),
    "tcp whose last byte is wrong": untagged(flipped(TCP, len(TCP) - 1)),
    "ip header that is wrong": untagged(flipped(TCP, 5)),
    "tcp fragment": untagged(ipv4(6, TCP_HEADER + pattern(64), 16, fragment=0x2000)),
    "udp": untagged(UDP),
    "udp without a checksum": untagged(UDP[:26] + b"\0\0" + UDP[28:]),
    "udp that is wrong": untagged(flipped(UDP, 60)),
    "icmp": untagged(ipv4(1, b"\x08\0\0\0" + pattern(60), 2)),
    "arp": ADDRESSES + b"\x08\x06" + pattern(46),
    "tag": tagged(0xA000 | LISTED, TCP),
    "tag of a short frame": tagged(LISTED, SHORT),
    "tag not in VFTA": tagged(UNLISTED, UDP),
    "tag with CFI": tagged(CFI | LISTED, UDP),
}


async def reception(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, list[dict[str, Any]]]:
    """Entry: the descriptors of each frame, those of a frame that did not pass: none.

    `spec` has the bits of CTRL, RCTL and RXCSUM that are wanted beside the usual.
    """
    write = target.write32
    await write(Reg.CTRL, CTRL.SLU | CTRL.FD | spec.get("ctrl", 0))
    await write(Reg.VET, 0x8100)
    await write(Reg.VFTA + (LISTED >> 5) * VFTA_STRIDE, 1 << (LISTED & 31))
    await write(Reg.RXCSUM, spec.get("rxcsum", 0))
    memory.write(RING, b"".join(struct.pack("<QQ", DATA + 2 + index * 512, 0) for index in range(SLOTS)))
    await write(Reg.RDBAL, RING)
    await write(Reg.RDLEN, 16 * SLOTS)
    await write(Reg.RDT, SLOTS - 1)
    await write(Reg.RCTL, RCTL.EN | RCTL.BAM | RCTL.BSIZE_256 | spec.get("rctl", 0))
    # All at once, so that they follow each other without a gap unless the bench is told to make some
    kept = {}
    for name, data in FRAMES.items():
        await target.wire.offer([WireFrame(data)])
        if spec.get("apart", True):
            await target.settle()
            kept[name] = await target.read32(Reg.RDH)
    await target.settle()
    kept["end"] = await target.read32(Reg.RDH)
    found: dict[str, list[dict[str, Any]]] = {}
    index = 0
    for name, head in kept.items():
        rows = []
        while index < head:
            raw = memory.read(RING + 16 * index, 16)
            address, length, checksum, status, errors, special = struct.unpack("<QHHBBH", raw)
            rows.append(
                {
                    "data": memory.read(address, length).hex(),
                    "checksum": checksum,
                    "status": status,
                    "errors": errors,
                    "special": special,
                }
            )
            index += 1
        found[name] = rows
        progress(index, SLOTS)
    return found


EVERYTHING = {
    "ctrl": int(CTRL.VME),
    "rctl": int(RCTL.VFE | RCTL.CFIEN),
    "rxcsum": int(RXCSUM.IPOFLD | RXCSUM.TUOFLD) | START,
}
"""All receive offloads."""
