"""What the fuzz makes: values, frames and descriptors, likely ones and others."""

from __future__ import annotations

import random
from typing import Final

from tests.sim.fuzz import packets
from tests.sim.fuzz.fence import LEGACY
from tests.sim.fuzz.packets import DEXT, EOP, IC, IDE, IFCS, RPS, RS, TSE, VLE
from vnic.nic.port import WireFrame

# Two pieces of memory. What lies below, between and above them is not there.
MEMORY_BASE: Final = 0x10_0000
MEMORY_SIZE: Final = 0x10_0000
HOLE: Final = (0x18_0000, 0x1_0000)

RX_AREA: Final = range(0x11_0000, 0x17_0000)
TX_AREA: Final = range(0x19_0000, 0x1F_0000)
# Rings lie in one of these; the second of each ends where memory does.
RX_ZONES: Final = (range(0x10_0000, 0x10_4000), range(0x17_C000, 0x18_0000))
TX_ZONES: Final = (range(0x20_0000, 0x20_4000), range(0x20_C000, 0x21_0000))

MAC: Final = bytes.fromhex("525400123456")
TX_BUDGET: Final = 30_000
"""Bytes in one go that fit the receive FIFO in loopback, however slow DMA is."""
MAX_DATA: Final = 16_288


def value(rng: random.Random) -> int:
    """32 bits of any kind."""
    kind = rng.random()
    if kind < 0.4:
        return rng.getrandbits(32)
    if kind < 0.6:
        return rng.getrandbits(rng.randrange(1, 17))
    if kind < 0.8:
        return 1 << rng.randrange(32)
    return rng.choice((0, 0xFFFF_FFFF, 0xFFFF_FFFF ^ 1 << rng.randrange(32)))


def address(rng: random.Random, area: range, chance_outside: float) -> int:
    """An address of a buffer: in `area`, or partly or wholly outside memory."""
    if rng.random() >= chance_outside:
        return rng.randrange(area.start, area.stop)
    return rng.choice(
        (
            0,
            HOLE[0] + rng.randrange(HOLE[1] - 0x5000),
            MEMORY_BASE - rng.randrange(1, 0x5000) - 0x5000,
            0xFFFF_FFFF - rng.randrange(64),
            (1 << 64) - rng.randrange(1, 4096),
            rng.getrandbits(32) | 0x8000_0000,
            rng.getrandbits(64) | 1 << 62,
        )
    )


def frame(rng: random.Random, ether_type: int) -> WireFrame:
    """A frame of any kind, most of them good and short; `ether_type` is that of VLAN tags."""
    kind = rng.random()
    if kind < 0.75:
        length = rng.randrange(46, 130)
    elif kind < 0.9:
        length = rng.randrange(130, 700)
    elif kind < 0.985:
        length = rng.randrange(700, 1530)
    elif kind < 0.997:
        length = rng.randrange(1530, 5000)
    else:
        length = rng.choice((16_373, 16_374, 16_375, 17_000))
    destination = rng.choice(
        (b"\xff" * 6, MAC, MAC, MAC, MAC[:5] + b"\x57", b"\x33\x33" + rng.randbytes(4), rng.randbytes(6))
    )
    if rng.random() < 0.4:
        return WireFrame(packets.ipv4_frame(rng, destination, ether_type), rng.random() < 0.05)
    body = destination + rng.randbytes(length)
    if rng.random() < 0.12:
        return WireFrame(body[: rng.randrange(0, 70)], rng.random() < 0.3, True)
    return WireFrame(body, rng.random() < 0.08)


def rx_descriptor(rng: random.Random) -> bytes:
    """The NIC looks at the address alone; a buffer may run into the next one, or be nowhere."""
    return address(rng, RX_AREA, 0.06).to_bytes(8, "little") + rng.randbytes(8)


def tx_descriptor(rng: random.Random) -> bytes:
    """A descriptor of any kind, with any bits."""
    kind = rng.random()
    if kind < 0.06:
        return packets.context(rng)
    length = _length(rng)
    where = address(rng, TX_AREA, 0.08)
    command = rng.getrandbits(8) & (RPS | VLE)
    for bit, chance in ((EOP, 0.6), (IFCS, 0.8), (RS, 0.6), (IDE, 0.1)):
        if rng.random() < chance:
            command |= bit
    if kind < 0.2:
        length |= rng.choice((0,) * 19 + (rng.getrandbits(4) << 16,))
        return packets.data(rng, where, length, command | (TSE if rng.random() < 0.2 else 0))
    cso = rng.getrandbits(8)
    if kind < 0.23:
        command |= DEXT
        cso |= 0x20  # DTYP 2, 3, 6...: none of these exists
    elif rng.random() < 0.4:
        command |= IC
    return LEGACY.pack(
        where, length, cso, command, rng.getrandbits(8), rng.getrandbits(8), rng.getrandbits(16)
    )


def _length(rng: random.Random) -> int:
    """Of a transmit descriptor."""
    kind = rng.random()
    if kind < 0.7:
        return rng.randrange(1, 120)
    if kind < 0.9:
        return rng.randrange(120, 600)
    if kind < 0.96:
        return rng.randrange(600, 1600)
    return rng.choice((0, 0, 0, 5000, 9000, MAX_DATA, MAX_DATA + 1, 20_000, 65_535))


def tx_bytes(descriptor: tuple[int, ...]) -> int:
    """What a descriptor may add to the FIFO of looped frames, rounded up to their blocks."""
    _, length, cso, command, *_ = descriptor
    if command & DEXT:
        if cso >> 4 != packets.DATA:
            return 0
        length |= (cso & 0xF) << 16
        if command & TSE:
            return packets.SEGMENTATION_COST + (length if length <= MAX_DATA else 0)
    return 64 if length > MAX_DATA else length + 128
