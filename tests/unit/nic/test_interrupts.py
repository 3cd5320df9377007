"""Causes, mask and line; the delay timers; what raises what."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import Bench, frame
from vnic.nic.descriptors import TxCommand
from vnic.nic.interrupts import TICK_NS
from vnic.nic.registers import CTRL, ICR, RDTR, Reg


def test_the_line_is_up_while_an_enabled_cause_stands(bench: Bench) -> None:
    steps: list[tuple[Reg, int, list[bool]]] = [
        (Reg.ICS, ICR.RXO, []),
        (Reg.IMS, ICR.RXO, [True]),
        (Reg.IMC, ICR.RXO, [False]),
        (Reg.IMS, ICR.RXO | ICR.LSC, [True]),
        (Reg.IMC, ICR.LSC, []),
        (Reg.ICR, ICR.RXO, [False]),
        (Reg.ICS, ICR.LSC, []),
        (Reg.IMS, ICR.LSC, [True]),
        (Reg.CTRL, CTRL.RST, [False]),
    ]
    for register, value, changes in steps:
        bench[register] = value
        assert bench.levels == changes, (register, value)
        bench.levels.clear()


def test_reading_returns_and_clears_all_causes_masked_or_not(bench: Bench) -> None:
    bench[Reg.IMS] = ICR.TXDW
    bench[Reg.ICS] = ICR.TXDW | ICR.LSC
    assert bench[Reg.ICR] == ICR.TXDW | ICR.LSC
    assert bench[Reg.ICR] == 0
    assert bench[Reg.IMS] == ICR.TXDW
    assert not bench.nic.irq


def test_a_written_one_clears_its_cause_only(bench: Bench) -> None:
    bench[Reg.ICS] = ICR.TXDW | ICR.LSC | ICR.RXO
    bench[Reg.ICR] = ICR.LSC
    assert bench[Reg.ICR] == ICR.TXDW | ICR.RXO


def test_only_bits_16_to_0_exist(bench: Bench) -> None:
    bench[Reg.ICS] = bench[Reg.IMS] = 0xFFFF_FFFF
    assert bench[Reg.IMS] == bench[Reg.ICR] == 0x1FFFF
    assert bench[Reg.ICS] == bench[Reg.IMC] == 0


def test_mdac(bench: Bench) -> None:
    bench[Reg.MDIC] = 1 << 21 | 2 << 26
    assert bench[Reg.ICR] == 0
    bench[Reg.MDIC] = 1 << 21 | 2 << 26 | 1 << 29
    assert bench[Reg.ICR] == ICR.MDAC


def test_reset_clears_causes_and_mask_and_drops_the_line(bench: Bench) -> None:
    bench[Reg.IMS] = bench[Reg.ICS] = ICR.LSC
    bench[Reg.CTRL] = CTRL.RST  # the link goes down with SLU: no event
    assert (bench[Reg.IMS], bench[Reg.ICR]) == (0, 0)
    assert bench.levels == [True, False]


# ---- delays


def test_rdtr_is_restarted_by_each_frame(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDTR] = 10
    bench.receive(frame(64))
    assert bench[Reg.ICR] == 0
    assert bench.nic.deadline_ns == 10 * TICK_NS
    bench.nic.advance(6 * TICK_NS)
    bench.receive(frame(64))
    bench.nic.advance(10 * TICK_NS)
    assert bench[Reg.ICR] == 0
    bench.nic.advance(16 * TICK_NS)
    assert bench[Reg.ICR] & ICR.RXT0
    assert bench.nic.deadline_ns is None


def test_radv_bounds_what_rdtr_may_add(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDTR], bench[Reg.RADV] = 10, 15
    for tick in (0, 6, 12):
        bench.nic.advance(tick * TICK_NS)
        bench.receive(frame(64))
    bench.nic.advance(15 * TICK_NS)
    assert bench[Reg.ICR] & ICR.RXT0
    bench.receive(frame(64))  # both start again
    assert bench.nic.deadline_ns == 25 * TICK_NS


def test_radv_alone_delays_nothing(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RADV] = 15
    bench.receive(frame(64))
    assert bench[Reg.ICR] & ICR.RXT0


def test_fpd_flushes_a_running_timer_and_reads_0(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDTR] = 10 | RDTR.FPD
    assert bench[Reg.RDTR] == 10
    assert bench[Reg.ICR] == 0
    bench.receive(frame(64))
    bench[Reg.RDTR] = 20 | RDTR.FPD
    assert bench[Reg.ICR] & ICR.RXT0
    assert bench.nic.deadline_ns is None


def test_a_running_timer_is_not_touched_by_a_new_delay(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDTR] = 10
    bench.receive(frame(64))
    bench[Reg.RDTR] = 0
    assert bench[Reg.ICR] == 0
    assert bench.nic.deadline_ns == 10 * TICK_NS


@pytest.mark.parametrize("command", [TxCommand.IDE, 0])
def test_tidv_delays_descriptors_with_ide(bench: Bench, command: int) -> None:
    bench.open_tx()
    bench[Reg.TIDV], bench[Reg.TADV] = 8, 100
    bench[Reg.TDT] = bench.put_frame(0, [bytes(60)], TxCommand.EOP | TxCommand.RS | command)
    assert bool(bench[Reg.ICR] & ICR.TXDW) is (command == 0)
    assert bench.tx(0).status == 1  # the write-back itself does not wait
    bench.nic.advance(8 * TICK_NS)
    assert bool(bench[Reg.ICR] & ICR.TXDW) is (command != 0)


def test_a_descriptor_without_ide_stops_the_timer(bench: Bench) -> None:
    bench.open_tx()
    bench[Reg.TIDV] = 8
    behind = bench.put_frame(0, [bytes(60)], TxCommand.EOP | TxCommand.RS | TxCommand.IDE)
    bench[Reg.TDT] = behind
    bench[Reg.TDT] = bench.put_frame(behind, [bytes(60)], TxCommand.EOP | TxCommand.RS)
    assert bench[Reg.ICR] & ICR.TXDW
    assert bench.nic.deadline_ns is None


def test_each_write_back_decides_for_itself(bench: Bench) -> None:
    bench.open_tx()
    bench[Reg.TIDV] = 8
    behind = bench.put_frame(0, [bytes(60)], TxCommand.EOP | TxCommand.RS)
    bench[Reg.TDT] = behind
    assert bench[Reg.ICR] & ICR.TXDW
    bench[Reg.TDT] = bench.put_frame(behind, [bytes(60)], TxCommand.EOP | TxCommand.RS | TxCommand.IDE)
    assert bench[Reg.ICR] & ICR.TXDW == 0
    assert bench.nic.deadline_ns == 8 * TICK_NS


def test_reset_stops_timers(bench: Bench) -> None:
    bench.open_rx()
    bench[Reg.RDTR] = 10
    bench.receive(frame(64))
    bench[Reg.CTRL] = CTRL.RST
    assert bench.nic.deadline_ns is None
