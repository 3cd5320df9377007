"""Configuration space as firmware and Linux use it."""

from __future__ import annotations

import pytest

from vnic.errors import UsageError
from vnic.guests.pci import (
    BAR0,
    BAR1,
    COMMAND,
    IO_BYTES,
    LINE,
    MASTER,
    MEMORY_BYTES,
    PIN,
    ConfigSpace,
    Hit,
    gsi_of_slot,
)


def test_it_says_that_it_is_an_82540em() -> None:
    config = ConfigSpace()
    assert config.read(0, 4) == 0x100E_8086
    assert config.read(0x0A, 2) == 0x0200
    assert config.read(PIN, 1) == 1


@pytest.mark.parametrize(("bar", "size", "kind"), [(BAR0, MEMORY_BYTES, 0), (BAR1, IO_BYTES, 1)])
def test_all_ones_in_a_bar_give_its_size(bar: int, size: int, kind: int) -> None:
    config = ConfigSpace()
    config.write(bar, 4, 0xFFFFFFFF)
    assert config.read(bar, 4) == (1 << 32) - size | kind


@pytest.mark.parametrize("offset", [0x18, 0x1C, 0x20, 0x24, 0x28, 0x30])
def test_there_is_no_other_bar_and_no_rom(offset: int) -> None:
    config = ConfigSpace()
    config.write(offset, 4, 0xFFFFFFFF)
    assert config.read(offset, 4) == 0


def test_identity_cannot_be_written() -> None:
    config = ConfigSpace()
    config.write(0, 4, 0)
    config.write(0x34, 1, 0xDC)
    assert config.read(0, 4) == 0x100E_8086
    assert config.read(0x34, 1) == 0


def test_accesses_are_decoded_where_the_guest_put_the_bars() -> None:
    config = ConfigSpace()
    config.write(BAR0, 4, 0xFEBC0000)
    config.write(BAR1, 4, 0xC040)
    assert config.decode(0xFEBC0008, memory=True) == Hit(0, 8)
    assert config.decode(0xFEBC0000 + MEMORY_BYTES, memory=True) is None
    assert config.decode(0xC044, memory=False) == Hit(1, 4)
    assert config.decode(0xC03F, memory=False) is None
    config.write(BAR0 + 2, 2, 0xFEA0)
    assert config.decode(0xFEBC0008, memory=True) is None


def test_the_guest_lets_it_master_the_bus() -> None:
    config = ConfigSpace()
    seen = [(config.masters, config.line)]
    config.write(COMMAND, 2, MASTER | 3)
    config.write(LINE, 1, 10)
    seen.append((config.masters, config.line))
    config.reset()
    seen.append((config.masters, config.line))
    assert seen == [(False, 0), (True, 10), (False, 0)]


@pytest.mark.parametrize(("slot", "gsi"), [(2, 10), (3, 11), (4, 11), (5, 10)])
def test_interrupts_rotate_with_the_slot(slot: int, gsi: int) -> None:
    assert gsi_of_slot(slot) == gsi


@pytest.mark.parametrize("slot", [0, 1, 32])
def test_a_slot_that_is_not_free(slot: int) -> None:
    with pytest.raises(UsageError, match=rf"PCI slot {slot}: take one of 2 to 31"):
        gsi_of_slot(slot)
