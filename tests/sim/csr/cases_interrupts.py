"""ICR, ICS, IMS, IMC, the line, throttling and the delay timers."""

from __future__ import annotations

from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.nic.registers import ICR, RDTR, Reg

ALL = 0x1FFFF
UNIT = 256  #: clock cycles of 4 ns in 1024 ns


async def line(csr: Csr) -> int:
    await csr.wait(2)
    return int(csr.dut.irq.value)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_bit_can_be_set_masked_and_cleared(dut: Any) -> None:
    """As Linux's interrupt self-test does, reserved bits included."""
    csr = Csr(dut)
    await csr.power_up()
    for bit in range(17):
        mask = 1 << bit
        await csr.write(Reg.IMC, 0xFFFFFFFF)
        await csr.write(Reg.ICS, mask)
        assert await line(csr) == 0
        await csr.write(Reg.IMS, mask)
        assert await csr.read(Reg.IMS) == mask
        assert await line(csr) == 1
        assert await csr.read(Reg.ICR) == mask
        assert await line(csr) == 0
        await csr.write(Reg.ICS, ALL & ~mask)
        assert await line(csr) == 0
        await csr.write(Reg.ICS, mask)
        assert await line(csr) == 1
        await csr.write(Reg.ICR, mask)
        assert await line(csr) == 0
        assert await csr.read(Reg.ICR) == ALL & ~mask
        assert await csr.read(Reg.ICR) == 0
    await csr.write(Reg.ICS, 0xFFFE0000)
    assert await csr.read(Reg.ICR) == 0
    await csr.write(Reg.IMS, 0xFFFFFFFF)
    assert await csr.read(Reg.IMS) == ALL
    assert (await csr.read(Reg.IMC), await csr.read(Reg.ICS)) == (0, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def each_event_has_its_cause(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    causes = {
        ("rx_int_eop",): ICR.RXT0,
        ("rx_int_dmt0",): ICR.RXDMT0,
        ("rx_ev_valid", "rx_ev_missed"): ICR.RXO,
        ("tx_int_dw",): ICR.TXDW,
        ("tx_int_dw_ide",): ICR.TXDW,
        ("tx_int_qe",): ICR.TXQE,
        ("rx_int_eop", "tx_int_qe", "rx_int_dmt0"): ICR.RXT0 | ICR.TXQE | ICR.RXDMT0,
        ("rx_ev_missed",): 0,
    }
    for names, cause in causes.items():
        await csr.events(*names)
        assert await csr.read(Reg.ICR) == cause, names


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def an_event_during_the_read_is_not_lost(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.write(Reg.ICS, ICR.LSC)
    assert await csr.read_during(Reg.ICR, "tx_int_qe") == ICR.LSC
    assert await csr.read(Reg.ICR) == ICR.TXQE


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def packet_timer_restarts_and_absolute_timer_does_not(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    for packet, bound, event, cause in (
        (Reg.RDTR, Reg.RADV, "rx_int_eop", ICR.RXT0),
        (Reg.TIDV, Reg.TADV, "tx_int_dw_ide", ICR.TXDW),
    ):
        await csr.write(packet, 2)
        await csr.events(event)
        assert await csr.read(Reg.ICR) == 0
        assert 2 * UNIT - 40 <= await csr.idle() <= 2 * UNIT
        assert await csr.read(Reg.ICR) == cause
        # Every event puts it off ...
        for _ in range(3):
            await csr.events(event)
            await csr.wait(UNIT)
            assert await csr.read(Reg.ICR) == 0
        await csr.idle()
        assert await csr.read(Reg.ICR) == cause
        # ... but not beyond the absolute timer.
        await csr.write(bound, 3)
        for _ in range(3):
            await csr.events(event)
            await csr.wait(UNIT - 20)
            assert await csr.read(Reg.ICR) == 0
        await csr.events(event)
        assert await csr.idle() < 100
        assert await csr.read(Reg.ICR) == cause
        await csr.write(packet, 0)
        await csr.events(event)
        assert await csr.read(Reg.ICR) == cause
        await csr.write(bound, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def what_ends_a_wait(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.write(Reg.RDTR, 100)
    await csr.write(Reg.RDTR, 100 | RDTR.FPD)
    assert await csr.read(Reg.ICR) == 0, "nothing was waiting"
    await csr.events("rx_int_eop")
    await csr.write(Reg.RDTR, 50 | RDTR.FPD)
    assert await csr.read(Reg.RDTR) == 50
    assert await csr.read(Reg.ICR) == ICR.RXT0
    assert await csr.idle() < 10
    await csr.write(Reg.TIDV, 100)
    await csr.events("tx_int_dw_ide")
    assert await csr.read(Reg.ICR) == 0
    await csr.events("tx_int_dw")
    assert await csr.read(Reg.ICR) == ICR.TXDW
    assert await csr.idle() < 10
    assert await csr.read(Reg.ICR) == 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def the_line_rises_at_most_once_in_an_itr_interval(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.write(Reg.IMS, ICR.RXT0)
    await csr.write(Reg.ITR, 10)  # 2560 ns: 640 cycles
    await csr.events("rx_int_eop")
    assert await line(csr) == 1
    await csr.read(Reg.ICR)
    assert await line(csr) == 0
    await csr.events("rx_int_eop")
    await csr.wait(550)
    assert await line(csr) == 0
    await csr.wait(100)
    assert await line(csr) == 1
    await csr.read(Reg.ICR)
    await csr.events("rx_int_eop")
    assert await line(csr) == 0
    await csr.write(Reg.ITR, 0)
    assert await line(csr) == 1
