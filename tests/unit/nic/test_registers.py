"""The generated register map: what drivers and both NICs take from it."""

from __future__ import annotations

import pytest

from vnic.nic.registers import CTRL, ICR, RCTL, REGISTERS, Reg, RegisterInfo, locate


def info(register: Reg) -> RegisterInfo:
    return REGISTERS[register]


def test_every_name_has_its_entry() -> None:
    assert {REGISTERS[reg].name for reg in Reg} == {reg.name for reg in Reg}
    assert all(offset == entry.offset for offset, entry in REGISTERS.items())


def test_offsets_lie_in_the_bar_and_never_twice() -> None:
    offsets = [
        entry.offset + index * entry.stride for entry in REGISTERS.values() for index in range(entry.count)
    ]
    assert len(offsets) == len(set(offsets))
    assert all(offset % 4 == 0 and offset < 0x20000 for offset in offsets)


#: Linux 6.1 drivers/net/ethernet/intel/e1000/e1000_ethtool.c, e1000_reg_test: bits that must hold any
#: pattern, and that alone may read back.
ETHTOOL_MASKS = {
    Reg.FCAL: 0xFFFFFFFF,
    Reg.FCAH: 0x0000FFFF,
    Reg.FCT: 0x0000FFFF,
    Reg.VET: 0x0000FFFF,
    Reg.RDTR: 0x0000FFFF,
    Reg.RDBAH: 0xFFFFFFFF,
    Reg.RDLEN: 0x000FFF80,
    Reg.RDH: 0x0000FFFF,
    Reg.RDT: 0x0000FFFF,
    Reg.FCRTH: 0x0000FFF8,
    Reg.FCTTV: 0x0000FFFF,
    Reg.TIPG: 0x3FFFFFFF,
    Reg.TDBAH: 0xFFFFFFFF,
    Reg.TDLEN: 0x000FFF80,
    Reg.RDBAL: 0xFFFFFFF0,
    Reg.TXCW: 0xC000FFFF,
    Reg.TDBAL: 0xFFFFFFF0,
    Reg.TIDV: 0x0000FFFF,
    Reg.RAH: 0x8003FFFF,
    Reg.MTA: 0xFFFFFFFF,
    Reg.RCTL: 0x06DFB3FE,
}


@pytest.mark.parametrize(
    ("register", "mask"), ETHTOOL_MASKS.items(), ids=lambda value: getattr(value, "name", "")
)
def test_masks_that_the_linux_register_test_expects(register: Reg, mask: int) -> None:
    assert info(register).write_mask == mask
    assert info(register).access == "rw"


def test_tctl_reads_zero_after_zero_was_written() -> None:
    assert info(Reg.TCTL).reset & ~info(Reg.TCTL).write_mask == 0


@pytest.mark.parametrize(
    ("register", "reset"),
    [
        (Reg.CTRL, 0x00000201),
        (Reg.STATUS, 0x00000281),
        (Reg.EECD, 0x00000118),
        (Reg.PBA, 0x00100030),
        (Reg.LEDCTL, 0x07068302),
        (Reg.RXDCTL, 0x00010000),
        (Reg.TSPMT, 0x01000400),
        (Reg.VET, 0x8100),
        (Reg.RCTL, 0),
        (Reg.TCTL, 0),
    ],
)
def test_reset_values(register: Reg, reset: int) -> None:
    assert info(register).reset == reset


@pytest.mark.parametrize(
    ("register", "access"),
    [
        (Reg.STATUS, "ro"),
        (Reg.ICR, "rc_w1c"),
        (Reg.ICS, "wo"),
        (Reg.IMS, "w1s"),
        (Reg.IMC, "wo"),
        (Reg.GPRC, "rc"),
        (Reg.TORH, "rc"),
        (Reg.CTRL, "rw"),
    ],
)
def test_access(register: Reg, access: str) -> None:
    assert info(register).access == access


def test_command_bits_are_no_part_of_what_a_register_holds() -> None:
    assert info(Reg.CTRL).pulse_mask == CTRL.RST | CTRL.PHY_RST
    assert all(entry.pulse_mask & (entry.write_mask | entry.reset) == 0 for entry in REGISTERS.values())


def test_all_statistics_clear_on_read() -> None:
    statistics = [entry for entry in REGISTERS.values() if 0x4000 <= entry.offset < 0x4100]
    assert len(statistics) == 58
    assert {entry.access for entry in statistics} == {"rc"}


def test_interrupt_bits_are_contiguous_because_linux_tests_reserved_ones_too() -> None:
    assert info(Reg.ICR).write_mask == info(Reg.IMS).write_mask == 0x1FFFF
    assert (ICR.TXDW, ICR.TXQE, ICR.LSC, ICR.RXDMT0, ICR.RXO, ICR.RXT0, ICR.MDAC) == (
        1 << 0,
        1 << 1,
        1 << 2,
        1 << 4,
        1 << 6,
        1 << 7,
        1 << 9,
    )


def test_named_values_are_in_place() -> None:
    assert (RCTL.BSIZE_2048, RCTL.BSIZE_1024, RCTL.BSIZE_512, RCTL.BSIZE_256) == (
        0,
        0x10000,
        0x20000,
        0x30000,
    )
    assert RCTL.BSIZE_256 >> RCTL.BSIZE_SHIFT == 3
    assert RCTL.BSIZE_MASK == 3 << RCTL.BSIZE_SHIFT
    assert RCTL.LBM_MAC == 1 << RCTL.LBM_SHIFT


def test_locate_finds_array_elements_and_nothing_between() -> None:
    assert locate(0x5400 + 15 * 8 + 4) == (info(Reg.RAH), 15)
    assert locate(0x5200 + 127 * 4) == (info(Reg.MTA), 127)
    assert locate(Reg.CTRL) == (info(Reg.CTRL), 0)
    assert locate(0x9004) is None
