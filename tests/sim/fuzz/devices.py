"""What is set beside rings and engines: addresses, offloads, and PHY and EEPROM behind their registers."""

from __future__ import annotations

import random

from tests.sim.fuzz import packets, traffic
from tests.sim.fuzz.pair import Pair
from vnic.nic.phy import BMCR
from vnic.nic.registers import CTRL, EECD, MDIC, VFTA_STRIDE, Reg


async def filters(pair: Pair, rng: random.Random) -> None:
    """An address, and a hash of many."""
    write = pair.write
    await write(Reg.MTA + 4 * rng.randrange(128), rng.getrandbits(32))
    place = 8 * rng.randrange(16)
    await write(Reg.RAL + place, int.from_bytes(traffic.MAC[:4], "little"))
    high = int.from_bytes(traffic.MAC[4:], "little") + 0x100 * rng.randrange(2)
    await write(Reg.RAH + place, high | (rng.random() < 0.7) << 31 | (rng.random() < 0.1) << 16)


async def offloads(pair: Pair, rng: random.Random) -> None:
    """CTRL.VME, VET, VFTA, RXCSUM."""
    write = pair.write
    if rng.random() < 0.5:
        await write(Reg.CTRL, CTRL.SLU | CTRL.FD | rng.choice((0, CTRL.VME)))
    if rng.random() < 0.2:
        await write(Reg.VET, rng.choice((0x8100, 0x8100, 0x88A8, 0x0800, rng.getrandbits(16))))
    checks = rng.choice((0, 0x100, 0x200, 0x300, 0x300)) | rng.choice((0, 14, 15, 34, rng.randrange(256)))
    await write(Reg.RXCSUM, checks)
    identifier = rng.choice(packets.IDENTIFIERS)
    await write(Reg.VFTA + (identifier >> 5) * VFTA_STRIDE, rng.getrandbits(32) | 1 << (identifier & 31))


async def phy(pair: Pair, rng: random.Random) -> None:
    """A command for the PHY, most of them right."""
    operation = rng.choice((MDIC.OP_READ, MDIC.OP_WRITE, rng.getrandbits(32) & MDIC.OP_MASK))
    place = 1 << MDIC.PHYADD_SHIFT if rng.random() < 0.9 else rng.getrandbits(5) << MDIC.PHYADD_SHIFT
    register = rng.choice((BMCR, rng.randrange(32))) << MDIC.REGADD_SHIFT
    extra = rng.getrandbits(32) & (MDIC.INT_EN | MDIC.READY | MDIC.ERROR)
    await pair.write(Reg.MDIC, rng.getrandbits(16) | operation | place | register | extra)
    await pair.read(Reg.MDIC)


async def microwire(pair: Pair, rng: random.Random) -> None:
    """A command for the EEPROM, bit by bit, now and then with a bit too few or too many."""
    command = rng.choice((0b110, 0b101, 0b100, 0b111)) << 6 | rng.getrandbits(6)
    bits = [int(bit) for bit in f"{command:09b}{rng.getrandbits(16):016b}"]
    bits = bits[: rng.choice((25, 25, 25, 9, rng.randrange(26)))] + [0] * rng.choice((0, 0, 0, 17))
    await pair.write(Reg.EECD, EECD.EE_REQ)
    await pair.write(Reg.EECD, EECD.EE_REQ | EECD.CS)
    for bit in bits:
        held = EECD.EE_REQ | EECD.CS | bit * EECD.DI
        await pair.write(Reg.EECD, held)
        await pair.write(Reg.EECD, held | EECD.SK)
        if rng.random() < 0.3:
            await pair.read(Reg.EECD)
    await pair.write(Reg.EECD, rng.choice((0, EECD.EE_REQ)))
