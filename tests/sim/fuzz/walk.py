"""The random walk: what a step can be."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from tests.sim.fuzz import packets, traffic
from tests.sim.fuzz.defined import FIRST, ZONES, defined
from tests.sim.fuzz.devices import filters, microwire, offloads, phy
from tests.sim.fuzz.fence import DESCRIPTOR
from tests.sim.fuzz.names import ASIDE, EVERY
from tests.sim.fuzz.pair import Pair
from vnic.memory import HostMemory
from vnic.nic.phy import BMCR_AUTONEG, BMCR_LOOPBACK, BMCR_POWER_DOWN, BMCR_RESET
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, MDIC, RCTL, STATUS, TCTL, Reg

if TYPE_CHECKING:
    from vnic.targets.icarus_target import IcarusTarget

DELAYS: Final = (Reg.RDTR, Reg.RADV, Reg.TIDV, Reg.TADV)


class Walk:
    """One seed's walk over `pair`, until `count` operations are done."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.random = random.Random(seed)
        self.link = True
        self.packet: Iterator[bytes] = iter(())

    async def run(self, count: int, progress: Callable[[int, int], None]) -> None:
        actions, weights = zip(*self.choices(), strict=True)
        self.fill()
        await self.set_up()
        while (done := self.pair.operations.total()) < count:
            if not self.alive() and self.random.random() < 0.3:
                await self.revive()
            else:
                await self.random.choices(actions, weights)[0]()
            await self.pair.check()
            if self.pair.operations.total() // 100 != done // 100:
                progress(done, count)

    def choices(self) -> list[tuple[Callable[[], Awaitable[None]], int]]:
        """Each kind of step, and how often."""
        return [
            (self.write_any, 30),
            (self.read_any, 20),
            (self.frames, 40),
            (self.post, 40),
            (self.send, 40),
            (self.receive_control, 5),
            (self.transmit_control, 3),
            (self.move_ring, 5),
            (self.at_work, 6),
            (self.device, 17),
            (self.flood, 1),
            (self.cable, 1),
            (self.set_up, 1),
            (self.disrupt, 3),
        ]

    # ---- registers

    async def write_any(self) -> None:
        """Any value to any offset, as far as the outcome is defined."""
        for _ in range(self.random.choice((1, 1, 2, 4))):
            await self.write(self.offset(), traffic.value(self.random))

    def offset(self) -> int:
        rng = self.random
        kind = rng.random()
        if kind < 0.5:
            return rng.choice(EVERY[:44])
        if kind < 0.8:
            return rng.choice(EVERY)
        return rng.randrange(0x2_0000)

    async def write(self, offset: int, value: int) -> None:
        """Write what is defined of `value`; nothing if nothing is."""
        register = offset & 0x1FFFC
        rng = self.random
        if register == Reg.CTRL:
            # A reset takes 512 cycles: seldom.
            value &= ~(CTRL.RST if rng.random() < 0.9 else 0)
        elif register in FIRST and not defined(self.pair, register, value):
            return
        await self.pair.write(offset, value)
        if register in DELAYS and value & 0xFFFF:
            # Held and read back; as long a wait as that would be is no use here.
            await self.pair.read(offset)
            await self.pair.write(offset, rng.random() < 0.05)

    async def read_any(self) -> None:
        for _ in range(self.random.choice((1, 2, 4))):
            await self.pair.read(self.offset())

    async def device(self) -> None:
        """Addresses, offloads, PHY, EEPROM."""
        kinds = (filters, offloads, phy, microwire)
        await self.random.choices(kinds, (4, 8, 4, 1))[0](self.pair, self.random)

    # ---- traffic

    async def frames(self) -> None:
        rng, ether_type = self.random, self.pair.value(Reg.VET)
        count = rng.choice((1, 1, 2, 3, 5, 12))
        await self.pair.offer([traffic.frame(rng, ether_type) for _ in range(count)])

    async def flood(self) -> None:
        """More than the receive FIFO has room for, and no descriptor."""
        await self.write(Reg.RDLEN, 0)
        frames = [WireFrame(b"\xff" * 6 + self.random.randbytes(1500)) for _ in range(36)]
        await self.pair.offer(frames)

    async def post(self) -> None:
        """More receive descriptors."""
        await self.extend(Reg.RDBAL, traffic.rx_descriptor)

    async def send(self) -> None:
        """More transmit descriptors."""
        await self.extend(Reg.TDBAL, self.transmit if self.random.random() < 0.5 else traffic.tx_descriptor)

    def transmit(self, rng: random.Random) -> bytes:
        """The next descriptor of a packet for segmentation, however many steps that takes."""
        descriptor = next(self.packet, None)
        if descriptor is None:
            self.packet = packets.segmented(rng, traffic.TX_AREA)
            return self.transmit(rng)
        return descriptor

    async def extend(self, first: Reg, make: Callable[[random.Random], bytes]) -> None:
        """Descriptors behind the tail, and the tail."""
        rng, pair = self.random, self.pair
        ring = pair.ring(first)
        if ring.head >= ring.slots:
            await self.move_ring(first)
            return
        tail = ring.tail if ring.tail < ring.slots else ring.head
        free = (ring.head - tail - 1) % ring.slots
        for _ in range(min(free, rng.choice((1, 1, 2, 4, 8, 16)))):
            slot = ring.base + DESCRIPTOR * tail
            if any(slot in zone for zone in ZONES[first]):
                pair.describe(slot, make(rng))
            tail = (tail + 1) % ring.slots
        await self.write(first + 24, tail)

    async def at_work(self) -> None:
        """Registers that have nothing to do with frames, while frames move."""
        rng = self.random
        await rng.choice((self.frames, self.send, self.post))()
        for _ in range(rng.randrange(1, 6)):
            offset = rng.choice(ASIDE)
            if rng.random() < 0.5:
                await self.pair.read(offset)
            else:
                await self.pair.write(offset, traffic.value(rng))

    async def cable(self) -> None:
        self.link = not self.link
        await self.pair.set_link(self.link)

    # ---- control

    async def receive_control(self) -> None:
        rng = self.random
        value = rng.randrange(4) << RCTL.BSIZE_SHIFT | rng.randrange(4) << RCTL.RDMTS_SHIFT
        for bit, chance in (
            (RCTL.EN, 0.92), (RCTL.SBP, 0.3), (RCTL.UPE, 0.8), (RCTL.MPE, 0.3), (RCTL.LPE, 0.5),
            (RCTL.BAM, 0.7), (RCTL.SECRC, 0.4), (RCTL.BSEX, 0.15), (RCTL.LBM_MAC, 0.15),
            (RCTL.VFE, 0.2), (RCTL.CFIEN, 0.3), (RCTL.CFI, 0.4),
        ):  # fmt: skip
            if rng.random() < chance:
                value |= bit
        await self.pair.write(Reg.RCTL, value)

    async def transmit_control(self) -> None:
        rng = self.random
        value = (TCTL.EN if rng.random() < 0.9 else 0) | (TCTL.PSP if rng.random() < 0.7 else 0)
        await self.pair.write(Reg.TCTL, value)

    async def move_ring(self, first: Reg | None = None) -> None:
        """A ring somewhere else, of another size; sometimes half of the way, or where no memory is."""
        rng = self.random
        first = first or rng.choice((Reg.RDBAL, Reg.TDBAL))
        zone = rng.choice(ZONES[first])
        count = 8 * rng.choice((1, 1, 2, 4, 6, 12))
        base = rng.randrange(zone.start, zone.stop - DESCRIPTOR * count, DESCRIPTOR)
        high = 0
        kind = rng.random()
        if kind < 0.12:
            base = zone.stop - DESCRIPTOR * rng.randrange(1, count)  # half of it outside, if zone ends memory
        elif kind < 0.18:
            base, high = rng.choice(((0x18_4000, 0), (base, 1), (0, 0), (0xFFFF_FFF0, 0xFFFF_FFFF)))
        head = rng.randrange(count)
        steps = [(0, base), (4, high), (8, DESCRIPTOR * count), (16, head), (24, head)]
        if rng.random() < 0.2:
            rng.shuffle(steps)
        if rng.random() < 0.2:
            steps = steps[: rng.randrange(1, 5)]
        for place, value in steps:
            await self.write(first + place, value)

    def alive(self) -> bool:
        value = self.pair.value
        rings = [(self.pair.ring(first), zones) for first, zones in ZONES.items()]
        return bool(
            value(Reg.RCTL) & RCTL.EN
            and value(Reg.TCTL) & TCTL.EN
            and value(Reg.STATUS) & STATUS.LU
            and all(
                ring.head < ring.slots and any(ring.base in zone for zone in zones) for ring, zones in rings
            )
        )

    async def revive(self) -> None:
        """What keeps frames from moving, away with it."""
        if not self.link:
            await self.cable()
        await self.pair.write(Reg.MDIC, BMCR_AUTONEG | MDIC.OP_WRITE | 1 << MDIC.PHYADD_SHIFT)
        await self.pair.write(Reg.CTRL, CTRL.SLU | CTRL.FD | self.random.choice((0, CTRL.VME)))
        for first in ZONES:
            await self.move_ring(first)
        await self.receive_control()
        await self.transmit_control()

    async def set_up(self) -> None:
        """Both NICs as a driver leaves them after its probe."""
        write = self.pair.write
        await write(Reg.RCTL, 0)
        await write(Reg.TCTL, 0)
        for first, zones in ZONES.items():
            await self.pair.write(first, zones[0].start)
            await self.pair.write(first + 4, 0)
            await self.pair.write(first + 24, 0)
            await self.pair.write(first + 16, 0)
            await self.pair.write(first + 8, DESCRIPTOR * 32)
        await write(Reg.IMS, self.random.getrandbits(17))
        await self.revive()

    async def disrupt(self) -> None:
        """Work for the NICs, and in the middle of it something that changes it; then a reset."""
        rng, pair = self.random, self.pair
        await self.post()
        await self.send()
        await self.frames()
        bmcr = MDIC.OP_WRITE | 1 << MDIC.PHYADD_SHIFT
        receive = RCTL.EN | RCTL.BAM | RCTL.UPE
        offset, value = rng.choice(
            (
                *((Reg.CTRL, CTRL.RST),) * 5,
                *((Reg.RCTL, 0), (Reg.TCTL, 0)) * 2,
                (Reg.CTRL, rng.choice((0, CTRL.SLU, CTRL.SLU | CTRL.VME, CTRL.PHY_RST | CTRL.SLU))),
                (Reg.RCTL, receive | rng.getrandbits(32) & (RCTL.LBM_MASK | RCTL.BSIZE_MASK | RCTL.SECRC)),
                (Reg.MDIC, bmcr | rng.choice((BMCR_LOOPBACK, BMCR_POWER_DOWN, BMCR_RESET, BMCR_AUTONEG))),
            )
        )
        await pair.disrupt(rng.randrange(1, 200), offset, value)
        if (offset, value) != (Reg.CTRL, CTRL.RST):
            await pair.write(Reg.CTRL, CTRL.RST)
        await self.set_up()

    def fill(self) -> None:
        """Every place of a ring holds a descriptor, whatever base, head and tail are written."""
        rng = self.random
        for zones, make in (
            (traffic.RX_ZONES, traffic.rx_descriptor),
            (traffic.TX_ZONES, traffic.tx_descriptor),
        ):
            for zone in zones:
                self.pair.store(zone.start, b"".join(make(rng) for _ in range(0, len(zone), DESCRIPTOR)))
        for area in (traffic.RX_AREA, traffic.TX_AREA):
            self.pair.store(area.start, rng.randbytes(len(area)))


async def walk(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, dict[str, int]]:
    """Entry: `spec` has `seed` and `operations`. Returns what was done and what came of it, see `Pair`.

    Raises Diverged.
    """
    with HostMemory(traffic.MEMORY_SIZE, base=traffic.MEMORY_BASE, holes=[traffic.HOLE]) as other:
        pair = Pair(target, memory, other, spec["seed"])
        try:
            await Walk(pair, spec["seed"]).run(spec["operations"], progress)
        finally:
            pair.close()
        return {
            "operations": dict(pair.operations),
            "accesses": dict(pair.accesses),
            "counted": dict(pair.counted),
            "received": dict(pair.received),
        }
