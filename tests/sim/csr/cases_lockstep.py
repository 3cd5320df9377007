"""The RTL's registers against the behavioural controller's: the same random accesses, the same answers."""

from __future__ import annotations

import os
import random
from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.memory import HostMemory
from vnic.nic.model import Controller
from vnic.nic.registers import CTRL, EECD, MDIC, REGISTERS, TCTL, Reg

OPERATIONS = int(os.environ.get("VNIC_FUZZ_OPERATIONS", "4000"))
SEED = int(os.environ.get("VNIC_FUZZ_SEED", "1"))

OFFSETS = [info.offset + index * info.stride for info in REGISTERS.values() for index in range(info.count)]
FEW = [info.offset for info in REGISTERS.values()]
#: Registers with state behind them get more than their share.
BUSY = (Reg.EECD, Reg.EERD, Reg.MDIC, Reg.CTRL, Reg.CTRL_EXT, Reg.ICR, Reg.ICS, Reg.IMS, Reg.IMC, Reg.STATUS)


def offset(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.45:
        return int(rng.choice(BUSY))
    if kind < 0.75:
        return rng.choice(FEW)
    if kind < 0.95:
        return rng.choice(OFFSETS)
    return rng.randrange(0, 0x20000, 4)


def value(rng: random.Random, where: int) -> int:
    bits = rng.choice(
        (
            rng.getrandbits(32),
            rng.getrandbits(32) & rng.getrandbits(32),
            0,
            0xFFFFFFFF,
            1 << rng.randrange(32),
        )
    )
    if where == Reg.CTRL:
        # A reset now and then; with one at every write nothing else would last
        bits &= ~(CTRL.RST | CTRL.PHY_RST) if rng.random() < 0.8 else 0xFFFFFFFF
    if where == Reg.MDIC and rng.random() < 0.8:
        operation = rng.choice((MDIC.OP_READ, MDIC.OP_WRITE))
        bits = bits & ~(MDIC.OP_MASK | MDIC.PHYADD_MASK) | operation | 1 << MDIC.PHYADD_SHIFT
        if operation == MDIC.OP_WRITE and rng.random() < 0.8:
            bits &= ~0x8000
    if where == Reg.TCTL:
        # The data path is not here: nothing would fetch what the ring holds
        bits &= ~TCTL.EN
    return bits


class Lockstep:
    """Both, and what was done to them."""

    def __init__(self, csr: Csr, model: Controller) -> None:
        self.csr, self.model = csr, model
        self.log: list[str] = []

    async def write(self, where: int, bits: int) -> None:
        self.log.append(f"write {where:#07x} {bits:#010x}")
        await self.csr.write(where, bits)
        self.model.write(where, bits)
        await self.csr.wait(1)
        assert bool(int(self.csr.dut.irq.value)) == self.model.irq, self.told("interrupt line", where)

    async def read(self, where: int) -> None:
        self.log.append(f"read {where:#07x}")
        found, wanted = await self.csr.read(where), self.model.read(where)
        assert found == wanted, self.told(f"RTL {found:#010x}, model {wanted:#010x}", where)

    async def carrier(self, up: bool) -> None:
        self.log.append(f"carrier {up}")
        self.csr.dut.phy_link.value = int(up)
        await self.csr.wait(1)
        await self.csr.idle()
        self.model.set_carrier(up)

    async def all_registers(self) -> None:
        for where in OFFSETS:
            await self.read(where)

    def told(self, what: str, where: int) -> str:
        return f"{what} at {where:#x}; seed {SEED}, last operations: {self.log[-30:]}"


async def start(dut: Any) -> Lockstep:
    csr = Csr(dut)
    await csr.power_up()
    return Lockstep(csr, Controller(HostMemory(1 << 20)))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def random_accesses(dut: Any) -> None:
    both = await start(dut)
    rng = random.Random(SEED)
    for step in range(OPERATIONS):
        kind = rng.random()
        where = offset(rng)
        if kind < 0.5:
            # ITR delays the line, which the model has no time for
            if where != Reg.ITR:
                await both.write(where, value(rng, where))
        elif kind < 0.99:
            await both.read(where)
        else:
            await both.carrier(rng.random() < 0.6)
        if step % 1000 == 999:
            await both.all_registers()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def random_lines_at_the_eeprom(dut: Any) -> None:
    """Every order of edges on SK, CS, DI and EE_REQ, commands among noise; then every word is compared."""
    both = await start(dut)
    rng = random.Random(SEED + 1)
    for _ in range(60):
        lines = EECD.EE_REQ | EECD.CS
        await both.write(Reg.EECD, EECD.EE_REQ)
        command = rng.choice((0b110, 0b101, 0b101, 0b111, 0b100)) << 6 | rng.choice(
            (rng.randrange(64), 0b110000)
        )
        data = rng.getrandbits(20)
        bits = f"{command:09b}{data:020b}"[: rng.choice((9, 20, 24, 25, 26, 29))]
        for bit in bits:
            di = EECD.DI if bit == "1" else 0
            for step in (lines | di, lines | di | EECD.SK):
                await both.write(Reg.EECD, step)
                await both.read(Reg.EECD)
                if rng.random() < 0.01:
                    await both.write(Reg.EECD, rng.getrandbits(10))
        await both.write(Reg.EECD, rng.choice((0, EECD.EE_REQ, EECD.CS, EECD.EE_REQ | EECD.SK)))
        await both.read(Reg.EECD)
        if rng.random() < 0.1:
            await both.write(Reg.CTRL, CTRL.RST)
    for word in range(64):
        await both.write(Reg.EERD, word << 8 | 1)
        await both.read(Reg.EERD)
