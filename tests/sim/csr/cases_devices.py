"""What hangs at the registers: EEPROM by EECD and EERD, PHY by MDIC, link, address filter."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.nic.filter import AddressFilter
from vnic.nic.regfile import RESET_VALUES
from vnic.nic.registers import CTRL, CTRL_EXT, EECD, EERD, ICR, MDIC, RAH, RCTL, STATUS, Reg

MAC = bytes.fromhex("525400123456")
READ, WRITE, ERASE, EXTENDED = 0b110, 0b101, 0b111, 0b100
EWEN, EWDS = 0b110000, 0b000000


class Microwire:
    """The EEPROM bit by bit, as a driver without EERD does it."""

    def __init__(self, csr: Csr) -> None:
        self._csr = csr

    async def select(self) -> None:
        await self._csr.write(Reg.EECD, EECD.EE_REQ)
        assert await self._csr.read(Reg.EECD) & EECD.EE_GNT
        await self._csr.write(Reg.EECD, EECD.EE_REQ | EECD.CS)

    async def send(self, value: int, bits: int) -> None:
        for place in reversed(range(bits)):
            lines = EECD.EE_REQ | EECD.CS | (EECD.DI if value >> place & 1 else 0)
            await self._csr.write(Reg.EECD, lines)
            await self._csr.write(Reg.EECD, lines | EECD.SK)
            await self._csr.write(Reg.EECD, lines)

    async def line(self) -> int:
        return int(bool(await self._csr.read(Reg.EECD) & EECD.DO))

    async def receive(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            await self._csr.write(Reg.EECD, EECD.EE_REQ | EECD.CS | EECD.SK)
            value = value << 1 | await self.line()
            await self._csr.write(Reg.EECD, EECD.EE_REQ | EECD.CS)
        return value

    async def release(self) -> None:
        await self._csr.write(Reg.EECD, 0)

    async def read(self, address: int) -> int:
        await self.select()
        await self.send(READ, 3)
        await self.send(address, 6)
        assert await self.line() == 0, "no dummy bit before the data"
        value = await self.receive(16)
        await self.release()
        return value

    async def command(self, opcode: int, address: int, data: int | None = None) -> None:
        await self.select()
        await self.send(opcode, 3)
        await self.send(address, 6)
        if data is not None:
            await self.send(data, 16)
        await self.release()


async def eerd(csr: Csr, address: int) -> int:
    await csr.write(Reg.EERD, address << EERD.ADDR_SHIFT | EERD.START)
    value = await csr.read(Reg.EERD)
    assert value & EERD.DONE
    return value >> EERD.DATA_SHIFT


async def mdic(csr: Csr, operation: int, register: int, data: int = 0, phy: int = 1) -> int:
    await csr.write(Reg.MDIC, operation | phy << MDIC.PHYADD_SHIFT | register << MDIC.REGADD_SHIFT | data)
    value = await csr.read(Reg.MDIC)
    assert value & MDIC.READY
    return value


async def phy_read(csr: Csr, register: int) -> int:
    value = await mdic(csr, MDIC.OP_READ, register)
    assert not value & MDIC.ERROR
    return value & MDIC.DATA_MASK


async def phy_write(csr: Csr, register: int, data: int) -> None:
    assert not await mdic(csr, MDIC.OP_WRITE, register, data) & MDIC.ERROR


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def eeprom_reads_alike_by_both_ways_and_sums_up(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    microwire = Microwire(csr)
    words = [await eerd(csr, address) for address in range(64)]
    assert sum(words) & 0xFFFF == 0xBABA
    assert b"".join(word.to_bytes(2, "little") for word in words[:3]) == MAC
    assert (words[0x0D], words[0x0E]) == (0x100E, 0x8086)
    for address in (0, 1, 2, 0x0A, 0x0D, 0x3F):
        assert await microwire.read(address) == words[address]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def eeprom_goes_on_with_the_next_word(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    microwire = Microwire(csr)
    expected = [await eerd(csr, address) for address in (63, 0, 1)]
    await microwire.select()
    await microwire.send(READ, 3)
    await microwire.send(63, 6)
    assert [await microwire.receive(16) for _ in range(3)] == expected
    await microwire.release()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def eeprom_ignores_what_comes_before_the_start_bit_and_without_a_request(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    microwire = Microwire(csr)
    await microwire.select()
    await microwire.send(0, 5)
    await microwire.send(READ, 3)
    await microwire.send(0x0E, 6)
    assert await microwire.receive(16) == 0x8086
    await microwire.release()
    # Chip select without EE_REQ does not reach the part
    for place in reversed(range(9)):
        lines = EECD.CS | (EECD.DI if (READ << 6 | 0x0E) >> place & 1 else 0)
        await csr.write(Reg.EECD, lines)
        await csr.write(Reg.EECD, lines | EECD.SK)
    assert await microwire.line() == 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def eeprom_writes_only_when_enabled_and_complete(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    microwire = Microwire(csr)
    before = await eerd(csr, 0x20)
    await microwire.command(WRITE, 0x20, 0x1234)
    assert await eerd(csr, 0x20) == before
    await microwire.command(EXTENDED, EWEN)
    await microwire.select()
    await microwire.send(WRITE, 3)
    await microwire.send(0x20, 6)
    await microwire.send(0x0ABC, 15)
    await microwire.release()
    assert await eerd(csr, 0x20) == before
    await microwire.command(WRITE, 0x20, 0x1234)
    assert await eerd(csr, 0x20) == 0x1234
    assert await microwire.read(0x20) == 0x1234
    await microwire.select()
    await microwire.send(WRITE, 3)
    await microwire.send(0x21, 6)
    await microwire.send(0xCAFE << 3, 19)  # bits beyond the word do not count
    await microwire.release()
    assert await eerd(csr, 0x21) == 0xCAFE
    await microwire.command(ERASE, 0x20)
    assert await eerd(csr, 0x20) == 0x1234
    await microwire.command(EXTENDED, EWDS)
    await microwire.command(WRITE, 0x20, 0x5678)
    assert await eerd(csr, 0x20) == 0x1234
    await csr.write(Reg.CTRL, CTRL.RST)
    assert await eerd(csr, 0x20) == 0x1234
    await microwire.command(EXTENDED, EWEN)
    await microwire.command(WRITE, 0x20, before)
    await microwire.command(WRITE, 0x21, before)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_new_mac_address_in_the_eeprom_is_loaded_by_reset_and_by_ee_rst(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    microwire = Microwire(csr)
    await microwire.command(EXTENDED, EWEN)
    await microwire.command(WRITE, 2, 0xBBAA)
    assert await csr.read(Reg.RAH) == 0x80005634
    await csr.write(Reg.CTRL_EXT, CTRL_EXT.EE_RST)
    assert await csr.read(Reg.CTRL_EXT) == 0
    assert await csr.read(Reg.RAH) == 0x8000BBAA
    await microwire.command(WRITE, 2, 0x5634)
    await csr.write(Reg.CTRL, CTRL.RST)
    assert await csr.read(Reg.RAH) == 0x80005634
    assert await csr.lookup(MAC) & 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def phy_answers_at_its_address_only(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    assert (await phy_read(csr, 2), await phy_read(csr, 3)) == (0x0141, 0x0C20)
    assert (
        await mdic(csr, MDIC.OP_READ, 2, 0x1111, phy=2) & (MDIC.ERROR | MDIC.DATA_MASK) == MDIC.ERROR | 0x1111
    )
    assert await mdic(csr, 0, 2) & MDIC.ERROR
    assert await csr.read(Reg.ICR) == 0
    await mdic(csr, MDIC.OP_READ | MDIC.INT_EN, 2)
    assert await csr.read(Reg.ICR) == ICR.MDAC


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def phy_registers_and_their_resets(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    reset = {number: await phy_read(csr, number) for number in range(32)}
    assert reset[0] == 0x1140
    assert reset[1] == 0x796D
    assert reset[17] == 0xAC00
    for clear in ("BMCR", "CTRL"):
        for number in (4, 9, 16, 18, 20, 29, 30):
            await phy_write(csr, number, 0xFFFF)
            assert await phy_read(csr, number) != reset[number]
        await phy_write(csr, 0, 0x4140)
        await csr.write(Reg.CTRL, CTRL.RST)
        assert await phy_read(csr, 0) == 0x4140, "a controller reset must leave the PHY alone"
        if clear == "BMCR":
            await phy_write(csr, 0, 0x8140)
        else:
            await csr.write(Reg.CTRL, CTRL.PHY_RST)
        assert {number: await phy_read(csr, number) for number in range(32)} == reset


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def link_follows_slu_carrier_and_phy(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()

    async def up_and_changed() -> tuple[bool, bool]:
        await csr.idle()
        status = await csr.read(Reg.STATUS)
        assert status & ~STATUS.LU == 0x281
        assert bool(status & STATUS.LU) == bool(int(dut.link_up.value))
        return bool(status & STATUS.LU), bool(await csr.read(Reg.ICR) & ICR.LSC)

    assert await up_and_changed() == (False, False)
    await csr.write(Reg.CTRL, CTRL.SLU)
    assert await up_and_changed() == (True, True)
    assert await up_and_changed() == (True, False)
    dut.phy_link.value = 0
    await csr.wait(1)
    assert await up_and_changed() == (False, True)
    assert await phy_read(csr, 1) == 0x7949
    dut.phy_link.value = 1
    await csr.wait(1)
    assert await up_and_changed() == (True, True)
    for bit in (0x0800, 0x0400):
        await phy_write(csr, 0, 0x1140 | bit)
        assert await up_and_changed() == (False, True)
        await phy_write(csr, 0, 0x1140)
        assert await up_and_changed() == (True, True)
    await csr.write(Reg.CTRL, CTRL.RST)
    assert await up_and_changed() == (False, False)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def loopback_by_mac_and_by_phy(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.write(Reg.RCTL, RCTL.EN)
    assert (int(dut.loopback.value), int(dut.rx_on.value)) == (0, 0)
    await csr.write(Reg.RCTL, RCTL.EN | RCTL.LBM_MAC)
    assert (int(dut.loopback.value), int(dut.rx_on.value)) == (1, 1)
    await csr.write(Reg.RCTL, RCTL.EN | RCTL.LBM_TCVR)
    assert (int(dut.loopback.value), int(dut.rx_on.value)) == (0, 0)
    await phy_write(csr, 0, 0x4140)
    assert (int(dut.loopback.value), int(dut.rx_on.value)) == (1, 1)
    await phy_write(csr, 0, 0x1140)
    await csr.write(Reg.CTRL, CTRL.SLU)
    assert (int(dut.loopback.value), int(dut.rx_on.value)) == (0, 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def address_filter_agrees_with_the_model(dut: Any) -> None:
    """Random tables and modes; addresses near those that match."""
    csr = Csr(dut)
    await csr.power_up()
    rng = random.Random(5)
    for step in range(12):
        values = dict(RESET_VALUES)
        # Every multicast offset, alone and under both promiscuous modes at random
        modes = RCTL.BAM if step < 4 else RCTL.BAM | RCTL.UPE | RCTL.MPE
        rctl = rng.getrandbits(32) & modes | step % 4 << RCTL.MO_SHIFT
        addresses = [b"\xff" * 6, MAC]
        await csr.write(Reg.RCTL, rctl)
        values[Reg.RCTL] = rctl
        for entry in range(16):
            address = rng.randbytes(6)
            high = int.from_bytes(address[4:], "little") | rng.choice(
                (0, RAH.AV, RAH.AV, RAH.AV | RAH.ASEL_SOURCE)
            )
            values[Reg.RAL + 8 * entry] = int.from_bytes(address[:4], "little")
            values[Reg.RAH + 8 * entry] = high
            await csr.write(Reg.RAL + 8 * entry, values[Reg.RAL + 8 * entry])
            await csr.write(Reg.RAH + 8 * entry, high)
            addresses += [address, bytes([address[0] ^ 2]) + address[1:]]
        for word in range(128):
            values[Reg.MTA + 4 * word] = rng.getrandbits(32)
            await csr.write(Reg.MTA + 4 * word, values[Reg.MTA + 4 * word])
        addresses += [bytes([rng.randrange(128) * 2 + 1]) + rng.randbytes(5) for _ in range(20)]
        addresses += [bytes([rng.randrange(128) * 2]) + rng.randbytes(5) for _ in range(5)]
        model = AddressFilter(values)
        for address in addresses:
            verdict = model.judge(address)
            answer = await csr.lookup(address)
            assert answer & 1 == verdict.accept, (hex(rctl), address.hex())
            assert answer >> 2 == {0: 0, Reg.BPRC: 1, Reg.MPRC: 2}[verdict.counter]
            if verdict.accept:
                assert answer >> 1 & 1 == verdict.status >> 7 & 1, (hex(rctl), address.hex())
