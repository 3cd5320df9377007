"""Packets for the offloads: what a driver or a peer would send, with mistakes now and then, and what nobody
would."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

EOP, IFCS, IC, RS, RPS, DEXT, VLE, IDE = (1 << bit for bit in range(8))
TCP, IP, TSE = EOP, IFCS, IC  # the same bits in a context; TSE in data descriptors too
DATA: Final = 1  # DTYP; 0 is a context
IDENTIFIERS: Final = (0, 1, 31, 32, 0x123, 0xFFF)
# What bounds a segmentation: a ring holds many of them.
MAX_PAYLOAD, MIN_MSS, MAX_HEADER = 1500, 150, 240
SEGMENTATION_COST: Final = MAX_PAYLOAD + (MAX_PAYLOAD // MIN_MSS + 1) * (MAX_HEADER + 128)
"""Bytes that the frames of one may take in the receive FIFO, looped."""


def context(rng: random.Random) -> bytes:
    """A context: a driver's, or any; its segments are few or none."""
    offsets: tuple[int, ...] = rng.choice(((14, 24, 33, 34, 50, 0), (18, 28, 37, 38, 54, 0)))
    if rng.random() < 0.3:
        limit = rng.choice((80, 256))
        offsets = (*(rng.randrange(limit) for _ in range(5)), rng.choice((0, rng.randrange(2000))))
    command = DEXT | rng.choice((TCP | IP, TCP | IP, rng.randrange(4))) | rng.choice((0, RS, IDE))
    payload, header, mss = rng.getrandbits(20), rng.randrange(256), rng.getrandbits(16)
    if rng.random() < 0.6:
        command |= TSE
        payload = rng.choice((rng.randrange(MAX_PAYLOAD), rng.randrange(60), 0))
        header = rng.choice((54, 58, 66, rng.randrange(256)))
        mss = rng.choice(
            (rng.randrange(MIN_MSS, 600), 1448, rng.randrange(MIN_MSS, 1 << 16), rng.getrandbits(4))
        )
    return struct.pack("<BBHBBHIBBH", *offsets, payload | command << 24, rng.getrandbits(8), header, mss)


def data(rng: random.Random, address: int, length: int, command: int) -> bytes:
    """A data descriptor; `length` has 20 bits."""
    lower = length | DATA << 20 | (command | DEXT) << 24
    options = rng.choice((3, rng.getrandbits(8)))
    return struct.pack("<QIBBH", address, lower, rng.getrandbits(8), options, rng.getrandbits(16))


def segmented(rng: random.Random, place: range) -> Iterator[bytes]:
    """A context for TCP segmentation and the packet that belongs to it, in one to four parts."""
    header, payload, mss = rng.choice((54, 66)), rng.randrange(1, MAX_PAYLOAD), rng.randrange(MIN_MSS, 700)
    command = DEXT | TSE | TCP | IP | rng.choice((0, RS))
    yield struct.pack("<BBHBBHIBBH", 14, 24, 33, 34, 50, 0, payload | command << 24, 0, header, mss)
    total = header + payload + rng.choice((0, 0, 0, 0, -1, 1, 700))
    cuts = sorted(rng.randrange(total + 1) for _ in range(rng.randrange(4)))
    for start, end in zip([0, *cuts], [*cuts, total], strict=True):
        command = TSE | IFCS | rng.choice((0, RS, VLE, RS | VLE)) | (EOP if end == total else 0)
        yield data(rng, rng.randrange(place.start, place.stop), end - start, command)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ipv4_frame(rng: random.Random, destination: bytes, ether_type: int) -> bytes:
    """A TCP or UDP packet, tagged or not, its checksums right; in one of four a bit is flipped then."""
    words, protocol = rng.choice((5, 5, 5, 6, 15)), rng.choice((6, 6, 17, 17, 1))
    size = rng.choice((8, 20, 20, 19)) + rng.choice((rng.randrange(60), rng.randrange(900)))
    body = bytearray(rng.randbytes(size))
    fragment = rng.choice((0, 0, 0, 0x4000, 0x2000, 7))
    fields = (0x40 | words, 0, 4 * words + size, 1, fragment, 64, protocol, 0)
    header = bytearray(struct.pack(">BBHHHBBH", *fields))
    header += rng.randbytes(4 * words - 12)
    place = {6: 16, 17: 6}.get(protocol, 0)
    if place and len(body) >= place + 2:
        body[place : place + 2] = b"\0\0"
        pseudo = bytes(header[12:20]) + struct.pack(">HH", protocol, len(body))
        body[place : place + 2] = (checksum(pseudo + body) if rng.random() < 0.9 else 0).to_bytes(2, "big")
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    tag = b""
    if rng.random() < 0.5:
        kind = rng.choice((ether_type, ether_type, 0x8100, 0x88A8))
        tag = struct.pack(">HH", kind, rng.choice(IDENTIFIERS) | rng.randrange(16) << 12)
    inner = struct.pack(">H", rng.choice((0x0800, 0x0800, 0x0800, 0x86DD)))
    frame = bytearray(destination + rng.randbytes(6) + tag + inner + header + body)
    if rng.random() < 0.25:
        frame[rng.randrange(12, len(frame))] ^= 1 << rng.randrange(8)
    return bytes(frame) + rng.randbytes(rng.choice((0, 0, 1, 7)))
