"""Link, PHY and MDIC."""

from __future__ import annotations

import pytest

from tests.unit.nic.bench import Bench
from vnic.nic.registers import CTRL, ICR, MDIC, STATUS, Reg

PHY = 1 << MDIC.PHYADD_SHIFT
BMCR, BMSR, ANLPAR, GSTATUS, PSSR = 0, 1, 5, 10, 17


def read(bench: Bench, register: int) -> int:
    bench[Reg.MDIC] = MDIC.OP_READ | PHY | register << MDIC.REGADD_SHIFT
    value = bench[Reg.MDIC]
    assert value & (MDIC.READY | MDIC.ERROR) == MDIC.READY
    return value & MDIC.DATA_MASK


def write(bench: Bench, register: int, value: int) -> None:
    bench[Reg.MDIC] = MDIC.OP_WRITE | PHY | register << MDIC.REGADD_SHIFT | value
    assert bench[Reg.MDIC] & (MDIC.READY | MDIC.ERROR) == MDIC.READY


def link(bench: Bench) -> bool:
    return bool(bench[Reg.STATUS] & STATUS.LU)


def test_identity(bench: Bench) -> None:
    assert (read(bench, 2), read(bench, 3)) == (0x0141, 0x0C20)


def test_another_phy_address_is_an_error(bench: Bench) -> None:
    bench[Reg.MDIC] = MDIC.OP_READ | 2 << MDIC.PHYADD_SHIFT | 2 << MDIC.REGADD_SHIFT | 0x5A5A
    value = bench[Reg.MDIC]
    assert value & (MDIC.READY | MDIC.ERROR) == MDIC.READY | MDIC.ERROR
    assert value & MDIC.DATA_MASK == 0x5A5A
    assert read(bench, 2) == 0x0141  # the error does not stay


@pytest.mark.parametrize("operation", [0, MDIC.OP_MASK])
def test_an_unknown_operation_is_an_error(bench: Bench, operation: int) -> None:
    bench[Reg.MDIC] = operation | PHY
    assert bench[Reg.MDIC] & (MDIC.READY | MDIC.ERROR) == MDIC.READY | MDIC.ERROR


@pytest.mark.parametrize(
    ("register", "reset", "mask"),
    [(0, 0x1140, 0x7DC0), (4, 0x01E1, 0x2DFF), (9, 0x0300, 0xFF00), (16, 0x0068, 0xFFFF), (18, 0, 0xFFFF),
     (20, 0x0D60, 0xFFFF), (29, 0, 0xFFFF), (30, 0, 0xFFFF), (2, 0x0141, 0), (3, 0x0C20, 0), (6, 1, 0),
     (7, 0, 0), (15, 0x3000, 0), (19, 0, 0), (21, 0, 0), (31, 0, 0)],
)  # fmt: skip
def test_phy_registers(bench: Bench, register: int, reset: int, mask: int) -> None:
    assert read(bench, register) == reset
    write(bench, register, 0xFFFF & ~0x8000 if register == BMCR else 0xFFFF)
    assert read(bench, register) == (0xFFFF & mask | reset & ~mask)
    write(bench, register, 0)
    assert read(bench, register) == reset & ~mask


def test_bmcr_reset_restores_all_and_ignores_the_rest_of_the_word(bench: Bench) -> None:
    write(bench, 4, 0)
    write(bench, BMCR, 0x8100)
    assert (read(bench, BMCR), read(bench, 4)) == (0x1140, 0x01E1)


def test_phy_rst_restores_the_phy_and_reads_0(bench: Bench) -> None:
    write(bench, 4, 0)
    bench[Reg.CTRL] = CTRL.SLU | CTRL.PHY_RST
    assert bench[Reg.CTRL] == CTRL.SLU
    assert read(bench, 4) == 0x01E1


def test_a_controller_reset_leaves_the_phy_alone(bench: Bench) -> None:
    write(bench, 4, 0x0DE1)
    bench[Reg.CTRL] = CTRL.RST
    assert read(bench, 4) == 0x0DE1


def test_status_of_a_link(bench: Bench) -> None:
    assert read(bench, BMSR) == 0x796D
    assert (read(bench, ANLPAR), read(bench, GSTATUS), read(bench, PSSR)) == (0x45E1, 0x3C00, 0xAC00)
    bench.nic.set_carrier(False)
    assert read(bench, BMSR) == 0x7949
    assert (read(bench, ANLPAR), read(bench, GSTATUS), read(bench, PSSR)) == (0, 0, 0)


def test_without_auto_negotiation_there_is_a_link_and_no_partner(bench: Bench) -> None:
    write(bench, BMCR, 0x0140)
    assert read(bench, BMSR) == 0x794D
    assert (read(bench, ANLPAR), read(bench, GSTATUS), read(bench, PSSR)) == (0, 0, 0xAC00)


def test_link_needs_slu_and_carrier(bench: Bench) -> None:
    assert link(bench)
    bench[Reg.CTRL] = 0
    assert not link(bench)
    bench[Reg.CTRL] = CTRL.SLU
    assert link(bench)
    bench.nic.set_carrier(False)
    assert not link(bench)


@pytest.mark.parametrize("bit", [0x0800, 0x0400], ids=["power-down", "isolate"])
def test_the_phy_can_take_the_link_away(bench: Bench, bit: int) -> None:
    write(bench, BMCR, 0x1140 | bit)
    assert not link(bench)
    assert bench[Reg.ICR] == ICR.LSC
    assert read(bench, BMSR) & 0x0004 == 0
    write(bench, BMCR, 0x1140)
    assert link(bench)
    assert bench[Reg.ICR] == ICR.LSC


def test_lsc_at_each_change_and_only_then(bench: Bench) -> None:
    bench.nic.set_carrier(True)
    assert bench[Reg.ICR] == 0
    bench.nic.set_carrier(False)
    assert bench[Reg.ICR] == ICR.LSC
    bench[Reg.CTRL] = 0
    assert bench[Reg.ICR] == 0
    bench.nic.set_carrier(True)
    assert bench[Reg.ICR] == 0
    bench[Reg.CTRL] = CTRL.SLU
    assert bench[Reg.ICR] == ICR.LSC


def test_loopback_does_not_change_the_link(bench: Bench) -> None:
    write(bench, BMCR, 0x4140)
    assert link(bench)
    assert bench[Reg.ICR] == 0
